"""What the pages ask the store: SQL over its public views, with every value as a parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import pyarrow as pa

from pipeline.dashboard.periods import DAY_S, HOUR_S, QUARTER_S, Period


class Queryable(Protocol):
    """A store, as far as the dashboard needs it."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """The answer to one statement that only reads."""
        ...


STATUSES: Final = ("missed", "complete", "partial", "interrupted")
"""Of several lines in one bin the last of these holds; a bin is `missed` only where every line is."""

COUNT_VIEWS: Final = {QUARTER_S: "counts_15m", HOUR_S: "counts_1h", DAY_S: "counts_1d"}

_WITHIN: Final = "bin_start >= toDateTime({from_s:UInt32}, 'UTC') AND bin_start < toDateTime({to_s:UInt32}, 'UTC')"

_WITHIN_AGO: Final = _WITHIN.replace("{", "{ago_")


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


def city_volumes(store: Queryable, from_s: int, to_s: int, ago_from_s: int, ago_to_s: int) -> list[dict[str, Any]]:
    """Per camera, class and quarter of an hour (`bin_s`) of two periods: vehicles (None: not observed), observed_s."""
    return _rows(
        store,
        f"""
        SELECT c.camera AS camera, class, toInt64(toUnixTimestamp(bin_start)) AS bin_s,
               sumOrNull(count) AS vehicles, max(observed_s) AS observed_s
        FROM (SELECT * FROM counts_15m WHERE ({_WITHIN}) OR ({_WITHIN_AGO})) AS c
        LEFT JOIN (SELECT camera, groupUniqArrayIf(line, role = 'entry') AS entries FROM lines GROUP BY camera) AS e
            ON c.camera = e.camera
        WHERE empty(e.entries) OR has(e.entries, c.line)
        GROUP BY camera, class, bin_s ORDER BY camera, bin_s, class
        """,
        from_s=from_s,
        to_s=to_s,
        ago_from_s=ago_from_s,
        ago_to_s=ago_to_s,
    )


_ENTRIES: Final = "(SELECT groupUniqArrayIf(line, role = 'entry') FROM lines WHERE camera = {camera:String}) AS entries"
_COUNTED_ONCE: Final = "(empty(entries) OR has(entries, line))"
"""The lines that make a junction's volume: its entry lines where it has any, otherwise every line (as `peak_hours`)."""


def profile(store: Queryable, camera: str, period: Period, bin_s: int) -> list[dict[str, Any]]:
    """One camera's volume per class and bin of `bin_s` seconds in order of time, then its totals per line.

    A row with an empty `line` is a bin of the lines that are counted once: class, bin_s (start), vehicles (None: not
    observed), observed_s, status. Of several lines the last of `STATUSES` holds. Other rows are totals over the period:
    line, direction, class, vehicles. Both from one reading, which is most of what an answer takes.
    """
    return _rows(
        store,
        f"""
        WITH {_ENTRIES}
        SELECT line, direction, class, toInt64(toUnixTimestamp(bin_start)) AS bin_s,
               if(line = '', sumOrNullIf(count, {_COUNTED_ONCE}), sumOrNull(count)) AS vehicles,
               maxIf(observed_s, {_COUNTED_ONCE}) AS observed_s,
               {list(STATUSES)}[maxIf(indexOf({list(STATUSES)}, status), {_COUNTED_ONCE})] AS status
        FROM {COUNT_VIEWS[bin_s]} WHERE camera = {{camera:String}} AND {_WITHIN}
        GROUP BY GROUPING SETS ((class, bin_start), (line, direction, class))
        HAVING line != '' OR countIf({_COUNTED_ONCE}) > 0
        ORDER BY line, bin_s
        """,
        camera=camera,
        from_s=period.from_s,
        to_s=period.to_s,
    )


def volumes(store: Queryable, camera: str, period: Period, bin_s: int) -> list[dict[str, Any]]:
    """The first part of `profile` alone."""
    return _rows(
        store,
        f"""
        WITH {_ENTRIES}
        SELECT class, toInt64(toUnixTimestamp(bin_start)) AS bin_s, sumOrNull(count) AS vehicles,
               max(observed_s) AS observed_s, {list(STATUSES)}[max(indexOf({list(STATUSES)}, status))] AS status
        FROM {COUNT_VIEWS[bin_s]} WHERE camera = {{camera:String}} AND {_WITHIN} AND {_COUNTED_ONCE}
        GROUP BY class, bin_start ORDER BY bin_s
        """,
        camera=camera,
        from_s=period.from_s,
        to_s=period.to_s,
    )


def turns(store: Queryable, camera: str, period: Period) -> list[dict[str, Any]]:
    """One camera's vehicles per turn (from_line, to_line) and class in the period; None: nothing was observed."""
    return _rows(
        store,
        "SELECT from_line, to_line, class, sumOrNull(count) AS vehicles FROM turning_counts_15m "
        f"WHERE camera = {{camera:String}} AND {_WITHIN} "
        "GROUP BY from_line, to_line, class ORDER BY from_line, to_line, class",
        camera=camera,
        from_s=period.from_s,
        to_s=period.to_s,
    )


def lines(store: Queryable, camera: str) -> list[dict[str, Any]]:
    """The lines a camera was counted on, as last registered: line, role, approach, start_x ... end_y (pixels)."""
    return _rows(
        store,
        "SELECT line, role, approach, start_x, start_y, end_x, end_y FROM lines WHERE camera = {camera:String} "
        "ORDER BY line, registered_at DESC LIMIT 1 BY line",
        camera=camera,
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
