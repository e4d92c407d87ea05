"""Is a track that begins the continuation of one that ended? In plain numbers, for one pair."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, radians
from typing import Final

from pipeline.types import NS_PER_S, VEHICLE_CLASSES

MOST_GAP_S: Final = 4.0
"""A vehicle hidden for longer is not recognised."""
FREE_SIZES: Final = 0.6
"""How far a continuation may be from where it was expected, in box sizes, at once ..."""
FREE_SIZES_PER_S: Final = 0.6
"""... and more for every second unseen ..."""
FREE_PATH: Final = 0.35
"""... and as a share of the path expected in that time: vehicles brake and turn."""
MOST_TURN_COS: Final = cos(radians(75))
MOST_SIZE_RATIO: Final = 2.0
_TWO_WHEELERS: Final = frozenset({"motorcycle", "bicycle"})


@dataclass(frozen=True, slots=True)
class TrackEnd:
    """The first or the last that was seen of a track."""

    captured_at_ns: int
    x: float
    y: float
    velocity_x: float
    """Pixels per second."""
    velocity_y: float
    size_px: float
    """sqrt(width * height) of the box."""
    class_id: int

    @property
    def speed(self) -> float:
        """Pixels per second."""
        return hypot(self.velocity_x, self.velocity_y)


def stitch_cost(last: TrackEnd, first: TrackEnd) -> float | None:
    """0 (as expected) to 1 (just allowed) for a continuation, None where it cannot be the same vehicle.

    `last` carried on at its velocity must meet `first`, and `first` traced back at its velocity must meet `last`; the
    mean of both errors is judged, since each alone blames a bend or a stop on one side.
    """
    gap_s = (first.captured_at_ns - last.captured_at_ns) / NS_PER_S
    if not 0 < gap_s <= MOST_GAP_S:
        return None
    if _is_two_wheeled(last) != _is_two_wheeled(first):
        return None
    size_px = (last.size_px + first.size_px) / 2
    if max(last.size_px, first.size_px) > MOST_SIZE_RATIO * min(last.size_px, first.size_px):
        return None
    step_x, step_y = first.x - last.x, first.y - last.y
    if hypot(step_x, step_y) > size_px / 2 and not (_along(last, step_x, step_y) and _along(first, step_x, step_y)):
        return None
    onward = hypot(step_x - gap_s * last.velocity_x, step_y - gap_s * last.velocity_y)
    back = hypot(step_x - gap_s * first.velocity_x, step_y - gap_s * first.velocity_y)
    path_px = gap_s * (last.speed + first.speed) / 2
    allowed = size_px * (FREE_SIZES + FREE_SIZES_PER_S * gap_s) + FREE_PATH * path_px
    cost = (onward + back) / 2 / allowed
    return cost if cost <= 1 else None


def _is_two_wheeled(end: TrackEnd) -> bool:
    return VEHICLE_CLASSES[end.class_id] in _TWO_WHEELERS


def _along(end: TrackEnd, step_x: float, step_y: float) -> bool:
    """Whether the end's motion agrees with a step; one that hardly moves agrees with any."""
    if end.speed < end.size_px / 2:
        return True
    return end.velocity_x * step_x + end.velocity_y * step_y >= MOST_TURN_COS * end.speed * hypot(step_x, step_y)
