"""One camera's tallies of a period, read once and summed here: every part of the junction page is made of them.

Asking a count view for each part made the engine plan and read the same quarters of an hour five times, and asking
`camera_volumes_15m` made it read all that a camera ever had. What a sum over tallies means (which bins have a count,
their status, and which vehicles are the junction's) is as in the views, which tests hold.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.dashboard import questions
from pipeline.dashboard.periods import DAY_S, Period
from pipeline.types import DIRECTIONS, VEHICLE_CLASSES

Row = dict[str, Any]
Integers = npt.NDArray[np.int64]
Selection = npt.NDArray[np.bool_]

STATUSES: Final = ("missed", "complete", "partial", "interrupted")
"""Of several lines in one bin the last of these holds; where only some are `missed`, it is `partial` at best."""
COMPLETE_SHARE: Final = 0.98
"""Of a bin that was observed so far nothing is said to be missing."""
MINUTE_S: Final = 60
US_PER_S: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Tallies:
    """A row for each line, or each turn, in each quarter of an hour."""

    names: tuple[str, ...]
    """Of all lines, in order, after the empty one."""
    line: Integers
    """As indices into `names`."""
    to_line: Integers
    """0 for a line."""
    bin_s: Integers
    """Start of the quarter, seconds since the epoch."""
    observed_us: Integers
    lossy: Selection
    head: npt.NDArray[np.int64]
    """(rows, 2): the first observed minute, in seconds since the epoch, and its observed microseconds."""
    tail: npt.NDArray[np.int64]
    """The same of the last one."""
    vehicles: npt.NDArray[np.int64]
    """(rows, directions, classes); a turn has but the first direction."""

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """From what `questions.tallies` answers."""

        def integers(name: str) -> Integers:
            found: Integers = table[name].cast(pa.int64()).to_numpy()
            return found

        line, to_line = (table[name].combine_chunks().dictionary_encode() for name in ("line", "to_line"))
        names = tuple(sorted({"", *line.dictionary.to_pylist(), *to_line.dictionary.to_pylist()}))

        def indices(found: pa.DictionaryArray) -> Integers:
            known = np.array([names.index(name) for name in found.dictionary.to_pylist()], np.int64)
            codes: Integers = found.indices.to_numpy()
            return known[codes]

        return cls(
            names,
            indices(line),
            indices(to_line),
            integers("bin_s"),
            integers("observed_us"),
            integers("lossy") > 0,
            np.stack([integers("head_s"), integers("head_us")], axis=1),
            np.stack([integers("tail_s"), integers("tail_us")], axis=1),
            np.stack([integers(name) for name in questions.CELLS], axis=1).reshape(
                -1, len(DIRECTIONS), len(VEHICLE_CLASSES)
            ),
        )

    @classmethod
    def by_camera(cls, table: pa.Table) -> dict[str, Self]:
        """From what `questions.line_tallies` answers, which is in the order of cameras."""
        if not table.num_rows:
            return {}
        camera = table["camera"].combine_chunks().dictionary_encode()
        begins = _begins(camera.indices.to_numpy()).tolist()
        # In the order of cameras, so that each is one slice.
        return {
            name: cls.of(table.slice(begin, end - begin))
            for name, begin, end in zip(
                camera.dictionary.to_pylist(), begins, [*begins[1:], table.num_rows], strict=True
            )
        }

    def bins(self, period: Period, width_s: int, entries: Collection[str]) -> list[Row]:
        """The junction's bins of `width_s` seconds: start_s, observed_s, status, counts per class or None.

        What a junction's vehicles are is as in `camera_volumes_15m`, with `entries` as its entry lines. In order from
        the period's begin, which is a local midnight; bins that nothing is known of are left out.
        """
        rows, entry = self._of_the_junction(period, entries)
        if not len(rows):
            return []
        slot = (self.bin_s[rows] - period.from_s) // width_s
        order = np.lexsort((self.line[rows], slot))
        rows, entry, slot = rows[order], entry[order], slot[order]
        # One group for each line in each bin, as in the views; then the lines of a bin together.
        begins = _begins(slot, self.line[rows])
        observed_us = np.add.reduceat(self.observed_us[rows], begins)
        status = self._status(rows, begins, observed_us, width_s)
        passed = np.where(entry[:, None], self.vehicles[rows, 0], self.vehicles[rows].sum(axis=1))
        vehicles = np.add.reduceat(passed, begins) * (observed_us > 0)[:, None]
        slot = slot[begins]
        begins = _begins(slot)
        worst, most_us = (np.maximum.reduceat(values, begins) for values in (status, observed_us))
        some_missed = (np.minimum.reduceat(status, begins) == STATUSES.index("missed")) & (most_us > 0)
        status = np.where(some_missed, np.maximum(worst, STATUSES.index("partial")), worst)
        counts = np.add.reduceat(vehicles, begins).tolist()
        return [
            {
                "start_s": period.from_s + width_s * start,
                "observed_s": us / US_PER_S,
                "status": STATUSES[code],
                "counts": dict(zip(VEHICLE_CLASSES, count, strict=True)) if us else None,
            }
            for start, us, code, count in zip(
                slot[begins].tolist(), most_us.tolist(), status.tolist(), counts, strict=True
            )
        ]

    def line_totals(self, period: Period) -> list[Row]:
        """Vehicles per class over the period, for each line and direction: line, direction, counts or None."""
        return [
            {"line": line, "direction": direction, "counts": _counted(counts)}
            for (line, _), counted in self._sums(period, turns=False)
            for direction, counts in zip(DIRECTIONS, counted, strict=True)
        ]

    def turns(self, period: Period) -> list[Row]:
        """Vehicles per class over the period for each turn: from_line, to_line, counts or None."""
        return [
            {"from_line": line, "to_line": to_line, "counts": _counted(counted[0])}
            for (line, to_line), counted in self._sums(period, turns=True)
        ]

    def _of_the_junction(self, period: Period, entries: Collection[str]) -> tuple[Integers, Selection]:
        """The rows that are a junction's volume, and which of them are of entry lines: those count forward only.

        A line that was not observed in all of a day is none of that day's, unless no line was. Of a quarter of an hour
        with entry lines the others are not taken.
        """
        rows = np.flatnonzero(self._within(period) & (self.to_line == 0))
        day, seen = (self.bin_s[rows] - period.from_s) // DAY_S, self.observed_us[rows] > 0
        line_of_day = day * len(self.names) + self.line[rows]
        rows = rows[np.isin(line_of_day, line_of_day[seen]) | ~np.isin(day, day[seen])]
        entry = np.isin(self.line[rows], [number for number, name in enumerate(self.names) if name in entries])
        taken = entry | ~np.isin(self.bin_s[rows], self.bin_s[rows[entry]])
        return rows[taken], entry[taken]

    def _within(self, period: Period) -> Selection:
        return (self.bin_s >= period.from_s) & (self.bin_s < period.to_s)

    def _sums(self, period: Period, *, turns: bool) -> list[tuple[tuple[str, str], list[list[int] | None]]]:
        rows = np.flatnonzero(self._within(period) & ((self.to_line > 0) == turns))
        if not len(rows):
            return []
        rows = rows[np.lexsort((self.to_line[rows], self.line[rows]))]
        begins = _begins(self.line[rows], self.to_line[rows])
        seen = self.observed_us[rows] > 0
        sums = np.add.reduceat(self.vehicles[rows] * seen[:, None, None], begins).tolist()
        known = np.logical_or.reduceat(seen, begins).tolist()
        keys = zip(self.line[rows][begins].tolist(), self.to_line[rows][begins].tolist(), strict=True)
        return [
            ((self.names[line], self.names[to]), list(counted) if any_seen else [None] * len(DIRECTIONS))
            for (line, to), counted, any_seen in zip(keys, sums, known, strict=True)
        ]

    def _status(self, rows: Integers, begins: Integers, observed_us: Integers, width_s: int) -> Integers:
        """The rule of the count views (`simpang_status`), as indices into `STATUSES`."""
        head, tail = (_packed(values[rows]) for values in (self.head, self.tail))
        head_s, head_us = _unpacked(np.minimum.reduceat(head, begins))
        tail_s, tail_us = _unpacked(np.maximum.reduceat(tail, begins))
        between_s = tail_s - head_s - MINUTE_S
        hole = (between_s > 0) & (observed_us - head_us - tail_us < COMPLETE_SHARE * US_PER_S * between_s)
        lossy = np.logical_or.reduceat(self.lossy[rows], begins)
        codes = np.where(lossy | hole, STATUSES.index("interrupted"), STATUSES.index("partial"))
        codes = np.where(observed_us >= COMPLETE_SHARE * US_PER_S * width_s, STATUSES.index("complete"), codes)
        return np.where(observed_us == 0, STATUSES.index("missed"), codes)


def _counted(counts: Sequence[int] | None) -> dict[str, int] | None:
    return None if counts is None else dict(zip(VEHICLE_CLASSES, counts, strict=True))


def _begins(*keys: npt.NDArray[Any]) -> Integers:
    """Where a group of equal keys begins."""
    differs = np.zeros(len(keys[0]), bool)
    differs[0] = True
    for key in keys:
        differs[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(differs)


_US_BITS: Final = 26
"""A minute's microseconds fit."""


def _packed(values: Integers) -> Integers:
    return (values[:, 0] << _US_BITS) | values[:, 1]


def _unpacked(values: Integers) -> tuple[Integers, Integers]:
    return values >> _US_BITS, values & ((1 << _US_BITS) - 1)
