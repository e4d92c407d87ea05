"""How many live cameras does a machine carry?

    python -m benchmarks.live [--cameras 4 6 8 10 12] [--seconds 60] [--fps 10] [--size 1280x720] [--cores 2]
                              [--workers 1] [--device cpu] [--model PATH]

`simpang run` reads so many H.264 cameras in real time from recordings of a simulated junction: decoding, detection,
tracking, counting, outbox and store, everything but the network. Carried is what loses at most 1 % of its frames with a
95th percentile of latency, from capture to counted, of at most 0.5 s. Wanted: eight cameras of 720p at 10 fps on two
cores. The processes are bound to `--cores`; the recordings are made before, once.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks._report import give_up, publish, table
from pipeline.errors import InputError
from pipeline.runtime.exporter import PoolStatus, read_status
from pipeline.runtime.live_camera import latency_quantile_s
from pipeline.source.simulated import Scenario, SimulatedJunction, write_video

LOOP_S: Final = 30
CLIPS: Final = 2
WARM_UP_S: Final = 15.0
PATIENCE_S: Final = 300.0
MOST_DROPS: Final = 0.01
MOST_LATENCY_S: Final = 0.5
WANTED_CAMERAS: Final = 8


@dataclass(frozen=True)
class Density:
    cameras: int
    analysed_per_s: float
    dropped_share: float
    p95_s: float | None
    """Upper bound of its bucket."""
    busy: float
    share: float
    resident_mib: float
    """Of the workers together."""

    @property
    def carried(self) -> bool:
        fast = self.p95_s is not None and self.p95_s <= MOST_LATENCY_S
        return fast and self.dropped_share <= MOST_DROPS


def make_clips(directory: Path, size: tuple[int, int], fps: float) -> list[Path]:
    clips = [directory / f"clip-{seed}.mp4" for seed in range(CLIPS)]
    for seed, clip in enumerate(clips):
        scenario = Scenario(seed=seed + 1, width=size[0], height=size[1], fps=fps, duration_s=LOOP_S)
        with SimulatedJunction(scenario) as junction:
            write_video(junction, clip)
    return clips


def site_text(clips: Sequence[Path], cameras: int, size: tuple[int, int], fps: float) -> str:
    width, height = size
    return "".join(
        f'[[camera]]\nid = "cam-{index}"\nurl = "{clips[index % len(clips)]}"\nfps = {fps}\n[[camera.line]]\n'
        f'name = "middle"\npoints = [[0, {height // 2}], [{width - 1}, {height // 2}]]\n'
        for index in range(cameras)
    )


def wait_until_all_are_live(spool: Path, process: subprocess.Popen[bytes], cameras: int) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s and process.poll() is None:
        try:
            if sum(camera.analysed > 0 for camera in read_status(spool).cameras()) == cameras:
                return
        except InputError:
            pass
        time.sleep(0.5)
    process.kill()
    give_up("the cameras did not come up; run simpang run by hand to see why")


def resident_mib(status: PoolStatus) -> float:
    pids = [row.status.pid for row in status.workers if row.up and row.status is not None]
    fields = (line.split() for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return sum(int(field[1]) / 1024 for field in fields if field and field[0] == "VmRSS:")


def between(before: PoolStatus, after: PoolStatus, cameras: int) -> Density:
    earlier = {camera.camera: camera for camera in before.cameras()}
    pairs = [(earlier[camera.camera], camera) for camera in after.cameras()]
    analysed = sum(late.analysed - early.analysed for early, late in pairs)
    dropped = sum(late.dropped - early.dropped for early, late in pairs)
    latencies = [
        sum(late.latency_counts[bucket] - early.latency_counts[bucket] for early, late in pairs)
        for bucket in range(len(pairs[0][0].latency_counts))
    ]
    old = {row.name: row.status for row in before.workers}
    spans = [(old[row.name], row.status) for row in after.workers]
    elapsed_s = max(late.uptime_s - early.uptime_s for early, late in spans if early and late)
    busy_s = sum(late.busy_s - early.busy_s for early, late in spans if early and late)
    return Density(
        cameras=cameras,
        analysed_per_s=analysed / elapsed_s,
        dropped_share=dropped / max(1, analysed + dropped),
        p95_s=latency_quantile_s(latencies, 0.95),
        busy=busy_s / elapsed_s / len(spans),
        share=min((row.status.share for row in after.workers if row.status), default=0.0),
        resident_mib=resident_mib(after),
    )


def measure(directory: Path, site: Path, cameras: int, seconds: float, options: Sequence[str]) -> Density:
    store = directory / f"store-{cameras}"
    command = [sys.executable, "-m", "pipeline", "run", "-c", str(site), "--store", str(store), *options]
    with (directory / "run.log").open("ab") as log, subprocess.Popen(command, stderr=log) as process:
        spool = store / "live"
        wait_until_all_are_live(spool, process, cameras)
        time.sleep(WARM_UP_S)
        before = read_status(spool)
        time.sleep(seconds)
        result = between(before, read_status(spool), cameras)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, nargs="+", default=[4, 6, 8, 10, 12], metavar="N")
    parser.add_argument("--seconds", type=float, default=60, metavar="N", help="measured (default: %(default)s)")
    parser.add_argument("--fps", type=float, default=10, metavar="N", help="default: %(default)s")
    parser.add_argument("--size", default="1280x720", metavar="WxH", help="default: %(default)s")
    parser.add_argument("--cores", type=int, default=2, metavar="N", help="for all processes (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="default: %(default)s")
    parser.add_argument("--device", default="cpu", help="default: %(default)s")
    parser.add_argument("--model", metavar="PATH", help="default: the shipped model")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.cores])
    options = ["--workers", str(args.workers), "--device", args.device]
    options += [] if args.model is None else ["--model", args.model]
    results: list[Density] = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        clips = make_clips(directory, (width, height), args.fps)
        for cameras in args.cameras:
            site = directory / f"site-{cameras}.toml"
            site.write_text(site_text(clips, cameras, (width, height), args.fps))
            results.append(measure(directory, site, cameras, args.seconds, options))
            print(json.dumps(asdict(results[-1])), file=sys.stderr)
    carried = max((result.cameras for result in results if result.carried), default=0)
    rows = [
        [
            result.cameras,
            result.analysed_per_s,
            f"{result.dropped_share:.2%}",
            "-" if result.p95_s is None else f"<{result.p95_s:g}",
            f"{result.busy:.0%}",
            result.share,
            result.resident_mib,
            "yes" if result.carried else "no",
        ]
        for result in results
    ]
    publish(
        "live",
        f"{carried} cameras {args.size} at {args.fps:g} fps on {args.cores} cores (wanted: {WANTED_CAMERAS}), at most "
        f"{MOST_DROPS:.0%} dropped and a p95 latency of {MOST_LATENCY_S} s",
        table(["cameras", "analysed/s", "dropped", "p95 s", "busy", "share", "resident MiB", "carried"], rows),
        {
            "cores": args.cores,
            "workers": args.workers,
            "size": args.size,
            "fps": args.fps,
            "carried": {"measured": carried, "wanted": WANTED_CAMERAS},
            "results": [asdict(result) | {"carried": result.carried} for result in results],
        },
    )


if __name__ == "__main__":
    main()
