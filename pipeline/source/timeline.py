"""From a stream's presentation timestamps (pts) to seconds, and which pictures are worth passing on. Pure.

Recorded footage is rarely clean: recorders write the same timestamp twice, restart their clock, leave timestamps out,
and repeat a picture where the link stuttered. A repeated picture carries no new information but makes a moving vehicle
look as if it stopped and then leapt, so it is left out and the trackers see the true time step.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np

from pipeline.types import NS_PER_S, Image

RESTART_NS: Final = 1 * NS_PER_S
"""A step back longer than this is a clock that restarted, not two timestamps in the wrong order."""

FALLBACK_FPS: Final = Fraction(25)
"""The rate assumed for a stream with neither timestamps nor a stated rate; FFmpeg assumes the same."""

STATIC_TICK_NS: Final = 1 * NS_PER_S
"""A picture that never changes is still passed on this often: a static scene is not a dead camera."""


class Timeline:
    """Turns pts into nanoseconds since the stream's first picture.

    A missing pts is one frame interval after the picture before. Where the clock restarts (a step back of more than
    `RESTART_NS`), time goes on one frame interval after the picture before.
    """

    def __init__(self, time_base: Fraction, fps: Fraction | None, origin_pts: int | None = None) -> None:
        self._time_base = time_base
        self._interval_ns = _to_ns(1 / (fps or FALLBACK_FPS))
        self._origin_pts = origin_pts
        self._shift_ns = 0
        self._last_ns: int | None = None
        self.missing = 0
        """Pictures without a timestamp so far."""
        self.restarts = 0
        """How often the clock stepped back and was carried on."""

    def offset_ns(self, pts: int | None) -> int | None:
        """Nanoseconds since the first picture, or None where time does not advance: leave that picture out."""
        next_ns = 0 if self._last_ns is None else self._last_ns + self._interval_ns
        if pts is None:
            self.missing += 1
            offset = next_ns
        else:
            if self._origin_pts is None:
                self._origin_pts, self._shift_ns = pts, next_ns
            offset = _to_ns((pts - self._origin_pts) * self._time_base) + self._shift_ns
            if self._last_ns is not None and offset < self._last_ns - RESTART_NS:
                self.restarts += 1
                self._shift_ns += next_ns - offset
                offset = next_ns
        if self._last_ns is not None and offset <= self._last_ns:
            return None
        self._last_ns = offset
        return offset


class StutterFilter:
    """Tells a picture that repeats the last delivered one.

    Holds one picture. A few rows are compared first and the whole only if those agree, so that a changing scene costs
    almost nothing.
    """

    SAMPLE_ROWS: Final = 24

    def __init__(self) -> None:
        self._last: Sequence[Image] = ()
        self._last_ns = 0

    def is_repeat(self, planes: Sequence[Image], offset_ns: int) -> bool:
        """True where every plane equals the last non-repeat's, which is less than one tick old."""
        if self._last and offset_ns - self._last_ns < STATIC_TICK_NS and self._equals_last(planes):
            return True
        self._last, self._last_ns = planes, offset_ns
        return False

    def _equals_last(self, planes: Sequence[Image]) -> bool:
        if [plane.shape for plane in self._last] != [plane.shape for plane in planes]:
            return False
        rows = slice(None, None, max(1, len(planes[0]) // self.SAMPLE_ROWS))
        if not np.array_equal(self._last[0][rows], planes[0][rows]):
            return False
        return all(map(np.array_equal, self._last, planes))


def _to_ns(seconds: Fraction) -> int:
    """Exact to the nanosecond, which floats are not after a few months."""
    return round(seconds * NS_PER_S)
