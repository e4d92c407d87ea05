"""`simpang status` and `simpang reload` over the file that a pool leaves; test_run.py has them beside a real one."""

import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.commands.status import describe
from pipeline.runtime.exporter import STALE_S, PoolStatus, StatusFile, WorkerRow
from pipeline.runtime.messages import LATENCY_BOUNDS_S, CameraStatus, LoaderStatus, WorkerStatus
from tests.commands.conftest import Simpang

SLOW = (0,) * len(LATENCY_BOUNDS_S) + (100,)
CAMERA = CameraStatus("a", "live", "", "rtcp", 1000, 400, 50, 0, 1, 3, SLOW, 900.0)
WORKER = WorkerStatus((CAMERA,), 7, "cpu", "n", 400, 400, 10.0, 100.0, 1.0, 1.0, 0)
LATER_CAMERA = replace(CAMERA, pictures=1050, analysed=420, latency_counts=(20, *SLOW[1:]))
LATER = replace(WORKER, cameras=(LATER_CAMERA,), batches=410, frames=420, busy_s=11.5, uptime_s=102.0)


def pool(worker: WorkerStatus, *, pid: int = 1, at_s: float | None = None) -> PoolStatus:
    row = WorkerRow("worker-0", True, False, 0, ("a",), worker)
    return PoolStatus(pid, time.time() if at_s is None else at_s, "running", (row,), LoaderStatus(0, 0.0, 0, ""))


def cells(text: str, row: str) -> dict[str, str]:
    """The only row of a table by its headings."""
    lines = text.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith(row))
    columns = [match.span() for match in re.finditer("-+", lines[at - 1])]
    return {lines[at - 2][begin:end].strip(): lines[at][begin:end].strip() for begin, end in columns}


def test_rates_and_shares_are_of_the_time_between_and_not_since_the_worker_was_started() -> None:
    table = describe(pool(WORKER), pool(LATER))
    camera, worker = cells(table, "a "), cells(table, "worker-0")
    assert (camera["fps in"], camera["analysed"], camera["p95 s"]) == ("25", "10", "<0.05")
    assert (worker["busy %"], worker["batch"]) == ("75", "2")


def test_a_worker_that_was_restarted_has_no_rates_yet() -> None:
    young = replace(LATER, pid=8, busy_s=0.1, uptime_s=1.0, cameras=(replace(CAMERA, pictures=3),))
    table = describe(pool(WORKER), pool(young))
    assert cells(table, "a ")["fps in"] == "-"
    assert cells(table, "worker-0")["busy %"] == "-"


@pytest.mark.parametrize("interval", ["-1", "0", "nan", "inf"])
def test_an_interval_that_is_none(simpang: Simpang, tmp_path: Path, interval: str) -> None:
    outcome = simpang("status", "--spool", tmp_path, f"--interval={interval}")
    assert outcome.status == 2
    assert "--interval must be" in outcome.sentence


@pytest.mark.parametrize("age_s", [2 * STALE_S, -2 * STALE_S])
def test_a_status_of_another_time_is_not_taken_for_a_pool_that_runs(
    simpang: Simpang, tmp_path: Path, age_s: float
) -> None:
    StatusFile(tmp_path).write(pool(WORKER, at_s=time.time() - age_s))
    outcome = simpang("status", "--spool", tmp_path)
    assert outcome.status == 1
    assert "does not run" in outcome.out


def test_a_reload_of_a_pool_that_was_just_killed_says_so(simpang: Simpang, tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    StatusFile(tmp_path).write(pool(WORKER, pid=ended.pid))
    outcome = simpang("reload", "--spool", tmp_path)
    assert outcome.status == 2
    assert "has just ended" in outcome.sentence
