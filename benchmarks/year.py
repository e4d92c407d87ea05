"""A year of a city: bytes per crossing, query times through the public views, and a replay of one day.

28 cameras, each with four entry and four exit lines and a run a week. Rates follow the hour and the day of the week,
motorcycles dominate, instants are random to the nanosecond, and one minute in two hundred was lost. Every vehicle
crosses an entry and an exit line, so there are two crossings for each movement. The rows are made in SQL from hashes
(the same on every machine), month by month, straight into the tables that the loader fills, and each finished month is
merged, as the engine does in the background; settling, views and replay are the product's own.

    python -m benchmarks.year --scratch DIRECTORY [--crossings 100000000] [--months 12]
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks._report import publish, table
from pipeline.sink.store import EmbeddedStore
from pipeline.types import NS_PER_S, CountingLine, Coverage, Crossing, Event, event_id

CAMERAS: Final = 28
YEAR: Final = 2025
WANTED: Final = {"bytes_per_crossing": 10.0, "site_day_s": 0.05, "city_month_s": 0.8}
REPEATS: Final = 5
SITE: Final = "paser-07"
WEEKDAYS: Final = (10, 10, 10, 10, 11, 9, 7)
"""Vehicles by day of the week, Monday first."""
HOURS: Final = (6, 4, 3, 3, 6, 18, 52, 78, 66, 54, 50, 52, 56, 54, 52, 58, 72, 82, 70, 56, 44, 32, 20, 12)
"""Vehicles by hour of the local day, in thousandths of the day."""
ARMS: Final = "UTSB"
LOCAL: Final = timedelta(hours=8)

VEHICLES: Final = """
CREATE TABLE year_vehicles ENGINE = Memory AS
SELECT *, row_number() OVER (PARTITION BY camera, run ORDER BY entered_ns) AS track
FROM
(
    SELECT
        concat('paser-', leftPad(toString(intDiv(number, {per_camera}) + 1), 2, '0')) AS camera,
        cityHash64({month}, number, 1) AS r1,
        cityHash64({month}, number, 2) AS r2,
        cityHash64({month}, number, 3) AS r3,
        cityHash64({month}, number, 4) AS r4,
        {start_ns} + toInt64({days}[r1 % {day_count} + 1]) * 86400000000000 AS day_ns,
        day_ns + toInt64({hours}[r2 % {hour_count} + 1]) * 3600000000000 + toInt64(r3 % 3600000000000) AS entered_ns,
        entered_ns + 3000000000 + toInt64(r4 % 12000000000) AS left_ns,
        intDiv(r1, 1000) % 4 AS arm,
        concat(substring('UTSB', arm + 1, 1), '-in') AS from_line,
        concat(substring('UTSB', (arm + 1 + intDiv(r1, 4000) % 3) % 4 + 1, 1), '-out') AS to_line,
        intDiv(r2, 100000) % 1000 AS kind,
        multiIf(kind < 740, 'motorcycle', kind < 930, 'car', kind < 965, 'truck', kind < 975, 'bus', 'bicycle')
            AS class,
        350 + intDiv(r4, 1000) % 600 AS permille,
        concat(camera, ' ', toString(toStartOfWeek(toDateTime(intDiv(day_ns, 1000000000) + 28800, 'UTC')))) AS run
    FROM numbers({per_camera} * {cameras})
)
WHERE cityHash64(camera, intDiv(entered_ns, 60000000000)) % 200 != 0
    AND cityHash64(camera, intDiv(left_ns, 60000000000)) % 200 != 0
"""
CROSSINGS: Final = """
INSERT INTO crossing_events
    (camera, captured_at, line, direction, track, revision, stated_id, class, frame, confidence_permille, run)
SELECT camera, fromUnixTimestamp64Nano({at}, 'UTC'), {line}, 'forward', track, 0, '', class,
    intDiv({at} - day_ns, 100000000), permille, run
FROM year_vehicles
"""
MOVEMENTS: Final = """
INSERT INTO movement_events
    (camera, exited_at, from_line, to_line, entered_at, track, revision, stated_id, class, stitched, run)
SELECT camera, fromUnixTimestamp64Nano(left_ns, 'UTC'), from_line, to_line, fromUnixTimestamp64Nano(entered_ns, 'UTC'),
    track, 0, '', class, r3 % 50 = 0, run
FROM year_vehicles
"""
COVERAGE: Final = """
INSERT INTO coverage_stored
SELECT
    concat('paser-', leftPad(toString(intDiv(number, {minutes}) + 1), 2, '0')) AS camera,
    toDateTime({start_s} + number % {minutes} * 60, 'UTC') AS minute,
    if(cityHash64(camera, intDiv(toUnixTimestamp(minute), 60)) % 200 = 0, 0, 60000000) AS observed_us,
    intDiv(observed_us, 100000), intDiv(observed_us, 100000), 0, if(observed_us = 0, 'gap', ''), 0,
    concat(camera, ' ', toString(toStartOfWeek(toDateTime(toUnixTimestamp(minute) + 28800, 'UTC'))))
FROM numbers({minutes} * {cameras})
"""
LINES: Final = """
INSERT INTO lines_stored
SELECT c.camera, c.run, l.line, 0, 0, 1, 1, if(endsWith(l.line, '-in'), 'entry', 'exit'), substring(l.line, 1, 1),
    now64(9)
FROM (SELECT DISTINCT camera, run FROM coverage_stored WHERE minute >= {start_s} AND minute < {end_s}) AS c
CROSS JOIN (SELECT concat(arrayJoin(['U', 'T', 'S', 'B']), arrayJoin(['-in', '-out'])) AS line) AS l
"""
TABLES: Final = ("crossing_events", "movement_events", "coverage_stored", "tallies_stored")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scratch", type=Path, required=True, help="a folder with room for 4 GB; emptied at the end")
    parser.add_argument("--crossings", type=int, default=100_000_000)
    parser.add_argument("--months", type=int, default=12)
    args = parser.parse_args()
    path = args.scratch / "year-store"
    shutil.rmtree(path, ignore_errors=True)
    try:
        with EmbeddedStore(path) as store:
            measure(store, args.crossings, args.months)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def measure(store: EmbeddedStore, crossings: int, months: int) -> None:
    for number in range(1, CAMERAS + 1):
        store.register_camera(f"paser-{number:02}")
    load_s = settle_s = 0.0
    growth: dict[str, dict[str, Any]] = {}
    for month in range(1, months + 1):
        started = time.perf_counter()
        load_month(store, month, per_camera=crossings // (2 * CAMERAS * months))
        loaded = time.perf_counter()
        store._settler.settle()
        settled = time.perf_counter()
        for name in TABLES:
            store._engine.execute(f"OPTIMIZE TABLE {name} FINAL")
        load_s, settle_s = load_s + loaded - started, settle_s + settled - loaded
        print(f"month {month}: loaded in {loaded - started:.0f} s, settled in {settled - loaded:.0f} s", flush=True)
        if month in (1, 6, months):
            growth[str(month)] = query_times(store)
    sizes = {row["table"]: row for row in store.query(_SIZES).to_pylist()}
    rows = {name: int(sizes[name]["n"]) for name in TABLES}
    per_crossing = {name: round(sizes[name]["size"] / rows["crossing_events"], 2) for name in TABLES}
    last = growth[str(months)]
    replay = replay_day(store)
    head = ("query", *(f"{month} months, s" for month in growth), "CPU, s", "wanted")
    lines = [
        (name, *(times[name]["wall_s"] for times in growth.values()), last[name]["cpu_s"], WANTED.get(f"{name}_s"))
        for name in last
    ]
    headline = (
        f"{rows['crossing_events'] / 1e6:.0f} M crossings in {months} months: {per_crossing['crossing_events']} bytes "
        f"each (wanted at most 10), {sum(per_crossing.values()):.1f} with movements, coverage and tallies; site-day of "
        f"turning counts {last['site_day']['wall_s']} s (wanted 0.05), month of the city "
        f"{last['city_month']['wall_s']} s (wanted 0.8); "
        f"replay of a day {replay['seconds']} s, {'exact' if replay['exact'] else 'NOT EXACT'}"
    )
    publish(
        "year",
        headline,
        table(head, lines),
        {
            "rows": rows,
            "bytes_per_crossing": per_crossing,
            "bytes_per_crossing_by_column": {
                row["column"]: round(row["size"] / rows["crossing_events"], 3)
                for row in store.query(_COLUMN_SIZES).to_pylist()
            },
            "load_rows_per_s": round((rows["crossing_events"] + rows["movement_events"]) / load_s),
            "settle_s": round(settle_s, 1),
            "queries": growth,
            "replay": replay,
            "wanted": WANTED,
        },
    )


def load_month(store: EmbeddedStore, month: int, *, per_camera: int) -> None:
    first = date(YEAR, month, 1)
    end = date(YEAR + month // 12, month % 12 + 1, 1)
    start_s, end_s = (int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) - 28800 for d in (first, end))
    days = [n for n in range((end - first).days) for _ in range(WEEKDAYS[(first.weekday() + n) % 7])]
    hours = [hour for hour, share in enumerate(HOURS) for _ in range(share)]
    numbers = {
        "month": month, "per_camera": per_camera, "cameras": CAMERAS, "start_ns": start_s * NS_PER_S,
        "start_s": start_s, "end_s": end_s, "minutes": (end_s - start_s) // 60, "days": days, "day_count": len(days),
        "hours": hours, "hour_count": len(hours),
    }  # fmt: skip
    execute = store._engine.execute
    execute(COVERAGE.format(**numbers) + " SETTINGS max_partitions_per_insert_block = 0")
    execute(LINES.format(**numbers))
    execute("DROP TABLE IF EXISTS year_vehicles")
    execute(VEHICLES.format(**numbers))
    for at, line in (("entered_ns", "from_line"), ("left_ns", "to_line")):
        execute(CROSSINGS.format(at=at, line=line) + " SETTINGS max_partitions_per_insert_block = 0")
    execute(MOVEMENTS + " SETTINGS max_partitions_per_insert_block = 0")
    execute("DROP TABLE year_vehicles")


def query_times(store: EmbeddedStore) -> dict[str, Any]:
    """Median wall and CPU seconds of each question, on the first month."""
    day = "bin_start >= '2025-01-14 16:00:00' AND bin_start < '2025-01-15 16:00:00'"
    month = "bin_start >= '2024-12-31 16:00:00' AND bin_start < '2025-01-31 16:00:00'"
    questions = {
        "site_day": "SELECT bin_start, from_line, to_line, class, count FROM turning_counts_15m "
        f"WHERE camera = '{SITE}' AND {day}",
        "city_month": f"SELECT bin_start, class, sum(count) AS n FROM counts_15m WHERE {month} "
        "GROUP BY bin_start, class",
        "site_month_by_day": f"SELECT bin_start, class, sum(count) FROM counts_1d WHERE camera = '{SITE}' AND {month} "
        "GROUP BY bin_start, class",
        "site_all_days": f"SELECT bin_start, line, class, count FROM counts_1d WHERE camera = '{SITE}'",
        "site_day_smp": f"SELECT bin_start, line, smp FROM pcu_15m WHERE camera = '{SITE}' AND {day}",
        "site_peak_hour": f"SELECT day, vehicles, phf FROM peak_hours WHERE camera = '{SITE}' AND day = '2025-01-15'",
    }
    return {name: timed(store, sql) for name, sql in questions.items()}


def timed(store: EmbeddedStore, sql: str) -> dict[str, Any]:
    walls, cpus, rows = [], [], 0
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), _cpu_s()
        rows = store.query(sql).num_rows
        walls.append(time.perf_counter() - wall)
        cpus.append(_cpu_s() - cpu)
    return {
        "wall_s": round(statistics.median(walls), 4),
        "least_wall_s": round(min(walls), 4),
        "cpu_s": round(statistics.median(cpus), 4),
        "rows": rows,
    }


def replay_day(store: EmbeddedStore) -> dict[str, Any]:
    """Replay one day of one camera with half of its vehicles, but for an hour that the footage lacks."""
    day_s = int(datetime(2025, 1, 14, 16, tzinfo=UTC).timestamp())
    counts = f"SELECT sum(count) AS n FROM counts_15m WHERE camera = '{SITE}' AND "
    inside = f"bin_start >= toDateTime({day_s}, 'UTC') AND bin_start < toDateTime({day_s + 82800}, 'UTC')"
    outside = f"NOT ({inside})"
    before = [store.query(counts + where)["n"][0].as_py() for where in (inside, outside)]
    kept = store.query(
        "SELECT line, class, toUnixTimestamp64Nano(captured_at) AS at_ns, track, frame FROM crossings "
        f"WHERE camera = '{SITE}' AND captured_at >= toDateTime({day_s}, 'UTC') "
        f"AND captured_at < toDateTime({day_s + 82800}, 'UTC') AND track % 2 = 0"
    ).to_pylist()
    run = "replay"
    events: list[Event] = [
        Coverage(SITE, (day_s + 60 * n) * NS_PER_S, 60.0, 600, 600, 0, "", 1, run) for n in range(23 * 60)
    ]
    for row in kept:
        identity = event_id(SITE, row["line"], "forward", row["at_ns"], row["track"], 1)
        events.append(
            Crossing(
                identity, SITE, row["line"], "forward", row["class"], row["at_ns"], row["frame"], row["track"], 0.5,
                None, 1, run,
            )
        )  # fmt: skip
    started = time.perf_counter()
    store.register_lines(SITE, [CountingLine(f"{arm}-{way}", (0, 0), (1, 1), role="entry" if way == "in" else "exit")
                                for arm in ARMS for way in ("in", "out")], run=run)  # fmt: skip
    store.insert(events)
    store.settle()
    seconds = time.perf_counter() - started
    after = [store.query(counts + where)["n"][0].as_py() for where in (inside, outside)]
    return {
        "seconds": round(seconds, 2),
        "events": len(events),
        "exact": after == [len(kept), before[1]],
        "counts_before": before,
        "counts_after": after,
    }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


_SIZES: Final = (
    "SELECT table, sum(rows) AS n, sum(bytes_on_disk) AS size FROM system.parts "
    "WHERE active AND database = currentDatabase() GROUP BY table"
)
_COLUMN_SIZES: Final = (
    "SELECT column, sum(column_data_compressed_bytes) AS size FROM system.parts_columns WHERE active "
    "AND database = currentDatabase() AND table = 'crossing_events' GROUP BY column ORDER BY size DESC"
)


if __name__ == "__main__":
    main()
