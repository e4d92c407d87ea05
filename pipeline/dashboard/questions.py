"""What the pages ask the store: SQL over its public views, with every value as a parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import pyarrow as pa

from pipeline.dashboard.periods import Period
from pipeline.types import DIRECTIONS, VEHICLE_CLASSES


class Queryable(Protocol):
    """A store, as far as the dashboard needs it."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """The answer to one statement that only reads."""
        ...


_WITHIN: Final = "bin_start >= toDateTime({from_s:UInt32}, 'UTC') AND bin_start < toDateTime({to_s:UInt32}, 'UTC')"


def cameras(store: Queryable) -> list[dict[str, Any]]:
    """Every camera that is registered or was ever counted: camera, name, district, timezone, facility, pcu_version."""
    return _rows(
        store,
        """
        SELECT k.camera AS camera, z.name AS name, z.district AS district, z.timezone AS timezone,
               if(z.camera = '', 'signalised_protected', z.facility) AS facility,
               if(z.camera = '', 'PKJI 2023', z.pcu_version) AS pcu_version
        FROM (SELECT camera FROM cameras UNION DISTINCT SELECT camera FROM runs) AS k
        LEFT JOIN cameras AS z ON k.camera = z.camera
        ORDER BY camera
        """,
    )


def coefficients(store: Queryable) -> list[dict[str, Any]]:
    """emp by version, facility and class."""
    return _rows(store, "SELECT version, facility, class, emp FROM pcu_coefficients ORDER BY version, facility, class")


def newest_minute_s(store: Queryable, since_s: int) -> int | None:
    """Start of the last minute in which any camera was observed, not looking before `since_s`."""
    rows = _rows(
        store,
        "SELECT count() AS minutes, toInt64(toUnixTimestamp(max(minute))) AS newest_s FROM coverage "
        "WHERE minute >= toDateTime({since_s:UInt32}, 'UTC') AND observed_s > 0",
        since_s=since_s,
    )
    return int(rows[0]["newest_s"]) if rows[0]["minutes"] else None


def last_seen(store: Queryable, since_s: int, camera: str = "") -> list[dict[str, Any]]:
    """Since `since_s`, of one camera or all: its last observed minute (`seen_s`), why its last minute is not whole."""
    return _rows(
        store,
        "SELECT camera, toInt64(toUnixTimestamp(maxIf(minute, observed_s > 0))) AS seen_s, "
        "argMax(reason, (minute, revision)) AS reason "
        "FROM coverage WHERE minute >= toDateTime({since_s:UInt32}, 'UTC') "
        "AND ({camera:String} = '' OR camera = {camera:String}) GROUP BY camera",
        since_s=since_s,
        camera=camera,
    )


def pulse(store: Queryable, since_s: int) -> list[dict[str, Any]]:
    """Per camera since `since_s`: how many crossings there are and when the newest was (`newest_ns`)."""
    return _rows(
        store,
        "SELECT camera, count() AS crossings, toUnixTimestamp64Nano(max(captured_at)) AS newest_ns FROM crossings "
        "WHERE captured_at >= toDateTime64({since_s:UInt32}, 9, 'UTC') GROUP BY camera ORDER BY camera",
        since_s=since_s,
    )


CELLS: Final = tuple(f"n_{direction}_{name}" for direction in DIRECTIONS for name in VEHICLE_CLASSES)
"""A tally's counts, in the order in which the store keeps them."""

_CELL_COLUMNS: Final = ", ".join(f"n[{number}] AS {name}" for number, name in enumerate(CELLS, 1))


_TALLY_COLUMNS: Final = (
    "CAST(line AS String) AS line, CAST(to_line AS String) AS to_line, toUnixTimestamp(bin) AS bin_s, "
    f"observed_us, lossy, head.1 AS head_s, head.2 AS head_us, tail.1 AS tail_s, tail.2 AS tail_us, {_CELL_COLUMNS}"
)
_BIN_WITHIN: Final = _WITHIN.replace("bin_start", "bin")


def tallies(store: Queryable, camera: str, period: Period) -> pa.Table:
    """One camera's tallies: a row for each line (`to_line` is empty) and each turn in each quarter of an hour.

    line, to_line, bin_s (start), observed_us, lossy, head_s and head_us (the first observed minute, and its observed
    microseconds), tail_s and tail_us (the last), `CELLS` (a turn has those of the first direction, else 0).
    """
    return store.query(
        f"SELECT {_TALLY_COLUMNS} FROM tallies WHERE camera = {{camera:String}} AND {_BIN_WITHIN}",
        {"camera": camera, "from_s": period.from_s, "to_s": period.to_s},
    )


def line_tallies(store: Queryable, period: Period, ago: Period) -> pa.Table:
    """Every camera's tallies of lines in two periods, in the order of cameras: camera, and as `tallies` answers."""
    return store.query(
        f"SELECT CAST(camera AS String) AS camera, {_TALLY_COLUMNS} FROM tallies "
        f"WHERE kind = 'line' AND (({_BIN_WITHIN}) OR ({_BIN_WITHIN.replace('{', '{ago_')})) ORDER BY camera",
        {"from_s": period.from_s, "to_s": period.to_s, "ago_from_s": ago.from_s, "ago_to_s": ago.to_s},
    )


def lines(store: Queryable) -> list[dict[str, Any]]:
    """The lines that cameras were counted on, as last registered: camera, line, role, approach, start_x ... end_y."""
    return _rows(
        store,
        "SELECT camera, line, role, approach, start_x, start_y, end_x, end_y FROM lines "
        "ORDER BY camera, line, registered_at DESC LIMIT 1 BY camera, line",
    )


def coverage_hours(store: Queryable, camera: str, period: Period) -> list[dict[str, Any]]:
    """One camera's coverage per hour: hour_s, observed_s, frames seen, processed and dropped, and the main reason.

    Of a minute that was counted more than once, the revision that observed most is taken.
    """
    return _rows(
        store,
        """
        SELECT toInt64(toUnixTimestamp(toStartOfHour(minute))) AS hour_s, sum(us) AS observed_s,
               sum(seen) AS frames_seen,
               sum(processed) AS frames_processed, sum(dropped) AS frames_dropped,
               arrayFilter(r -> r != '', groupUniqArray(why)) AS reasons
        FROM
        (
            SELECT minute, least(60, argMax(observed, (observed, revision))) AS us,
                   argMax(a, (observed, revision)) AS seen,
                   argMax(b, (observed, revision)) AS processed, argMax(c, (observed, revision)) AS dropped,
                   argMax(reason, (observed, revision)) AS why
            FROM
            (
                SELECT minute, revision, sum(observed_s) AS observed, sum(frames_seen) AS a, sum(frames_processed) AS b,
                       sum(frames_dropped) AS c, max(reason) AS reason
                FROM coverage
                WHERE camera = {camera:String} AND minute >= toDateTime({from_s:UInt32}, 'UTC')
                  AND minute < toDateTime({to_s:UInt32}, 'UTC')
                GROUP BY minute, revision
            )
            GROUP BY minute
        )
        GROUP BY hour_s ORDER BY hour_s
        """,
        camera=camera,
        from_s=period.from_s,
        to_s=period.to_s,
    )


def incidents(store: Queryable, from_s: int, to_s: int) -> list[dict[str, Any]]:
    """What was noticed in the period, newest first, at most 50: camera, kind, started_s, ended_s or None."""
    return _rows(
        store,
        "SELECT camera, kind, toInt64(toUnixTimestamp(started_at)) AS started_s, "
        "toInt64(toUnixTimestamp(ended_at)) AS ended_s FROM incidents "
        "WHERE started_at >= toDateTime64({from_s:UInt32}, 9, 'UTC') "
        "AND started_at < toDateTime64({to_s:UInt32}, 9, 'UTC') ORDER BY started_at DESC LIMIT 50",
        from_s=from_s,
        to_s=to_s,
    )


def quiet_lines(store: Queryable, camera: str, period: Period) -> list[dict[str, Any]]:
    """Lines that were observed for at least an hour of the period without one crossing: line, observed_s."""
    return _rows(
        store,
        f"SELECT line, sum(observed) AS observed_s FROM (SELECT line, bin_start, sum(count) AS n, "
        f"max(observed_s) AS observed FROM counts_1d WHERE camera = {{camera:String}} AND {_WITHIN} "
        "GROUP BY line, bin_start) GROUP BY line HAVING sum(n) = 0 AND observed_s >= 3600 ORDER BY line",
        camera=camera,
        from_s=period.from_s,
        to_s=period.to_s,
    )


def _rows(store: Queryable, sql: str, **parameters: Any) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = store.query(sql, parameters).to_pylist()
    return answer
