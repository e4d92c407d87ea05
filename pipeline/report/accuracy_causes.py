"""Why each wrong count is wrong, told from the detections and tracks near the line at the time.

What was seen on the line and belongs to a vehicle that was counted rightly is set aside. The rest is held against each
vehicle that was missed (`accuracy_missed`) and each crossing too many (`accuracy_false`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from pipeline.report.accuracy_evidence import Evidence, Sightings
from pipeline.report.accuracy_false import why_false
from pipeline.report.accuracy_finding import CAUSES, Cause, Finding
from pipeline.report.accuracy_geometry import overlap
from pipeline.report.accuracy_matching import JudgedCrossing, JudgedVehicle
from pipeline.report.accuracy_measures import JudgedLine
from pipeline.report.accuracy_missed import Passing, why_missed
from pipeline.report.accuracy_truth import FrameRange
from pipeline.types import VEHICLE_CLASSES, Crossing

__all__ = ["CAUSES", "Cause", "Mistake", "explain"]

AROUND_S: Final = 1.0
"""How long before and after the time on the line is looked at."""

SAME_VEHICLE: Final = 0.5
"""Boxes of one frame that overlap by so much (intersection over union) are of one vehicle."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong count and its cause."""

    clip: str
    line: str
    kind: Literal["missed", "class wrong", "false"]
    direction: str
    vehicle_class: str
    """The true class; of a false count the counted one."""
    counted_as: str | None
    """The class under which it was counted; None where it was missed."""
    window: FrameRange | None
    """When it touched the line; None of a false count, and where the truth does not say."""
    frame: float | None
    """The middle of its time on the line, or the frame of the false count."""
    finding: Finding


def explain(line: JudgedLine, evidence: Evidence) -> list[Mistake]:
    """The causes of every miss, wrong class and false count at one line of one clip, in order of time."""
    mistakes = []
    right = [item.crossing for item in line.crossings if item.outcome in ("hit", "class wrong", "neutral")]
    per_s = line.result.frames / line.result.duration_s
    taken: dict[int, JudgedVehicle] = {}
    for vehicle in line.vehicles:
        if vehicle.outcome == "missed":
            finding = _missed(line, vehicle, evidence, right, per_s)
            taken |= dict.fromkeys(finding.vehicles, vehicle)
            mistakes.append(_mistake(line, vehicle, finding))
        elif vehicle.outcome == "class wrong" and vehicle.crossing is not None:
            mistakes.append(_mistake(line, vehicle, _wrong_class(vehicle, vehicle.crossing, evidence.seen)))
    for item in line.crossings:
        if item.outcome == "false":
            others = [other.crossing for other in line.crossings if other.crossing.event_id != item.crossing.event_id]
            earlier = [o for o in others if o in right or o.frame < item.crossing.frame]
            finding = why_false(line.line, item.crossing, earlier, taken.get(item.crossing.track), evidence.seen, per_s)
            mistakes.append(_false(line, item, finding))
    return sorted(mistakes, key=lambda mistake: (mistake.frame is None, mistake.frame))


def _missed(
    line: JudgedLine, vehicle: JudgedVehicle, evidence: Evidence, right: list[Crossing], per_s: float
) -> Finding:
    if vehicle.window is None:
        return Finding("unknown", "the truth does not say in which frames it touched the line")
    first = vehicle.window.first
    last = int(evidence.frame_seq[-1]) if vehicle.window.last is None else vehicle.window.last
    around = AROUND_S * per_s
    # A vehicle that was counted rightly explains its own sightings, at about the time at which it was counted.
    explained = {c.track for c in right if first - 2 * around <= c.frame <= last + 2 * around}
    passing = Passing(
        line=line.line,
        forward=vehicle.direction == "forward",
        first=first,
        last=last,
        margin=line.result.tolerance_frames,
        free=_unexplained(evidence.seen.between(first - around, last + around), explained),
        counted=tuple(item.crossing for item in line.crossings if item.outcome == "false"),
    )
    return why_missed(passing, evidence, per_s)


def _unexplained(seen: Sightings, explained: set[int]) -> Sightings:
    """Without the vehicles in `explained`, and without second boxes on top of theirs."""
    of_them = seen.among(explained)
    theirs = seen.where(of_them)
    doubled = (overlap(seen.xyxy, theirs.xyxy) >= SAME_VEHICLE) & (seen.seq[:, None] == theirs.seq[None])
    return seen.where(~(of_them | doubled.any(axis=1)))


def _wrong_class(vehicle: JudgedVehicle, crossing: Crossing, seen: Sightings) -> Finding:
    track = seen.of(crossing.track)
    names = [VEHICLE_CLASSES[class_id] for class_id in track.class_id.tolist()]
    votes = ", ".join(f"{name} {names.count(name)}" for name in VEHICLE_CLASSES if name in names)
    why = f"track {crossing.track} was counted as {crossing.vehicle_class}; its detections say {votes or 'nothing'}"
    return Finding("wrong class", why, (crossing.track,))


def _mistake(line: JudgedLine, vehicle: JudgedVehicle, finding: Finding) -> Mistake:
    kind: Literal["missed", "class wrong"] = "missed" if vehicle.outcome == "missed" else "class wrong"
    counted_as = vehicle.crossing.vehicle_class if vehicle.crossing else None
    return Mistake(
        line.clip,
        line.line.name,
        kind,
        vehicle.direction,
        vehicle.vehicle_class,
        counted_as,
        vehicle.window,
        vehicle.frame,
        finding,
    )


def _false(line: JudgedLine, item: JudgedCrossing, finding: Finding) -> Mistake:
    crossing = item.crossing
    return Mistake(
        line.clip,
        line.line.name,
        "false",
        crossing.direction,
        crossing.vehicle_class,
        crossing.vehicle_class,
        None,
        float(crossing.frame),
        finding,
    )
