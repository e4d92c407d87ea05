"""A year of a city: bytes per crossing, query times through the public views, and a replay of one day.

    python -m benchmarks.year --scratch DIRECTORY [--crossings N] [--load-only | --measure-only]

`_year_rows` makes the rows month by month, straight into the tables that the loader fills; settling, views and replay
are the product's own, and each finished month is merged, as the engine does of its own accord a day later. Loading
takes a quarter of an hour or more and can be cut off: what is loaded stays in DIRECTORY, with a copy of the store as it
was after 1, 3, 6 and 12 months (of the same files, by hard links), and is not loaded again. The questions take a minute
and want a quiet machine: `--measure-only` asks them of what is there, as often as you like.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks._report import give_up, publish, table
from benchmarks._year_rows import ARMS, CAMERAS, Month, camera_name, insert_month, vehicles_per_camera
from pipeline.sink.store import EmbeddedStore
from pipeline.types import NS_PER_S, CountingLine, Coverage, Crossing, Event, event_id

WANTED: Final = {"bytes_per_crossing": 10.0, "site_day_s": 0.05, "city_month_s": 0.8}
MONTHS: Final = 12
KEPT_AFTER: Final = (1, 3, 6, 12)
"""The store is copied when it holds so many months, to see how query times grow."""
REPEATS: Final = 9
SITE: Final = camera_name(7)
TABLES: Final = ("crossing_events", "movement_events", "coverage_stored", "tallies_stored")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, required=True, help="a folder of its own, with room for 6 GB")
    parser.add_argument("--crossings", type=int, default=100_000_000, metavar="N", help="a year (default: %(default)s)")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--load-only", action="store_true", help="ask nothing: the machine is busy")
    only.add_argument("--measure-only", action="store_true", help="load nothing: it was done before")
    args = parser.parse_args()
    args.scratch.mkdir(parents=True, exist_ok=True)
    if not args.measure_only:
        load_year(args.scratch, args.crossings)
    if not args.load_only:
        measure(args.scratch)


def load_year(scratch: Path, crossings: int) -> None:
    """Load the months that are not there yet."""
    per_camera = vehicles_per_camera(crossings, MONTHS)
    loaded = read_loaded(scratch)
    if loaded and loaded[0]["per_camera"] != per_camera:
        give_up(f"{scratch} holds a year of another size; give --crossings as before, or another --scratch")
    began_s, already = time.perf_counter(), len(loaded)
    for number in range(already + 1, MONTHS + 1):
        with EmbeddedStore(scratch / "store") as store:
            loaded.append(load_month(store, Month.of(number), per_camera))
        if number in KEPT_AFTER:
            copy_store(scratch / "store", after(scratch, number))
        (scratch / "loaded.json").write_text(json.dumps(loaded))
        rest_s = (time.perf_counter() - began_s) / (number - already) * (MONTHS - number)
        print(f"month {number} of {MONTHS}: {loaded[-1]}; {rest_s / 60:.0f} min to go", flush=True)


def load_month(store: EmbeddedStore, month: Month, per_camera: int) -> dict[str, float]:
    """What it took: wall and CPU seconds of each step."""
    for number in range(1, CAMERAS + 1):
        store.register_camera(camera_name(number))
    took: dict[str, float] = {"per_camera": per_camera}

    def step(name: str, work: Callable[[], Any]) -> None:
        wall_s, cpu_s = time.perf_counter(), _cpu_s()
        work()
        took[f"{name}_s"] = round(time.perf_counter() - wall_s, 1)
        took[f"{name}_cpu_s"] = round(_cpu_s() - cpu_s, 1)

    def merge() -> None:
        for name in TABLES:
            # Of the months before this one there is one part each already, which is left as it is.
            store._engine.execute(f"OPTIMIZE TABLE {name} FINAL SETTINGS optimize_skip_merged_partitions = 1")

    step("load", lambda: insert_month(store._engine, month, per_camera))
    step("settle", store._settler.settle)
    step("merge", merge)
    return took


def read_loaded(scratch: Path) -> list[dict[str, float]]:
    """What each loaded month took."""
    path = scratch / "loaded.json"
    return json.loads(path.read_text()) if path.exists() else []


def after(scratch: Path, months: int) -> Path:
    """The store as it was with so many months."""
    return scratch / f"after-{months:02}"


def copy_store(source: Path, target: Path) -> None:
    """Copy a store that is closed. Columns are never changed once they are written, so they are linked."""

    def copy(file: str, to: str) -> None:
        if file.endswith(".bin"):
            os.link(file, to)
        else:
            shutil.copy2(file, to)

    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=copy, symlinks=True)


def measure(scratch: Path) -> None:
    """Ask the questions of the store as it was after each number of months, and replay a day over the year."""
    loaded = read_loaded(scratch)
    there = [months for months in KEPT_AFTER if after(scratch, months).exists()]
    if not there:
        give_up(f"{scratch} holds no store; load it first, without --measure-only")
    times: dict[int, dict[str, Any]] = {}
    for months in there:
        with EmbeddedStore(after(scratch, months)) as store:
            times[months] = query_times(store)
            if months == there[-1]:
                sizes = {row["table"]: row for row in store.query(_SIZES).to_pylist()}
                by_column = store.query(_COLUMN_SIZES).to_pylist()
    last = there[-1]
    copy_store(after(scratch, last), scratch / "replayed")
    with EmbeddedStore(scratch / "replayed") as store:
        replay = replay_day(store)
    shutil.rmtree(scratch / "replayed")
    rows = {name: int(sizes[name]["n"]) for name in TABLES}
    crossings = rows["crossing_events"]
    per_crossing = {name: round(sizes[name]["size"] / crossings, 2) for name in TABLES}
    steps = {
        name: round(sum(month[f"{name}_s"] for month in loaded[:last]), 1)
        for name in ("load", "settle", "merge", "load_cpu", "settle_cpu", "merge_cpu")
    }
    rate = (crossings + rows["movement_events"]) / (steps["load"] + steps["settle"])
    site_day, city_month = (times[last][name]["wall_s"] for name in ("site_day", "city_month"))
    publish(
        "year",
        f"{crossings / 1e6:.0f} M crossings in {last} months: {per_crossing['crossing_events']} bytes each (wanted at "
        f"most 10), {sum(per_crossing.values()):.1f} with movements, coverage and tallies; loaded and settled at "
        f"{rate / 1e6:.2f} M events/s; site-day of turning counts {site_day} s (wanted 0.05), month of the city "
        f"{city_month} s (wanted 0.8); replay of a day {replay['seconds']} s, "
        f"{'exact' if replay['exact'] else 'NOT EXACT'}",
        table(
            ("query", *(f"{months} months, s" for months in there), "CPU, s", "wanted"),
            [
                (
                    name,
                    *(times[months][name]["wall_s"] for months in there),
                    times[last][name]["cpu_s"],
                    WANTED.get(f"{name}_s"),
                )
                for name in times[last]
            ],
        ),
        {
            "rows": rows,
            "bytes_per_crossing": per_crossing,
            "bytes_per_crossing_by_column": {row["column"]: round(row["size"] / crossings, 3) for row in by_column},
            "load_seconds": steps,
            "load_events_per_s": round(rate),
            "queries_by_months": times,
            "replay": replay,
            "wanted": WANTED,
        },
    )


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
    """Wall and CPU seconds of one question, after one time that does not count: files are in the page cache."""
    walls, cpus, rows = [], [], store.query(sql).num_rows
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), _cpu_s()
        store.query(sql)
        walls.append(time.perf_counter() - wall)
        cpus.append(_cpu_s() - cpu)
    return {
        "wall_s": round(statistics.median(walls), 4),
        "least_wall_s": round(min(walls), 4),
        "cpu_s": round(statistics.median(cpus), 4),
        "rows": rows,
    }


def replay_day(store: EmbeddedStore) -> dict[str, Any]:
    """Replay one day of one camera with half of its vehicles, but for an hour that the footage lacks.

    Exact is: within the replayed hours every bin of every line and class holds what the replay saw, and everywhere
    else, at all cameras, the counts are what they were.
    """
    day_s = int(datetime(2025, 1, 14, 16, tzinfo=UTC).timestamp())
    period = f"bin_start >= toDateTime({day_s}, 'UTC') AND bin_start < toDateTime({day_s + 82800}, 'UTC')"
    elsewhere = (
        "SELECT count() AS n, groupBitXor(cityHash64(camera, line, direction, class, bin_start, count)) AS digest "
        f"FROM counts_15m WHERE NOT (camera = '{SITE}' AND {period})"
    )
    inside = (
        "SELECT toUnixTimestamp(bin_start) AS bin_s, line, class, count FROM counts_15m "
        f"WHERE camera = '{SITE}' AND {period} AND direction = 'forward' AND count > 0"
    )
    before = store.query(elsewhere).to_pylist()
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
    lines = [
        CountingLine(f"{arm}-{way}", (0, 0), (1, 1), role="entry" if way == "in" else "exit")
        for arm in ARMS
        for way in ("in", "out")
    ]
    started = time.perf_counter()
    store.register_lines(SITE, lines, run=run)
    store.insert(events)
    store.settle()
    seconds = time.perf_counter() - started
    wanted = Counter((row["at_ns"] // NS_PER_S // 900 * 900, row["line"], row["class"]) for row in kept)
    found = {(row["bin_s"], row["line"], row["class"]): row["count"] for row in store.query(inside).to_pylist()}
    return {
        "seconds": round(seconds, 2),
        "events": len(events),
        "exact": found == wanted and store.query(elsewhere).to_pylist() == before,
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
