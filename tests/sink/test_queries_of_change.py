"""The SQL of docs/queries.md where lines were called otherwise later, and where minutes were counted again."""

from __future__ import annotations

from datetime import date

from pipeline.sink.store import EmbeddedStore
from pipeline.types import CountingLine
from tests.sink.events import CAMERA, crossing, minute, minutes, rows
from tests.sink.test_queries import QUESTIONS, plain, utc


def test_flows_of_an_approach_are_those_of_all_its_entry_lines_as_they_were_last_called(store: EmbeddedStore) -> None:
    def register(run: str, *places: tuple[str, str, str | None]) -> None:
        drawn = [CountingLine(name, (0, 0), (1, 1), role=role, approach=arm) for name, role, arm in places]  # type: ignore[arg-type]
        store.register_lines(CAMERA, drawn, run=run)

    register("run-a", ("U-in", "entry", "S"), ("U-in-2", "entry", None), ("S-out", "entry", "S"))
    register("run-b", ("U-in", "entry", "U"), ("U-in-2", "entry", "U"), ("S-out", "exit", "S"))
    for run, first in (("run-a", 0), ("run-b", 60)):
        lost = {70} if run == "run-b" else set()
        store.insert(list(minutes(set(range(first, first + 60)) - lost, run=run)))
        names = ("U-in", "U-in-2", "S-out")
        store.insert([crossing(60 * first + 1, line=name, vehicle_class="car", run=run) for name in names])
    # the second hour lacks a minute in one quarter of each line
    assert [tuple(map(plain, row)) for row in rows(store.query(QUESTIONS["smp"]))] == [("U", utc(1, 0), 2.0)]


def test_a_replayed_minute_was_observed_once(store: EmbeddedStore) -> None:
    day = 24 * 60
    store.insert([*minutes(range(144)), *minutes(range(72), revision=1, run="replay"), crossing(5000)])
    # a day without a vehicle, of which two runs share the minutes
    store.insert([minute(day + m, 30, run=run) for m in range(144) for run in ("run-a", "run-b")])
    answer = [(date(2026, 6, 1), 10.0, 0.0, 0.75), (date(2026, 6, 2), 10.0, 0.0, None)]
    assert rows(store.query(QUESTIONS["quality"])) == answer


def test_a_change_from_a_week_without_vehicles_is_not_a_number(store: EmbeddedStore) -> None:
    week = 7 * 24 * 60
    store.insert([*minutes(range(60)), *minutes(range(week, week + 60)), crossing(60 * week + 1)])
    assert rows(store.query(QUESTIONS["week"])) == [(1, 0, None, 1)]
