"""A report as a PDF: A4 pages to print, the head of a table repeated on every page it reaches."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import matplotlib
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from pipeline.report.document import Cell, Document, Table, column_groups, formatted, value_of
from pipeline.report.pdf_chart import draw_bars
from pipeline.report.words import word
from pipeline.report.xlsx import STATUS_COLORS

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Stands in the file where the time of writing would, so that equal counts make equal files."""

_FONT: Final = "DejaVuSans"
_MARGIN_MM: Final = 10.0
_HEAD_FILL: Final = (221, 230, 240)
_POINT_MM: Final = 0.3528


def pdf_bytes(document: Document) -> bytes:
    """The pages; the same document gives the same bytes."""
    pdf = _Pages(document)
    pdf.add_page()
    sheet = document.tables[0].sheet
    for table in document.tables:
        if table.sheet != sheet and table.marks:
            pdf.add_page()
        sheet = table.sheet
        _TableOnPages(pdf, table, document.language).draw()
    return bytes(pdf.output())


class _Pages(FPDF):
    """A4 landscape with the report's name above and the page's number below."""

    def __init__(self, document: Document) -> None:
        super().__init__(orientation="landscape", unit="mm", format="A4")
        self._document = document
        # The fonts that matplotlib ships hold every letter and dash that a camera's name may have.
        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        for style, file in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf"), ("I", "DejaVuSans-Oblique.ttf")):
            self.add_font(_FONT, style, fonts / file)
        self.set_margin(_MARGIN_MM)
        self.set_auto_page_break(True, margin=14)
        self.set_title(document.title)
        self.set_subject(document.subtitle)
        self.set_lang(document.language)
        self.set_creation_date(_EPOCH)
        self.set_line_width(0.1)
        self.set_draw_color(110)

    def header(self) -> None:
        """Called by the library at the top of each page."""
        first = self.page_no() == 1
        self.set_font(_FONT, "B", 14 if first else 9)
        self.cell(0, 8 if first else 5, self._document.title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_font(_FONT, "", 10 if first else 8)
        self.cell(0, 6 if first else 5, self._document.subtitle, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(2)

    def footer(self) -> None:
        """Called by the library at the foot of each page."""
        self.set_y(-11)
        self.set_font(_FONT, "", 7)
        page = word("page", self._document.language)
        self.cell(0, 5, f"{page} {self.page_no()} / {{nb}}", align="R")


class _TableOnPages:
    """One table, drawn row by row, so that each page begins with its head."""

    def __init__(self, pdf: _Pages, table: Table, language: str) -> None:
        self._pdf = pdf
        self._table = table
        self._language = language
        whole = sum(column.width for column in table.columns)
        wide = len(table.columns) > 12
        # A narrow table is not stretched over the page; 24 mm a unit of width is easy to read.
        usable = pdf.epw if wide else min(pdf.epw, 22.0 * whole)
        self._widths = [usable * column.width / whole for column in table.columns]
        self._points = 6.0 if len(table.columns) > 24 else 7.0 if wide else 7.5 if table.marks else 8.5
        # Bins come by the hundred: their lines stand closer.
        self._line_mm = self._points * _POINT_MM * (1.4 if table.marks else 1.7)

    def draw(self) -> None:
        """Title, head, rows, total and notes."""
        pdf, table = self._pdf, self._table
        head_mm = 8 + 4 * self._line_mm
        if pdf.will_page_break(head_mm + 3 * self._line_mm):
            pdf.add_page()
        pdf.set_font(_FONT, "B", 11)
        pdf.cell(0, 7, table.title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        if table.chart:
            draw_bars(pdf, table, _FONT)
        self._head()
        for number, row in enumerate(table.rows):
            mark = table.marks[number] if table.marks else "complete"
            self._row(row, _rgb(STATUS_COLORS.get(mark)), "")
        if table.total is not None:
            self._total(table.total)
        pdf.set_font(_FONT, "I", 7)
        for note in table.notes:
            pdf.multi_cell(0, 3.6, note, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        pdf.ln(3)

    def _head(self) -> None:
        pdf, columns = self._pdf, self._table.columns
        pdf.set_fill_color(*_HEAD_FILL)
        if any(column.group for column in columns):
            for first, last, group in column_groups(columns):
                self._cell(sum(self._widths[first : last + 1]), self._line_mm, group, "B", "C", fill=True)
            pdf.ln(self._line_mm)
        pdf.set_font(_FONT, "B", self._points)
        lines = [self._wrapped(width, column.title) for width, column in zip(self._widths, columns, strict=True)]
        height = self._line_mm * max(len(found) for found in lines)
        left, top = pdf.get_x(), pdf.get_y()
        for width, found in zip(self._widths, lines, strict=True):
            pdf.rect(left, top, width, height, style="DF")
            pdf.set_xy(left, top + (height - self._line_mm * len(found)) / 2)
            pdf.multi_cell(width, self._line_mm, "\n".join(found), align="C", padding=0)
            left += width
        pdf.set_xy(pdf.l_margin, top + height)

    def _row(self, cells: tuple[Cell, ...], fill: tuple[int, int, int] | None, style: str) -> None:
        pdf = self._pdf
        columns = self._table.columns
        pdf.set_font(_FONT, style, self._points)
        texts = [formatted(value_of(c), column.form, self._language) for c, column in zip(cells, columns, strict=True)]
        heights = [1]
        for text, width, column in zip(texts, self._widths, columns, strict=True):
            if column.form == "text" and text and not self._table.marks:
                heights.append(len(self._wrapped(width, text)))
        height = self._line_mm * max(heights)
        if pdf.will_page_break(height):
            pdf.add_page()
            self._head()
            pdf.set_font(_FONT, style, self._points)
        if fill is not None:
            pdf.set_fill_color(*fill)
        left, top = pdf.get_x(), pdf.get_y()
        for text, width, column in zip(texts, self._widths, columns, strict=True):
            pdf.rect(left, top, width, height, style="D" if fill is None else "DF")
            pdf.set_xy(left, top)
            align = "L" if column.form == "text" else "R"
            if max(heights) > 1:
                pdf.multi_cell(width, self._line_mm, text, align=align)
            else:
                pdf.cell(width, self._line_mm, text, align=align)
            left += width
        pdf.set_xy(pdf.l_margin, top + height)

    def _total(self, cells: tuple[Cell, ...]) -> None:
        """The foot: its name stands across the columns of text before the first sum."""
        named = next(index for index, column in enumerate(self._table.columns) if column.form != "text")
        self._row((None,) * named + cells[named:], None, "B")
        below = self._pdf.get_y()
        self._pdf.set_y(below - self._line_mm)
        self._pdf.set_fill_color(255)
        self._cell(sum(self._widths[:named]), self._line_mm, str(cells[0]), "B", "L", fill=True)
        self._pdf.set_xy(self._pdf.l_margin, below)

    def _wrapped(self, width: float, text: str) -> list[str]:
        """`text` in the lines that fit into `width` mm, in the font that is set."""
        lines = self._pdf.multi_cell(width, self._line_mm, text, dry_run=True, output="LINES")
        assert isinstance(lines, list)
        return lines

    def _cell(self, width: float, height: float, text: str, style: str, align: str, *, fill: bool) -> None:
        self._pdf.set_font(_FONT, style, self._points)
        self._pdf.cell(width, height, text, border=1, align=align, fill=fill)


def _rgb(color: str | None) -> tuple[int, int, int] | None:
    return None if color is None else (int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16))
