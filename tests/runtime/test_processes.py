"""What runs in the process that loads or publishes."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.errors import InputError, StorageError
from pipeline.runtime.processes import Carry, SpoolDrain
from pipeline.sink.outbox import Outbox
from pipeline.sink.registrations import CameraRegistration


def test_a_store_that_cannot_be_reached_is_waited_for_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there = [False]
    now_s = [10.0]

    def begin() -> Carry:
        if not there[0]:
            now_s[0] += 20.0  # an answer is waited for
            raise StorageError("the store cannot be reached")
        return drain_of

    def drain_of(outbox: Outbox) -> Callable[[], int]:
        def drain() -> int:
            waiting = outbox.pending(100)
            if waiting:
                outbox.ack(waiting[-1][0])
            return len(waiting)

        return drain

    with Outbox(tmp_path / "worker-0.sqlite") as outbox:
        outbox.append([CameraRegistration("a", "", "", "Asia/Makassar", "signalised_protected", "PKJI 2023")])
    drain = SpoolDrain(tmp_path, begin, now_s=lambda: now_s[0])
    with closing(drain), caplog.at_level("INFO"):
        assert drain.step().lag_s == 20.0
        status = drain.step()
        assert (status.depth, status.lag_s, status.message) == (1, 40.0, "the store cannot be reached")
        assert caplog.text.count("cannot load") == 1
        there[0] = True
        status = drain.step()
        assert (status.depth, status.lag_s, status.loaded, status.message) == (0, 0.0, 1, "")
        assert caplog.text.count("loading goes on") == 1


def test_a_spool_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    drain = SpoolDrain(tmp_path / "file" / "spool", lambda: lambda outbox: lambda: 0)
    with pytest.raises(InputError, match=r"cannot be the spool: .*--spool"):
        drain.step()


def test_the_store_is_made_before_the_spool_that_lies_in_it(tmp_path: Path) -> None:
    def begin() -> Carry:
        assert not list(tmp_path.iterdir())
        return lambda outbox: lambda: 0

    drain = SpoolDrain(tmp_path / "live", begin)
    with closing(drain):
        assert drain.step().message == ""
    assert (tmp_path / "live").is_dir()


def test_a_process_that_knows_no_pictures_imports_nothing_that_reads_them() -> None:
    code = "import sys, pipeline.runtime.processes; print(sorted({'supervision', 'openvino'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
