"""Does memory grow with the length of the footage?

    python -m benchmarks.memory [--seconds N] [--fps N] [--size WxH] [--model FOLDER]

A simulated junction goes through the same job as `simpang count`, in this process; its resident memory is read by the
footage's own clock. Wanted: at the end no more than 1.05 times what it was after one minute of footage.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path
from typing import Final

from benchmarks._report import give_up, publish, table
from pipeline.count import CameraCounter, CountUpdate
from pipeline.detect import load_detector
from pipeline.runtime.footage import FootageJob, count_footage
from pipeline.source import open_source
from pipeline.types import NS_PER_S, Frame

FIRST_S: Final = 60
EVERY_S: Final = 600
LIMIT: Final = 1.05
STATUS: Final = Path("/proc/self/status")


def resident_mib() -> float:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3600, metavar="N", help="of footage (default: %(default)s)")
    parser.add_argument("--fps", type=float, default=10, metavar="N", help="default: %(default)s")
    parser.add_argument("--size", default="1280x720", metavar="WxH", help="default: %(default)s")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="an OpenVINO export (default: the shipped model)")
    args = parser.parse_args()
    if not STATUS.exists():
        give_up("this benchmark reads /proc/self/status, which only Linux has")
    if args.seconds <= FIRST_S:
        parser.error(f"--seconds must be more than {FIRST_S}: the first minute is what the end is compared with")
    feed = f"sim:?seed=11&seconds={args.seconds}&fps={args.fps}&size={args.size}"
    samples: dict[int, float] = {}
    wanted = [FIRST_S, *range(EVERY_S, args.seconds, EVERY_S)]

    def sample(job: FootageJob, frame: Frame | None, update: CountUpdate) -> None:
        if frame is None or job.first_captured_at_ns is None:
            samples[args.seconds] = resident_mib()
        elif wanted and (frame.captured_at_ns - job.first_captured_at_ns) >= wanted[0] * NS_PER_S:
            samples[wanted.pop(0)] = resident_mib()

    with (
        closing(load_detector(args.model, "cpu")) as detector,
        open_source(feed, camera="benchmark", start_at_ns=0) as source,
    ):
        counter = CameraCounter("benchmark", source.lines, revision=0, run="benchmark")
        job = FootageJob(source, counter, source.lines, feed)
        count_footage([job], detector, observe=sample)
    ratio = samples[args.seconds] / samples[FIRST_S]
    rows = [[f"{second} s", mib, mib / samples[FIRST_S]] for second, mib in samples.items()]
    verdict = (
        f"end / first minute: {ratio:.3f} (wanted: at most {LIMIT}); "
        f"{job.frames} frames, {len(job.crossings)} crossings, {job.frames / job.elapsed_s:.1f} frames/s"
    )
    publish(
        "memory",
        verdict,
        table(["after", "resident MiB", "ratio"], rows),
        {
            "feed": feed,
            "frames": job.frames,
            "crossings": len(job.crossings),
            "frames_per_second": job.frames / job.elapsed_s,
            "resident_mib_after_s": samples,
            "ratio": {"measured": ratio, "wanted": LIMIT},
        },
    )


if __name__ == "__main__":
    main()
