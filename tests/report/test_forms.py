"""The survey form over a store whose traffic is known."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.report.document import Document, Table, value_of
from pipeline.report.survey import find_camera, read_survey
from pipeline.sink.store import EmbeddedStore
from pipeline.types import CountingLine
from tests.report.conftest import EIGHT, TEN, form
from tests.report.junctions import CAMERA, RUN, fill_morning, passage, watched


def table(document: Document, sheet: str, title: str = "") -> Table:
    return next(t for t in document.tables if t.sheet == sheet and title in t.title)


def column(found: Table, title: str, group: str = "") -> list[object]:
    index = next(i for i, c in enumerate(found.columns) if (c.title, c.group) == (title, group))
    return [value_of(row[index]) for row in found.rows]


def foot(found: Table, title: str, group: str = "") -> object:
    index = next(i for i, c in enumerate(found.columns) if (c.title, c.group) == (title, group))
    assert found.total is not None
    return value_of(found.total[index])


def test_every_movement_has_its_vehicles_by_class_and_quarter(document: Document) -> None:
    north = table(document, "U")
    assert column(north, "MC", "Straight (LRS)") == [10, 20, 30, 40, None, 60, 70, None]
    assert column(north, "Car", "Left (BKi)") == [1, 2, 3, 4, None, 6, 7, None]
    assert column(north, "MC", "Right (BKa)") == [0, 0, 0, 0, None, 0, 0, None]
    assert column(table(document, "S"), "Trk", "Right (BKa)") == [1, 1, 1, 1, None, 1, 1, None]


def test_what_was_not_observed_is_blank_and_what_was_and_stayed_empty_is_0(document: Document) -> None:
    east = table(document, "T")
    assert column(east, "Vehicles") == [0, 0, 0, 0, None, 0, 0, None]
    assert column(east, "Status") == [*["complete"] * 4, "missed", "partial", "complete", "missed"]
    assert list(east.marks) == column(east, "Status")


def test_volume_is_counted_where_vehicles_enter_also_those_that_are_lost_inside(document: Document) -> None:
    west = table(document, "B")
    assert column(west, "Sum") == [0, 0, 0, 0, None, 0, 0, None]
    assert column(west, "Bus", "All that entered") == [1, 1, 1, 1, None, 1, 1, None]
    assert column(west, "Vehicles") == [1, 1, 1, 1, None, 1, 1, None]


def test_smp_weighs_each_class(document: Document) -> None:
    assert column(table(document, "U"), "PCU")[3] == pytest.approx(40 * 0.15 + 4 * 1.0)
    assert column(table(document, "B"), "PCU")[3] == pytest.approx(1.3)


def test_totals_add_what_was_observed_and_say_what_is_missing(document: Document) -> None:
    north = table(document, "U")
    assert north.total is not None and north.total[0] == "Total (incomplete)"
    assert foot(north, "MC", "Straight (LRS)") == 230
    assert foot(north, "Vehicles") == 253
    assert foot(north, "PCU") == pytest.approx(230 * 0.15 + 23)
    assert any("3 of 8 bins" in note for note in north.notes)


def test_the_junctions_volume_is_the_sum_of_its_approaches(document: Document) -> None:
    volume = table(document, "Volume")
    assert column(volume, "Junction", "Vehicles") == [13, 24, 35, 46, None, 68, 79, None]
    assert column(volume, "V60") == [118, None, None, None, None, None, None, None]


def test_the_peak_hour_has_its_volume_phf_and_smp(document: Document) -> None:
    peak = table(document, "Summary", "Peak hour")
    *_, junction = peak.rows
    values = [value_of(cell) for cell in junction]
    assert values[:4] == ["Junction", "2026-06-01 08:00–09:00", 118, 46]
    assert values[4] == pytest.approx(118 / (4 * 46))
    assert values[5] == pytest.approx(100 * 0.15 + 10 + 4 * 1.3 + 4 * 1.3)


def test_saturation_is_of_the_approach_whose_geometry_is_given(document: Document) -> None:
    (row,) = table(document, "Summary", "Degree of saturation").rows
    values = [value_of(cell) for cell in row]
    assert values[0] == "North (U)"
    assert values[1] == pytest.approx(25.0)
    assert values[5] == pytest.approx(1539 * 20 / 90)
    assert values[6] == pytest.approx(25 / 342)
    assert values[7] == pytest.approx(10 / 110)
    assert values[9] == "D"


def test_the_store_is_asked_for_what_it_has(morning_path: Path, document: Document) -> None:
    with EmbeddedStore(morning_path) as store:
        opposed = form(store, "signalised_opposed")
        late = form(store, start=EIGHT + timedelta(minutes=15))
        with pytest.raises(InputError, match=r"'roundabout'.*signalised_opposed"):
            form(store, "roundabout")
        with pytest.raises(InputError, match=f"'other'.*{CAMERA}"):
            find_camera(store.query, "other")
        with pytest.raises(InputError, match=r"counted nothing.*2025"):
            read_survey(store.query, find_camera(store.query, CAMERA), EIGHT.replace(year=2025), TEN.replace(year=2025))
        (peak,) = store.query("SELECT vehicles, phf, smp FROM peak_hours").to_pylist()
    # Another facility weighs otherwise.
    assert foot(table(opposed, "U"), "PCU") == pytest.approx(230 * 0.4 + 23)
    # Without a whole hour there is no peak hour, and no saturation in it.
    assert table(late, "Summary", "Peak hour").rows == ()
    assert not [t for t in late.tables if t.key == "saturation"]
    # The peak hour is the one that the store's view names.
    found = [value_of(cell) for cell in table(document, "Summary", "Peak hour").rows[-1]]
    assert (found[2], *found[4:]) == (peak["vehicles"], pytest.approx(peak["phf"]), pytest.approx(peak["smp"]))


def test_a_line_that_is_neither_entry_nor_exit_has_its_two_directions(store: EmbeddedStore) -> None:
    store.register_camera(CAMERA)
    store.register_lines(CAMERA, [CountingLine("U-in", (0, 0), (9, 0))], run=RUN)
    store.insert([*watched(range(15)), *(next(passage(s, "U", None, "car", s)) for s in (1, 2, 3))])
    document = form(store)
    road = table(document, "U-in")
    assert road.title == "Line: U-in"
    assert column(road, "Car", "Forward")[0] == 3
    assert column(road, "Car", "Backward")[0] == 0
    assert column(road, "Vehicles")[:2] == [3, None]
    assert any("no entry lines" in note for note in table(document, "Volume").notes)
    assert column(road, "PCU")[0] == pytest.approx(3.0)


def test_counting_again_into_the_store_changes_no_cell(store: EmbeddedStore) -> None:
    fill_morning(store)
    once = form(store)
    fill_morning(store)
    assert form(store) == once
