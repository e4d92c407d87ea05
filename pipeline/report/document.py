"""What a report says, apart from the file it is written to: titled tables whose numbers may be formulas.

Every number is worked out here, so that a page, a terminal and a workbook show the same one; a workbook gets the
formula beside it, so that a planner can follow it and change what it is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

SERIES_COLORS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
"""Of the parts of a chart's bars: Okabe and Ito's, told apart by colour-blind readers too."""


@dataclass(frozen=True, slots=True)
class Ref:
    """Cells of a table of the same document, from row `first` to row `last`; rows and columns are 0-based."""

    table: str
    """The `key` of the table."""
    column: int
    first: int
    last: int | None = None
    """None for a single row."""
    last_column: int | None = None
    """None for a single column."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A number and how a spreadsheet gets it: `{0}`, `{1}` ... in `text` stand for `refs`."""

    value: int | float | str
    text: str
    refs: tuple[Ref, ...]


Cell: TypeAlias = int | float | str | Formula | None
"""None is blank: it was not observed, or cannot be said. It is never written as 0."""

Form: TypeAlias = Literal["text", "count", "decimal", "ratio"]
"""How a column's numbers are written: whole, with one decimal, with three."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's head."""

    title: str
    form: Form = "text"
    group: str = ""
    """A head over neighbouring columns of the same group."""
    width: float = 1.0
    """Relative to the other columns."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head. Tables of one `sheet` stand under one another."""

    key: str
    """By which `Ref` finds it; unique in a document."""
    sheet: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    marks: tuple[str, ...] = ()
    """A status by row (complete, partial, interrupted, missed) where rows are bins; else empty."""
    total: tuple[Cell, ...] | None = None
    notes: tuple[str, ...] = ()
    chart: tuple[int, ...] = ()
    """Columns to draw as stacked bars, a bar a row, labelled by the column before the status."""


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    title: str
    subtitle: str
    language: Literal["id", "en"]
    tables: tuple[Table, ...]


def column_groups(columns: tuple[Column, ...]) -> list[tuple[int, int, str]]:
    """First and last column and the name of each run of columns of one group; one without a group stands alone."""
    groups: list[tuple[int, int, str]] = []
    for index, column in enumerate(columns):
        if groups and column.group and groups[-1][2] == column.group:
            groups[-1] = (groups[-1][0], index, column.group)
        else:
            groups.append((index, index, column.group))
    return groups


def value_of(cell: Cell) -> int | float | str | None:
    """What the cell shows, be it a formula or not."""
    return cell.value if isinstance(cell, Formula) else cell


def number_of(cell: Cell) -> int | float | None:
    """The same where only numbers stand."""
    value = value_of(cell)
    assert not isinstance(value, str)
    return value


def formatted(value: int | float | str | None, form: Form, language: str) -> str:
    """A value as it is read: 1,234.5 in English, 1.234,5 in Indonesian, empty where blank."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    text = f"{value:,.{ {'text': 0, 'count': 0, 'decimal': 1, 'ratio': 3}[form] }f}"
    return text.translate(str.maketrans(",.", ".,")) if language == "id" else text


def sum_across(key: str, row: int, columns: Sequence[int], cells: Sequence[Cell]) -> Cell:
    """The sum of some cells of one row; blank where one of them is."""
    numbers = [number_of(cells[column]) for column in columns]
    if not columns or any(number is None for number in numbers):
        return None
    parts = "+".join(f"{{{index}}}" for index in range(len(columns)))
    refs = tuple(Ref(key, column, row) for column in columns)
    if list(columns) == list(range(columns[0], columns[-1] + 1)):
        parts, refs = "SUM({0}:{1})", (refs[0], refs[-1])
    return Formula(sum(number or 0 for number in numbers), parts, refs)


def sum_down(key: str, column: int, rows: Sequence[Sequence[Cell]], first: int, last: int) -> Cell:
    """The sum of a column from row `first` to `last`, passing over blanks; blank where every cell is."""
    numbers = [number for row in rows[first : last + 1] if (number := number_of(row[column])) is not None]
    return Formula(sum(numbers), "SUM({0})", (Ref(key, column, first, last),)) if numbers else None
