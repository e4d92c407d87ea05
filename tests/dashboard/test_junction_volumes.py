"""What the dashboard takes for a junction's vehicles is what the store's views do, whatever became of its lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.dashboard import questions, tables
from pipeline.dashboard.board import Board
from pipeline.dashboard.periods import DAY_S, HOUR_S, QUARTER_S, Period
from pipeline.dashboard.tallies import Tallies
from pipeline.sink.store import EmbeddedStore
from tests.dashboard.changes import BEFORE, CAMERAS, MIDNIGHT_S, RENAMED, changed_store, of_view
from tests.sink.events import T0_S

ZONE = ZoneInfo("Asia/Makassar")
PERIOD = Period(MIDNIGHT_S, MIDNIGHT_S + 11 * DAY_S)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with changed_store(tmp_path_factory.mktemp("changes") / "store") as opened:
        yield opened


def shown(store: EmbeddedStore, camera: str, width_s: int) -> list[dict[str, Any]]:
    entries = {row["line"] for row in questions.lines(store) if (row["camera"], row["role"]) == (camera, "entry")}
    return Tallies.of(questions.tallies(store, camera, PERIOD)).bins(PERIOD, width_s, entries)


def day_of(bin_: dict[str, Any]) -> int:
    return int(bin_["start_s"] - MIDNIGHT_S) // DAY_S


def vehicles(bin_: dict[str, Any]) -> int:
    return sum((bin_["counts"] or {}).values())


def emp(store: EmbeddedStore, camera: str) -> dict[str, float]:
    found = store.query("SELECT class, emp FROM camera_coefficients WHERE camera = {camera:String}", {"camera": camera})
    return {row["class"]: row["emp"] for row in found.to_pylist()}


@pytest.mark.parametrize("camera", CAMERAS)
def test_quarters_are_those_of_the_view(store: EmbeddedStore, camera: str) -> None:
    weights = emp(store, camera)
    stored = of_view(store, camera)
    # Days of which nothing was observed are shown, as missed; the view has none of them.
    days = {day_of(row) for row in stored}
    bins = shown(store, camera, QUARTER_S)
    assert {bin_["status"] for bin_ in bins if day_of(bin_) not in days} == {"missed"}
    found = [
        {
            "start_s": bin_["start_s"],
            "vehicles": vehicles(bin_),
            "smp": pytest.approx(sum(weights.get(name, 0) * n for name, n in (bin_["counts"] or {}).items())),
            "complete": bin_["status"] == "complete",
        }
        for bin_ in bins
        if day_of(bin_) in days
    ]
    assert found == stored
    assert len({row["complete"] for row in found}) == 2


@pytest.mark.parametrize("width_s", [HOUR_S, DAY_S])
@pytest.mark.parametrize("camera", CAMERAS)
def test_wider_bins_are_made_of_the_same_vehicles(store: EmbeddedStore, camera: str, width_s: int) -> None:
    wanted: dict[int, int] = {}
    for row in of_view(store, camera):
        start_s = row["start_s"] - (row["start_s"] - MIDNIGHT_S) % width_s
        wanted[start_s] = wanted.get(start_s, 0) + row["vehicles"]
    found = {bin_["start_s"]: vehicles(bin_) for bin_ in shown(store, camera, width_s) if bin_["counts"] is not None}
    assert found == {start_s: n for start_s, n in wanted.items() if n}


def test_a_bin_that_one_of_several_lines_missed_is_partial(store: EmbeddedStore) -> None:
    bins = {bin_["start_s"]: bin_["status"] for bin_ in shown(store, CAMERAS[0], QUARTER_S)}
    assert bins[T0_S + 2 * DAY_S + QUARTER_S] == "partial"
    assert bins[T0_S + RENAMED * DAY_S + QUARTER_S] == "complete"


@pytest.mark.parametrize("camera", CAMERAS)
def test_peak_hours_are_those_of_the_view(store: EmbeddedStore, camera: str) -> None:
    stored = store.query(
        "SELECT toString(day) AS day, toInt64(toUnixTimestamp(hour_start)) AS hour_s, vehicles, smp, phf "
        "FROM peak_hours WHERE camera = {camera:String} ORDER BY day",
        {"camera": camera},
    ).to_pylist()
    found = tables.peaks(shown(store, camera, QUARTER_S), emp(store, camera), ZONE)
    assert [row | {"smp": pytest.approx(row["smp"]), "phf": pytest.approx(row["phf"])} for row in found] == stored
    assert "2026-06-04" in {row["day"] for row in found}


@pytest.mark.parametrize("ago", [BEFORE, RENAMED])
def test_the_city_page_counts_the_same_vehicles(store: EmbeddedStore, ago: int) -> None:
    now_s = T0_S + (ago + 7) * DAY_S + 3 * HOUR_S - 1
    hour_ago_s = now_s + 1 - 7 * DAY_S - HOUR_S
    midnight_s = MIDNIGHT_S + (ago + 7) * DAY_S
    cameras = Board(store, site=None, now_s=lambda: now_s).city()["cameras"]
    assert [camera["id"] for camera in cameras] == list(CAMERAS)
    for camera in cameras:
        stored = {row["start_s"]: row["vehicles"] for row in of_view(store, camera["id"])}
        for name, from_s, to_s in (
            ("today", midnight_s, now_s),
            ("now", now_s + 1 - HOUR_S, now_s),
            ("week_ago", hour_ago_s, hour_ago_s + HOUR_S),
        ):
            wanted = sum(n for start_s, n in stored.items() if from_s <= start_s < to_s)
            assert vehicles(camera[name]) == wanted > 0, name
        assert sum(vehicles(hour) for hour in camera["hours"]) == vehicles(camera["today"])
