"""Rebuilds the tallies of the bins that events have touched; `schema/0009_tallies.sql` says how it stays right."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sink.engine import Engine

BINS_AT_ONCE: Final = 20_000
"""Rebuilt by one statement: bounds its memory to the events of so many quarters of an hour, a week of 28 cameras."""

LONGEST_PAUSE_S: Final = 86_400
"""Touches further apart are rebuilt by statements of their own, which do not read the events between them."""

KNOWN_COUNTERS: Final = 10_000
"""Remembered of the runs of late; forgetting one costs a rebuild of its run and changes nothing."""

SETTLE_EVERY_S: Final = 1.0
"""So often, while events arrive, the bins they touch are rebuilt for the count views."""
SETTLE_SHARE: Final = 0.2
"""Of a loader's time at most this part goes into rebuilding: on a slow machine it is done less often."""

SETTLE_BEHIND_S: Final = 5.0
SETTLE_SHARE_BEHIND: Final = 0.05
"""The same while a loader has more waiting than it loads at once, since most of a rebuild is planning, which is the
same for one batch and for many."""

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
WHERE camera IN ({cameras}) AND (camera, bin) IN
(
    SELECT camera, bin FROM touched_bins
    WHERE bin >= toDateTime({from_s}, 'UTC') AND bin <= toDateTime({to_s}, 'UTC')
    GROUP BY camera, bin, touch HAVING sum(n) > 0
)
SETTINGS max_partitions_per_insert_block = 0
"""

_UNLISTED: Final = """
SELECT DISTINCT camera FROM touched_bins
WHERE bin >= toDateTime({from_s}, 'UTC') AND bin <= toDateTime({to_s}, 'UTC') AND (camera, bin) NOT IN
(
    SELECT camera, bin FROM tallies_stored
    WHERE camera IN ({cameras}) AND bin >= toDateTime({from_s}, 'UTC') AND bin <= toDateTime({to_s}, 'UTC')
)
"""

_KEPT_SINCE: Final = r"""
(
    SELECT if(months = 0, toDateTime(0, 'UTC'), now('UTC') - toIntervalMonth(months) + toIntervalDay(1))
    FROM
    (
        SELECT toUInt16OrZero(extract(engine_full, 'TTL .*toIntervalMonth\\((\\d+)\\)')) AS months
        FROM system.tables WHERE database = currentDatabase() AND name = 'coverage_stored'
    )
) AS kept_since"""
"""What is new of a run or a counter touches no bin before this: some events of those may have expired, and the counts
rebuilt from the rest would be fewer. The day is for the engine, which drops each table's events in its own time."""

# A span whose first runs have expired keeps its begin, and so its row.
_LIST: Final = f"""
INSERT INTO listed_spans (camera, line, to_line, from_bin, to_bin, since, until)
WITH
    {_KEPT_SINCE},
    ifNull(minIf(o.from_bin, o.from_bin <= s.from_bin AND o.to_bin + 900 >= s.from_bin), s.from_bin) AS begin,
    ifNull(maxIf(o.to_bin, o.from_bin <= s.from_bin) + 900, s.from_bin) AS after_older,
    ifNull(minIf(o.from_bin, o.to_bin >= s.to_bin) - 900, s.to_bin) AS before_newer
SELECT
    s.camera, s.line, s.to_line, begin, s.to_bin,
    greatest(s.from_bin, after_older, toStartOfFifteenMinutes(kept_since)) AS since,
    least(s.to_bin, before_newer) AS until
FROM (SELECT * FROM counter_spans WHERE camera IN ({{cameras}})) AS s
LEFT JOIN (SELECT camera, line, to_line, from_bin, to_bin FROM listed_spans FINAL) AS o
    ON s.camera = o.camera AND s.line = o.line AND s.to_line = o.to_line
GROUP BY s.camera, s.line, s.to_line, s.from_bin, s.to_bin
HAVING since <= until
SETTINGS join_use_nulls = 1
"""

_TOUCH_RUN: Final = f"""
INSERT INTO touched_bins
WITH {_KEPT_SINCE}
SELECT camera, toStartOfFifteenMinutes(minute) AS bin, rand64() AS touch, toInt64(1) AS n
FROM coverage_stored WHERE camera = {{camera}} AND run = {{run}} AND minute >= kept_since GROUP BY camera, bin
"""


class Pace:
    """When a store that is being filled is to be settled. All times are monotonic seconds."""

    def __init__(self, now_s: float) -> None:
        self._settled_s, self._took_s = now_s, 0.0
        self._lacking_s: float | None = None
        """When the first insert was that the count views lack."""

    def is_due(self, now_s: float, *, behind: bool) -> bool:
        """Whether to settle after an insert that ended at `now_s`; `behind` where more wait than that held.

        One that keeps up is queryable a second later at most, and at once after a pause. A backlog has no hurry with
        its first batch: its count views trail by `SETTLE_BEHIND_S`.
        """
        if self._lacking_s is None:
            self._lacking_s = now_s
        if behind:
            return now_s >= self._lacking_s + max(SETTLE_BEHIND_S, self._took_s * (1 / SETTLE_SHARE_BEHIND - 1))
        return now_s >= self._settled_s + max(SETTLE_EVERY_S, self._took_s * (1 / SETTLE_SHARE - 1))

    def settled(self, began_s: float, ended_s: float) -> None:
        """It was settled from then to then."""
        self._settled_s, self._took_s, self._lacking_s = ended_s, ended_s - began_s, None


class Settler:
    """Keeps one store's tallies true to its events. Threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, ...], None] = OrderedDict()
        self._relist: set[str] | None = None
        """Cameras of which counters were seen for the first time since the last rebuild; None is all of them."""

    def settle(self) -> int:
        """Rebuild every bin that was touched; returns how many touches there were. Raises StorageError.

        Cut off, it can be done again.
        """
        with self._lock:
            touches = self._engine.read(_TOUCHES)
            if touches.num_rows and self._list(touches):
                touches = self._engine.read(_TOUCHES)
            for chunk in _chunks(touches):
                self._engine.execute(_REBUILD.format(**_extent(chunk)))
                self._engine.insert("touched_bins", _taken_back(chunk))
            return int(touches.num_rows)

    def _list(self, touches: pa.Table) -> bool:
        """Note from when to when the counters of the touched cameras are listed; True where that may touch more bins.

        It can have grown where a bin was never rebuilt before, or a counter was seen for the first time.
        """
        extent = _extent(touches)
        if self._relist is None:
            cameras = set(touches["camera"].unique().to_pylist())
        else:
            cameras = self._relist | set(self._engine.read(_UNLISTED.format(**extent))["camera"].to_pylist())
        if cameras:
            self._engine.execute(_LIST.format(cameras=_list_of(cameras)))
        self._relist = set()
        return bool(cameras)

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
            with self._lock:
                if self._relist is not None:
                    self._relist.add(camera)
            self._engine.execute(_TOUCH_RUN.format(camera=_quoted(camera), run=_quoted(run)))


def _chunks(touches: pa.Table) -> Iterable[pa.Table]:
    """Parts of `touches`, which are sorted by bin; all touches of one bin start lie in one part."""
    if not touches.num_rows:
        return
    starts = touches["bin_s"].to_numpy().astype(np.int64)
    cameras = touches["camera"].combine_chunks().dictionary_encode().indices.to_numpy()
    # from 0, the number of each touch's bin
    bins = np.append(0, np.cumsum((np.diff(starts) != 0) | (np.diff(cameras) != 0)))
    pauses = np.append(np.flatnonzero(np.diff(starts) > LONGEST_PAUSE_S) + 1, len(starts))
    first = 0
    while first < len(starts):
        full = np.searchsorted(bins, bins[first] + BINS_AT_ONCE)
        end = int(min(full, pauses[np.searchsorted(pauses, first, side="right")]))
        while end < len(starts) and starts[end] == starts[end - 1]:
            end += 1
        yield touches.slice(first, end - first)
        first = end


def _extent(touches: pa.Table) -> dict[str, Any]:
    """What lies in `touches`, for a statement."""
    bins = pc.min_max(touches["bin_s"]).as_py()
    return {
        "from_s": bins["min"],
        "to_s": bins["max"],
        "cameras": _list_of(touches["camera"].unique().to_pylist()),
    }


def _list_of(cameras: Iterable[str]) -> str:
    return ", ".join(map(_quoted, sorted(cameras)))


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
