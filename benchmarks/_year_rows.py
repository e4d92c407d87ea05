"""The rows of a synthetic year of a city, made in SQL inside the engine from hashes: the same on every machine.

28 cameras, each with four entry and four exit lines and a run a week. Rates follow the hour and the day of the week,
motorcycles dominate, instants are random to the nanosecond, and one minute in two hundred was lost. Every vehicle
crosses an entry and an exit line, so there are two crossings for each movement. Keys and ids are those that the codec
makes: tests/benchmarks/test_year.py reads rows back and holds that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from pipeline.sink.engine import Engine
from pipeline.types import NS_PER_S

CAMERAS: Final = 28
YEAR: Final = 2025
ARMS: Final = "UTSB"
WEEKDAYS: Final = (10, 10, 10, 10, 11, 9, 7)
"""Vehicles by day of the week, Monday first."""
HOURS: Final = (6, 4, 3, 3, 6, 18, 52, 78, 66, 54, 50, 52, 56, 54, 52, 58, 72, 82, 70, 56, 44, 32, 20, 12)
"""Vehicles by hour of the local day, in thousandths of the day."""
UTC_OFFSET_S: Final = 28_800
SEEN: Final = 0.995**2
"""Of the vehicles: neither their first nor their last minute was lost."""


@dataclass(frozen=True, slots=True)
class Month:
    """A local month of the year, in seconds since the epoch."""

    number: int
    start_s: int
    end_s: int
    days: tuple[int, ...]
    """Each day's index, as often as its weekday has vehicles."""

    @classmethod
    def of(cls, number: int) -> Month:
        first, end = date(YEAR, number, 1), date(YEAR + number // 12, number % 12 + 1, 1)
        start_s, end_s = (int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) for d in (first, end))
        days = [n for n in range((end - first).days) for _ in range(WEEKDAYS[(first.weekday() + n) % 7])]
        return cls(number, start_s - UTC_OFFSET_S, end_s - UTC_OFFSET_S, tuple(days))


def camera_name(number: int) -> str:
    """The camera with this number, from 1."""
    return f"paser-{number:02}"


def vehicles_per_camera(crossings: int, months: int) -> int:
    """How many vehicles a camera must get in a month for `crossings` of the city to be seen in `months`."""
    return int(crossings / (2 * CAMERAS * months * SEEN)) + 1


def insert_month(engine: Engine, month: Month, per_camera: int, cameras: int = CAMERAS) -> None:
    """Insert a month into the tables that the loader fills. Doing it again changes nothing."""
    numbers = {
        "month": month.number,
        "per_camera": per_camera,
        "cameras": cameras,
        "start_s": month.start_s,
        "end_s": month.end_s,
        "start_ns": month.start_s * NS_PER_S,
        "minutes": (month.end_s - month.start_s) // 60,
        "days": list(month.days),
        "hours": [hour for hour, share in enumerate(HOURS) for _ in range(share)],
        "offset_s": UTC_OFFSET_S,
    }
    engine.execute("DROP TABLE IF EXISTS year_vehicles")
    engine.execute(_VEHICLES.format(**numbers))
    for statement in (
        _COVERAGE,
        _LINES,
        _CROSSINGS.replace("{at}", "entered_ns").replace("{line}", "from_line"),
        _CROSSINGS.replace("{at}", "left_ns").replace("{line}", "to_line"),
        _MOVEMENTS,
    ):
        engine.execute(statement.format(**numbers) + " SETTINGS max_partitions_per_insert_block = 0")
    engine.execute("DROP TABLE year_vehicles")


_VEHICLES: Final = """
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
        {start_ns} + toInt64({days}[r1 % length({days}) + 1]) * 86400000000000 AS day_ns,
        day_ns + toInt64({hours}[r2 % length({hours}) + 1]) * 3600000000000 + toInt64(r3 % 3600000000000) AS entered_ns,
        entered_ns + 3000000000 + toInt64(r4 % 12000000000) AS left_ns,
        intDiv(r1, 1000) % 4 AS arm,
        concat(substring('UTSB', arm + 1, 1), '-in') AS from_line,
        concat(substring('UTSB', (arm + 1 + intDiv(r1, 4000) % 3) % 4 + 1, 1), '-out') AS to_line,
        intDiv(r2, 100000) % 1000 AS kind,
        multiIf(kind < 740, 'motorcycle', kind < 930, 'car', kind < 965, 'truck', kind < 975, 'bus', 'bicycle')
            AS class,
        350 + intDiv(r4, 1000) % 600 AS permille,
        concat(camera, ' ', toString(toStartOfWeek(toDateTime(intDiv(day_ns, 1000000000) + {offset_s}, 'UTC')))) AS run
    FROM numbers({per_camera} * {cameras})
)
WHERE cityHash64(camera, intDiv(entered_ns, 60000000000)) % 200 != 0
    AND cityHash64(camera, intDiv(left_ns, 60000000000)) % 200 != 0
    AND left_ns < {end_s} * 1000000000
"""

_CROSSINGS: Final = """
INSERT INTO crossing_events
    (camera, captured_at, line, direction, track, revision, stated_id, class, frame, confidence_permille, run)
SELECT camera, fromUnixTimestamp64Nano({at}, 'UTC'), {line}, 'forward', track, 0, '', class,
    intDiv({at} - day_ns, 100000000), permille, run
FROM year_vehicles
"""

_MOVEMENTS: Final = """
INSERT INTO movement_events
    (camera, exited_at, from_line, to_line, entered_at, track, revision, stated_id, class, stitched, run)
SELECT camera, fromUnixTimestamp64Nano(left_ns, 'UTC'), from_line, to_line, fromUnixTimestamp64Nano(entered_ns, 'UTC'),
    track, 0, '', class, r3 % 50 = 0, run
FROM year_vehicles
"""

_COVERAGE: Final = """
INSERT INTO coverage_stored
SELECT
    concat('paser-', leftPad(toString(intDiv(number, {minutes}) + 1), 2, '0')) AS camera,
    toDateTime({start_s} + number % {minutes} * 60, 'UTC') AS minute,
    if(cityHash64(camera, intDiv(toUnixTimestamp(minute), 60)) % 200 = 0, 0, 60000000) AS observed_us,
    intDiv(observed_us, 100000), intDiv(observed_us, 100000), 0, if(observed_us = 0, 'gap', ''), 0,
    concat(camera, ' ', toString(toStartOfWeek(toDateTime(toUnixTimestamp(minute) + {offset_s}, 'UTC'))))
FROM numbers({minutes} * {cameras})
"""

_LINES: Final = """
INSERT INTO lines_stored
SELECT c.camera, c.run, l.line, 0, 0, 1, 1, if(endsWith(l.line, '-in'), 'entry', 'exit'), substring(l.line, 1, 1),
    now64(9)
FROM
(
    SELECT DISTINCT camera, run FROM coverage_stored WHERE minute >= toDateTime({start_s}, 'UTC')
        AND minute < toDateTime({end_s}, 'UTC')
) AS c
CROSS JOIN (SELECT concat(arrayJoin(['U', 'T', 'S', 'B']), arrayJoin(['-in', '-out'])) AS line) AS l
"""
