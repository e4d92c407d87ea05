"""A report as an Excel workbook: formulas where a planner would expect them, each with its number beside it."""

from __future__ import annotations

import io
import itertools
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import xlsxwriter
from xlsxwriter.utility import xl_rowcol_to_cell

from pipeline.report.document import SERIES_COLORS, Cell, Document, Form, Formula, Ref, Table, column_groups

_EPOCH: Final = datetime(2000, 1, 1)
"""Stands in the file where the time of writing would, so that equal counts make equal files."""

_NUMBER_FORMATS: Final[Mapping[Form, str]] = {"text": "@", "count": "#,##0", "decimal": "#,##0.0", "ratio": "0.000"}

STATUS_COLORS: Final = {"partial": "#FFF2CC", "interrupted": "#FCE4D6", "missed": "#E7E6E6"}
"""Behind rows that are not complete."""

_HEAD_COLOR: Final = "#DDE6F0"
_SHEET_NAME_LIMIT: Final = 31
_CHARACTERS: Final = 6.0
"""Width of a sheet's column in characters, for one unit of a table's column."""


def xlsx_bytes(document: Document) -> bytes:
    """The workbook; the same document gives the same bytes."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.set_properties({"title": document.title, "subject": document.subtitle, "created": _EPOCH})
    book.set_calc_mode("auto")
    writer = _Writer(book, document)
    for table in document.tables:
        writer.write(table)
    book.close()
    return out.getvalue()


class _Place:
    """Where a table stands: its sheet's name and the row of its first row of cells."""

    def __init__(self, sheet: str, top: int, table: Table) -> None:
        self.sheet = sheet
        self.head = top + 1
        self.grouped = any(column.group for column in table.columns)
        self.body = self.head + (2 if self.grouped else 1)
        self.end = self.body + len(table.rows) + (table.total is not None) + len(table.notes)


class _Writer:
    def __init__(self, book: Any, document: Document) -> None:
        self._book = book
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}
        self._places: dict[str, _Place] = {}
        self._sheets: dict[str, Any] = {}
        self._widths: dict[str, list[float]] = {}
        names: dict[str, str] = {}
        bottoms: dict[str, int] = {}
        for table in document.tables:
            if table.sheet not in names:
                names[table.sheet] = _sheet_name(table.sheet, set(names.values()))
                bottoms[table.sheet] = 3 if not bottoms else 0
            widths = self._widths.setdefault(names[table.sheet], [])
            for index, column in enumerate(table.columns):
                width = _CHARACTERS * column.width if table.marks else max(_CHARACTERS * column.width, 12)
                widths[index:] = [max([width, *widths[index : index + 1]]), *widths[index + 1 :]]
            place = _Place(names[table.sheet], bottoms[table.sheet], table)
            self._places[table.key] = place
            bottoms[table.sheet] = place.end + 1
        for index, name in enumerate(names.values()):
            sheet = self._sheets[name] = book.add_worksheet(name)
            sheet.set_landscape()
            sheet.set_paper(9)
            sheet.fit_to_pages(1, 0)
            if index == 0:
                sheet.write_string(0, 0, document.title, self._format(bold=True, font_size=14))
                sheet.write_string(1, 0, document.subtitle)

    def write(self, table: Table) -> None:
        """Write one table at its place."""
        place = self._places[table.key]
        sheet = self._sheets[place.sheet]
        sheet.write_string(place.head - 1, 0, table.title, self._format(bold=True, font_size=12))
        self._write_head(sheet, place, table)
        for number, row in enumerate(table.rows):
            mark = table.marks[number] if table.marks else "complete"
            self._write_row(sheet, place.body + number, table, row, bg_color=STATUS_COLORS.get(mark))
        below = place.body + len(table.rows)
        if table.total is not None:
            self._write_row(sheet, below, table, table.total, bold=True, top=1)
            below += 1
        for note in table.notes:
            self._write_note(sheet, below, len(table.columns) - 1, note)
            below += 1
        if table.chart:
            self._write_chart(sheet, place, table)
        if table.marks:
            frozen = sum(column.form == "text" for column in table.columns)
            sheet.freeze_panes(place.body, frozen)
            sheet.repeat_rows(place.head - 1, place.body - 1)

    def _write_head(self, sheet: Any, place: _Place, table: Table) -> None:
        head = {"bold": True, "bg_color": _HEAD_COLOR, "border": 1, "align": "center", "text_wrap": True}
        titles = place.body - 1
        if place.grouped:
            for first, last, group in column_groups(table.columns):
                if group and last > first:
                    sheet.merge_range(place.head, first, place.head, last, group, self._format(**head))
                else:
                    sheet.write_string(place.head, first, group, self._format(**head))
        for index, column in enumerate(table.columns):
            sheet.write_string(titles, index, column.title, self._format(**head))
        if any(len(c.title) > w for c, w in zip(table.columns, self._widths[place.sheet], strict=False)):
            sheet.set_row(titles, 30)
        for index, width in enumerate(self._widths[place.sheet]):
            sheet.set_column(index, index, width)

    def _write_note(self, sheet: Any, row: int, last_column: int, note: str) -> None:
        """A sentence across the table, in as many lines as it needs: it must not widen the printed page."""
        style = self._format(italic=True, font_color="#555555", text_wrap=True, valign="top")
        sheet.merge_range(row, 0, row, last_column, note, style)
        across = sum(self._widths[sheet.get_name()][: last_column + 1])
        sheet.set_row(row, 15 * math.ceil(1.1 * len(note) / across))

    def _write_chart(self, sheet: Any, place: _Place, table: Table) -> None:
        """Stacked bars to the right of the table; a bin that was not observed has none."""
        chart = self._book.add_chart({"type": "column", "subtype": "stacked"})
        first, last = place.body, place.body + len(table.rows) - 1
        label = sum(column.form == "text" for column in table.columns) - 2
        for column, color in zip(table.chart, itertools.cycle(SERIES_COLORS), strict=False):
            chart.add_series(
                {
                    "name": table.columns[column].title,
                    "categories": [place.sheet, first, label, last, label],
                    "values": [place.sheet, first, column, last, column],
                    "fill": {"color": color},
                    "gap": 25,
                }
            )
        chart.set_title({"name": table.title, "overlay": False})
        chart.set_legend({"position": "bottom"})
        chart.set_size({"width": 900, "height": 360})
        sheet.insert_chart(place.head, len(table.columns) + 1, chart)
        # The chart stands beside the table on the screen; on paper it would make the table small.
        sheet.print_area(0, 0, place.end, len(table.columns) - 1)

    def _write_row(self, sheet: Any, row: int, table: Table, cells: tuple[Cell, ...], **style: Any) -> None:
        for index, (cell, column) in enumerate(zip(cells, table.columns, strict=True)):
            cell_format = self._format(
                num_format=_NUMBER_FORMATS[column.form], border=1, border_color="#BBBBBB", **style
            )
            if isinstance(cell, Formula):
                places = [self._place_of(ref, sheet.get_name()) for ref in cell.refs]
                sheet.write_formula(row, index, "=" + cell.text.format(*places), cell_format, cell.value)
            elif cell is None:
                sheet.write_blank(row, index, None, cell_format)
            elif isinstance(cell, str):
                sheet.write_string(row, index, cell, cell_format)
            else:
                sheet.write_number(row, index, cell, cell_format)

    def _place_of(self, ref: Ref, own_sheet: str) -> str:
        place = self._places[ref.table]
        text = xl_rowcol_to_cell(place.body + ref.first, ref.column)
        if ref.last is not None or ref.last_column is not None:
            last = ref.first if ref.last is None else ref.last
            last_column = ref.column if ref.last_column is None else ref.last_column
            text += ":" + xl_rowcol_to_cell(place.body + last, last_column)
        return text if place.sheet == own_sheet else f"'{place.sheet.replace(chr(39), chr(39) * 2)}'!{text}"

    def _format(self, **style: Any) -> Any:
        given = {name: value for name, value in style.items() if value is not None}
        key = tuple(sorted(given.items()))
        if key not in self._formats:
            self._formats[key] = self._book.add_format(given)
        return self._formats[key]


def _sheet_name(wanted: str, taken: set[str]) -> str:
    """A name that Excel takes: short, without []:*?/\\ and different from the others in any case of letters."""
    base = re.sub(r"[\[\]:*?/\\]", "-", wanted).strip("'")[:_SHEET_NAME_LIMIT] or "-"
    name, number = base, 2
    while name.casefold() in {other.casefold() for other in taken} or name.casefold() == "history":
        suffix = f" {number}"
        name, number = base[: _SHEET_NAME_LIMIT - len(suffix)] + suffix, number + 1
    return name
