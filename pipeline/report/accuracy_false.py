"""Why a crossing was counted that the truth does not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from pipeline.report.accuracy_evidence import Sightings
from pipeline.report.accuracy_finding import Finding
from pipeline.report.accuracy_geometry import overlap
from pipeline.report.accuracy_matching import JudgedVehicle
from pipeline.types import CountingLine, Crossing

AGAIN_S: Final = 2.0
"""A vehicle that is counted twice is counted twice within so long."""

SECOND_BOX: Final = 0.35
"""Two tracks whose boxes overlap by so much (median over their common frames) are of one vehicle."""

INSIDE: Final = 0.8
"""So is a track that has so much of its boxes inside the other's, where both have two wheels: rider and machine."""

AT_ONCE_S: Final = 0.5
"""A track is compared with others for so long before and after its crossing, and must be seen in that time."""

HOP: Final = 3.0
"""A track that moves so many times faster than it usually does, and by more than its size, hops to another vehicle."""

TWO_WHEELS: Final = ("motorcycle", "bicycle")


def why_false(
    line: CountingLine,
    crossing: Crossing,
    others: Sequence[Crossing],
    missed: JudgedVehicle | None,
    seen: Sightings,
    per_s: float,
) -> Finding:
    """Look for what was counted among what was seen.

    Args:
        line: where it was counted.
        crossing: the count too many.
        others: counts at the line that are right, or that came before.
        missed: the vehicle that was missed and whose track this is.
        seen: everything seen in the clip.
        per_s: frames a second.
    """
    number = crossing.track
    near = seen.between(crossing.frame - AGAIN_S * per_s, crossing.frame + AGAIN_S * per_s)
    track = near.of(number)
    box = _box_at(track, crossing.frame)
    if missed is not None:
        why = f"track {number} is of a vehicle that was missed: it went {missed.direction} over the line" + (
            f" in frames {missed.window.first} to {missed.window.last}" if missed.window else ""
        )
        return Finding("crossing rule", why, (number,), box)
    for other in others:
        if abs(other.frame - crossing.frame) <= AGAIN_S * per_s:
            why_twice = _why_twice(crossing, other, track, near.of(other.track), per_s)
            if why_twice:
                return Finding("double count", why_twice, (number, other.track), box)
    if not len(track):
        return Finding("false detection", f"track {number} was not seen within {AGAIN_S:g} s of the count", (number,))
    if hop := _hop(track, crossing.frame, per_s):
        return Finding("id switch", f"track {number} {hop}: not one vehicle's way", (number,), box)
    beyond_px, along = track.beyond(line)
    if crossing.direction == "backward":
        beyond_px = -beyond_px
    farthest = float(beyond_px[track.seq >= crossing.frame].max(initial=0.0))
    if farthest < track.size_px / 2 or beyond_px[-1] <= 0:
        why = f"track {number} gets {farthest:.0f} px beyond the line, or goes back; its size is {track.size_px:.0f} px"
        return Finding("crossing rule", why, (number,), box)
    length_px = float(np.hypot(line.end[0] - line.start[0], line.end[1] - line.start[1]))
    at = float(along[np.abs(track.seq - crossing.frame).argmin()])
    from_end_px = min(at, 1 - at) * length_px
    if from_end_px < track.size_px / 2:
        where = f"passes {max(from_end_px, 0):.0f} px from the line's end"
        why = f"track {number} {where}; its size is {track.size_px:.0f} px"
        return Finding("crossing rule", why, (number,), box)
    whole = seen.of(number)
    why = f"track {number}: {len(whole)} detections, confidence {whole.confidence.mean():.2f} on average"
    return Finding("false detection", f"{why}, and no vehicle crosses there", (number,), box)


def _why_twice(crossing: Crossing, other: Crossing, track: Sightings, rival: Sightings, per_s: float) -> str | None:
    """Why both counts are of one vehicle; None where they are not."""
    if crossing.track == other.track:
        return f"track {crossing.track} was counted in frames {other.frame} and {crossing.frame}"
    at_once = crossing.frame - AT_ONCE_S * per_s, crossing.frame + AT_ONCE_S * per_s
    common = sorted(track.between(*at_once).frames & rival.frames)
    if common:
        mine, theirs = (s.where(np.isin(s.seq, common)).xyxy for s in (track, rival))
        shared = np.diagonal(overlap(mine, theirs))
        if np.median(shared) >= SECOND_BOX:
            return f"track {crossing.track} is a second box on track {other.track}"
        if {crossing.vehicle_class, other.vehicle_class} <= set(TWO_WHEELS) and _inside(mine, theirs) >= INSIDE:
            return f"track {crossing.track} is a part of what track {other.track} is: rider or machine"
        return None
    if not len(track) or not len(rival):
        return None
    before, after = (track, rival) if track.seq[-1] < rival.seq[0] else (rival, track)
    gap = after.seq[0] - before.seq[-1]
    jump_px = np.hypot(*(_centre(after, 0) - _centre(before, -1)))
    if 0 < gap <= per_s and jump_px <= before.size_px + after.size_px:
        return f"tracks {crossing.track} and {other.track} are pieces of one way, each counted at the line"
    return None


def _hop(track: Sightings, frame: int, per_s: float) -> str | None:
    """What is wrong with the way of a track around the frame in which it was counted; None where nothing is."""
    before, after = track.seq[track.seq < frame], track.seq[track.seq >= frame]
    if not len(before) or not len(after) or after[0] - before[-1] > AT_ONCE_S * per_s:
        return f"was not seen on both sides of the line at frame {frame}, its way was put together from pieces"
    centres = (track.xyxy[:, :2] + track.xyxy[:, 2:]) / 2
    frames = np.diff(track.seq)
    steps_px = np.hypot(*np.diff(centres, axis=0).T)
    per_frame = steps_px / frames
    near = np.abs(track.seq[1:] - frame) <= AT_ONCE_S * per_s
    hops = near & (per_frame > HOP * np.median(per_frame)) & (steps_px > track.size_px)
    if not hops.any():
        return None
    row = int(np.flatnonzero(hops)[0])
    return f"hops {steps_px[row]:.0f} px from frame {track.seq[row]} to frame {track.seq[row + 1]}"


def _inside(xyxy: np.ndarray, other: np.ndarray) -> float:
    """Median share of the smaller box of each pair that lies in the larger."""
    low, high = np.maximum(xyxy[:, :2], other[:, :2]), np.minimum(xyxy[:, 2:], other[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (xyxy, other)]
    return float(np.median(shared / np.maximum(np.minimum(*areas), 1e-9)))


def _centre(seen: Sightings, row: int) -> np.ndarray:
    return np.asarray((seen.xyxy[row, :2] + seen.xyxy[row, 2:]) / 2)


def _box_at(track: Sightings, frame: int) -> tuple[float, float, float, float] | None:
    if not len(track):
        return None
    x1, y1, x2, y2 = track.xyxy[int(np.abs(track.seq - frame).argmin())].tolist()
    return x1, y1, x2, y2
