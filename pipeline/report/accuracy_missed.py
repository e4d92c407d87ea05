"""Why a vehicle was missed: the first link that broke in the chain of detector, tracker and crossing rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.count import TrackerSettings
from pipeline.report.accuracy_evidence import NOBODY, Evidence, Sightings
from pipeline.report.accuracy_finding import Cause, Finding
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


Told = tuple[Cause, str, tuple[int, ...]]
"""Cause, evidence in words, numbers of the tracks that it is about."""


@dataclass(frozen=True, slots=True)
class _Trace:
    """What can be of the missed vehicle."""

    passing: Passing
    evidence: Evidence
    befores: dict[int, list[int]]
    """By track, in which frames it is before the line."""
    afters: dict[int, list[int]]
    """The same beyond the line."""
    mine: Sightings
    """Of these tracks, or of nobody's."""

    @property
    def on_line(self) -> Sightings:
        """Those that touch the line while the vehicle does."""
        return self.mine.touching(self.passing.line).between(self.passing.first, self.passing.last)

    @property
    def sure(self) -> Sightings:
        """Those that a tracker can begin or go on with."""
        seen = self.on_line
        return seen.where((seen.confidence >= SURE) | (seen.vehicle != NOBODY))

    def share(self, seen: Sightings, begin: int, end: int) -> tuple[int, int]:
        """(frames with a sighting, frames analysed) from `begin` to `end`, both included."""
        return len(seen.between(begin, end).frames), self.evidence.frames_between(begin, end)


def why_missed(passing: Passing, evidence: Evidence, per_s: float) -> Finding:
    """Look for the vehicle among what was seen; `per_s` is the frame rate."""
    tracks = _tracks(passing, evidence.seen)
    trace = _Trace(
        passing,
        evidence,
        {number: before for number, (before, _) in tracks.items() if before},
        {number: after for number, (_, after) in tracks.items() if after},
        passing.free.where(passing.free.among([*tracks, NOBODY])),
    )
    cause, why, numbers = _undetected(trace) or _through(trace) or _switched(trace, per_s) or _one_sided(trace)
    place = _middle_box(trace.sure if len(trace.sure) else trace.on_line, (passing.first + passing.last) / 2)
    return Finding(cause, why, numbers, place)


def _undetected(trace: _Trace) -> Told | None:
    detected, of = trace.share(trace.sure, trace.passing.first, trace.passing.last)
    if of and detected >= ENOUGH * of:
        return None
    seen = trace.on_line
    best = f", at best with confidence {seen.confidence.max():.2f}" if len(seen) else ""
    numbers = tuple(sorted({*trace.befores, *trace.afters}))
    return "not detected", f"seen in {detected} of its {of} frames on the line{best}", numbers


def _through(trace: _Trace) -> Told | None:
    for number, before in trace.befores.items():
        if before[0] < trace.afters.get(number, [0])[-1]:
            return "crossing rule", _not_counted(trace.passing, number), (number,)
    return None


def _switched(trace: _Trace, per_s: float) -> Told | None:
    befores = {number: at[-1] for number, at in trace.befores.items() if number not in trace.afters}
    afters = {number: at[0] for number, at in trace.afters.items() if number not in trace.befores}
    if not befores or not afters:
        return None
    one, two = max(befores, key=befores.__getitem__), min(afters, key=afters.__getitem__)
    end, begin = befores[one], afters[two]
    seen, gap = trace.share(trace.mine, end + 1, begin - 1)
    if gap > LONGEST_GAP_S * per_s and seen < ENOUGH * gap:
        why = f"no detection between track {one}, which ends in frame {end}, and track {two}, from frame {begin} on"
        return "not detected", why, (one, two)
    why = f"track {one} before the line until frame {end}, track {two} beyond it from frame {begin} on"
    return "id switch", why, (one, two)


def _one_sided(trace: _Trace) -> Told:
    """All tracks are on one side of the line only, or there is none."""
    first, last = trace.passing.first, trace.passing.last
    if trace.befores:
        number = max(trace.befores, key=lambda track: trace.befores[track][-1])
        end = trace.befores[number][-1]
        if end >= last:
            why = f"track {number} touches the line, but the point that is counted stays before it"
            return "crossing rule", why, (number,)
        what, (seen, rest) = f"ends in frame {end}, before the line", trace.share(trace.sure, end + 1, last)
    elif trace.afters:
        number = min(trace.afters, key=lambda track: trace.afters[track][0])
        begin = trace.afters[number][0]
        if begin <= first:
            why = f"track {number} is beyond the line from its first sighting on, in frame {begin}"
            return "crossing rule", why, (number,)
        what, (seen, rest) = f"begins in frame {begin}, beyond the line", trace.share(trace.sure, first, begin - 1)
    else:
        detected, of = trace.share(trace.sure, first, last)
        return "track lost", f"detected in {detected} of its {of} frames on the line, but never tracked", ()
    if seen < ENOUGH * rest:
        return "not detected", f"track {number} {what}; on the other side seen in {seen} of {rest} frames", (number,)
    return "track lost", f"track {number} {what}, though seen in {seen} of {rest} frames on the other side", (number,)


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
