"""What really happened in a simulated recording.

A vehicle crosses a line where its **reference point** does: the point at `reference` = (across, down) of its tight box
in the picture, before clipping to the picture's edge; (0.5, 0.75) is the middle, three quarters down. A crossing lies
between two consecutive frames of the nominal grid (fps, dropped frames included) if the reference point is on one side
of the line in the first and on the other in the second, and the straight way between the two cuts the line itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from pipeline.source.simulated.camera import Floats
from pipeline.source.simulated.scenario import Scenario
from pipeline.source.simulated.view import View, visible_fractions
from pipeline.types import VEHICLE_CLASSES, CountingLine, Direction, Point

DEFAULT_REFERENCE: Final[Point] = (0.5, 0.75)
"""The point of the box that the counting lines are laid for."""


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
    visible: float
    """Share of the vehicle that can be seen in that frame, 0 to 1; what is wholly hidden nobody can count."""


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
    _points: dict[int, Floats] = field(default_factory=dict)
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
        low, high = view.xyxy[:, :2].astype(float), view.xyxy[:, 2:].astype(float)
        now = low + (high - low) * self.reference
        before = self._points
        self._points = {v.id: point for v, point in zip(view.vehicles, now, strict=True)}
        self._entered = {vehicle: entry for vehicle, entry in self._entered.items() if vehicle in self._points}
        known = [i for i, v in enumerate(view.vehicles) if v.id in before]
        if not known:
            return
        old, new = np.stack([before[view.vehicles[i].id] for i in known]), now[known]
        sides_old, sides_new = _sides(old, self.lines), _sides(new, self.lines)
        visible = None
        for row, column in np.argwhere((sides_old > 0) != (sides_new > 0)).tolist():
            line = self.lines[column]
            share = float(sides_old[row, column] / (sides_old[row, column] - sides_new[row, column]))
            if not _between_ends(old[row] + (new[row] - old[row]) * share, line):
                continue
            if visible is None:
                visible = visible_fractions(view, self.scenario.width, self.scenario.height)
            vehicle = view.vehicles[known[row]]
            began, ended = self.scenario.captured_at_ns(seq - 1), self.scenario.captured_at_ns(seq)
            yield TrueCrossing(
                vehicle=vehicle.id,
                line=line.name,
                direction="forward" if sides_new[row, column] > 0 else "backward",
                vehicle_class=VEHICLE_CLASSES[vehicle.class_id],
                captured_at_ns=began + round((ended - began) * share),
                frame=seq,
                visible=float(visible[known[row]]),
            )

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


def _sides(points: Floats, lines: tuple[CountingLine, ...]) -> Floats:
    """(N, L), positive where a point is to the right of someone walking from a line's start to its end (y down)."""
    start, end = np.array([line.start for line in lines]), np.array([line.end for line in lines])
    along, offset = end - start, points[:, None] - start
    return np.asarray(along[:, 0] * offset[:, :, 1] - along[:, 1] * offset[:, :, 0])


def _between_ends(point: Floats, line: CountingLine) -> bool:
    start, end = np.array(line.start), np.array(line.end)
    along = end - start
    return bool(0 <= (point - start) @ along <= along @ along)
