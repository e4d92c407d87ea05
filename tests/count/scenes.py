"""Hand-made scenes: vehicles as functions of time, seen by a perfect detector."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import supervision as sv

from pipeline.count import SETTLE_LIVE_NS, SETTLE_RECORDED_NS, CameraCounter
from pipeline.types import NS_PER_S, VEHICLE_CLASSES, CountingLine, Coverage, Crossing, Movement

START_NS = 1_735_718_400 * NS_PER_S
REFERENCE_HEIGHT = 0.75

Place = tuple[float, float]
"""Where a vehicle's reference point is."""
Path = Callable[[float], Place | None]
"""Seconds since the scene began -> place, or None where it is not seen."""


@dataclass(frozen=True)
class Actor:
    """One vehicle; `path` says where its reference point is."""

    path: Path
    vehicle_class: str | Callable[[float], str] = "car"
    size: tuple[float, float] = (60.0, 40.0)
    confidence: float = 0.9

    def box(self, at_s: float) -> tuple[float, float, float, float] | None:
        place = self.path(at_s)
        if place is None:
            return None
        (x, y), (width, height) = place, self.size
        top = y - REFERENCE_HEIGHT * height
        return x - width / 2, top, x + width / 2, top + height

    def class_id(self, at_s: float) -> int:
        name = self.vehicle_class if isinstance(self.vehicle_class, str) else self.vehicle_class(at_s)
        return VEHICLE_CLASSES.index(name)


@dataclass(frozen=True)
class Outcome:
    crossings: tuple[Crossing, ...]
    movements: tuple[Movement, ...]
    coverage: tuple[Coverage, ...]

    @property
    def counted(self) -> list[tuple[str, str, str]]:
        return [(crossing.line, crossing.direction, crossing.vehicle_class) for crossing in self.crossings]

    @property
    def directions(self) -> list[str]:
        return [crossing.direction for crossing in self.crossings]


def straight(start: Place, velocity: Place, *, first_s: float = 0.0, last_s: float = 1e9) -> Path:
    """Constant velocity in pixels per second, seen from `first_s` to `last_s`."""

    def path(at_s: float) -> Place | None:
        if not first_s <= at_s <= last_s:
            return None
        return start[0] + velocity[0] * at_s, start[1] + velocity[1] * at_s

    return path


def through(*knots: tuple[float, float, float]) -> Path:
    """Straight from (second, x, y) to the next; seen from the first to the last."""
    times, xs, ys = np.array(knots).T

    def path(at_s: float) -> Place | None:
        if not times[0] <= at_s <= times[-1]:
            return None
        return float(np.interp(at_s, times, xs)), float(np.interp(at_s, times, ys))

    return path


def hidden(path: Path, *spans: tuple[float, float]) -> Path:
    """The path, not seen in some spans of seconds."""
    return lambda at_s: None if any(low <= at_s < high for low, high in spans) else path(at_s)


def every(interval_s: float, until_s: float) -> list[float]:
    """Times of frames at a constant rate."""
    return [index * interval_s for index in range(round(until_s / interval_s) + 1)]


def detections_of(actors: Iterable[Actor], at_s: float) -> sv.Detections:
    seen = [(box, actor) for actor in actors if (box := actor.box(at_s)) is not None]
    if not seen:
        return sv.Detections.empty()
    return sv.Detections(
        xyxy=np.array([box for box, _ in seen], np.float32),
        confidence=np.array([actor.confidence for _, actor in seen], np.float32),
        class_id=np.array([actor.class_id(at_s) for _, actor in seen]),
    )


def to_ns(at_s: float) -> int:
    return START_NS + round(at_s * NS_PER_S)


def play(
    actors: Sequence[Actor], lines: Sequence[CountingLine], times_s: Sequence[float], *, live: bool = False
) -> Outcome:
    """Count a scene from its first frame to the end of the footage; `live` footage has no end and waits less."""
    counter = CameraCounter("cam-1", lines, settle_ns=SETTLE_LIVE_NS if live else SETTLE_RECORDED_NS)
    updates = [counter.update(index, to_ns(at_s), detections_of(actors, at_s)) for index, at_s in enumerate(times_s)]
    if not live:
        updates.append(counter.finish())
    return Outcome(
        crossings=tuple(crossing for update in updates for crossing in update.crossings),
        movements=tuple(movement for update in updates for movement in update.movements),
        coverage=tuple(minute for update in updates for minute in update.coverage),
    )
