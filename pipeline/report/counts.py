"""The outcome of one count: the JSON object of the command's contract, and the same as tables to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from tabulate import tabulate

from pipeline.types import DIRECTIONS, VEHICLE_CLASSES, CountingLine

LineCounts = dict[str, dict[str, dict[str, int]]]
"""line -> direction -> class -> vehicles; every class is there, also with 0."""


class CrossingLike(Protocol):
    """A crossing that was counted or one that is known to be true."""

    @property
    def line(self) -> str:
        """The counting line's name."""
        ...

    @property
    def direction(self) -> str:
        """`forward` or `backward`."""
        ...

    @property
    def vehicle_class(self) -> str:
        """One of VEHICLE_CLASSES."""
        ...


class MovementLike(Protocol):
    """A movement that was counted or one that is known to be true."""

    @property
    def from_line(self) -> str:
        """The entry line's name."""
        ...

    @property
    def to_line(self) -> str:
        """The exit line's name."""
        ...

    @property
    def vehicle_class(self) -> str:
        """One of VEHICLE_CLASSES."""
        ...


def count_lines(lines: Sequence[CountingLine], crossings: Iterable[CrossingLike]) -> LineCounts:
    """Crossings by line, direction and class, with a 0 wherever nothing crossed."""
    counts: LineCounts = {
        line.name: {direction: dict.fromkeys(VEHICLE_CLASSES, 0) for direction in DIRECTIONS} for line in lines
    }
    for crossing in crossings:
        counts[crossing.line][crossing.direction][crossing.vehicle_class] += 1
    return counts


def count_movements(movements: Iterable[MovementLike]) -> list[dict[str, Any]]:
    """Movements by entry line, exit line and class: a list of {"from", "to", "class", "count"}, in that order."""
    totals = Counter((m.from_line, m.to_line, m.vehicle_class) for m in movements)
    return [
        {"from": from_line, "to": to_line, "class": vehicle_class, "count": count}
        for (from_line, to_line, vehicle_class), count in sorted(totals.items())
    ]


def line_table(counts: LineCounts) -> str:
    """Counts by line and direction, a column a class."""
    rows = [
        [name, direction, *by_class.values(), sum(by_class.values())]
        for name, directions in counts.items()
        for direction, by_class in directions.items()
    ]
    return tabulate(rows, headers=["line", "direction", *VEHICLE_CLASSES, "all"], tablefmt="simple")


def turning_matrix(movements: Sequence[dict[str, Any]]) -> str:
    """Movements of all classes: a row an entry line, a column an exit line."""
    entries = sorted({m["from"] for m in movements})
    exits = sorted({m["to"] for m in movements})
    totals: Counter[tuple[str, str]] = Counter()
    for movement in movements:
        totals[movement["from"], movement["to"]] += movement["count"]
    rows = [
        [entry, *(totals[entry, exit_] for exit_ in exits), sum(totals[entry, exit_] for exit_ in exits)]
        for entry in entries
    ]
    return tabulate(rows, headers=["from \\ to", *exits, "all"], tablefmt="simple")


def comparison_table(counted: LineCounts, true: LineCounts) -> str:
    """Counted / true by line and direction, a column a class; directions in which nothing ever crossed are left out."""
    rows = []
    for name, directions in true.items():
        for direction, true_by_class in directions.items():
            counted_by_class = counted[name][direction]
            if not any(true_by_class.values()) and not any(counted_by_class.values()):
                continue
            pairs = [f"{counted_by_class[c]} / {true_by_class[c]}" for c in VEHICLE_CLASSES]
            rows.append([name, direction, *pairs, f"{sum(counted_by_class.values())} / {sum(true_by_class.values())}"])
    return tabulate(rows, headers=["line", "direction", *VEHICLE_CLASSES, "all"], tablefmt="simple")


def wape(counted: LineCounts, true: LineCounts) -> float:
    """Weighted absolute percentage error, sum |counted - true| / sum true, over every line, direction and class."""
    pairs = [
        (counted[name][direction][vehicle_class], number)
        for name, directions in true.items()
        for direction, by_class in directions.items()
        for vehicle_class, number in by_class.items()
    ]
    total = sum(number for _, number in pairs)
    return sum(abs(count - number) for count, number in pairs) / total if total else float("nan")
