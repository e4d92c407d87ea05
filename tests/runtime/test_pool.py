"""The pool's outermost loop around processes that are played."""

import os
import signal
import time
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.runtime import pool
from pipeline.runtime.exporter import PoolStatus, StatusFile
from pipeline.runtime.pool import PoolSettings, run_pool
from tests.runtime.live_fakes import spec
from tests.runtime.test_supervisor import FakeChild


class Played(list[FakeChild]):
    """The processes that a pool has started."""

    def __call__(self, name: str, *arguments: object, **options: object) -> FakeChild:
        self.append(FakeChild(name))
        return self[-1]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Played:
    played = Played()
    monkeypatch.setattr(pool, "ChildProcess", played)
    monkeypatch.setattr(pool, "configure_logging", lambda json_lines: None)
    return played


def run(directory: Path) -> int:
    settings = PoolSettings(
        str(directory), "", None, directory, 1, None, ("cpu",), lambda lines, size: None, None, False
    )
    return run_pool([spec("a")], settings, lambda: [])


def test_a_fault_of_ours_leaves_no_child_that_nobody_watches(
    started: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(file: StatusFile, status: object) -> None:
        if len(started) == 2:
            raise ZeroDivisionError

    monkeypatch.setattr(StatusFile, "write", fail)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path)
    assert [(child.name, child.alive) for child in started] == [("loader", False), ("worker-0", False)]


class SetBack:
    """`time` of a machine whose clock is set back by eight hours, and that is told to stop when that was seen."""

    def __init__(self, started: Played) -> None:
        self._started, self._is_told = started, False
        self.monotonic, self.sleep = time.monotonic, time.sleep

    def time(self) -> float:
        if len(self._started) == 3 and not self._is_told:
            self._is_told = True
            signal.raise_signal(signal.SIGTERM)
        return time.time() - (8 * 3600.0 if len(self._started) > 1 else 0.0)


def test_a_clock_that_is_set_back_by_hours_silences_no_camera_for_so_long(
    started: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pool, "time", SetBack(started))
    assert run(tmp_path) == 0
    assert [child.name for child in started] == ["loader", "worker-0", "worker-0"]
    assert "set back by 28800 s" in caplog.text


def test_a_second_pool_on_one_spool_starts_nothing(started: Played, tmp_path: Path) -> None:
    status = PoolStatus(os.getppid(), time.time(), "running", (), None)
    StatusFile(tmp_path).write(status)
    with pytest.raises(InputError, match="a pool runs with"):
        run(tmp_path)
    assert not started
