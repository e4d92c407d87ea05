"""The survey form: 15-minute turning counts by class and approach, volume, peak hour and saturation of one junction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pipeline.report.document import (
    Cell,
    Column,
    Document,
    Formula,
    Ref,
    Table,
    formatted,
    number_of,
    sum_across,
    sum_down,
)
from pipeline.report.pcu import Coefficients
from pipeline.report.peaks import BINS_PER_HOUR, PeakHour, hour_from, peak_hour
from pipeline.report.saturation import Approach
from pipeline.report.saturation_table import saturation_table
from pipeline.report.survey import BIN, Arm, Status, Stream, Survey
from pipeline.report.words import Language, label, word
from pipeline.types import VEHICLE_CLASSES

VOLUME_KEY: Final = "volume"


def survey_document(
    survey: Survey, coefficients: Coefficients, language: Language, geometry: Sequence[Approach] = ()
) -> Document:
    """The whole form; `geometry` adds degree of saturation and level of service of the approaches it names."""
    arms = [ArmTable(index, arm, survey, coefficients, language) for index, arm in enumerate(survey.arms)]
    volume = _volume_table(survey, arms, language)
    peak = peak_hour(survey.starts, survey.statuses, [_whole(row[_volume_column(survey, arms)]) for row in volume.rows])
    first = [_facts_table(survey, coefficients, language), _peak_table(survey, arms, volume, peak, language)]
    if peak and geometry:
        turns = {arm.arm.label: arm for arm in arms}
        first.append(
            saturation_table([(a, turns[a.approach]) for a in geometry if a.approach in turns], peak, language)
        )
    return Document(
        title=word("survey title", language),
        subtitle=f"{survey.camera.name or survey.camera.id}, {period_text(survey.starts[0], survey.starts[-1] + BIN)}",
        language=language,
        tables=(*first, volume, *(arm.table for arm in arms), coefficients.table(language)),
    )


def period_text(start: datetime, end: datetime) -> str:
    """From when to before when, to the minute."""
    return f"{start:%Y-%m-%d %H:%M} – {end:%Y-%m-%d %H:%M}"


class ArmTable:
    """The form of one approach: a row a bin, and for each movement a column a class."""

    def __init__(self, index: int, arm: Arm, survey: Survey, coefficients: Coefficients, language: Language) -> None:
        self.arm = arm
        self.key = f"arm{index}"
        self.stream_columns: dict[str, tuple[int, ...]] = {}
        """Label of a movement -> its columns, one a class."""
        columns = list(_time_columns(survey, language))
        for stream in arm.streams:
            self.stream_columns[stream.label] = _add_classes(columns, stream, language)
        if arm.entering is not None:
            self._followed = len(columns)
            columns.append(Column(word("followed", language), "count", width=1.6))
            volume: tuple[tuple[int, ...], ...] = (_add_classes(columns, arm.entering, language),)
        else:
            volume = tuple(self.stream_columns.values())
        self._by_class = {name: tuple(c[i] for c in volume) for i, name in enumerate(VEHICLE_CLASSES)}
        self.vehicles_column = len(columns)
        self.smp_column = len(columns) + 1
        columns += [
            Column(word("vehicles", language), "count", width=2.2),
            Column(word("smp", language), "decimal", width=1.4),
        ]
        rows = tuple(self._row(index, survey, coefficients, language) for index in range(len(survey.starts)))
        first_number = len(_time_columns(survey, language))
        incomplete = sum(status != "complete" for status in arm.statuses)
        notes = [word("note classes", language), word("note blank", language)]
        if arm.entering is not None:
            notes.append(word("note followed", language))
        if incomplete:
            notes.append(word("note incomplete", language).format(missing=incomplete, bins=len(rows)))
        kind = word("line" if arm.entering is None else "approach", language)
        self.table = Table(
            key=self.key,
            sheet=arm.label,
            title=f"{kind}: {label(arm.label, language)}",
            columns=tuple(columns),
            rows=rows,
            marks=arm.statuses,
            total=total_row(self.key, rows, len(columns), first_number, bool(incomplete), language),
            notes=tuple(notes),
        )

    def _row(self, index: int, survey: Survey, coefficients: Coefficients, language: Language) -> tuple[Cell, ...]:
        cells: list[Cell] = list(_time_cells(survey, index, self.arm.statuses[index], language))
        first_count = len(cells)
        for stream in self.arm.streams:
            cells += _class_cells(stream, index)
        if self.arm.entering is not None:
            cells.append(sum_across(self.key, index, range(first_count, len(cells)), cells))
            cells += _class_cells(self.arm.entering, index)
        vehicles = [column for columns in zip(*self._by_class.values(), strict=True) for column in columns]
        cells.append(sum_across(self.key, index, vehicles, cells))
        cells.append(coefficients.cell(self.key, index, self._by_class, tuple(cells)))
        return tuple(cells)

    def in_hour(self, column: int, peak: PeakHour) -> Ref:
        """The cells of `column` in the peak hour."""
        return Ref(self.key, column, peak.first, peak.last)

    def hour_sum(self, column: int, peak: PeakHour) -> float:
        """Their sum."""
        return sum(number_of(row[column]) or 0 for row in self.table.rows[peak.first : peak.last + 1])


def total_row(
    key: str, rows: Sequence[tuple[Cell, ...]], width: int, first_number: int, incomplete: bool, language: Language
) -> tuple[Cell, ...]:
    """The foot of a table of bins or days: sums of the columns from `first_number` on, and whether they are whole."""
    name = word("total incomplete" if incomplete else "total", language)
    sums = (sum_down(key, column, rows, 0, len(rows) - 1) for column in range(first_number, width))
    return (name, *([None] * (first_number - 1)), *sums)


def _several_days(survey: Survey) -> bool:
    return survey.starts[0].date() != survey.starts[-1].date()


def _time_columns(survey: Survey, language: Language) -> tuple[Column, ...]:
    date = (Column(word("date", language), width=2.2),) if _several_days(survey) else ()
    return (*date, Column(word("time", language), width=2.4), Column(word("status", language), width=2.3))


def _time_cells(survey: Survey, index: int, status: Status, language: Language) -> tuple[Cell, ...]:
    start = survey.starts[index]
    date = (f"{start:%Y-%m-%d}",) if _several_days(survey) else ()
    return (*date, f"{start:%H:%M}–{start + BIN:%H:%M}", word(status, language))


def _add_classes(columns: list[Column], stream: Stream, language: Language) -> tuple[int, ...]:
    first = len(columns)
    columns += [Column(word(name, language), "count", label(stream.label, language)) for name in VEHICLE_CLASSES]
    return tuple(range(first, len(columns)))


def _class_cells(stream: Stream, index: int) -> list[Cell]:
    counts = stream.counts[index]
    return [None if counts is None else counts[name] for name in VEHICLE_CLASSES]


def _whole(cell: Cell) -> int | None:
    number = number_of(cell)
    return None if number is None else int(number)


def _volume_column(survey: Survey, arms: Sequence[ArmTable]) -> int:
    return len(_time_columns(survey, "en")) + len(arms)


def _volume_table(survey: Survey, arms: Sequence[ArmTable], language: Language) -> Table:
    """Vehicles of every approach by bin, of the junction, its SMP, and the hour that begins with each bin."""
    first = len(_time_columns(survey, language))
    columns = [
        *_time_columns(survey, language),
        *(Column(label(arm.arm.label, language), "count", word("vehicles", language), 1.6) for arm in arms),
        Column(word("junction", language), "count", word("vehicles", language), 1.6),
        Column(word("smp", language), "decimal", width=1.6),
        Column(word("v60", language), "count", width=1.6),
    ]
    rows: list[tuple[Cell, ...]] = []
    for index in range(len(survey.starts)):
        cells: list[Cell] = list(_time_cells(survey, index, survey.statuses[index], language))
        for arm in arms:
            number = number_of(arm.table.rows[index][arm.vehicles_column])
            ref = Ref(arm.key, arm.vehicles_column, index)
            cells.append(None if number is None else Formula(number, "{0}", (ref,)))
        listed = [number for number, arm in enumerate(arms) if arm.arm.listed[index]]
        cells.append(sum_across(VOLUME_KEY, index, [first + number for number in listed], cells))
        smp = [(arms[number].table.rows[index], arms[number]) for number in listed]
        cells.append(_added([(row[arm.smp_column], Ref(arm.key, arm.smp_column, index)) for row, arm in smp]))
        rows.append(tuple(cells))
    junction = first + len(arms)
    for index, row in enumerate(rows):
        whole = hour_from(index, survey.starts, survey.statuses)
        hour = sum_down(VOLUME_KEY, junction, rows, index, index + BINS_PER_HOUR - 1) if whole else None
        rows[index] = (*row, hour)
    incomplete = sum(status != "complete" for status in survey.statuses)
    notes = [word("note blank", language), word("note status", language), word("note peak", language)]
    if all(arm.arm.entering is None for arm in arms):
        notes.append(word("note lines", language))
    if incomplete:
        notes.append(word("note incomplete", language).format(missing=incomplete, bins=len(rows)))
    return Table(
        key=VOLUME_KEY,
        sheet=word("volume", language),
        title=word("volume", language),
        columns=tuple(columns),
        rows=tuple(rows),
        marks=survey.statuses,
        total=(*total_row(VOLUME_KEY, rows, len(columns) - 1, first, bool(incomplete), language), None),
        notes=tuple(notes),
        chart=tuple(range(first, first + len(arms))),
    )


def _added(cells: Sequence[tuple[Cell, Ref]]) -> Cell:
    numbers = [number_of(cell) for cell, _ in cells]
    if not numbers or any(number is None for number in numbers):
        return None
    text = "+".join(f"{{{index}}}" for index in range(len(cells)))
    return Formula(sum(number or 0 for number in numbers), text, tuple(ref for _, ref in cells))


def _facts_table(survey: Survey, coefficients: Coefficients, language: Language) -> Table:
    camera, bins = survey.camera, len(survey.starts)
    observed_h = sum(survey.observed_s) / 3600
    counted = {status: survey.statuses.count(status) for status in ("complete", "partial", "interrupted", "missed")}

    def hours(number: float) -> str:
        return f"{formatted(number, 'decimal', language)} {word('hours', language)}"

    facts: list[tuple[str, str]] = [
        ("camera", camera.id),
        ("name", camera.name),
        ("district", camera.district),
        ("period", period_text(survey.starts[0], survey.starts[-1] + BIN)),
        ("zone", str(camera.zone)),
        ("facility", coefficients.facility),
        ("version", coefficients.version),
        ("observed", f"{hours(observed_h)} / {hours(bins / BINS_PER_HOUR)} ({observed_h * BINS_PER_HOUR / bins:.0%})"),
        ("bins", ", ".join(f"{number} {word(status, language)}" for status, number in counted.items() if number)),
    ]
    followed, entered = _followed(survey)
    if entered:
        facts.append(("followed share", f"{followed} / {entered} ({followed / entered:.0%})"))
    return Table(
        key="facts",
        sheet=word("summary", language),
        title=word("summary", language),
        columns=(Column(word("what", language), width=5), Column(word("value", language), width=7)),
        rows=tuple((word(key, language), value) for key, value in facts if value),
    )


def _followed(survey: Survey) -> tuple[int, int]:
    """Vehicles followed to an exit, and vehicles that entered."""
    entered = [arm.entering for arm in survey.arms if arm.entering is not None]
    turns = [stream for arm in survey.arms if arm.entering is not None for stream in arm.streams]
    followed, all_ = (
        sum(sum(counts.values()) for stream in streams for counts in stream.counts if counts is not None)
        for streams in (turns, entered)
    )
    return followed, all_


def _peak_table(
    survey: Survey, arms: Sequence[ArmTable], volume: Table, peak: PeakHour | None, language: Language
) -> Table:
    columns = (
        Column(word("approach", language), width=3),
        Column(word("peak hour", language), width=4),
        Column(word("v60", language), "count", width=2),
        Column(word("v15max", language), "count", width=2),
        Column(word("phf", language), "ratio", width=2),
        Column(word("smp_h", language), "decimal", width=2),
    )
    rows: list[tuple[Cell, ...]] = []
    if peak is not None:
        start = survey.starts[peak.first]
        hour = f"{start:%Y-%m-%d %H:%M}–{start + BIN * BINS_PER_HOUR:%H:%M}"
        sources = [(label(a.arm.label, language), a.table, a.vehicles_column, a.smp_column) for a in arms]
        junction = _volume_column(survey, arms)
        sources.append((word("junction", language), volume, junction, junction + 1))
        for name, table, vehicles, smp in sources:
            volumes = [number_of(row[vehicles]) or 0 for row in table.rows[peak.first : peak.last + 1]]
            cells = (Ref(table.key, vehicles, peak.first, peak.last),)
            phf = sum(volumes) / (BINS_PER_HOUR * max(volumes)) if max(volumes) else None
            rows.append(
                (
                    name,
                    hour,
                    Formula(sum(volumes), "SUM({0})", cells),
                    Formula(max(volumes), "MAX({0})", cells),
                    None if phf is None else Formula(phf, "SUM({0})/(4*MAX({0}))", cells),
                    sum_down(table.key, smp, table.rows, peak.first, peak.last),
                )
            )
    return Table(
        key="peak",
        sheet=word("summary", language),
        title=word("peak title", language),
        columns=columns,
        rows=tuple(rows),
        notes=(word("note peak" if peak else "note no peak", language),),
    )
