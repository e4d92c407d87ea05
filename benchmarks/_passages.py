"""What is counted on a clip that is played over and over, wherever in it a counter begins.

A tracker that began at another picture may count a vehicle that is hidden now and then differently. So the clip is
counted from every one of its pictures, and as closely as a worker with and without spare time looks: what all of these
counts have is certain, what only some of them have possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import supervision as sv

from pipeline.count import SETTLE_LIVE_NS, CameraCounter
from pipeline.detect import PIXEL_BUDGET, detect_in, load_detector, region_of
from pipeline.runtime.detail import DETAILS
from pipeline.source import open_source
from pipeline.types import NS_PER_S, CountingLine, Crossing

LOOP_S: Final = 20
LOOP_NS: Final = LOOP_S * NS_PER_S
ROUNDS: Final = 2
"""Counted from each beginning: the second one knows what a tracker keeps over the clip's end."""
FPS: Final = 5.0
WARM_UP_NS: Final = 4 * NS_PER_S
"""A vehicle that is on the line when a worker comes back was not seen before it."""
TOLERANCE_NS: Final = 3 * NS_PER_S // 4


@dataclass(frozen=True)
class Setting:
    """What the cameras show and how it is counted; a clip lasts `LOOP_S` at `FPS`."""

    clip: Path
    line: CountingLine
    model: Path | None = None
    details: tuple[float, ...] = DETAILS
    """How closely a worker may look, and so what the reference must agree on."""


@dataclass(frozen=True)
class Passage:
    """A crossing, without what may differ between two counts of it."""

    at_ns: int
    direction: str


@dataclass(frozen=True)
class Round:
    """What is counted in one round of the clip; times are from its beginning."""

    certain: tuple[Passage, ...]
    """Counted wherever in the clip the tracker began, if that was `WARM_UP_NS` before or more."""
    possible: tuple[Passage, ...]
    """Counted from at least one beginning; the certain ones first."""


def one_round(setting: Setting, every: int = 1) -> Round:
    """Count the clip, played over and over, from each `every`th of its pictures on, and at each detail."""
    counts = 0
    times_counted: dict[Passage, int] = {}
    for detail in setting.details:
        shown = _detected(setting, detail)
        for first in range(0, len(shown), every):
            for passages in _rounds_from(first, shown, setting.line):
                missing, left = match(times_counted, passages)
                for passage in times_counted.keys() - set(missing):
                    times_counted[passage] += 1
                times_counted |= dict.fromkeys(left, 1)
                counts += 1
    certain = [passage for passage, times in times_counted.items() if times == counts]
    return Round(tuple(certain), (*certain, *(times_counted.keys() - set(certain))))


def _detected(setting: Setting, detail: float) -> list[tuple[int, sv.Detections]]:
    with (
        load_detector(setting.model, "cpu") as detector,
        open_source(str(setting.clip), camera="reference", start_at_ns=0) as source,
    ):
        detector.pixel_budget = round(PIXEL_BUDGET * detail)
        region = region_of((setting.line,), source.size)
        return [(frame.captured_at_ns, detect_in(detector, [frame.pixels], [region])[0]) for frame in source]


def _rounds_from(first: int, shown: Sequence[tuple[int, sv.Detections]], line: CountingLine) -> Iterator[list[Passage]]:
    """What is counted in each of `ROUNDS` rounds that begin `WARM_UP_NS` after picture `first`."""
    counter = CameraCounter("reference", (line,), settle_ns=SETTLE_LIVE_NS)
    crossings: list[Crossing] = []
    begin_ns = shown[first][0] + WARM_UP_NS
    for number in range(first, first + (ROUNDS + 1) * len(shown)):
        played, place = divmod(number, len(shown))
        at_ns = shown[place][0] + played * LOOP_NS
        crossings += counter.update(number, at_ns, copy(shown[place][1])).crossings
    crossings += counter.finish().crossings
    for number in range(ROUNDS):
        from_ns = begin_ns + number * LOOP_NS
        yield [
            Passage(crossing.captured_at_ns % LOOP_NS, crossing.direction)
            for crossing in crossings
            if from_ns <= crossing.captured_at_ns < from_ns + LOOP_NS
        ]


def expected_between(passages: Sequence[Passage], from_ns: int, to_ns: int) -> Iterator[Passage]:
    """All rounds' passages in a period."""
    for number in range(from_ns // LOOP_NS, to_ns // LOOP_NS + 1):
        for passage in passages:
            if from_ns <= number * LOOP_NS + passage.at_ns < to_ns:
                yield Passage(number * LOOP_NS + passage.at_ns, passage.direction)


def match(expected: Iterable[Passage], counted: Iterable[Passage]) -> tuple[list[Passage], list[Passage]]:
    """(expected ones that were not counted, counted ones left over), by the nearest in time, one to one."""
    missing, left = [], sorted(counted, key=lambda passage: passage.at_ns)
    for passage in expected:
        near = [
            other
            for other in left
            if other.direction == passage.direction and abs(other.at_ns - passage.at_ns) <= TOLERANCE_NS
        ]
        if near:
            left.remove(min(near, key=lambda other: abs(other.at_ns - passage.at_ns)))
        else:
            missing.append(passage)
    return missing, left


@dataclass(frozen=True)
class Verdict:
    expected: int
    missing: list[Passage]
    extra: list[Passage]


def compare(round_: Round, counted: Sequence[Passage], judged: Sequence[tuple[int, int]]) -> Verdict:
    """Hold what was counted against the clip in the judged periods (from, to)."""
    expected = [passage for from_ns, to_ns in judged for passage in expected_between(round_.certain, from_ns, to_ns)]
    missing, left = match(expected, counted)
    # One at a period's edge belongs to a vehicle beside it, also where a tracker timed it a moment differently.
    possible = [
        passage
        for from_ns, to_ns in judged
        for passage in expected_between(round_.possible, from_ns - TOLERANCE_NS, to_ns + TOLERANCE_NS)
        if passage not in expected
    ]
    _, left = match(possible, left)
    extra = [passage for passage in left if any(from_ns <= passage.at_ns < to_ns for from_ns, to_ns in judged)]
    return Verdict(len(expected), missing, extra)
