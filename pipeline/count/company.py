"""Vehicles that came over a line hidden by another, or found as one with it.

Of motorcycles that cross side by side a detector often finds one; it finds the other when they part, beyond the line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot
from typing import Final

from pipeline.count.lines import LinePosition, Passage
from pipeline.count.origin import APART_SIZES, sizes_apart
from pipeline.count.stitch import TrackEnd
from pipeline.count.vehicle import Vehicle
from pipeline.types import NS_PER_S

MOST_DIFFERENCE: Final = 0.5
"""Who came with a vehicle begins beside it (what begins apart from all is for `origin` to judge), with a velocity that
differs by no more than this share of the faster one's, or of half a size a second."""
LATELY_NS: Final = 2 * NS_PER_S
"""The older one's crossing was so long before at most."""
PARTED_SIZES: Final = 1.3
"""So far apart, in the mean of both sizes, they are two vehicles and not one with a second box, ..."""
PARTED_WITHIN_NS: Final = 4 * NS_PER_S
"""... if they get there in this time."""


@dataclass(frozen=True, slots=True)
class _Pair:
    young: Vehicle
    older: Vehicle
    began: LinePosition
    """Where the young one was first seen."""


class Company:
    """Says of which lines new vehicles came over in another's company; remembers pairs that have not parted."""

    def __init__(self) -> None:
        self._pairs: list[_Pair] = []

    def begin(self, young: Vehicle, others: Iterable[Vehicle]) -> None:
        """A vehicle, still young, is a new one: it continues none of the `others`."""
        first = young.beginning()
        older = (other for other in others if other.began_ns < first.captured_at_ns <= other.seen_ns)
        nearest = min(older, key=lambda other: sizes_apart(first, other.ending()), default=None)
        if nearest is None:
            return
        end = nearest.ending()
        if sizes_apart(first, end) < APART_SIZES and _moves_like(first, end):
            self._pairs.append(_Pair(young, nearest, young.first_position()))

    def part(self, now_ns: int) -> list[tuple[Vehicle, list[Passage]]]:
        """Vehicles that have just proved to be no second box, and where they came over lines before they were seen."""
        parted, together = [], []
        for pair in self._pairs:
            if pair.young.seen_ns == now_ns == pair.older.seen_ns and _are_apart(pair):
                parted.append((pair.young, _shared_passages(pair)))
            elif now_ns - pair.began.captured_at_ns < PARTED_WITHIN_NS:
                together.append(pair)
        self._pairs = together
        return parted


def _shared_passages(pair: _Pair) -> list[Passage]:
    """The older one's late passages of lines beyond which the young one began; not of one that it went back over."""
    return [
        passage
        for line, passage in pair.older.passed.items()
        if 0 <= pair.began.captured_at_ns - passage.captured_at_ns <= LATELY_NS
        and pair.began.forward_side[line] == (passage.direction == "forward")
        and line not in pair.young.passed
    ]


def _are_apart(pair: _Pair) -> bool:
    return sizes_apart(pair.young.ending(), pair.older.ending()) > PARTED_SIZES


def _moves_like(first: TrackEnd, other: TrackEnd) -> bool:
    difference = hypot(first.velocity_x - other.velocity_x, first.velocity_y - other.velocity_y)
    return difference <= MOST_DIFFERENCE * max(first.speed, other.speed, first.size_px / 2)
