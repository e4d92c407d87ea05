"""Stacked bars over time on a page: a bar a bin, hatched where nothing was observed."""

from __future__ import annotations

import math
from typing import Final

from fpdf import FPDF

from pipeline.report.document import SERIES_COLORS, Table, number_of, value_of

_HEIGHT_MM: Final = 48.0
_SCALE_MM: Final = 10.0
"""Left of the bars, for the numbers of the axis."""
_LABEL_MM: Final = 16.0
"""Room for a label under the bars, at least."""


def draw_bars(pdf: FPDF, table: Table, font: str) -> None:
    """Draw the columns that `table.chart` names, below what is on the page, and move on below the drawing."""
    left, top = pdf.l_margin + _SCALE_MM, pdf.get_y() + 5
    width = pdf.epw - _SCALE_MM
    stacks = [[number_of(row[column]) for column in table.chart] for row in table.rows]
    highest = axis_end(max((sum(n or 0 for n in stack) for stack in stacks), default=0))
    step = width / len(stacks)
    pdf.set_font(font, "", 6)
    _draw_legend(pdf, table, left, top - 5)
    for part in range(5):
        y = top + _HEIGHT_MM * (1 - part / 4)
        pdf.line(left, y, left + width, y)
        pdf.set_xy(pdf.l_margin, y - 1.5)
        pdf.cell(_SCALE_MM - 1, 3, f"{highest * part / 4:g}", align="R")
    every = max(1, math.ceil(_LABEL_MM / step))
    for index, stack in enumerate(stacks):
        x, y = left + index * step, top + _HEIGHT_MM
        if any(number is None for number in stack):
            _hatch(pdf, x, top, step, _HEIGHT_MM)
        for number, color in zip(stack, _colors(len(stack)), strict=True):
            height = _HEIGHT_MM * (number or 0) / highest
            pdf.set_fill_color(color)
            y -= height
            if height:
                pdf.rect(x + 0.1 * step, y, 0.8 * step, height, style="F")
        if index % every == 0:
            pdf.set_xy(x, top + _HEIGHT_MM + 0.5)
            pdf.cell(_LABEL_MM, 3, str(value_of(table.rows[index][_label_column(table)]))[:5])
    pdf.set_xy(pdf.l_margin, top + _HEIGHT_MM + 6)


def _label_column(table: Table) -> int:
    """The column before the status, which is the last column of text."""
    return sum(column.form == "text" for column in table.columns) - 2


def _draw_legend(pdf: FPDF, table: Table, left: float, top: float) -> None:
    pdf.set_xy(left, top)
    for column, color in zip(table.chart, _colors(len(table.chart)), strict=True):
        pdf.set_fill_color(color)
        pdf.rect(pdf.get_x(), top + 0.5, 2.5, 2.5, style="F")
        pdf.set_x(pdf.get_x() + 3)
        title = table.columns[column].title
        pdf.cell(pdf.get_string_width(title) + 5, 3.5, title)


def _colors(number: int) -> list[str]:
    return [SERIES_COLORS[index % len(SERIES_COLORS)] for index in range(number)]


def _hatch(pdf: FPDF, x: float, y: float, width: float, height: float) -> None:
    """Diagonal strokes up to the right, 3 mm apart, cut off at the edges."""
    bottom = y + height
    for number in range(math.ceil((height + width) / 3)):
        # Where the stroke would meet the left edge, perhaps below the bottom.
        at_left = bottom + width - 3 * number
        first = max(0.0, at_left - bottom)
        last = min(width, at_left - y)
        if first < last:
            pdf.line(x + first, at_left - first, x + last, at_left - last)


def axis_end(number: float) -> float:
    """The next number up that divides by four into round steps."""
    if number <= 4:
        return 4.0
    magnitude = 10 ** math.floor(math.log10(number))
    return float(next(m * magnitude for m in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 4.8, 6, 8, 10) if m * magnitude >= number))
