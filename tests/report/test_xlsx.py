"""The workbook opened again, as it was written and as LibreOffice computes it."""

from __future__ import annotations

import io
import re
import subprocess
import zipfile
from pathlib import Path

import openpyxl
import pytest

from pipeline.report.document import Column, Document, Formula, Ref, Table, value_of
from pipeline.report.xlsx import xlsx_bytes
from tests.real_parts import programs


@pytest.fixture(scope="module")
def workbook(document: Document) -> bytes:
    return xlsx_bytes(document)


def values(data: bytes) -> dict[str, list[list[object]]]:
    """Sheet -> rows, with the results of formulas."""
    book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    return {sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book}


def row_of(rows: list[list[object]], first: str) -> list[object]:
    return next(row for row in rows if row[0] == first)


def test_there_is_a_sheet_for_the_summary_the_volume_each_approach_and_the_coefficients(workbook: bytes) -> None:
    assert list(values(workbook)) == ["Summary", "Volume", "U", "T", "S", "B", "Coefficients"]


def assert_holds(document: Document, sheets: dict[str, list[list[object]]]) -> None:
    """Every cell of every table, and its total, is in the sheets."""
    for table in document.tables:
        rows = sheets[table.sheet]
        top = next(i for i, row in enumerate(rows) if row[0] == table.title)
        body = top + (3 if any(column.group for column in table.columns) else 2)
        expected = [*table.rows, *([table.total] if table.total is not None else [])]
        for cells, found in zip(expected, rows[body : body + len(expected)], strict=True):
            for cell, value in zip(map(value_of, cells), found, strict=False):
                assert value == (cell if isinstance(cell, str | None) else pytest.approx(cell)), (table.title, cells[0])


def test_every_cell_is_in_the_workbook(document: Document, workbook: bytes) -> None:
    assert_holds(document, values(workbook))


def test_a_planner_finds_sums_as_formulas(workbook: bytes) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook))
    north = book["U"]
    total = next(row for row in north.iter_rows() if row[0].value == "Total (incomplete)")
    assert total[2].value == "=SUM(C4:C11)"
    assert total[-1].value == "=SUM(AD4:AD11)"
    assert north["AD4"].value.startswith("=X4*'Coefficients'!C3+Y4*'Coefficients'!C4+")
    assert book["Volume"]["C4"].value == "='U'!AC4"
    assert book["Volume"]["I4"].value == "=SUM(G4:G7)"


def test_a_missed_quarter_is_blank_also_where_formulas_stand(workbook: bytes) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook))
    cells = row_of([[c.value for c in row] for row in book["U"].iter_rows()], "09:00–09:15")
    assert cells[1] == "missed"
    assert set(cells[2:]) == {None}


def test_volume_is_drawn_from_its_cells(workbook: bytes) -> None:
    chart = zipfile.ZipFile(io.BytesIO(workbook)).read("xl/charts/chart1.xml").decode()
    series = re.findall(r"<c:val><c:numRef><c:f>(.*?)</c:f>", chart)
    assert series == [f"Volume!${column}$4:${column}$11" for column in "CDEF"]


def test_equal_reports_are_equal_bytes(document: Document, workbook: bytes) -> None:
    assert xlsx_bytes(document) == workbook


def test_a_sheet_is_named_as_excel_allows() -> None:
    names = ["a/b:c[d]?", "A-B-C-D--", "x" * 40, "x" * 50, "history"]
    tables = tuple(
        Table(f"t{i}", name, "title", (Column("head"), Column("n", "count")), (("cell", 1),))
        for i, name in enumerate(names)
    )
    sheets = list(values(xlsx_bytes(Document("title", "subtitle", "en", tables))))
    assert len({name.casefold() for name in sheets}) == len(names)
    assert all(len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in sheets)


def test_a_formula_finds_its_cells_on_a_sheet_with_a_quote_in_its_name() -> None:
    tables = (
        Table("a", "it's", "title", (Column("head"), Column("n", "count")), (("cell", 7),)),
        Table(
            "b", "other", "t", (Column("head"), Column("n", "count")), (("c", Formula(7, "{0}", (Ref("a", 1, 0),))),)
        ),
    )
    book = openpyxl.load_workbook(io.BytesIO(xlsx_bytes(Document("title", "subtitle", "en", tables))))
    assert book["other"]["B3"].value == "='it''s'!B6"
    assert book["it's"]["B6"].value == 7


def test_libreoffice_computes_every_number_that_was_written(
    document: Document, workbook: bytes, tmp_path: Path
) -> None:
    (program,) = programs("libreoffice", ["soffice"], ["libreoffice-calc-nogui"])
    # openpyxl keeps the formulas and drops their results, so that whatever is read below was computed.
    openpyxl.load_workbook(io.BytesIO(workbook)).save(tmp_path / "report.xlsx")
    assert row_of(values((tmp_path / "report.xlsx").read_bytes())["U"], "Total (incomplete)")[2] is None
    command = [program, f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", "xlsx"]
    command += ["--outdir", str(tmp_path / "out"), str(tmp_path / "report.xlsx")]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    assert_holds(document, values((tmp_path / "out" / "report.xlsx").read_bytes()))
