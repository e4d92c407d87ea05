"""Summaries by day, week and month of one camera, and a comparison of several cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from pipeline.report.document import Cell, Column, Document, Table, sum_across
from pipeline.report.forms import period_text, total_row
from pipeline.report.pcu import Coefficients
from pipeline.report.survey import Camera, Query, Status, worst
from pipeline.report.words import Language, word
from pipeline.types import VEHICLE_CLASSES

Step: TypeAlias = Literal["daily", "weekly", "monthly"]
STEPS: Final[tuple[Step, ...]] = ("daily", "weekly", "monthly")

_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Day:
    """One local day of a camera: all vehicles that entered, each once."""

    day: date
    counts: Mapping[str, int] | None
    """Class -> vehicles; None where nothing was observed."""
    observed_s: float
    status: Status
    peak_start: datetime | None
    peak_vehicles: int | None
    phf: float | None


def read_days(query: Query, camera: Camera, start: datetime, end: datetime) -> list[Day]:
    """Every local day from that of `start` to before `end`; one that the store does not list is missed."""
    first, last = start.astimezone(camera.zone).date(), (end - timedelta(seconds=1)).astimezone(camera.zone).date()
    midnight = datetime(first.year, first.month, first.day, tzinfo=camera.zone)
    period = {
        "camera": camera.id,
        "start": int(midnight.timestamp()),
        "end": int(midnight.timestamp()) + 86_400 * ((last - first).days + 1),
        "first": first.isoformat(),
        "last": last.isoformat(),
    }
    rows: dict[date, list[dict[str, Any]]] = {}
    for row in query(_DAYS, period).to_pylist():
        rows.setdefault(datetime.fromtimestamp(row["at"], camera.zone).date(), []).append(row)
    peaks = {row["day"]: row for row in query(_PEAKS, period).to_pylist()}
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [_day(day, rows.get(day, []), peaks.get(day), camera) for day in days]


def _day(day: date, rows: list[dict[str, Any]], peak: dict[str, Any] | None, camera: Camera) -> Day:
    counts = {name: sum(row["n"] for row in rows if row["class"] == name) for name in VEHICLE_CLASSES}
    missed = not rows or any(row["missed"] for row in rows)
    return Day(
        day,
        None if missed else counts,
        max((row["observed_s"] for row in rows), default=0.0),
        worst(row["status"] for row in rows),
        datetime.fromtimestamp(peak["at"], camera.zone) if peak else None,
        peak["vehicles"] if peak else None,
        peak["phf"] if peak else None,
    )


def summary_document(
    camera: Camera, days: Sequence[Day], coefficients: Coefficients, step: Step, language: Language
) -> Document:
    """A row a day, a week (from Monday) or a month; the last two with the mean of their complete days."""
    tables = [_period_table(days, coefficients, step, language)]
    if step != "daily":
        tables.append(_period_table(days, coefficients, "daily", language))
    first, last = days[0].day, days[-1].day
    return Document(
        title=word(f"{step} title", language),
        subtitle=f"{camera.name or camera.id}, {first} – {last}",
        language=language,
        tables=(*tables, coefficients.table(language)),
    )


def _begins(day: date, step: Step) -> date:
    return {"daily": day, "weekly": day - timedelta(days=day.weekday()), "monthly": day.replace(day=1)}[step]


def _period_table(days: Sequence[Day], coefficients: Coefficients, step: Step, language: Language) -> Table:
    key = "daily" if step == "daily" else "periods"
    first_title = {"daily": "date", "weekly": "week", "monthly": "month"}[step]
    columns = [
        Column(word(first_title, language), width=2.4),
        Column(word("status", language), width=2.4),
        Column(word("observed share", language), width=1.8),
        *(Column(word(name, language), "count", width=1.5) for name in VEHICLE_CLASSES),
        Column(word("vehicles", language), "count", width=2),
        Column(word("smp", language), "decimal", width=2),
    ]
    by_class = {name: (3 + index,) for index, name in enumerate(VEHICLE_CLASSES)}
    if step == "daily":
        columns += [Column(word("peak hour", language), width=2), Column(word("v60", language), "count", width=1.5)]
        columns.append(Column(word("phf", language), "ratio", width=1.5))
    else:
        columns += [
            Column(word("days", language), "count", width=1.6),
            Column(word("lhr", language), "decimal", width=1.8),
        ]
        columns.append(Column(word("lhr smp", language), "decimal", width=1.8))
    groups: dict[date, list[Day]] = {}
    for day in days:
        groups.setdefault(_begins(day.day, step), []).append(day)
    rows: list[tuple[Cell, ...]] = []
    marks: list[str] = []
    for index, (begin, members) in enumerate(groups.items()):
        status = members[0].status if step == "daily" else _together(members)
        marks.append(status)
        share = sum(day.observed_s for day in members) / (_DAY_S * len(members))
        cells: list[Cell] = [
            f"{begin:%Y-%m}" if step == "monthly" else f"{begin}",
            word(status, language),
            f"{share:.0%}",
        ]
        counts = total_counts(members)
        cells += [None if counts is None else counts[name] for name in VEHICLE_CLASSES]
        cells.append(sum_across(key, index, range(3, 3 + len(VEHICLE_CLASSES)), cells))
        cells.append(coefficients.cell(key, index, by_class, tuple(cells)))
        cells += _peak_cells(members[0]) if step == "daily" else _mean_cells(members, coefficients)
        rows.append(tuple(cells))
    incomplete = sum(day.status != "complete" for day in days)
    notes = [word(f"note {name}", language) for name in ("classes", "blank", "status")]
    notes += [word("note peak", language)] if step == "daily" else [word("note lhr", language)]
    if step == "weekly":
        notes.append(word("note week", language))
    if incomplete:
        notes.append(word("note incomplete days", language).format(missing=incomplete, days=len(days)))
    summed = 3 + len(VEHICLE_CLASSES) + 2
    return Table(
        key=key,
        sheet=word(f"{step} title", language),
        title=word(f"{step} title", language),
        columns=tuple(columns),
        rows=tuple(rows),
        marks=tuple(marks),
        total=(*total_row(key, rows, summed, 3, bool(incomplete), language), None, None, None),
        notes=tuple(notes),
    )


def _together(days: Sequence[Day]) -> Status:
    """Of several days: missed where all are, complete where all are, else partial."""
    found = {day.status for day in days}
    return days[0].status if len(found) == 1 else "partial"


def total_counts(days: Sequence[Day]) -> dict[str, int] | None:
    """Vehicles of the observed days by class; None where no day was observed."""
    known = [day.counts for day in days if day.counts is not None]
    return {name: sum(counts[name] for counts in known) for name in VEHICLE_CLASSES} if known else None


def _peak_cells(day: Day) -> list[Cell]:
    return [f"{day.peak_start:%H:%M}" if day.peak_start else None, day.peak_vehicles, day.phf]


def _mean_cells(days: Sequence[Day], coefficients: Coefficients) -> list[Cell]:
    """How many days were complete, and their mean in vehicles and in SMP."""
    complete = [day.counts for day in days if day.status == "complete" and day.counts is not None]
    if not complete:
        return [0, None, None]
    vehicles = sum(sum(counts.values()) for counts in complete) / len(complete)
    return [len(complete), vehicles, sum(coefficients.smp(counts) for counts in complete) / len(complete)]


def city_document(
    cameras: Sequence[tuple[Camera, Sequence[Day], Coefficients]], start: datetime, end: datetime, language: Language
) -> Document:
    """A row a camera, the busiest mean day first; cameras without a complete day come last, by id."""
    rows: list[tuple[Cell, ...]] = []
    for camera, days, coefficients in cameras:
        share = sum(day.observed_s for day in days) / (_DAY_S * len(days))
        counts = total_counts(days)
        peak = max(
            (day for day in days if day.peak_vehicles is not None), key=lambda day: day.peak_vehicles or 0, default=None
        )
        rows.append(
            (
                camera.id,
                camera.name or None,
                camera.district or None,
                f"{share:.0%}",
                None if counts is None else sum(counts.values()),
                None if counts is None else coefficients.smp(counts),
                *_mean_cells(days, coefficients),
                f"{peak.peak_start:%Y-%m-%d %H:%M}" if peak and peak.peak_start else None,
                peak.peak_vehicles if peak else None,
                peak.phf if peak else None,
                f"{coefficients.version}, {coefficients.facility}",
            )
        )
    rows.sort(key=lambda row: (-(row[7] if isinstance(row[7], float) else -1.0), str(row[0])))
    columns = (
        Column(word("camera", language), width=3),
        Column(word("name", language), width=4),
        Column(word("district", language), width=2.4),
        Column(word("observed share", language), width=1.8),
        Column(word("vehicles", language), "count", width=2),
        Column(word("smp", language), "decimal", width=2),
        Column(word("days", language), "count", width=1.5),
        Column(word("lhr", language), "decimal", width=1.8),
        Column(word("lhr smp", language), "decimal", width=1.8),
        Column(word("peak hour", language), width=2.8),
        Column(word("v60", language), "count", width=1.5),
        Column(word("phf", language), "ratio", width=1.5),
        Column(word("version", language), width=3.4),
    )
    notes = ("note blank", "note lhr", "note peak", "note smp")
    table = Table(
        key="city",
        sheet=word("city title", language),
        title=word("city title", language),
        columns=columns,
        rows=tuple(rows),
        notes=tuple(word(note, language) for note in notes),
    )
    return Document(word("city title", language), period_text(start, end), language, (table,))


_DAYS: Final = """
SELECT at, class, sum(ifNull(counted, 0)) AS n, max(counted IS NULL) AS missed, max(observed_s) AS observed_s,
       argMax(status, indexOf(['complete', 'partial', 'interrupted', 'missed'], status)) AS status
FROM
(
    SELECT toInt64(toUnixTimestamp(c.bin_start)) AS at, c.class AS class, c.count AS counted,
           c.observed_s AS observed_s, c.status AS status, c.direction AS direction, l.role = 'entry' AS entry,
           max(c.observed_s) OVER (PARTITION BY at) AS observed_of_day_s,
           max(c.observed_s > 0 AND l.role = 'entry') OVER (PARTITION BY at) AS has_entries
    FROM counts_1d AS c
    LEFT JOIN
    (
        SELECT line, argMax(role, registered_at) AS role FROM lines WHERE camera = {camera:String} GROUP BY line
    ) AS l
        ON c.line = l.line
    WHERE c.camera = {camera:String} AND c.bin_start >= toDateTime64({start:Int64}, 0, 'UTC')
      AND c.bin_start < toDateTime64({end:Int64}, 0, 'UTC')
) AS d
WHERE (d.observed_s > 0 OR d.observed_of_day_s = 0) AND (NOT d.has_entries OR (d.entry AND d.direction = 'forward'))
GROUP BY at, class
"""
"""As in `camera_volumes_15m`: a line that was not observed in all of a day, while others were, is none of its lines."""

_PEAKS: Final = """
SELECT day, toInt64(toUnixTimestamp(hour_start)) AS at, vehicles, phf FROM peak_hours
WHERE camera = {camera:String} AND day >= toDate({first:String}) AND day <= toDate({last:String})
"""
