"""What does it spare not to look where nothing moves, and does any count change?

    python -m benchmarks.stillness [--truth FILE ...] [--clips DIR] [--seconds 60] [--no-real]

Counts each recording twice, with every frame looked at and as Simpang does, and compares how many crossings of each
line, direction and class there are. The recordings are the real clips with hand counts, where they are at hand, and
H.264 recordings of simulated junctions: a quiet night, a night in the rain, a busy night and a busy day. CPU time is
the whole process'.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final
from unittest import mock

import numpy as np

from benchmarks._report import publish, table
from benchmarks.accuracy_tables import REAL
from pipeline.commands.evaluate import open_jobs
from pipeline.count import CameraCounter
from pipeline.detect import Detector, Stillness, load_detector
from pipeline.report.accuracy import load_truths
from pipeline.runtime.footage import FootageJob, count_footage
from pipeline.source import open_source
from pipeline.source.simulated import Scenario, SimulatedJunction, write_video

NAME: Final = "stillness"
SCENES: Final = {
    "quiet night": Scenario(seed=201, light="night", flow_vph=200.0),
    "night, rain": Scenario(seed=203, light="night", weather="rain", flow_vph=300.0),
    "busy night": Scenario(seed=202, light="night", flow_vph=1500.0),
    "busy day": Scenario(seed=204, flow_vph=1800.0),
}

OpenJobs = Callable[[ExitStack], list[FootageJob]]


@dataclass(frozen=True)
class Outcome:
    scene: str
    frames: int
    still_share: float
    cpu_share: float
    """Of the CPU time that looking at every frame takes."""
    crossings: int
    """With every frame looked at."""
    different: int
    """Crossings that only one of the two counted."""


def scene_jobs(path: Path, scenario: Scenario) -> OpenJobs:
    with SimulatedJunction(scenario) as junction:
        write_video(junction, path)

    def opened(stack: ExitStack) -> list[FootageJob]:
        source = stack.enter_context(open_source(str(path), camera=path.stem, start_at_ns=0))
        return [FootageJob(source, CameraCounter(path.stem, junction.lines), junction.lines, path.stem)]

    return opened


def counted(open_all: OpenJobs, detector: Detector) -> tuple[list[FootageJob], float]:
    """The jobs done, and the seconds of CPU that it took."""
    with ExitStack() as stack:
        jobs = open_all(stack)
        began = time.process_time()
        count_footage(jobs, detector)
        return jobs, time.process_time() - began


def tally(jobs: Iterable[FootageJob]) -> Counter[tuple[str, ...]]:
    return Counter((job.label, c.line, c.direction, c.vehicle_class) for job in jobs for c in job.crossings)


def compare(scene: str, open_all: OpenJobs, detector: Detector) -> Outcome:
    with ExitStack() as stack:  # compile what is not compiled yet
        for job in open_all(stack):
            detector.detect([np.zeros((job.region.height, job.region.width, 3), np.uint8)])
    # Not a mock's return value: a mock keeps what it was called with, every picture.
    with mock.patch.object(Stillness, "holds", lambda self, pixels, captured_at_ns: False):
        every, every_s = counted(open_all, detector)
    jobs, spent_s = counted(open_all, detector)
    frames, one, other = sum(job.frames for job in jobs), tally(every), tally(jobs)
    different = ((one - other) + (other - one)).total()
    return Outcome(scene, frames, sum(job.still for job in jobs) / frames, spent_s / every_s, one.total(), different)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truth", type=Path, nargs="+", default=REAL.found, metavar="FILE", help="of the real clips")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="default: clips/ beside the first truth file")
    parser.add_argument("--seconds", type=float, default=60, metavar="N", help="of each scene (default: %(default)s)")
    parser.add_argument("--no-real", action="store_true", help="simulated scenes alone")
    args = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory() as name, load_detector(None, "cpu") as detector:
        if args.truth and args.truth[0].exists() and not args.no_real:
            truth, clips = load_truths(args.truth), args.clips or args.truth[0].parent / "clips"
            outcomes.append(compare("real clips", lambda stack: open_jobs(truth, clips, stack), detector))
        for scene, scenario in SCENES.items():
            path = Path(name) / f"{scene.replace(', ', '-').replace(' ', '-')}.mp4"
            jobs = scene_jobs(path, replace(scenario, duration_s=args.seconds))
            outcomes.append(compare(scene, jobs, detector))
    told = "; ".join(f"{o.scene} {1 - o.cpu_share:.0%} of the CPU" for o in outcomes)
    different, crossings = sum(o.different for o in outcomes), sum(o.crossings for o in outcomes)
    publish(
        NAME,
        f"spared: {told}; {different} of {crossings} crossings differ",
        table(
            ["scene", "frames", "still", "CPU", "crossings", "different"],
            [
                [o.scene, o.frames, f"{o.still_share:.0%}", f"{o.cpu_share:.0%}", o.crossings, o.different]
                for o in outcomes
            ],
        ),
        {"outcomes": [asdict(o) for o in outcomes]},
    )


if __name__ == "__main__":
    main()
