"""Why a vehicle was missed: the first link that broke in the chain of detector, tracker and crossing rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.count import TrackerSettings
from pipeline.report.accuracy_evidence import NOBODY, Evidence, Sightings
from pipeline.report.accuracy_finding import Finding
from pipeline.types import CountingLine, Crossing

ENOUGH: Final = 0.5
"""Share of the frames on the line in which a vehicle must be detected for the detector to have done its part."""

SURE: Final = TrackerSettings().high_confidence
"""Detections from here on start tracks."""

LONGEST_GAP_S: Final = 0.5
"""A tracker can be asked to bridge so long a gap between detections."""


@dataclass(frozen=True, slots=True)
class Passing:
    """A vehicle that was missed, and what was seen while it passed that is not explained by others."""

    line: CountingLine
    forward: bool
    first: int
    """Frame in which it comes to touch the line."""
    last: int
    """The last in which it does."""
    margin: int
    """By how many frames these may be off."""
    free: Sightings
    """From some time before to some time after."""
    counted: tuple[Crossing, ...]
    """False counts at this line."""


def why_missed(passing: Passing, evidence: Evidence, per_s: float) -> Finding:
    """Look for the vehicle among what was seen; `per_s` is the frame rate."""
    first, last = passing.first, passing.last
    tracks = _tracks(passing, evidence.seen)
    mine = passing.free.where(passing.free.among([*tracks, NOBODY]))
    on_line = mine.touching(passing.line).between(first, last)
    sure = on_line.where((on_line.confidence >= SURE) | (on_line.vehicle != NOBODY))
    place = _middle_box(sure if len(sure) else on_line, (first + last) / 2)
    numbers = tuple(tracks)

    def frames(seen: Sightings, begin: int, end: int) -> tuple[int, int]:
        return len(seen.between(begin, end).frames), evidence.frames_between(begin, end)

    detected, of = frames(sure, first, last)
    if detected < ENOUGH * of or not of:
        best = f", at best with confidence {on_line.confidence.max():.2f}" if len(on_line) else ""
        return Finding("not detected", f"seen in {detected} of its {of} frames on the line{best}", numbers, place)
    through = [number for number, (before, after) in tracks.items() if before and after and before[0] < after[-1]]
    if through:
        return Finding("crossing rule", _not_counted(passing, through[0]), (through[0],), place)
    befores = {number: before for number, (before, after) in tracks.items() if before and not after}
    afters = {number: after for number, (before, after) in tracks.items() if after and not before}
    if not befores and not afters:
        why = f"detected in {detected} of its {of} frames on the line, but never tracked"
        return Finding("track lost", why, numbers, place)
    if befores and afters:
        one, end = max(((number, at[-1]) for number, at in befores.items()), key=lambda item: item[1])
        two, begin = min(((number, at[0]) for number, at in afters.items()), key=lambda item: item[1])
        seen, gap = frames(mine, end + 1, begin - 1)
        if gap > LONGEST_GAP_S * per_s and seen < ENOUGH * gap:
            why = f"no detection between track {one}, which ends in frame {end}, and track {two}, from frame {begin} on"
            return Finding("not detected", why, (one, two), place)
        why = f"track {one} before the line until frame {end}, track {two} beyond it from frame {begin} on"
        return Finding("id switch", why, (one, two), place)
    if befores:
        number, end = max(((number, at[-1]) for number, at in befores.items()), key=lambda item: item[1])
        if end >= last:
            why = f"track {number} touches the line, but the point that is counted stays before it"
            return Finding("crossing rule", why, (number,), place)
        seen, rest = frames(sure, end + 1, last)
        what = f"track {number} ends in frame {end}, before the line"
    else:
        number, begin = min(((number, at[0]) for number, at in afters.items()), key=lambda item: item[1])
        if begin <= first:
            why = f"track {number} is beyond the line from its first sighting on, in frame {begin}"
            return Finding("crossing rule", why, (number,), place)
        seen, rest = frames(sure, first, begin - 1)
        what = f"track {number} begins in frame {begin}, beyond the line"
    if seen < ENOUGH * rest:
        return Finding("not detected", f"{what}; on the other side seen in {seen} of {rest} frames", (number,), place)
    return Finding("track lost", f"{what}, though seen in {seen} of {rest} frames on the other side", (number,), place)


def _tracks(passing: Passing, seen: Sightings) -> dict[int, tuple[list[int], list[int]]]:
    """The tracks that can be of this vehicle: by number, in which frames each is before the line, and beyond it.

    They touch the line mostly during the vehicle's time on it, which what is parked there or waits there does not, and
    do not go the other way.
    """
    early, late = passing.first - passing.margin, passing.last + passing.margin
    tracks = {}
    for number in passing.free.touching(passing.line).between(early, late).vehicles:
        whole = seen.of(number).touching(passing.line)
        if len(whole.between(early, late)) < len(whole) / 2:
            continue
        track = passing.free.of(number)
        beyond_px, _ = track.beyond(passing.line)
        if not passing.forward:
            beyond_px = -beyond_px
        if beyond_px[-1] - beyond_px[0] < -track.size_px / 2:
            continue
        tracks[number] = (track.seq[beyond_px <= 0].tolist(), track.seq[beyond_px > 0].tolist())
    return tracks


def _not_counted(passing: Passing, number: int) -> str:
    """What became of a track that goes over the line."""
    for crossing in passing.counted:
        if crossing.track == number:
            return (
                f"track {number} goes over the line, but was counted {crossing.direction} in frame {crossing.frame}, "
                f"more than {passing.margin} frames from its time on the line or in the other direction"
            )
    beyond_px, along = passing.free.of(number).beyond(passing.line)
    change = int(np.abs(beyond_px).argmin())
    if not 0 <= along[change] < 1:
        return f"track {number} passes beyond the line's end, at {along[change]:.2f} of its length"
    return (
        f"track {number} goes over the line near frame {int(passing.free.of(number).seq[change])}, but was not counted"
    )


def _middle_box(seen: Sightings, frame: float) -> tuple[float, float, float, float] | None:
    if not len(seen):
        return None
    x1, y1, x2, y2 = seen.xyxy[int(np.abs(seen.seq - frame).argmin())].tolist()
    return x1, y1, x2, y2
