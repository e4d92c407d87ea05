"""The pool's outermost loop around processes that are played."""

from pathlib import Path

import pytest

from pipeline.runtime import pool
from pipeline.runtime.exporter import StatusFile
from pipeline.runtime.pool import PoolSettings, run_pool
from tests.runtime.live_fakes import spec
from tests.runtime.test_supervisor import FakeChild


def test_a_fault_of_ours_leaves_no_child_that_nobody_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[FakeChild] = []

    def start(name: str, *arguments: object, **options: object) -> FakeChild:
        started.append(FakeChild(name))
        return started[-1]

    def fail(file: StatusFile, status: object) -> None:
        if len(started) == 2:
            raise ZeroDivisionError

    monkeypatch.setattr(pool, "ChildProcess", start)
    monkeypatch.setattr(pool, "configure_logging", lambda json_lines: None)
    monkeypatch.setattr(StatusFile, "write", fail)
    settings = PoolSettings(str(tmp_path), "", None, tmp_path, 1, None, ("cpu",), lambda lines, size: None, None, False)
    with pytest.raises(ZeroDivisionError):
        run_pool([spec("a")], settings, lambda: [])
    assert [(child.name, child.alive) for child in started] == [("loader", False), ("worker-0", False)]
