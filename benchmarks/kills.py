"""Is every crossing of the observed seconds counted once, however often a worker is killed?

    python -m benchmarks.kills [--seconds 900] [--kills 20] [--cameras 4] [--seed 1]

`simpang run` counts simulated junctions played as cameras while its worker is killed (SIGKILL) at random times. The
place in a clip follows the wall clock, so that what a worker that is never killed counts in one round of the clip is
known, and with it what must be in the store for every second that coverage claims. Wanted: nothing missing, nothing
twice.
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

from benchmarks._report import give_up, publish, table
from pipeline.count import CameraCounter
from pipeline.detect import detect_in, load_detector, region_of
from pipeline.errors import InputError
from pipeline.runtime.exporter import PoolStatus, read_status
from pipeline.sink.store import open_store
from pipeline.source import open_source
from pipeline.source.simulated import Scenario, SimulatedJunction, write_video
from pipeline.types import NS_PER_S, CountingLine, Crossing

LOOP_S: Final = 20
FPS: Final = 5.0
SIZE: Final = (640, 360)
WARM_UP_NS: Final = 4 * NS_PER_S
"""A vehicle that is on the line when a worker comes back was not seen before it."""
TOLERANCE_NS: Final = 3 * NS_PER_S // 4
PATIENCE_S: Final = 300.0


@dataclass(frozen=True)
class Setting:
    """What the cameras show and how it is counted; a clip lasts `LOOP_S` at `FPS`."""

    clip: Path
    line: CountingLine
    model: Path | None = None


@dataclass(frozen=True)
class Passage:
    """A crossing, without what may differ between two counts of it."""

    at_ns: int
    direction: str


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
    twice: list[tuple[str, Passage]] = field(default_factory=list)
    stored: int = 0
    dropped: int = 0


def simulated(directory: Path) -> Setting:
    width, height = SIZE
    clip = directory / "clip.mp4"
    with SimulatedJunction(Scenario(width=width, height=height, fps=FPS, duration_s=LOOP_S)) as junction:
        write_video(junction, clip)
    return Setting(clip, CountingLine("middle", (0.0, height / 2), (width - 1.0, height / 2)))


def one_round(setting: Setting) -> list[Passage]:
    """What is counted in a round of the clip between two others; times are from the round's beginning."""
    counter = CameraCounter("reference", (setting.line,))
    crossings: list[Crossing] = []
    with load_detector(setting.model, "cpu") as detector:
        for round_ in range(3):
            with open_source(str(setting.clip), camera="reference", start_at_ns=round_ * LOOP_S * NS_PER_S) as source:
                region = region_of((setting.line,), source.size)
                for frame in source:
                    (found,) = detect_in(detector, [frame.pixels], [region])
                    crossings += counter.update(frame.seq, frame.captured_at_ns, found).crossings
    crossings += counter.finish().crossings
    begin_ns, end_ns = LOOP_S * NS_PER_S, 2 * LOOP_S * NS_PER_S
    return [
        Passage(crossing.captured_at_ns - begin_ns, crossing.direction)
        for crossing in crossings
        if begin_ns <= crossing.captured_at_ns < end_ns
    ]


def expected_between(round_: Sequence[Passage], from_ns: int, to_ns: int) -> Iterator[Passage]:
    """All rounds' passages in a period."""
    loop_ns = LOOP_S * NS_PER_S
    for number in range(from_ns // loop_ns, to_ns // loop_ns + 1):
        for passage in round_:
            if from_ns <= number * loop_ns + passage.at_ns < to_ns:
                yield Passage(number * loop_ns + passage.at_ns, passage.direction)


def match(expected: Iterable[Passage], counted: Iterable[Passage]) -> tuple[list[Passage], list[Passage]]:
    """(expected ones that were not counted, counted ones left over), by the nearest in time, one to one."""
    missing, left = [], sorted(counted, key=lambda passage: passage.at_ns)
    for passage in expected:
        near = [
            other
            for other in left
            if other.direction == passage.direction and abs(other.at_ns - passage.at_ns) <= TOLERANCE_NS
        ]
        if near:
            left.remove(min(near, key=lambda other: abs(other.at_ns - passage.at_ns)))
        else:
            missing.append(passage)
    return missing, left


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


def judge(result: Result, pool: Pool, round_: Sequence[Passage], store: Any) -> None:
    runs = store.query(
        "SELECT r.camera AS camera, r.run AS run, toUnixTimestamp64Nano(r.footage_from) AS from_ns, "
        "sum(c.observed_s) AS claimed_s, sum(c.frames_dropped) AS dropped "
        "FROM runs AS r INNER JOIN coverage AS c ON r.camera = c.camera AND r.run = c.run GROUP BY ALL"
    ).to_pylist()
    stored = store.query(
        "SELECT camera, toUnixTimestamp64Nano(captured_at) AS at_ns, toString(direction) AS direction FROM crossings"
    ).to_pylist()
    result.stored = len(stored)
    result.dropped = sum(int(run["dropped"]) for run in runs)
    for camera in pool.cameras:
        counted = [Passage(int(row["at_ns"]), row["direction"]) for row in stored if row["camera"] == camera]
        since = sorted(at_ns for (name, _), at_ns in pool.live_since_ns.items() if name == camera)
        expected: list[Passage] = []
        for run in (run for run in runs if run["camera"] == camera):
            live_ns = next((at_ns for at_ns in since if at_ns >= int(run["from_ns"])), None)
            if live_ns is None:
                continue
            to_ns = int(run["from_ns"]) + round(float(run["claimed_s"]) * NS_PER_S)
            life = Life(camera, float(run["claimed_s"]), live_ns + WARM_UP_NS, to_ns)
            result.lives.append(life)
            expected += expected_between(round_, life.judged_from_ns, life.judged_to_ns)
        result.expected += len(expected)
        missing, left = match(expected, counted)
        result.missing += [(camera, passage) for passage in missing]
        # What is left happened outside the judged seconds; a second count of a judged one stands next to it.
        result.twice += [(camera, passage) for passage in left if _near(passage, expected)]


def _near(passage: Passage, expected: Iterable[Passage]) -> bool:
    """Whether the passage can only be another count of one of these: nearer than two vehicles can follow."""
    return any(abs(passage.at_ns - other.at_ns) < NS_PER_S // 10 for other in expected)


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
        ["counted twice", len(result.twice)],
    ]
    verdict = (
        f"{len(result.missing)} of {result.expected} crossings missing, {len(result.twice)} twice (wanted: none) after "
        f"{result.kills} kills in {args.seconds:g} s, {args.cameras} cameras, {result.dropped} frames dropped"
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
            "twice": len(result.twice),
            "frames_dropped": result.dropped,
        },
    )


if __name__ == "__main__":
    main()
