"""Paths of vehicles, kept so that lines can be tried on footage that was analysed before."""

from __future__ import annotations

from math import hypot
from typing import Final

import numpy as np

from pipeline.count.stitch import TrackEnd
from pipeline.types import NS_PER_S, VehiclePath

STILL_SIZES: Final = 0.05
"""A point nearer than this to the one before, in box sizes, is left out: a third of what makes a crossing certain."""
MOST_STILL_NS: Final = NS_PER_S
"""But one a second stays, so that a vehicle that waits is seen to wait."""


class PathKeeper:
    """The path of one vehicle while it grows. Memory: a point for each move, and one a second while it stands."""

    __slots__ = ("_kept", "_last")

    def __init__(self) -> None:
        self._kept: list[tuple[int, float, float, float]] = []
        self._last: tuple[int, float, float, float] | None = None
        """Seen last, and left out so far."""

    def begin(self, start: TrackEnd) -> None:
        """The vehicle was there before all of this."""
        self._kept.insert(0, (start.captured_at_ns, start.x, start.y, start.size_px))

    def add(self, end: TrackEnd) -> None:
        """The vehicle was seen there."""
        point = (end.captured_at_ns, end.x, end.y, end.size_px)
        if self._kept:
            at_ns, x, y, _ = self._kept[-1]
            moved = hypot(end.x - x, end.y - y) > STILL_SIZES * end.size_px
            if not moved and end.captured_at_ns - at_ns < MOST_STILL_NS:
                self._last = point
                return
            if moved and self._last is not None:
                self._kept.append(self._last)
        self._last = None
        self._kept.append(point)

    def path(self, vehicle: int, vehicle_class: str) -> VehiclePath:
        """The path so far."""
        points = [*self._kept, *([] if self._last is None else [self._last])]
        at_ns, x, y, size_px = zip(*points, strict=True)
        return VehiclePath(
            vehicle,
            vehicle_class,
            np.array(at_ns, np.int64),
            np.column_stack((x, y)).astype(np.float32),
            np.array(size_px, np.float32),
        )
