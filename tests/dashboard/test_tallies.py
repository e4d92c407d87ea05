"""What the junction page sums itself is what the store's views say."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pipeline.dashboard import questions
from pipeline.dashboard.periods import DAY_S, HOUR_S, QUARTER_S, Period
from pipeline.dashboard.tallies import STATUSES, Tallies
from pipeline.sink.store import EmbeddedStore
from pipeline.types import VEHICLE_CLASSES
from tests.dashboard import town

VIEWS = {QUARTER_S: "counts_15m", HOUR_S: "counts_1h", DAY_S: "counts_1d"}
PERIODS = [
    Period(town.local_s("2026-06-02 00:00"), town.local_s("2026-06-04 00:00")),
    Period(town.local_s("2026-05-20 00:00"), town.local_s("2026-06-04 00:00")),
    Period(town.local_s("2026-06-03 00:00"), town.local_s("2026-06-04 00:00")),
]


def of_views(store: EmbeddedStore, sql: str, camera: str, period: Period) -> list[dict[str, Any]]:
    where = "camera = {camera:String} AND toUnixTimestamp(bin_start) BETWEEN {a:UInt32} AND {b:UInt32} - 1"
    found = store.query(sql.format(where=where), {"camera": camera, "a": period.from_s, "b": period.to_s})
    return found.to_pylist()


def read(store: EmbeddedStore, camera: str, period: Period) -> Tallies:
    return Tallies.of(questions.tallies(store, camera, period))


@pytest.mark.parametrize("width_s", VIEWS)
@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("role", ["in", "out", ""])
def test_bins_are_those_of_the_view(store: EmbeddedStore, width_s: int, period: Period, role: str) -> None:
    camera = town.SUDIRMAN
    entries = {line.name for line in town.lines(camera) if role and line.name.endswith(role)}
    shown = read(store, camera, period).bins(period, width_s, entries)
    vehicles = "if(direction = 'forward', count, count * 0)" if entries else "count"
    stored = of_views(
        store,
        f"SELECT toInt64(toUnixTimestamp(bin_start)) AS start_s, class, sumOrNull({vehicles}) AS vehicles, "
        f"max(observed_s) AS observed_s, max(indexOf({list(STATUSES)}, status)) - 1 AS code "
        f"FROM {VIEWS[width_s]} WHERE {{where}} AND endsWith(line, '{role}') GROUP BY start_s, class ORDER BY start_s",
        camera,
        period,
    )
    wanted: dict[int, dict[str, Any]] = {}
    for row in stored:
        bin_ = wanted.setdefault(
            row["start_s"],
            {
                "start_s": row["start_s"],
                "observed_s": row["observed_s"],
                "status": STATUSES[row["code"]],
                "counts": None if row["vehicles"] is None else {},
            },
        )
        if row["vehicles"] is not None:
            bin_["counts"][row["class"]] = row["vehicles"]
    assert shown == list(wanted.values())


def test_the_views_say_every_status_there_is(store: EmbeddedStore) -> None:
    statuses = Counter(
        row["status"]
        for period in PERIODS
        for width_s in VIEWS
        for row in read(store, town.SUDIRMAN, period).bins(period, width_s, set())
    )
    assert set(statuses) == set(STATUSES)


@pytest.mark.parametrize("period", PERIODS)
def test_lines_and_turns_are_those_of_the_views(store: EmbeddedStore, period: Period) -> None:
    for camera in town.NAMES:
        shown = read(store, camera, period)
        for rows, view, keys in (
            (shown.line_totals(period), "counts_15m", ("line", "direction")),
            (shown.turns(period), "turning_counts_15m", ("from_line", "to_line")),
        ):
            names = ", ".join(keys)
            stored = of_views(
                store,
                f"SELECT {names}, class, sumOrNull(count) AS n FROM {view} WHERE {{where}} GROUP BY {names}, class",
                camera,
                period,
            )
            wanted = {(*(row[key] for key in keys), row["class"]): row["n"] for row in stored}
            counts = {
                (*(row[key] for key in keys), name): row["counts"] and row["counts"][name]
                for row in rows
                for name in VEHICLE_CLASSES
            }
            assert counts == wanted


def test_a_camera_without_tallies_has_no_bins_lines_or_turns(store: EmbeddedStore) -> None:
    period = PERIODS[0]
    shown = read(store, "nobody", period)
    assert (shown.bins(period, HOUR_S, set()), shown.line_totals(period), shown.turns(period)) == ([], [], [])
