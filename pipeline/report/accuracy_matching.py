"""One-to-one matching of counted crossings to the vehicles of a truth line, so that cancelling errors show.

Three assignments, each solved exactly (Hungarian method, `scipy.optimize.linear_sum_assignment`):
crossings to windows by direction and time, with the right class preferred; windows to counted vehicles, which settles
windows whose label left several answers; crossings to counts regardless of time, which gives the totals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from pipeline.report.accuracy_truth import FrameRange, TrueCount, TruthLine, Window
from pipeline.types import Crossing, Direction

Outcome = Literal["hit", "class wrong", "missed", "false", "neutral"]

_IMPOSSIBLE: Final = 1e6
"""More than any sum of real costs, so that an assignment never gives up a possible pair for a cheaper one."""
_CLASS_WRONG: Final = 10.0
_UNTIMED: Final = 5.0


@dataclass(frozen=True, slots=True)
class JudgedVehicle:
    """A vehicle of the truth and whether it was found: `hit`, `class wrong` or `missed`."""

    direction: Direction
    vehicle_class: str
    """As in the truth: may be `vehicle` or joined by `_or_`."""
    frame: float | None
    """When it crossed: the matched crossing's frame held within the window, else the window's middle; None: unknown."""
    outcome: Outcome
    window: FrameRange | None
    """When it touched the line, where the reader says so."""
    crossing: Crossing | None
    """What was counted of it; None where it was missed."""


@dataclass(frozen=True, slots=True)
class JudgedCrossing:
    """A counted crossing and whether it is right: `hit`, `class wrong`, `false` or `neutral`."""

    crossing: Crossing
    outcome: Outcome
    counts_as: str
    """The class of the truth under which it is added up; its own where the truth has none that fits."""


def match_line(
    truth: TruthLine, crossings: Sequence[Crossing], tolerance_frames: int
) -> tuple[list[JudgedVehicle], list[JudgedCrossing]]:
    """Judge every vehicle of one line and every crossing counted there.

    A crossing can match a window of its direction if its frame is within [first - tolerance, last + tolerance]. One
    that matches none is neutral if it falls within the frames (with the same tolerance) of a straddling vehicle; each
    straddling vehicle excuses one.
    """
    vehicles = [count for count in truth.counts for _ in range(count.count)]
    owners = [index for index, count in enumerate(truth.counts) for _ in range(count.count)]
    window_of = dict(
        _assign(
            [[_window_cost(truth, window, item, tolerance_frames) for window in truth.windows] for item in crossings]
        )
    )
    crossing_of = {window: item for item, window in window_of.items()}

    def settle(window: int, vehicle: int) -> float | None:
        if owners[vehicle] not in truth.windows[window].options:
            return None
        return _mismatch(vehicles[vehicle], crossings[crossing_of[window]]) if window in crossing_of else 0.0

    settled = _assign(
        [[settle(window, vehicle) for vehicle in range(len(vehicles))] for window in range(len(truth.windows))]
    )
    window_for = {vehicle: window for window, vehicle in settled}
    outcomes: dict[int, Outcome] = {}
    judged = []
    for index, vehicle in enumerate(vehicles):
        window = truth.windows[window_for[index]] if index in window_for else None
        item = crossing_of.get(window_for[index]) if index in window_for else None
        found = None if item is None or crossings[item].direction != vehicle.direction else crossings[item]
        outcome: Outcome = "missed"
        if item is not None and found is not None:
            outcome = "hit" if found.vehicle_class in vehicle.classes else "class wrong"
            outcomes[item] = outcome
        judged.append(
            JudgedVehicle(
                vehicle.direction,
                vehicle.vehicle_class,
                _crossed_at(window, found),
                outcome,
                None if window is None else window.frames,
                found,
            )
        )
    # A file may hold more windows than counted vehicles; a crossing in a window that was not counted is nobody's error.
    surplus = set(range(len(truth.windows))) - {window for window, _ in settled}
    outcomes.update((crossing_of[window], "neutral") for window in surplus if window in crossing_of)
    left = [item for item in range(len(crossings)) if item not in outcomes]
    excuses = [
        [_within(straddler, crossings[item], tolerance_frames) for straddler in truth.straddling] for item in left
    ]
    outcomes.update((left[row], "neutral") for row, _ in _assign(excuses))
    added = [item for item in range(len(crossings)) if outcomes.get(item) != "neutral"]
    vehicle_of = {crossing_of[window]: vehicle for window, vehicle in settled if window in crossing_of}
    classes = _totals(
        truth.counts, vehicles, [crossings[item] for item in added], [vehicle_of.get(item) for item in added]
    )
    counts_as = dict(zip(added, classes, strict=True))
    return judged, [
        JudgedCrossing(crossing, outcomes.get(item, "false"), counts_as.get(item, crossing.vehicle_class))
        for item, crossing in enumerate(crossings)
    ]


def _assign(costs: Sequence[Sequence[float | None]]) -> list[tuple[int, int]]:
    """The (row, column) pairs of the cheapest of the largest assignments; None is a pair that cannot be."""
    if not costs or not costs[0]:
        return []
    matrix: npt.NDArray[np.float64] = np.array(
        [[_IMPOSSIBLE if cost is None else cost for cost in row] for row in costs], dtype=np.float64
    )
    rows, columns = linear_sum_assignment(matrix)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if matrix[r, c] < _IMPOSSIBLE]


def _window_cost(truth: TruthLine, window: Window, crossing: Crossing, tolerance_frames: int) -> float | None:
    options = [truth.counts[index] for index in window.options]
    mismatch = min((_mismatch(option, crossing) for option in options), default=2)
    if mismatch == 2:
        return None
    cost = mismatch * _CLASS_WRONG
    if window.frames is None:
        return cost + _UNTIMED
    if (outside := _within(window.frames, crossing, tolerance_frames)) is None:
        return None
    first, last = window.frames.first, window.frames.last or 0
    off_centre = abs(crossing.frame - (first + last) / 2) / (last - first + 1)
    return cost + outside / (tolerance_frames + 1) + off_centre / (tolerance_frames + 1)


def _within(frames: FrameRange, crossing: Crossing, tolerance_frames: int) -> float | None:
    distance = frames.distance(crossing.frame)
    return distance if distance <= tolerance_frames else None


def _mismatch(count: TrueCount, crossing: Crossing) -> int:
    """0: direction and class fit; 1: the class is wrong; 2: the direction is."""
    if count.direction != crossing.direction:
        return 2
    return 0 if crossing.vehicle_class in count.classes else 1


def _crossed_at(window: Window | None, crossing: Crossing | None) -> float | None:
    if window is None or window.frames is None or window.frames.last is None:
        return None
    if crossing is None:
        return (window.frames.first + window.frames.last) / 2
    return float(min(max(crossing.frame, window.frames.first), window.frames.last))


def _totals(
    counts: Sequence[TrueCount],
    vehicles: Sequence[TrueCount],
    crossings: Sequence[Crossing],
    matched: Sequence[int | None],
) -> list[str]:
    """Under which class of the truth each crossing is added up.

    As many as possible are added where the truth has a vehicle that fits: the one that the crossing was matched to,
    else a class told exactly first, so that `car_or_truck` and `vehicle` take what the others leave. What is too many
    goes where its class is told, exactly if it can be, and under its own class where the truth has none that fits.
    """
    costs: list[list[float | None]] = [
        [
            None if _mismatch(vehicle, crossing) else 0.0 if index == own else len(vehicle.classes) / 10
            for index, vehicle in enumerate(vehicles)
        ]
        for crossing, own in zip(crossings, matched, strict=True)
    ]
    taken = dict(_assign(costs))
    classes = []
    for item, crossing in enumerate(crossings):
        fitting = [count for count in counts if _mismatch(count, crossing) == 0]
        if item in taken:
            classes.append(vehicles[taken[item]].vehicle_class)
        elif fitting:
            classes.append(min(fitting, key=lambda count: len(count.classes)).vehicle_class)
        else:
            classes.append(crossing.vehicle_class)
    return classes
