from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from pipeline.sink.store import EmbeddedStore
from pipeline.types import Event
from tests.sink.events import CAMERA, T0_S, crossing, line, minutes, rows


def smp(store: EmbeddedStore) -> list[tuple[object, ...]]:
    return rows(
        store.query(
            "SELECT smp, observed_s, status, facility, version FROM pcu_15m "
            "WHERE line = 'U-in' AND direction = 'forward' ORDER BY bin_start"
        )
    )


def test_flows_in_smp_weigh_each_class(store: EmbeddedStore) -> None:
    classes = ["motorcycle"] * 20 + ["car"] * 3 + ["bus", "truck", "bicycle"]
    store.insert([*minutes(range(15))])
    store.insert([crossing(track, track=track, vehicle_class=name) for track, name in enumerate(classes)])
    (found,) = smp(store)
    assert found[0] == pytest.approx(20 * 0.15 + 3 * 1.0 + 2 * 1.3)
    assert found[1:] == (900.0, "complete", "signalised_protected", "PKJI 2023")


def test_a_camera_chooses_its_coefficients(store: EmbeddedStore) -> None:
    store.register_camera(CAMERA, facility="signalised_protected", pcu_version="MKJI 1997")
    store.insert([*minutes(range(15)), *[crossing(second) for second in range(10)]])
    (found,) = smp(store)
    assert found[0] == pytest.approx(10 * 0.2)
    assert found[4] == "MKJI 1997"


def test_a_bin_that_was_not_observed_has_no_smp(store: EmbeddedStore) -> None:
    store.register_lines(CAMERA, [line()], run="run-a")
    store.insert([*minutes([*range(15), *range(30, 45)])])
    assert [(row[0], row[2]) for row in smp(store)] == [(0.0, "complete"), (None, "missed"), (0.0, "complete")]


def quarter(number: int, vehicles: int, line: str = "U-in") -> list[Event]:
    return [crossing(900 * number + second, line=line) for second in range(vehicles)]


def peaks(store: EmbeddedStore) -> list[tuple[object, ...]]:
    return rows(
        store.query(
            f"SELECT day, intDiv(toInt64(toUnixTimestamp(hour_start)) - {T0_S}, 900) AS quarter, vehicles, smp, phf "
            "FROM peak_hours ORDER BY day"
        )
    )


def test_the_peak_hour_is_the_highest_four_quarters_in_a_row(store: EmbeddedStore) -> None:
    volumes = [1, 5, 8, 20, 7, 9, 2]
    store.insert([*minutes(range(15 * len(volumes)))])
    store.insert([event for number, volume in enumerate(volumes) for event in quarter(number, volume)])
    assert peaks(store) == [(date(2026, 6, 1), 2, 44, pytest.approx(44 * 0.15), pytest.approx(44 / 80))]
    (start,) = store.query("SELECT hour_start FROM peak_hours")["hour_start"].to_pylist()
    assert start == datetime(2026, 6, 1, 0, 30, tzinfo=UTC)


def test_an_hour_with_a_quarter_that_is_not_complete_is_no_peak_hour(store: EmbeddedStore) -> None:
    volumes = [1, 2, 3, 4, 50, 60, 1, 1, 1, 1]
    whole = [m for m in range(15 * len(volumes)) if not 75 <= m < 80]
    store.insert([*minutes(whole)])
    store.insert([event for number, volume in enumerate(volumes) for event in quarter(number, volume)])
    # Quarter 5 lacks five minutes: the hours 0 to 3, 1 to 4 and 6 to 9 are whole.
    assert [row[:3] for row in peaks(store)] == [(date(2026, 6, 1), 1, 59)]


def test_of_equal_hours_the_earliest_is_the_peak(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(90))])
    store.insert([event for number in range(6) for event in quarter(number, 3)])
    assert [row[1:3] for row in peaks(store)] == [(0, 12)]


def test_a_junction_is_measured_at_its_entry_lines(store: EmbeddedStore) -> None:
    store.register_lines(CAMERA, [line("U-in", "entry"), line("S-out", "exit")], run="run-a")
    store.insert([*minutes(range(60)), *quarter(0, 4), *quarter(1, 3, "S-out")])
    assert [row[2] for row in peaks(store)] == [4]


def test_each_local_day_has_its_peak(store: EmbeddedStore) -> None:
    midnight = 16 * 4
    store.insert([*minutes(range(15 * (midnight - 4), 15 * (midnight + 4)))])
    store.insert([*quarter(midnight - 1, 2), *quarter(midnight, 5)])
    assert [row[:3] for row in peaks(store)] == [
        (date(2026, 6, 1), midnight - 4, 2),
        (date(2026, 6, 2), midnight, 5),
    ]


def test_what_leaves_over_an_entry_line_did_not_enter(store: EmbeddedStore) -> None:
    store.register_lines(CAMERA, [line("U-in", "entry"), line("S-out", "exit")], run="run-a")
    store.insert([*minutes(range(60)), *quarter(0, 4), crossing(5, direction="backward"), *quarter(1, 3, "S-out")])
    assert [row[1:] for row in peaks(store)] == [(0, 4, pytest.approx(4 * 0.15), 0.25)]


def test_of_the_roles_of_a_line_the_newest_holds(store: EmbeddedStore) -> None:
    store.register_lines(CAMERA, [line("U-in", "entry"), line("S-out", "entry")], run="run-a")
    store.insert([*minutes(range(60)), *quarter(0, 4), *quarter(1, 3, "S-out")])
    assert [row[2] for row in peaks(store)] == [7]
    store.register_lines(CAMERA, [line("U-in", "entry"), line("S-out", "exit")], run="run-b")
    assert [row[2] for row in peaks(store)] == [4]


def test_lines_that_are_named_anew_as_entries_leave_the_days_before_their_peaks(store: EmbeddedStore) -> None:
    store.register_lines(CAMERA, [line("a"), line("b")], run="run-a")
    store.insert([*minutes(range(60)), *quarter(0, 4, "a"), crossing(5, line="b", direction="backward")])
    store.register_lines(CAMERA, [line("U-in", "entry"), line("S-out", "exit")], run="run-b")
    day = 24 * 60
    store.insert([*minutes(range(day, day + 60), run="run-b")])
    store.insert([crossing(60 * day + 1, run="run-b"), crossing(60 * day + 2, line="S-out", run="run-b")])
    assert [row[:3] for row in peaks(store)] == [(date(2026, 6, 1), 0, 5), (date(2026, 6, 2), 96, 1)]


def test_a_line_that_a_replay_named_otherwise_keeps_no_peak_from_a_day_that_was_replayed_whole(
    store: EmbeddedStore,
) -> None:
    def replay(name: str, revision: int, to: int, vehicles: int) -> list[object]:
        run = f"replay-{revision}"
        store.register_lines(CAMERA, [line(name, "entry")], run=run)
        store.insert(list(minutes(range(to), revision=revision, run=run)))
        store.insert([crossing(s, line=name, revision=revision, run=run) for s in range(vehicles)])
        return [row[2] for row in peaks(store)]

    assert replay("U-in", 0, 60, 4) == [4]
    assert replay("north", 1, 60, 3) == [3]
    # half of the hour under each of the names: neither was observed whole
    assert replay("U-in", 2, 30, 2) == []
    assert replay("U-in", 3, 60, 1) == [1]


def test_peak_hours_are_a_flat_table(store: EmbeddedStore) -> None:
    assert store.query("SELECT * FROM peak_hours").column_names == [
        "camera", "day", "hour_start", "vehicles", "smp", "phf",
    ]  # fmt: skip
