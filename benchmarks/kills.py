"""Is every crossing of the observed seconds counted once, however often a worker is killed?

    python -m benchmarks.kills [--seconds 900] [--kills 20] [--cameras 4] [--seed 1]

`simpang run` counts simulated junctions played as cameras while its worker is killed (SIGKILL) at random times. The
place in a clip follows the wall clock, so that what a worker counts in one round of the clip is known beforehand, and
with it what must be in the store for every second that coverage claims. Wanted: nothing missing, nothing too often.

What may be counted one way or the other, because a tracker that has just begun knows less, is asked of neither
(`_passages.py`). Minutes in which the machine was too slow for all pictures are told apart: a crossing may be missing
there without any kill.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks._passages import FPS, LOOP_S, WARM_UP_NS, Passage, Round, Setting, compare, one_round
from benchmarks._report import give_up, publish, table
from pipeline.errors import InputError
from pipeline.runtime.exporter import PoolStatus, read_status
from pipeline.sink.store import open_store
from pipeline.source.simulated import Scenario, SimulatedJunction, write_video
from pipeline.types import NS_PER_S, CountingLine

SIZE: Final = (640, 360)
FLOW_VPH: Final = 6000.0
MINUTE_NS: Final = 60 * NS_PER_S
PATIENCE_S: Final = 300.0


@dataclass
class Life:
    """One camera under one worker process: what its coverage claims, and the part of it that can be judged."""

    camera: str
    claimed_s: float
    judged_from_ns: int
    judged_to_ns: int


@dataclass
class Result:
    kills: int = 0
    lives: list[Life] = field(default_factory=list)
    expected: int = 0
    missing: list[tuple[str, Passage]] = field(default_factory=list)
    extra: list[tuple[str, Passage]] = field(default_factory=list)
    """In judged seconds, and no vehicle's first count."""
    missing_with_drops: int = 0
    extra_with_drops: int = 0
    """The same in minutes of which pictures were dropped."""
    stored: int = 0
    dropped: int = 0


def simulated(directory: Path) -> Setting:
    width, height = SIZE
    clip = directory / "clip.mp4"
    with SimulatedJunction(
        Scenario(width=width, height=height, fps=FPS, duration_s=LOOP_S, flow_vph=FLOW_VPH)
    ) as junction:
        write_video(junction, clip)
    return Setting(clip, CountingLine("middle", (0.0, height / 2), (width - 1.0, height / 2)))


class Pool:
    """`simpang run` as a user starts it."""

    def __init__(self, directory: Path, setting: Setting, cameras: int) -> None:
        self.store = directory / "store"
        self.spool = self.store / "live"
        self.cameras = [f"cam-{index}" for index in range(cameras)]
        site = directory / "site.toml"
        site.write_text(
            "".join(
                f'[[camera]]\nid = "{name}"\nurl = "{setting.clip}"\nfps = {FPS}\n[[camera.line]]\n'
                f'name = "{setting.line.name}"\npoints = {json.dumps([setting.line.start, setting.line.end])}\n'
                for name in self.cameras
            )
        )
        self._log = (directory / "run.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "run", "-c", site, "--store", self.store, "--device", "cpu"]
            + ([] if setting.model is None else ["--model", setting.model]),
            stderr=self._log,
        )
        self.live_since_ns: dict[tuple[str, int], int] = {}
        """By camera and worker process: when it was first seen to count."""

    def poll(self) -> PoolStatus | None:
        with contextlib.suppress(InputError):
            status = read_status(self.spool)
            for row in status.workers:
                if row.up and row.status is not None:
                    for camera in row.status.cameras:
                        if camera.analysed:
                            self.live_since_ns.setdefault((camera.camera, row.status.pid), time.time_ns())
            return status
        return None

    def wait_until_all_count(self) -> int:
        """Returns the worker's process id."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            status = self.poll()
            for row in status.workers if status else ():
                counting = {camera for camera, pid in self.live_since_ns if row.status and pid == row.status.pid}
                if row.up and row.status is not None and counting == set(self.cameras):
                    return row.status.pid
            time.sleep(0.2)
        self.stop()
        return give_up(f"the cameras did not all come up within {PATIENCE_S:g} s; see {self._log.name}")

    def watch(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self.poll()
            time.sleep(0.2)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)
        self._log.close()


def run_kills(directory: Path, setting: Setting, *, seconds: float, kills: int, cameras: int, seed: int) -> Result:
    round_ = one_round(setting)
    result, chance = Result(), random.Random(seed)
    pool = Pool(directory, setting, cameras)
    try:
        pool.wait_until_all_count()
        for _ in range(kills):
            pool.watch(seconds / (kills + 1) * chance.uniform(0.6, 1.4))
            os.kill(pool.wait_until_all_count(), signal.SIGKILL)
            result.kills += 1
            time.sleep(2.0)
        pool.wait_until_all_count()
        pool.watch(seconds / (kills + 1))
    finally:
        pool.stop()
    with open_store(pool.store, create=False) as store:
        judge(result, pool, round_, store)
    return result


def judge(result: Result, pool: Pool, round_: Round, store: Any) -> None:
    runs = store.query(
        "SELECT r.camera AS camera, r.run AS run, toUnixTimestamp64Nano(r.footage_from) AS from_ns, "
        "sum(c.observed_s) AS claimed_s, count() AS minutes, toUnixTimestamp(max(c.minute)) AS last_minute_s, "
        "argMax(c.observed_s, c.minute) AS last_observed_s "
        "FROM runs AS r INNER JOIN coverage AS c ON r.camera = c.camera AND r.run = c.run GROUP BY ALL"
    ).to_pylist()
    minutes = store.query(
        "SELECT camera, toUnixTimestamp(minute) AS minute_s, sum(frames_dropped) AS dropped FROM coverage "
        "WHERE frames_dropped > 0 GROUP BY ALL"
    ).to_pylist()
    stored = store.query(
        "SELECT camera, toUnixTimestamp64Nano(captured_at) AS at_ns, toString(direction) AS direction FROM crossings"
    ).to_pylist()
    result.stored = len(stored)
    result.dropped = sum(int(minute["dropped"]) for minute in minutes)
    for camera in pool.cameras:
        counted = [Passage(int(row["at_ns"]), row["direction"]) for row in stored if row["camera"] == camera]
        since = sorted(at_ns for (name, _), at_ns in pool.live_since_ns.items() if name == camera)
        lives = list(_lives(camera, [run for run in runs if run["camera"] == camera], since))
        slow = {int(minute["minute_s"]) * NS_PER_S for minute in minutes if minute["camera"] == camera}
        verdict = compare(round_, counted, [(life.judged_from_ns, life.judged_to_ns) for life in lives])
        result.lives += lives
        result.expected += verdict.expected
        missing = [passage for passage in verdict.missing if _minute(passage) not in slow]
        extra = [passage for passage in verdict.extra if _minute(passage) not in slow]
        result.missing += [(camera, passage) for passage in missing]
        result.extra += [(camera, passage) for passage in extra]
        result.missing_with_drops += len(verdict.missing) - len(missing)
        result.extra_with_drops += len(verdict.extra) - len(extra)


def _lives(camera: str, runs: Iterable[dict[str, Any]], since_ns: Sequence[int]) -> Iterator[Life]:
    for run in runs:
        live_ns = next((at_ns for at_ns in since_ns if at_ns >= int(run["from_ns"])), None)
        if live_ns is not None:
            # Of a second or later minute it is known where the claim ends; of the first one, only that it began after
            # its worker did.
            to_ns = int(run["from_ns"]) + round(float(run["claimed_s"]) * NS_PER_S)
            if run["minutes"] > 1:
                to_ns = int(run["last_minute_s"]) * NS_PER_S + round(float(run["last_observed_s"]) * NS_PER_S)
            yield Life(camera, float(run["claimed_s"]), live_ns + WARM_UP_NS, to_ns)


def _minute(passage: Passage) -> int:
    return passage.at_ns - passage.at_ns % MINUTE_NS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=900, metavar="N", help="how long (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="how often (default: %(default)s)")
    parser.add_argument("--cameras", type=int, default=4, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the times (default: %(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        result = run_kills(
            path, simulated(path), seconds=args.seconds, kills=args.kills, cameras=args.cameras, seed=args.seed
        )
    judged_s = sum(max(0, life.judged_to_ns - life.judged_from_ns) for life in result.lives) / NS_PER_S
    claimed_s = sum(life.claimed_s for life in result.lives)
    rows = [
        ["worker killed", result.kills],
        ["camera seconds claimed as observed", claimed_s],
        ["of them judged", judged_s],
        ["crossings expected in these", result.expected],
        ["missing", len(result.missing)],
        ["counted too often", len(result.extra)],
        ["frames dropped because the machine was slow", result.dropped],
        ["missing in minutes of such drops", result.missing_with_drops],
        ["too often in minutes of such drops", result.extra_with_drops],
    ]
    verdict = (
        f"{len(result.missing)} of {result.expected} crossings missing, {len(result.extra)} too many (wanted: none) "
        f"after {result.kills} kills in {args.seconds:g} s, {args.cameras} cameras; {result.dropped} frames dropped, "
        f"in whose minutes {result.missing_with_drops} more are missing and {result.extra_with_drops} too many"
    )
    publish(
        "kills",
        verdict,
        table(["what", "number"], rows),
        {
            "kills": result.kills,
            "claimed_s": claimed_s,
            "judged_s": judged_s,
            "expected": result.expected,
            "missing": len(result.missing),
            "extra": len(result.extra),
            "frames_dropped": result.dropped,
            "missing_with_drops": result.missing_with_drops,
            "extra_with_drops": result.extra_with_drops,
        },
    )


if __name__ == "__main__":
    main()
