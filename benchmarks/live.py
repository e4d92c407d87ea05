"""How many live cameras does a machine carry?

    python -m benchmarks.live [--cameras 4 6 8 10 12] [--seconds 60] [--fps 10] [--size 1280x720] [--cores 2]
                              [--workers 1] [--flow 1800 900] [--device cpu] [--model PATH]
    python -m benchmarks.live --scale [--cameras 1 2 4 8] [--workers 1 2]

`simpang run` reads so many H.264 cameras in real time from recordings of simulated junctions with `--flow` vehicles an
hour, counted at all arms: decoding, detection, tracking, counting, outbox and store, everything but the network.
Carried is what loses at most 1 % of its frames with a 95th percentile of latency, from capture to counted, of at most
0.5 s. Wanted: eight cameras of 720p at 10 fps on two cores. The processes are bound to `--cores`; the recordings are
made before, once. An overloaded worker looks with fewer of the network's input pixels; each row says with how many.
`--scale` asks instead how throughput, latency and memory grow with cameras and workers. A GPU is chosen with
`--device cuda:0`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks._report import give_up, publish, table
from pipeline.errors import InputError
from pipeline.runtime.detail import DETAILS
from pipeline.runtime.exporter import PoolStatus, read_status
from pipeline.runtime.live_camera import latency_quantile_s
from pipeline.source.simulated import Scenario, SimulatedJunction, write_video
from pipeline.types import CountingLine

LOOP_S: Final = 30
FLOWS: Final = (1800.0, 900.0)
"""Vehicles an hour over all arms: a junction in the rush hour and one by day."""
WARM_UP_S: Final = 60.0
"""Until a worker has found with how much detail it can look, in two steps at most."""
PATIENCE_S: Final = 300.0
MOST_DROPS: Final = 0.01
MOST_LATENCY_S: Final = 0.5
WANTED_CAMERAS: Final = 8
WANTED_MIB: Final = 60.0
"""Of memory for each camera beyond the first."""
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Density:
    cameras: int
    workers: int
    analysed_per_s: float
    still_share: float
    """Of the analysed frames, those in which nothing moved."""
    dropped_share: float
    p95_s: float | None
    """Upper bound of its bucket."""
    busy: float
    share: float
    cpu_ms: float
    """Of the workers, for each analysed frame."""
    detail: float
    """Share of the network's input pixels that a picture had, of the worker that looked least closely."""
    resident_mib: float
    """Of the workers together."""

    @property
    def carried(self) -> bool:
        fast = self.p95_s is not None and self.p95_s <= MOST_LATENCY_S
        return fast and self.dropped_share <= MOST_DROPS


@dataclass(frozen=True)
class Clip:
    path: Path
    lines: tuple[CountingLine, ...]


def make_clips(directory: Path, size: tuple[int, int], fps: float, flows: Sequence[float]) -> list[Clip]:
    clips = []
    for seed, flow in enumerate(flows, start=1):
        scenario = Scenario(seed=seed, width=size[0], height=size[1], fps=fps, duration_s=LOOP_S, flow_vph=flow)
        path = directory / f"clip-{seed}.mp4"
        with SimulatedJunction(scenario) as junction:
            write_video(junction, path)
            clips.append(Clip(path, junction.lines))
    return clips


def site_text(clips: Sequence[Clip], cameras: int, fps: float) -> str:
    chosen = [clips[index % len(clips)] for index in range(cameras)]
    return "".join(
        f'[[camera]]\nid = "cam-{index}"\nurl = "{clip.path}"\nfps = {fps}\n'
        + "".join(
            f'[[camera.line]]\nname = "{line.name}"\npoints = {[[*map(round, line.start)], [*map(round, line.end)]]}\n'
            for line in clip.lines
        )
        for index, clip in enumerate(chosen)
    )


def _wait_until_all_are_live(spool: Path, process: subprocess.Popen[bytes], cameras: int) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s and process.poll() is None:
        try:
            if sum(camera.analysed > 0 for camera in read_status(spool).cameras()) == cameras:
                return
        except InputError:
            pass
        time.sleep(0.5)
    give_up("the cameras did not come up; run simpang run by hand to see why")


@contextlib.contextmanager
def running(directory: Path, site: Path, store: Path, cameras: int, options: Sequence[str]) -> Iterator[Path]:
    """`simpang run` over the site file, its log in `directory`; told to stop at the end, however that comes.

    Gives the pool's spool once that many cameras are live.
    """
    command = [sys.executable, "-m", "pipeline", "run", "-c", str(site), "--store", str(store), *options]
    with (directory / "run.log").open("ab") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            spool = store / "live"
            _wait_until_all_are_live(spool, process, cameras)
            yield spool
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                give_up(f"simpang run did not stop within {PATIENCE_S:g} s")


def worker_pids(status: PoolStatus) -> list[int]:
    return [row.status.pid for row in status.workers if row.up and row.status is not None]


def resident_mib(status: PoolStatus) -> float:
    pids = worker_pids(status)
    fields = (line.split() for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return sum(int(field[1]) / 1024 for field in fields if field and field[0] == "VmRSS:")


def cpu_s(status: PoolStatus) -> float:
    """Seconds of CPU that the workers took so far."""
    fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in worker_pids(status))
    return sum(int(field[11]) + int(field[12]) for field in fields) / TICKS_PER_S


def between(before: PoolStatus, after: PoolStatus, cameras: int, spent_s: float) -> Density:
    """`spent_s`: seconds of CPU in between."""
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
    looked_at = sum(late.frames - early.frames for early, late in spans if early and late)
    return Density(
        cameras=cameras,
        workers=len(spans),
        analysed_per_s=analysed / elapsed_s,
        still_share=max(0.0, 1 - looked_at / max(1, analysed)),
        cpu_ms=1000 * spent_s / max(1, analysed),
        dropped_share=dropped / max(1, analysed + dropped),
        p95_s=latency_quantile_s(latencies, 0.95),
        busy=busy_s / elapsed_s / len(spans),
        share=min((row.status.share for row in after.workers if row.status), default=0.0),
        detail=min(
            (row.status.detail for status in (before, after) for row in status.workers if row.status), default=0.0
        ),
        resident_mib=resident_mib(after),
    )


def measure(directory: Path, site: Path, cameras: int, seconds: float, options: Sequence[str]) -> Density:
    store = Path(tempfile.mkdtemp(prefix=f"store-{cameras}-", dir=directory))
    with running(directory, site, store, cameras, options) as spool:
        time.sleep(WARM_UP_S)
        before = read_status(spool)
        spent_before_s = cpu_s(before)
        time.sleep(seconds)
        after = read_status(spool)
        return between(before, after, cameras, cpu_s(after) - spent_before_s)


HEAD: Final = (
    "cameras", "workers", "analysed/s", "still", "dropped", "p95 s", "busy", "share", "detail", "CPU ms a frame",
    "resident MiB", "carried",
)  # fmt: skip


def row_of(result: Density) -> list[object]:
    return [
        result.cameras,
        result.workers,
        result.analysed_per_s,
        f"{result.still_share:.0%}",
        f"{result.dropped_share:.2%}",
        "-" if result.p95_s is None else f"<{result.p95_s:g}",
        f"{result.busy:.0%}",
        result.share,
        f"{result.detail:.0%}",
        result.cpu_ms,
        result.resident_mib,
        "yes" if result.carried else "no",
    ]


def mib_per_camera(results: Sequence[Density]) -> float | None:
    """Memory for each camera beyond the first, of one worker."""
    alone = [result for result in results if result.workers == 1]
    if len({result.cameras for result in alone}) < 2:
        return None
    least, most = min(alone, key=lambda result: result.cameras), max(alone, key=lambda result: result.cameras)
    return (most.resident_mib - least.resident_mib) / (most.cameras - least.cameras)


def density_headline(results: Sequence[Density], args: argparse.Namespace) -> tuple[str, dict[str, object]]:
    carried = max((result.cameras for result in results if result.carried), default=0)
    return (
        f"{carried} cameras {args.size} at {args.fps:g} fps on {args.cores} cores (wanted: {WANTED_CAMERAS}), at most "
        f"{MOST_DROPS:.0%} dropped and a p95 latency of {MOST_LATENCY_S} s",
        {"carried": {"measured": carried, "wanted": WANTED_CAMERAS}},
    )


def scale_headline(results: Sequence[Density], args: argparse.Namespace) -> tuple[str, dict[str, object]]:
    memory, told = mib_per_camera(results), "not known"
    if memory is not None:
        told = f"{memory:.0f} MiB"
    counts = sorted({result.cameras for result in results})
    return (
        f"{counts[0]} to {counts[-1]} cameras: {told} for each beyond the first (wanted: at most {WANTED_MIB:g})",
        {"mib_per_camera": {"measured": memory, "wanted": WANTED_MIB}},
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", action="store_true", help="how cost grows with cameras and workers")
    parser.add_argument(
        "--cameras", type=int, nargs="+", metavar="N", help="default: 4 6 8 10 12; with --scale 1 2 4 8"
    )
    parser.add_argument("--seconds", type=float, metavar="N", help="measured (default: 60; with --scale 30)")
    parser.add_argument("--fps", type=float, default=10, metavar="N", help="default: %(default)s")
    parser.add_argument("--size", default="1280x720", metavar="WxH", help="default: %(default)s")
    parser.add_argument("--flow", type=float, nargs="+", default=FLOWS, metavar="N", help="default: %(default)s")
    parser.add_argument("--cores", type=int, default=2, metavar="N", help="for all processes (default: %(default)s)")
    parser.add_argument("--workers", type=int, nargs="+", metavar="N", help="default: 1; with --scale 1 2")
    parser.add_argument("--device", default="cpu", help="default: %(default)s")
    parser.add_argument("--model", metavar="PATH", help="default: the shipped model")
    args = parser.parse_args()
    args.cameras = args.cameras or ([1, 2, 4, 8] if args.scale else [4, 6, 8, 10, 12])
    args.workers = args.workers or ([1, 2] if args.scale else [1])
    args.seconds = args.seconds or (30 if args.scale else 60)
    return args


def main() -> None:
    args = parse_arguments()
    width, height = map(int, args.size.split("x"))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.cores])
    options = ["--device", args.device, *([] if args.model is None else ["--model", args.model])]
    results: list[Density] = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        clips = make_clips(directory, (width, height), args.fps, args.flow)
        for workers in args.workers:
            for cameras in [number for number in args.cameras if number >= workers]:
                site = directory / f"site-{cameras}.toml"
                site.write_text(site_text(clips, cameras, args.fps))
                pool = [*options, "--workers", str(workers)]
                results.append(measure(directory, site, cameras, args.seconds, pool))
                print(json.dumps(asdict(results[-1])), file=sys.stderr)
    headline, judged = (scale_headline if args.scale else density_headline)(results, args)
    publish(
        "live_scale" if args.scale else "live",
        headline,
        table(HEAD, map(row_of, results)),
        {
            "cores": args.cores,
            "device": args.device,
            "size": args.size,
            "fps": args.fps,
            "flow_vph": list(args.flow),
            "details": DETAILS,
            **judged,
            "results": [asdict(result) | {"carried": result.carried} for result in results],
        },
    )


if __name__ == "__main__":
    main()
