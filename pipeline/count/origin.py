"""Where a vehicle was just before it was first seen, if it came from somewhere in view.

A detector may find a vehicle only when it is past a line: small, dark, or behind another until then. A track that
begins just beyond a line and leads away from it is such a vehicle, unless it begins beside one that was seen before, of
which it may be a fragment or a second box.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import hypot
from typing import Final

from pipeline.count.stitch import TrackEnd
from pipeline.types import NS_PER_S

UNSEEN_S: Final = 0.4
"""A vehicle is taken to have been there, unseen, for so long ..."""
UNSEEN_SIZES: Final = 1.0
"""... but over no more of its way than so many box sizes: further back it may have turned in, or left a kerb."""
LEAST_SIZES_PER_S: Final = 1.0
"""What moves less is hardly on its way, and the direction of its velocity says little."""
APART_SIZES: Final = 1.0
"""How far it must begin from any other vehicle, in the mean of both sizes ..."""
LATELY_S: Final = 1.0
"""... that was seen in this time."""


WATCHED_NS: Final = NS_PER_S
"""Who is first seen so shortly after the camera began, or after a gap of as much, may have been where it is."""


class Watch:
    """Since when a camera has been watched without a gap."""

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self._last_ns = 0

    def look(self, at_ns: int) -> None:
        """There is a frame of this time."""
        if self._since_ns is None or at_ns - self._last_ns >= WATCHED_NS:
            self._since_ns = at_ns
        self._last_ns = at_ns

    def has_lasted(self, at_ns: int) -> bool:
        """Whether it had gone on for `WATCHED_NS` then."""
        return self._since_ns is not None and at_ns - self._since_ns >= WATCHED_NS


def unseen_start(first: TrackEnd, others: Iterable[TrackEnd]) -> TrackEnd | None:
    """`first`, the beginning of a track, traced back to where the vehicle may have been unseen; None where it was not.

    `others` are the last sightings of vehicles that were seen before it.
    """
    speed = first.speed
    if speed < LEAST_SIZES_PER_S * first.size_px or any(_is_beside(first, other) for other in others):
        return None
    back_s = min(UNSEEN_S, UNSEEN_SIZES * first.size_px / speed)
    return replace(
        first,
        captured_at_ns=first.captured_at_ns - round(back_s * NS_PER_S),
        x=first.x - back_s * first.velocity_x,
        y=first.y - back_s * first.velocity_y,
    )


def sizes_apart(first: TrackEnd, other: TrackEnd) -> float:
    """How far `other` was, at its velocity, from where and when `first` began, in the mean of both sizes."""
    since_s = (first.captured_at_ns - other.captured_at_ns) / NS_PER_S
    apart_px = hypot(
        other.x + since_s * other.velocity_x - first.x,
        other.y + since_s * other.velocity_y - first.y,
    )
    return apart_px / ((first.size_px + other.size_px) / 2)


def _is_beside(first: TrackEnd, other: TrackEnd) -> bool:
    """Whether `other`, if it was seen lately, was beside where `first` began."""
    lately = (first.captured_at_ns - other.captured_at_ns) / NS_PER_S <= LATELY_S
    return lately and sizes_apart(first, other) < APART_SIZES
