"""The pages, read back as text."""

from __future__ import annotations

import io

import pypdf
import pytest

from pipeline.report.document import Column, Document, Table
from pipeline.report.pdf import pdf_bytes


@pytest.fixture(scope="module")
def data(document: Document) -> bytes:
    return pdf_bytes(document)


def pages(data: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages]


def test_each_approach_has_a_page_and_every_page_its_head(data: bytes) -> None:
    found = pages(data)
    assert len(found) == 6
    assert all("Classified traffic count survey" in page for page in found)
    assert all(f"Page {number} / 6" in page for number, page in enumerate(found, 1))
    assert [
        name for name in ("North (U)", "East (T)", "South (S)", "West (B)") if f"Approach: {name}" in "".join(found)
    ]


def test_the_numbers_of_a_quarter_stand_on_its_line(data: bytes) -> None:
    volume = next(page for page in pages(data) if "Junction" in page and "V60" in page and "09:00–09:15" in page)
    text = " ".join(volume.split())
    assert "08:45–09:00 complete 44 0 1 1 46 12.6" in text
    assert "09:00–09:15 missed 09:15–09:30 partial 66 0 1 1 68 17.6" in text
    assert "Total (incomplete)" in text
    assert "The total is incomplete: 3 of 8 bins are not complete." in text


def test_equal_reports_are_equal_bytes(document: Document, data: bytes) -> None:
    assert pdf_bytes(document) == data


def test_a_long_table_repeats_its_head_on_every_page() -> None:
    rows = tuple((f"row {number}", number) for number in range(100))
    table = Table("t", "t", "Long", (Column("What"), Column("How many", "count")), rows, total=("All", 4950))
    found = pages(pdf_bytes(Document("Title", "Subtitle", "id", (table,))))
    assert len(found) > 1
    assert all("How many" in page for page in found)
    assert sum(page.count("row ") for page in found) == 100
    assert "4.950" in found[-1]


def test_letters_of_every_name_can_be_printed() -> None:
    table = Table("t", "t", "Šimpang → č", (Column("Ω"),), (("naïve – “Jl. Ć”",),))
    (page,) = pages(pdf_bytes(Document("Judul – №1", "…", "id", (table,))))
    assert "naïve – “Jl. Ć”" in " ".join(page.split())
