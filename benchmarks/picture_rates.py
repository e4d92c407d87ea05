"""How many pictures a second must be looked at to count as well as with all?

    python -m benchmarks.picture_rates [--truth FILE ...] [--clips DIR] [--seconds N] [--rates N ...] [--no-real]

Vehicles are looked for once in every picture, of the real clips with hand counts where they are at hand, and of
simulated junctions at 25 and 30 pictures a second. The boxes of a part of the pictures, chosen as `simpang count`
chooses them, then go to the counter. Each rate is tried from four first pictures and the mean is given.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

import supervision as sv

from benchmarks._report import publish, table
from benchmarks.accuracy_tables import REAL
from pipeline.commands.arguments import RECORDED_FPS
from pipeline.commands.evaluate import open_jobs
from pipeline.count import CameraCounter
from pipeline.detect import Detector, detect_in, load_detector
from pipeline.report.accuracy import AccuracyReport, CountedClip, Truth, evaluate, load_truths
from pipeline.report.accuracy_simulated import simulated_clip
from pipeline.source.live_rate import RateControl
from pipeline.types import NS_PER_S, CountingLine

NAME: Final = "picture_rates"
RATES: Final = (20.0, 15.0, RECORDED_FPS, 10.0, 8.0)
STARTS: Final = 4
SCENES: Final = (
    "sim:?seed=301&size=960x540&flow=2400&fps=30",
    "sim:?seed=302&size=960x540&flow=2400&fps=25&light=dusk",
    "sim:?seed=303&size=960x540&flow=2400&fps=30&light=dusk&weather=rain",
    "sim:?seed=305&size=960x540&flow=1800&fps=25&light=night",
)


@dataclass(frozen=True)
class Seen:
    """One clip: its lines and the boxes of each picture."""

    name: str
    lines: tuple[CountingLine, ...]
    pictures: list[tuple[int, int, int, sv.Detections]]
    """Number, capture time in nanoseconds, pictures lost before it, boxes."""
    frames: int

    @property
    def duration_s(self) -> float:
        return (self.pictures[-1][1] - self.pictures[0][1]) / NS_PER_S


@dataclass(frozen=True)
class Row:
    footage: str
    rate: str
    looked_at: float
    """Share of the pictures."""
    wape: float
    precision: float
    recall: float
    motorcycle_wape: float


def look_at_all(truth: Truth, clips: Path, detector: Detector) -> list[Seen]:
    with ExitStack() as stack:
        seen = []
        for job in open_jobs(truth, clips, stack, fps=None):
            pictures = [
                (
                    frame.seq,
                    frame.captured_at_ns,
                    frame.lost_before,
                    detect_in(detector, [frame.pixels], [job.region])[0],
                )
                for frame in job.source
            ]
            seen.append(Seen(job.label, job.lines, pictures, job.source.stats.frames_seen))
    return seen


def count_at(truth: Truth, seen: Sequence[Seen], fps: float | None, start: int) -> tuple[AccuracyReport, float]:
    """The report, and the share of the pictures that were looked at, from the picture numbered `start` on."""
    counted, looked_at = {}, 0
    for clip in seen:
        counter, rate = CameraCounter(clip.name, clip.lines), None if fps is None else RateControl(fps)
        crossings, lost = [], 0
        for seq, at_ns, lost_before, boxes in clip.pictures[start:]:
            lost += lost_before
            if rate is not None and not rate.take(at_ns):
                continue
            looked_at += 1
            crossings += counter.update(seq, at_ns, boxes, lost).crossings
            lost = 0
        crossings += counter.finish().crossings
        counted[clip.name] = CountedClip(crossings, clip.frames, clip.duration_s)
    return evaluate(truth, counted), looked_at / sum(len(clip.pictures) for clip in seen)


def rows_for(footage: str, truth: Truth, seen: Sequence[Seen], rates: Sequence[float]) -> list[Row]:
    rows = []
    for fps in (None, *rates):
        tried = [count_at(truth, seen, fps, start) for start in range(1 if fps is None else STARTS)]
        rows.append(
            Row(
                footage,
                "all" if fps is None else f"{fps:g}",
                fmean(share for _, share in tried),
                fmean(report.overall.wape for report, _ in tried),
                fmean(report.overall.precision for report, _ in tried),
                fmean(report.overall.recall for report, _ in tried),
                fmean(report.classes["motorcycle"].wape for report, _ in tried),
            )
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truth", type=Path, nargs="+", default=REAL.found, metavar="FILE", help="of the real clips")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="default: clips/ beside the first truth file")
    parser.add_argument("--seconds", type=int, default=20, metavar="N", help="of each scene (default: %(default)s)")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, metavar="N", help="pictures a second")
    parser.add_argument("--no-real", action="store_true", help="simulated scenes alone")
    args = parser.parse_args()
    footage = {"simulated": Truth(tuple(simulated_clip(f"{scene}&seconds={args.seconds}") for scene in SCENES))}
    clips = Path()
    if args.truth and args.truth[0].exists() and not args.no_real:
        footage = {"real clips": load_truths(args.truth)} | footage
        clips = args.clips or args.truth[0].parent / "clips"
    rows, vehicles = [], []
    with load_detector(None, "cpu") as detector:
        for name, truth in footage.items():
            seen = look_at_all(truth, clips, detector)
            rows += rows_for(name, truth, seen, args.rates)
            true = count_at(truth, seen, None, 0)[0].overall.true
            vehicles.append(f"{name}: {true} vehicles in {sum(clip.duration_s for clip in seen):.0f} s")
        model = detector.info.name
    told = [row for row in rows if row.rate in ("all", f"{RECORDED_FPS:g}")]
    publish(
        NAME,
        "WAPE " + ", ".join(f"{row.wape:.3f} ({row.footage}, {row.rate} a second)" for row in told),
        table(list(Row.__dataclass_fields__), [list(asdict(row).values()) for row in rows]),
        {"model": model, "vehicles": "; ".join(vehicles), "rows": [asdict(row) for row in rows]},
    )


if __name__ == "__main__":
    main()
