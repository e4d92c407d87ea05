"""What Grafana takes for a junction's vehicles is what the store's views do, whatever became of its lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.dashboard.periods import DAY_S, HOUR_S, QUARTER_S
from pipeline.sink.store import EmbeddedStore
from tests.dashboard.changes import BEFORE, CAMERAS, MIDNIGHT_S, RENAMED, WRONG, changed_store, of_view
from tests.grafana import ALL, expanded
from tests.sink.events import T0_S
from tests.test_grafana import BOARDS

DAYS = [BEFORE, WRONG, 2, RENAMED]
WIDTHS = {"counts_15m": QUARTER_S, "counts_1h": HOUR_S, "counts_1d": DAY_S}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with changed_store(tmp_path_factory.mktemp("grafana") / "store") as opened:
        yield opened


def panel(
    store: EmbeddedStore, board: str, number: int, from_s: int, to_s: int, camera: str = "", width: str = "counts_15m"
) -> list[dict[str, Any]]:
    """The rows of a panel from `from_s` to before `to_s`."""
    (target,) = BOARDS[board]["panels"][number - 1]["targets"]
    variables = {"camera": camera, "district": ALL, "class": ALL, "width": width}
    return store.query(expanded(target["rawSql"], variables, from_s, to_s - 1)).to_pylist()  # type: ignore[no-any-return]


def stored(store: EmbeddedStore, camera: str, from_s: int, to_s: int) -> list[dict[str, Any]]:
    return [row for row in of_view(store, camera) if from_s <= row["start_s"] < to_s]


# From 08:00 on is a part of a day of which the rest decides which lines are the junction's.
@pytest.mark.parametrize(("begin_s", "length_s"), [(0, DAY_S), (8 * HOUR_S, HOUR_S)])
@pytest.mark.parametrize("day", DAYS)
def test_vehicles_are_those_of_the_view(store: EmbeddedStore, day: int, begin_s: int, length_s: int) -> None:
    from_s = MIDNIGHT_S + day * DAY_S + begin_s
    period = from_s, from_s + length_s
    views = {camera: stored(store, camera, *period) for camera in CAMERAS}
    vehicles = {camera: sum(row["vehicles"] for row in rows) for camera, rows in views.items()}
    assert min(vehicles.values()) > 0
    assert panel(store, "city", 1, *period) == [{"vehicles": sum(vehicles.values())}]
    by_class = {row["class"]: row["vehicles"] for row in panel(store, "city", 7, *period)}
    assert sum(by_class.values()) == sum(vehicles.values())
    (share,) = panel(store, "city", 2, *period)
    assert share["motorcycles_percent"] == pytest.approx(100 * by_class["motorcycle"] / sum(vehicles.values()))
    for row in panel(store, "city", 6, *period):
        rows = views.pop(row["camera"])
        assert row["vehicles"] == vehicles[row["camera"]]
        assert row["smp"] == pytest.approx(sum(each["smp"] for each in rows), abs=0.5)
        assert row["bins_not_complete"] == sum(not each["complete"] for each in rows)
        classes = panel(store, "junction", 4, *period, row["camera"])
        assert sum(each["vehicles"] for each in classes) == row["vehicles"]
    assert not views


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("day", DAYS)
def test_bins_of_every_width_are_made_of_the_view(store: EmbeddedStore, day: int, width: str) -> None:
    period = MIDNIGHT_S + day * DAY_S, MIDNIGHT_S + (day + 1) * DAY_S
    for camera in CAMERAS:
        bins: dict[int, list[dict[str, Any]]] = {}
        for row in stored(store, camera, *period):
            bins.setdefault(row["start_s"] - (row["start_s"] - MIDNIGHT_S) % WIDTHS[width], []).append(row)
        found: dict[int, int] = {}
        for row in panel(store, "junction", 1, *period, camera, width):
            start_s = int(row["time"].timestamp())
            found[start_s] = found.get(start_s, 0) + (row["vehicles"] or 0)
        assert found == {start_s: sum(row["vehicles"] for row in rows) for start_s, rows in bins.items()}
        flows = {
            int(row["time"].timestamp()): row["flow"]
            for row in panel(store, "city", 5, *period, width=width)
            if row["camera"] == camera
        }
        assert flows.keys() == bins.keys()
        whole = {
            start_s: sum(row["vehicles"] for row in rows) * HOUR_S / WIDTHS[width]
            for start_s, rows in bins.items()
            if len(rows) * QUARTER_S == WIDTHS[width] and all(row["complete"] for row in rows)
        }
        assert whole or width == "counts_1d"
        assert {start_s: flows[start_s] for start_s in whole} == pytest.approx(whole)


def test_smp_of_approaches_add_up_to_the_view(store: EmbeddedStore) -> None:
    period = MIDNIGHT_S + RENAMED * DAY_S, MIDNIGHT_S + (RENAMED + 1) * DAY_S
    for camera in CAMERAS:
        flows: dict[int, float] = {}
        for row in panel(store, "junction", 5, *period, camera):
            start_s = int(row["time"].timestamp())
            flows[start_s] = flows.get(start_s, 0.0) + (row["smp_per_hour"] or 0.0)
        whole = {row["start_s"]: 4 * row["smp"] for row in stored(store, camera, *period) if row["complete"]}
        assert len(whole) > 10
        assert {start_s: flows[start_s] for start_s in whole} == pytest.approx(whole)


@pytest.mark.parametrize("day", [BEFORE + 7, RENAMED + 7])
def test_weeks_are_compared_in_bins_that_are_complete_in_both(store: EmbeddedStore, day: int) -> None:
    period = T0_S + day * DAY_S, T0_S + day * DAY_S + 4 * HOUR_S
    found = {row["camera"]: row for row in panel(store, "city", 8, *period)}
    for camera in CAMERAS:
        whole = {row["start_s"]: row["vehicles"] for row in of_view(store, camera) if row["complete"]}
        both = [at for at in whole if period[0] <= at < period[1] and at - 7 * DAY_S in whole]
        wanted = sum(whole[at] for at in both), sum(whole[at - 7 * DAY_S] for at in both), len(both)
        row = found[camera]
        assert (row["vehicles"], row["week_before"], row["bins_compared"]) == wanted
        assert len(both) > 10


def test_a_line_that_a_replay_named_otherwise_makes_no_bin_incomplete(store: EmbeddedStore) -> None:
    observed_s = T0_S + RENAMED * DAY_S, T0_S + RENAMED * DAY_S + 4 * HOUR_S
    dark_s = MIDNIGHT_S + (RENAMED + 1) * DAY_S, MIDNIGHT_S + (RENAMED + 2) * DAY_S
    for camera in CAMERAS:
        assert panel(store, "junction", 8, *observed_s, camera) == []
        found = panel(store, "junction", 8, *dark_s, camera)
        assert [(row["trust"], row["missing_s"]) for row in found] == [("missed", 900)] * 96
        assert panel(store, "junction", 1, *dark_s, camera)[0]["vehicles"] is None
