"""docs/accuracy.md says what the results say."""

from __future__ import annotations

import pytest

from benchmarks import accuracy_tables
from benchmarks.accuracy_tables import DOCUMENT, up_to_date, with_tables


def test_the_tables_of_the_document_are_those_of_the_results() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert up_to_date(text) == text, "run: python -m benchmarks.accuracy_tables --no-count"


@pytest.mark.parametrize("name", ["real", "simulated", "accuracy_peers", "accuracy_speed"])
def test_the_document_has_a_place_for_each_table(name: str) -> None:
    assert "\nNEW\n" in with_tables(DOCUMENT.read_text(encoding="utf-8"), name, "NEW")


def test_a_document_without_the_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="once, in this order"):
        with_tables("nothing here", "real", "NEW")


def test_a_table_marks_what_cannot_be_told_and_escapes_what_would_end_a_cell() -> None:
    text = accuracy_tables.markdown(["a", "b"], [["x|y", None], ["z", 0.12345], ["w", 19.02]])
    assert text.splitlines()[2:] == ["| x\\|y | - |", "| z | 0.123 |", "| w | 19.0 |"]
