"""What really happened in a simulated recording.

A vehicle crosses a line where its **reference point** does: the point at `reference` = (across, down) of its tight box
in the picture, before clipping to the picture's edge; (0.5, 0.75) is the middle, three quarters down. A crossing lies
between two consecutive frames of the nominal grid (fps, dropped frames included) if the reference point is on one side
of the line in the first and on the other in the second, and the straight way between the two cuts the line itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from pipeline.source.simulated.scenario import Scenario
from pipeline.source.simulated.view import View
from pipeline.types import VEHICLE_CLASSES, CountingLine, Direction, Point

DEFAULT_REFERENCE: Point = (0.5, 0.75)


@dataclass(frozen=True, slots=True)
class TrueCrossing:
    """One vehicle's reference point crossed one line."""

    vehicle: int
    line: str
    direction: Direction
    vehicle_class: str
    captured_at_ns: int
    """Interpolated between the two frames around the crossing."""
    frame: int
    """First frame on the far side."""


@dataclass(frozen=True, slots=True)
class TrueMovement:
    """One vehicle came in over an entry line and left over an exit line, both within the footage."""

    vehicle: int
    from_line: str
    to_line: str
    vehicle_class: str
    entered_at_ns: int
    exited_at_ns: int


@dataclass(frozen=True, slots=True)
class Truth:
    """All crossings and movements of a recording, in the order they happened."""

    crossings: tuple[TrueCrossing, ...]
    movements: tuple[TrueMovement, ...]

    def counts(self) -> dict[tuple[str, Direction, str], int]:
        """Crossings per (line, direction, class)."""
        counts: dict[tuple[str, Direction, str], int] = {}
        for crossing in self.crossings:
            key = (crossing.line, crossing.direction, crossing.vehicle_class)
            counts[key] = counts.get(key, 0) + 1
        return counts


@dataclass(slots=True)
class TruthKeeper:
    """Turns consecutive views into crossings and movements; forgets a vehicle as soon as it leaves the view."""

    scenario: Scenario
    lines: tuple[CountingLine, ...]
    reference: Point = DEFAULT_REFERENCE
    _points: dict[int, tuple[float, float]] = field(default_factory=dict)
    _entered: dict[int, TrueCrossing] = field(default_factory=dict)

    def follow(self, views: Iterable[tuple[int, View]]) -> Truth:
        """The truth of a whole recording given its (seq, view) pairs."""
        crossings: list[TrueCrossing] = []
        movements: list[TrueMovement] = []
        for seq, view in views:
            for crossing in self.step(seq, view):
                crossings.append(crossing)
                movement = self.movement(crossing)
                if movement is not None:
                    movements.append(movement)
        return Truth(tuple(crossings), tuple(movements))

    def step(self, seq: int, view: View) -> Iterator[TrueCrossing]:
        """Crossings between the previous view and this one."""
        share = np.array(self.reference)
        low, high = view.xyxy[:, :2].astype(float), view.xyxy[:, 2:].astype(float)
        now = low + (high - low) * share
        points = {v.id: (float(p[0]), float(p[1])) for v, p in zip(view.vehicles, now, strict=True)}
        before, self._points = self._points, points
        for vehicle in view.vehicles:
            old = before.get(vehicle.id)
            if old is None:
                continue
            for line in self.lines:
                cut = _cut(old, points[vehicle.id], line)
                if cut is not None:
                    began, ended = self.scenario.captured_at_ns(seq - 1), self.scenario.captured_at_ns(seq)
                    yield TrueCrossing(vehicle.id, line.name, cut[0], VEHICLE_CLASSES[vehicle.class_id],
                                       began + round((ended - began) * cut[1]), seq)  # fmt: skip
        self._entered = {key: value for key, value in self._entered.items() if key in points}

    def movement(self, crossing: TrueCrossing) -> TrueMovement | None:
        """The movement that this crossing ends, if it ends one; an entry is remembered until its vehicle has gone."""
        line = next(line for line in self.lines if line.name == crossing.line)
        if line.role == "entry" and crossing.direction == "forward":
            self._entered[crossing.vehicle] = crossing
            return None
        entry = self._entered.pop(crossing.vehicle, None) if line.role == "exit" else None
        if entry is None:
            return None
        return TrueMovement(crossing.vehicle, entry.line, crossing.line, crossing.vehicle_class, entry.captured_at_ns,
                            crossing.captured_at_ns)  # fmt: skip


def _side(point: Point, line: CountingLine) -> float:
    (x1, y1), (x2, y2) = line.start, line.end
    return (x2 - x1) * (point[1] - y1) - (y2 - y1) * (point[0] - x1)


def _cut(old: Point, new: Point, line: CountingLine) -> tuple[Direction, float] | None:
    """Direction and the share of the way from `old` to `new` at which the line is cut, or None.

    With y down, a positive side is the right-hand side of someone walking from start to end: `forward` leads there.
    """
    before, after = _side(old, line), _side(new, line)
    if (before > 0) == (after > 0) or before == after:
        return None
    share = before / (before - after)
    x, y = old[0] + (new[0] - old[0]) * share, old[1] + (new[1] - old[1]) * share
    (x1, y1), (x2, y2) = line.start, line.end
    along = ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / ((x2 - x1) ** 2 + (y2 - y1) ** 2)
    if not 0 <= along <= 1:
        return None
    return ("forward" if after > 0 else "backward"), share
