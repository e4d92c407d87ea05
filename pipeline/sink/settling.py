"""Rebuilds the tallies of the bins that events have touched; `schema/0009_tallies.sql` says how it stays right."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sink.engine import Engine

TOUCHES_AT_ONCE: Final = 40_000
"""Taken by one statement: bounds its memory to the events of so many quarters of an hour."""

KNOWN_COUNTERS: Final = 10_000
"""Remembered of the runs of late; forgetting one costs a rebuild of its run and changes nothing."""

_TOUCHES: Final = """
SELECT camera, toUnixTimestamp(bin) AS bin_s, touch FROM touched_bins
GROUP BY camera, bin, touch HAVING sum(n) > 0 ORDER BY bin_s, camera
"""

_REBUILD: Final = """
INSERT INTO tallies_stored
    (kind, camera, bin, line, to_line, observed_us, lossy, head, tail, n, version)
SELECT
    kind, camera, bin, line, to_line, observed_us, lossy, head, tail, n,
    greatest(
        toUInt64(toUnixTimestamp64Nano(now64(9))), 1 + (SELECT max(version) FROM tallies_stored)) AS version
FROM rebuilt_tallies(from_s = {from_s}, to_s = {to_s})
WHERE (camera, bin) IN
(
    SELECT camera, bin FROM touched_bins
    WHERE bin >= toDateTime({from_s}, 'UTC') AND bin <= toDateTime({to_s}, 'UTC')
    GROUP BY camera, bin, touch HAVING sum(n) > 0
)
SETTINGS max_partitions_per_insert_block = 0
"""

_TOUCH_RUN: Final = """
INSERT INTO touched_bins
SELECT camera, toStartOfFifteenMinutes(minute) AS bin, rand64() AS touch, toInt64(1) AS n
FROM coverage_stored WHERE camera = {camera} AND run = {run} GROUP BY camera, bin
"""


class Settler:
    """Keeps one store's tallies true to its events. Threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, ...], None] = OrderedDict()

    def settle(self) -> int:
        """Rebuild every bin that was touched; returns how many touches there were. Raises StorageError.

        Cut off, it can be done again.
        """
        with self._lock:
            touches = self._engine.read(_TOUCHES)
            for chunk in _chunks(touches):
                bins = pc.min_max(chunk["bin_s"]).as_py()
                self._engine.execute(_REBUILD.format(from_s=bins["min"], to_s=bins["max"]))
                self._engine.insert("touched_bins", _taken_back(chunk))
            return int(touches.num_rows)

    def learn(self, tables: Mapping[str, pa.Table]) -> None:
        """Note which counters the events of `tables` show, after they were inserted.

        A line that a run is first seen to count on had a count of 0 in all its earlier bins: they are touched.
        """
        seen: set[tuple[str, ...]] = set()
        for name, columns in (
            ("crossing_events", ("camera", "run", "line")),
            ("movement_events", ("camera", "run", "from_line", "to_line")),
        ):
            if name in tables:
                distinct = tables[name].group_by(list(columns)).aggregate([])
                seen.update(tuple(row[column] for column in columns) for row in distinct.to_pylist())
        with self._lock:
            new = [counter for counter in seen if counter not in self._known]
            for counter in seen:
                self._known[counter] = None
                self._known.move_to_end(counter)
            while len(self._known) > KNOWN_COUNTERS:
                self._known.popitem(last=False)
        self.touch_runs({counter[:2] for counter in new})

    def touch_runs(self, runs: Iterable[tuple[str, ...]]) -> None:
        """Have every bin of these (camera, run) rebuilt: what they count on has changed."""
        for camera, run in runs:
            self._engine.execute(_TOUCH_RUN.format(camera=_quoted(camera), run=_quoted(run)))


def _chunks(touches: pa.Table) -> Iterable[pa.Table]:
    """Parts of `touches`, which are sorted by bin; all touches of one bin start lie in one part."""
    starts = touches["bin_s"].to_numpy()
    first = 0
    while first < len(starts):
        end = min(first + TOUCHES_AT_ONCE, len(starts))
        while end < len(starts) and starts[end] == starts[end - 1]:
            end += 1
        yield touches.slice(first, end - first)
        first = end


def _taken_back(touches: pa.Table) -> pa.Table:
    return pa.table(
        {
            "camera": touches["camera"],
            "bin": touches["bin_s"].cast(pa.uint32()),
            "touch": touches["touch"],
            "n": pa.array([-1] * touches.num_rows, pa.int64()),
        }
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
