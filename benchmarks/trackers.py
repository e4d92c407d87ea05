"""Which tracker counts best? Judged by counts at lines, not by the quality of tracks.

    python -m benchmarks.trackers [--counters NAME ...] [--fps N ...] [--seeds N ...] [--seconds N]
                                  [--truth FILE ...] [--clips DIR] [--model FOLDER] [--cache DIR]

Simulated junctions give true boxes, once as they are and once with the flaws of a stuttering camera and a small
detector (`_recordings.Flaws`), in usual traffic and in dense motorcycles. Real clips give the boxes of the shipped
detector, kept in `--cache`. Every tracker sees the same boxes, and the same rule makes crossings of its tracks; the
whole counter, which also joins fragments, and supervision's LineZone are there for comparison.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, Final

import numpy as np
import supervision as sv

from benchmarks._recordings import Flaws, Recording, recorded, simulated
from benchmarks._report import ROOT, SHARED, publish, table
from benchmarks._tracker_peers import TRACKERS, BoxTracker
from pipeline.count import CameraCounter, LineCrossingDetector, LineGeometry
from pipeline.count.counter import MARGIN_SIZES, REFERENCE_HEIGHT
from pipeline.count.movements import MovementPairer
from pipeline.count.vote import ClassVote
from pipeline.detect import load_detector
from pipeline.report.accuracy import CountedClip, Truth, evaluate, load_truth
from pipeline.source.simulated import Scenario
from pipeline.types import VEHICLE_CLASSES, Crossing, Movement, event_id

NAME: Final = "trackers"
DOCUMENT: Final = ROOT / "docs" / "tracking.md"
COUNTER: Final = "simpang, whole counter"
LINE_ZONE: Final = "LineZone + ByteTrack"
DENSE: Final = {"mix": (0.88, 0.07, 0.01, 0.02, 0.02), "flow_vph": 4500.0}
"""Motorcycles in packs that stop at the lights and start together."""

Counted = tuple[list[Crossing], list[Movement]]


@dataclass(slots=True)
class Followed:
    """One track under the common rule."""

    detector: LineCrossingDetector
    vote: ClassVote


def count_with_counter(recording: Recording) -> Counted:
    counter = CameraCounter("benchmark", recording.lines)
    updates = [counter.update(f.seq, f.captured_at_ns, f.boxes, f.lost_before) for f in recording.frames]
    updates.append(counter.finish())
    return [c for u in updates for c in u.crossings], [m for u in updates for m in u.movements]


def count_by_common_rule(recording: Recording, tracker: BoxTracker) -> Counted:
    """The point three quarters down the box crosses as in the counter; class by vote over the whole track."""
    geometry = LineGeometry(recording.lines)
    followed: dict[int, Followed] = {}
    passages = []
    for frame in recording.frames:
        tracked = tracker.track(frame)
        extent = (tracked.xyxy[:, 2:] - tracked.xyxy[:, :2]).astype(float)
        size_px = np.sqrt(np.maximum(extent.prod(axis=1), 1.0))
        points = tracked.xyxy[:, :2] + extent * (0.5, REFERENCE_HEIGHT)
        positions = geometry.locate(points, MARGIN_SIZES * size_px, frame.captured_at_ns, frame.seq)
        for row, position in enumerate(positions):
            track = int(tracked.tracker_id[row])
            path = followed.setdefault(track, Followed(LineCrossingDetector(), ClassVote()))
            # The class is of the whole track, so early votes count as late ones do; and not all trackers know a
            # velocity, so what stands votes as what moves.
            path.vote.add(0, int(tracked.class_id[row]), float(tracked.confidence[row]), float(size_px[row]), inf)
            passages += [(track, passage) for passage in path.detector.advance(position)]
    passages += [(track, passage) for track, path in followed.items() for passage in path.detector.finish()]
    passages.sort(key=lambda item: (item[1].captured_at_ns, item[0]))
    crossings = [
        _crossing(
            recording.lines[passage.line].name,
            passage.direction,
            followed[track].vote.vehicle_class,
            passage.frame,
            track,
            passage.captured_at_ns,
        )
        for track, passage in passages
    ]
    pairer = MovementPairer(recording.lines)
    return crossings, [m for crossing in crossings if (m := pairer.cross(crossing, crossing.track)) is not None]


def count_with_line_zone(recording: Recording, tracker: BoxTracker) -> Counted:
    zones = [
        (line, sv.LineZone(sv.Point(*line.start), sv.Point(*line.end), (sv.Position.CENTER,)))
        for line in recording.lines
    ]
    crossings = []
    for frame in recording.frames:
        tracked = tracker.track(frame)
        for line, zone in zones:
            # LineZone's "in" is to the left-hand side of someone walking from start to end.
            into, out = zone.trigger(tracked)
            for crossed, direction in ((into, "backward"), (out, "forward")):
                crossings += [
                    _crossing(line.name, direction, VEHICLE_CLASSES[class_id], frame.seq, track, frame.captured_at_ns)
                    for class_id, track in zip(tracked.class_id[crossed], tracked.tracker_id[crossed], strict=True)
                ]
    return crossings, []


def _crossing(line: str, direction: Any, vehicle_class: str, frame: int, track: int, at_ns: int) -> Crossing:
    return Crossing(
        event_id(line, frame, int(track)),
        "benchmark",
        line,
        direction,
        vehicle_class,
        at_ns,
        frame,
        int(track),
        1.0,
        None,
        0,
        "",
    )


COUNTERS: dict[str, Callable[[Recording], Counted]] = {
    COUNTER: count_with_counter,
    **{
        name: lambda recording, start=start: count_by_common_rule(recording, start(recording))
        for name, start in TRACKERS.items()
    },
    LINE_ZONE: lambda recording: count_with_line_zone(recording, TRACKERS["ByteTrack (trackers)"](recording)),
}


def simulated_groups(
    seconds: float, fps: Sequence[float], seeds: Sequence[int]
) -> Iterator[tuple[str, list[Recording]]]:
    for rate in fps:
        for kind, traffic, flaws in (("true", {}, None), ("flawed", {}, Flaws()), ("dense", DENSE, Flaws())):
            yield (
                f"{kind} {rate:g} fps",
                [
                    simulated(
                        f"{kind} {rate:g} fps seed {seed}",
                        Scenario(seed=seed, legs=3 + seed % 2, fps=rate, duration_s=seconds, **traffic),
                        flaws,
                    )
                    for seed in seeds
                ],
            )


def judge(recordings: Sequence[Recording], count: Callable[[Recording], Counted]) -> dict[str, Any]:
    """Counts against the truth over some recordings, and the milliseconds a frame took."""
    began = time.process_time()
    found = {recording.name: count(recording) for recording in recordings}
    elapsed_s = time.process_time() - began
    report = evaluate(
        Truth(tuple(recording.truth for recording in recordings)),
        {
            recording.name: CountedClip(found[recording.name][0], recording.frame_count, recording.duration_s)
            for recording in recordings
        },
    ).overall
    return {
        "true": report.true,
        "wape": report.wape,
        "precision": report.precision,
        "recall": report.recall,
        "found": report.found,
        "class_wrong": report.class_wrong,
        "missed": report.missed,
        "false": report.false,
        "movement_wape": _movement_wape(recordings, found),
        "ms_per_frame": 1000 * elapsed_s / sum(len(recording.frames) for recording in recordings),
    }


def _movement_wape(recordings: Sequence[Recording], found: dict[str, Counted]) -> float | None:
    wrong = true = 0
    for recording in recordings:
        if recording.movements is None:
            return None
        turned = Counter((m.from_line, m.to_line, m.vehicle_class) for m in found[recording.name][1])
        keys = turned.keys() | recording.movements.keys()
        wrong += sum(abs(turned[key] - recording.movements.get(key, 0)) for key in keys)
        true += sum(recording.movements.values())
    return wrong / true if true else None


def real_groups(args: argparse.Namespace) -> Iterator[tuple[str, list[Recording]]]:
    truths = [load_truth(path) for path in args.truth if path.exists()]
    if not truths:
        return
    with closing(load_detector(args.model, "cpu")) as detector:
        for path, truth in zip(args.truth, truths, strict=False):
            yield (
                f"clips of {path.name}",
                [recorded(clip, args.clips / clip.name, detector, args.cache) for clip in truth.clips],
            )


def fill_document(content: dict[str, Any]) -> None:
    """Put WAPE per group of scenes into docs/tracking.md."""
    counters: dict[str, dict[str, Any]] = content["counters"]
    groups = list(next(iter(counters.values())))
    rows = [
        ["WAPE", *groups],
        ["---"] + ["---:"] * len(groups),
        *([name, *(f"{judged[group]['wape']:.3f}" for group in groups)] for name, judged in counters.items()),
    ]
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    said = f"Simulations of {content['seconds']:g} s with seeds {', '.join(map(str, content['seeds']))}."
    begin, end = "<!--trackers-->", "<!--/trackers-->"
    before, _, rest = DOCUMENT.read_text().partition(begin)
    DOCUMENT.write_text(f"{before}{begin}\n{said}\n\n{text}\n{end}{rest.partition(end)[2]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counters", nargs="+", choices=list(COUNTERS), default=list(COUNTERS), metavar="NAME")
    parser.add_argument("--fps", type=float, nargs="*", default=[5, 10, 15, 25], metavar="N", help="of the simulation")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], metavar="N")
    parser.add_argument("--seconds", type=float, default=60, metavar="N", help="of each simulation")
    parser.add_argument("--truth", type=Path, nargs="*", default=[SHARED / "data/truth.json"], metavar="FILE")
    parser.add_argument("--clips", type=Path, default=SHARED / "data/clips", metavar="DIR")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="default: the shipped one")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "simpang-detections", metavar="DIR")
    args = parser.parse_args()
    results: dict[str, dict[str, Any]] = {name: {} for name in args.counters}
    for group, recordings in (*simulated_groups(args.seconds, args.fps, args.seeds), *real_groups(args)):
        for name in args.counters:
            results[name][group] = judge(recordings, COUNTERS[name])
    groups = list(next(iter(results.values())))
    shown = [
        f"{title}\n" + table(["", *groups], [[name, *(judged[group][measure] for group in groups)]
                                            for name, judged in results.items()])
        for title, measure in (
            ("WAPE over line, direction and class", "wape"),
            ("Precision of crossings", "precision"),
            ("Recall of crossings", "recall"),
            ("WAPE of movements", "movement_wape"),
            ("CPU time, ms per frame", "ms_per_frame"),
        )
    ]  # fmt: skip
    mean = {name: float(np.mean([judged[group]["wape"] for group in groups])) for name, judged in results.items()}
    content = {"fps": args.fps, "seeds": args.seeds, "seconds": args.seconds, "counters": results}
    publish(
        NAME,
        f"mean WAPE over {len(groups)} groups of scenes: "
        + ", ".join(f"{value:.3f} {name}" for name, value in mean.items()),
        "\n\n".join(shown),
        content,
    )
    fill_document(content)


if __name__ == "__main__":
    main()
