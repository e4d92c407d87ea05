"""Reports follow the store's rule of which lines are a junction's on a day, also when its events are gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pipeline.report.document import value_of
from pipeline.report.forms import survey_document
from pipeline.report.pcu import read_coefficients
from pipeline.report.summaries import Day, read_days
from pipeline.report.survey import Survey, find_camera, read_survey
from pipeline.sink.store import EmbeddedStore
from tests.report.conftest import EIGHT
from tests.sink.events import CAMERA, T0_S, crossing, line, minutes

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LONG_AGO = datetime.fromisoformat("2024-06-01T08:00+08:00")


def count(
    store: EmbeddedStore,
    start: datetime,
    lines: Sequence[tuple[str, str]],
    *,
    revision: int = 0,
    first: int = 0,
    vehicles: int = 8,
) -> None:
    """A run of a camera from minute `first` of an hour: `vehicles` forward over each line, and one backward."""
    since = round(start.timestamp()) - T0_S
    run = f"run-{since}-{revision}-{first}"
    store.register_lines(CAMERA, [line(*each) for each in lines], run=run)
    store.insert(list(minutes(range(since // 60 + first, since // 60 + 60), revision=revision, run=run)))
    store.insert(
        [
            crossing(
                since + 60 * first + 1 + 100 * number + track,
                line=name,
                direction="forward" if number < vehicles else "backward",
                track=track,
                revision=revision,
                run=run,
            )
            for track, (name, _) in enumerate(lines)
            for number in range(vehicles + 1)
        ]
    )
    store.settle()


def survey(store: EmbeddedStore, start: datetime, end: datetime) -> Survey:
    return read_survey(store.query, find_camera(store.query, CAMERA), start, end)


def junction(store: EmbeddedStore, found: Survey) -> dict[int, tuple[object, bool]]:
    """By bin: the form's vehicles of the junction, and whether it is complete."""
    camera = found.camera
    form = survey_document(found, read_coefficients(store.query, camera.pcu_version, camera.facility), "en")
    volume = next(table for table in form.tables if table.key == "volume")
    column = next(i for i, c in enumerate(volume.columns) if c.title == "Junction")
    return {
        round(start.timestamp()): (value_of(row[column]), status == "complete")
        for start, row, status in zip(found.starts, volume.rows, found.statuses, strict=True)
    }


def of_view(store: EmbeddedStore) -> dict[int, tuple[object, bool]]:
    rows = store.query(
        "SELECT toInt64(toUnixTimestamp(bin_start)) AS at, vehicles, complete FROM camera_volumes_15m"
    ).to_pylist()
    return {row["at"]: (row["vehicles"], bool(row["complete"])) for row in rows}


def days(store: EmbeddedStore, start: datetime, end: datetime) -> list[Day]:
    return read_days(store.query, find_camera(store.query, CAMERA), start, end)


def test_a_camera_of_which_every_event_has_expired_still_has_its_reports(store: EmbeddedStore) -> None:
    count(store, LONG_AGO, [("U-in", "entry")])
    before = survey(store, LONG_AGO, LONG_AGO + HOUR), days(store, LONG_AGO, LONG_AGO + DAY)
    store.retain(1)
    for table in ("crossing_events", "movement_events", "coverage_stored"):
        store._engine.execute(f"OPTIMIZE TABLE {table} FINAL")
    assert store.query("SELECT count() AS n FROM coverage").to_pylist() == [{"n": 0}]
    assert (survey(store, LONG_AGO, LONG_AGO + HOUR), days(store, LONG_AGO, LONG_AGO + DAY)) == before
    assert before[0].statuses == ("complete",) * 4


def test_a_line_that_a_replay_named_otherwise_blanks_no_bin_of_the_day(store: EmbeddedStore) -> None:
    exit_ = ("S-out", "exit")
    count(store, EIGHT, [("U-in", "entry"), ("T-in", "entry"), exit_])
    count(store, EIGHT, [("U-in", "entry"), ("north", "entry"), exit_], revision=1, vehicles=6)
    found = survey(store, EIGHT, EIGHT + HOUR)
    assert [arm.label for arm in found.arms] == ["U-in", "north"]
    assert junction(store, found) == of_view(store)
    assert found.statuses == ("complete",) * 4
    # Also where what is asked for is a part of the day.
    assert survey(store, EIGHT, EIGHT + HOUR / 2).statuses == ("complete",) * 2
    (day,) = days(store, EIGHT, EIGHT + HOUR)
    assert day.counts is not None
    assert sum(day.counts.values()) == day.peak_vehicles == 12
    assert day.status == "partial"


def test_a_line_of_one_day_is_not_missed_on_another(store: EmbeddedStore) -> None:
    count(store, EIGHT, [("U-in", "entry"), ("T-in", "entry")])
    count(store, EIGHT + DAY, [("U-in", "entry"), ("T-in", "entry")])
    count(store, EIGHT + DAY, [("U-in", "entry"), ("north", "entry")], revision=1, vehicles=6)
    count(store, EIGHT + 2 * DAY, [("U-in", "entry"), ("T-in", "entry")])
    found = junction(store, survey(store, EIGHT, EIGHT + 2 * DAY + HOUR))
    stored = of_view(store)
    assert {at: cells for at, cells in found.items() if cells[0] is not None} == {
        at: cells for at, cells in stored.items() if cells[1]
    }
    assert len([1 for _, complete in found.values() if complete]) == 12


def test_a_line_that_joins_later_in_the_day_is_not_missed_before(store: EmbeddedStore) -> None:
    count(store, EIGHT, [("U-in", "entry")])
    count(store, EIGHT, [("T-in", "entry")], first=30, vehicles=4)
    found = survey(store, EIGHT, EIGHT + HOUR)
    assert junction(store, found) == of_view(store)
    assert found.statuses == ("complete",) * 4


def test_a_line_that_was_observed_on_the_day_is_missed_in_the_rest_of_it(store: EmbeddedStore) -> None:
    count(store, EIGHT, [("U-in", "entry")])
    count(store, EIGHT - DAY, [("T-in", "entry")])
    count(store, EIGHT, [("T-in", "entry")], first=30, vehicles=4)
    found = survey(store, EIGHT, EIGHT + HOUR)
    assert found.statuses == ("missed", "missed", "complete", "complete")
    assert [complete for _, complete in junction(store, found).values()] == [
        complete for at, (_, complete) in sorted(of_view(store).items()) if at >= EIGHT.timestamp()
    ]


def test_a_survey_counts_all_that_passed_before_there_were_entry_lines(store: EmbeddedStore) -> None:
    count(store, EIGHT, [("a", "count"), ("b", "count")])
    count(store, EIGHT + HOUR, [("U-in", "entry"), ("S-out", "exit")])
    found = survey(store, EIGHT, EIGHT + 2 * HOUR)
    assert [arm.label for arm in found.arms] == ["U-in", "a", "b"]
    assert junction(store, found) == of_view(store)
    assert found.statuses == ("complete",) * 8


def test_a_day_before_there_were_entry_lines_counts_all_that_passed(store: EmbeddedStore) -> None:
    count(store, EIGHT, [("a", "count"), ("b", "count")])
    count(store, EIGHT + DAY, [("U-in", "entry"), ("S-out", "exit")])
    found = days(store, EIGHT, EIGHT + DAY + HOUR)
    assert [sum((day.counts or {}).values()) for day in found] == [day.peak_vehicles for day in found] == [18, 8]


def test_a_day_on_which_nothing_was_observed_is_missed(store: EmbeddedStore) -> None:
    for number in (0, 2):
        count(store, EIGHT + number * DAY, [("U-in", "entry")])
    dark = days(store, EIGHT, EIGHT + 2 * DAY + HOUR)[1]
    assert (dark.counts, dark.status) == (None, "missed")
    assert set(survey(store, EIGHT + DAY, EIGHT + DAY + HOUR).statuses) == {"missed"}
