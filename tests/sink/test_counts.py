from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from pipeline.sink.store import EmbeddedStore
from pipeline.types import DIRECTIONS, VEHICLE_CLASSES
from tests.sink.events import CAMERA, at_ns, counts, crossing, line, minute, minutes, movement, rows


def test_a_bin_counts_what_crossed_in_it(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(15)), crossing(3), crossing(70), crossing(899.9)])
    assert counts(store) == [(0, 3, 900.0, "complete")]


def test_a_crossing_on_the_edge_belongs_to_the_bin_that_begins(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(30)), crossing(900)])
    assert counts(store) == [(0, 0, 900.0, "complete"), (15, 1, 900.0, "complete")]


def test_every_direction_and_class_of_a_line_has_a_row(store: EmbeddedStore) -> None:
    store.register_lines(CAMERA, [line("U-in"), line("S-in")], run="run-a")
    store.insert([*minutes(range(15)), crossing(3)])
    found = rows(store.query("SELECT line, direction, class, count FROM counts_15m"))
    expected = {
        (name, direction, vehicle_class, int((name, direction, vehicle_class) == ("U-in", "forward", "motorcycle")))
        for name in ("U-in", "S-in")
        for direction in DIRECTIONS
        for vehicle_class in VEHICLE_CLASSES
    }
    assert set(found) == expected
    assert len(found) == len(expected)


def test_a_registered_line_without_a_crossing_counts_zero(store: EmbeddedStore) -> None:
    store.register_lines(CAMERA, [line()], run="run-a")
    store.insert(list(minutes(range(15))))
    assert counts(store) == [(0, 0, 900.0, "complete")]


def test_a_bin_between_two_clips_that_nobody_observed_is_null(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(15)), *minutes(range(45, 60), run="run-b"), crossing(3), crossing(2800, run="run-b")])
    assert counts(store) == [
        (0, 1, 900.0, "complete"),
        (15, None, 0.0, "missed"),
        (30, None, 0.0, "missed"),
        (45, 1, 900.0, "complete"),
    ]


@pytest.mark.parametrize("later_first", [False, True])
def test_a_gap_is_listed_whichever_side_of_it_was_settled_first(store: EmbeddedStore, later_first: bool) -> None:
    clips = [[*minutes(range(15)), crossing(3)], [*minutes(range(45, 60), run="run-b"), crossing(2800, run="run-b")]]
    for clip in reversed(clips) if later_first else clips:
        store.insert(clip)
        store.settle()
    assert [row[:2] for row in counts(store)] == [(0, 1), (15, None), (30, None), (45, 1)]
    # and what then comes into the gap is counted
    store.insert([*minutes(range(15, 30), run="run-c"), crossing(1000, run="run-c")])
    assert [row[:2] for row in counts(store)] == [(0, 1), (15, 1), (30, None), (45, 1)]


def test_a_line_that_comes_back_was_missed_meanwhile(store: EmbeddedStore) -> None:
    for number, lines in enumerate((["U-in", "S-in"], ["S-in"], ["U-in", "S-in"])):
        store.register_lines(CAMERA, [line(name) for name in lines], run=f"run-{number}")
        store.insert(list(minutes(range(15 * number, 15 * number + 15), run=f"run-{number}")))
        store.settle()
    assert [row[:2] for row in counts(store)] == [(0, 0), (15, None), (30, 0)]


def test_a_question_about_a_day_reads_that_day(store: EmbeddedStore) -> None:
    far = 60 * 24 * 60
    store.insert([*minutes([0]), *minutes([far], run="run-b"), crossing(1), crossing(far * 60 + 1, run="run-b")])
    for view in ("counts_15m", "turning_counts_15m"):
        plan = store.query(
            f"EXPLAIN indexes = 1 SELECT count FROM {view} "
            "WHERE bin_start >= '2026-06-01 00:00:00' AND bin_start < '2026-06-02 00:00:00'"
        )["explain"].to_pylist()
        assert any("Parts: 1/2" in step for step in plan), "\n".join(plan)


def test_bins_between_clips_more_than_31_days_apart_are_not_listed(store: EmbeddedStore) -> None:
    far = 32 * 24 * 60
    store.insert([*minutes([0]), *minutes([far], run="run-b"), crossing(1), crossing(far * 60 + 1, run="run-b")])
    assert [row[0] for row in counts(store)] == [0, far]


def test_bins_between_clips_a_month_apart_are_listed(store: EmbeddedStore) -> None:
    far = 30 * 24 * 60
    store.insert([*minutes([0]), *minutes([far], run="run-b"), crossing(1), crossing(far * 60 + 1, run="run-b")])
    assert [row[0] for row in counts(store)] == list(range(0, far + 15, 15))


STATUSES = [
    ([minute(m) for m in range(15)], "complete"),
    ([minute(m, 58.9) for m in range(15)], "complete"),
    ([minute(m, 58.0, reason="overload") for m in range(15)], "interrupted"),
    ([minute(m) for m in range(10)], "partial"),
    ([minute(m) for m in range(7, 15)], "partial"),
    ([minute(5, 20.0, reason="edge")], "partial"),
    ([minute(5)], "partial"),
    (
        [minute(0, 30.0, reason="edge"), *[minute(m) for m in range(1, 14)], minute(14, 20.0, reason="edge")],
        "partial",
    ),
    ([minute(m) for m in range(15) if m != 7], "interrupted"),
    ([minute(m, 60.0 if m != 7 else 10.0, reason="edge") for m in range(15)], "interrupted"),
    ([*[minute(m) for m in range(10)], minute(10, 20.0, reason="gap")], "interrupted"),
    ([minute(m) for m in range(5)] + [minute(5, 0.0, reason="gap")], "interrupted"),
    ([minute(m, 0.0, reason="gap") for m in range(15)], "missed"),
]


def test_status_says_how_much_of_the_bin_was_observed(store: EmbeddedStore) -> None:
    for number, (coverage, _) in enumerate(STATUSES):
        camera = f"camera-{number}"
        store.register_lines(camera, [line()], run="run-a")
        store.insert([dataclasses.replace(one, camera=camera) for one in coverage])
    for number, (coverage, status) in enumerate(STATUSES):
        found = counts(store, where=f"camera = 'camera-{number}'")
        observed_s = pytest.approx(sum(one.observed_s for one in coverage))
        assert found == [(0, None if status == "missed" else 0, observed_s, status)], f"case {number}"


def test_an_hour_sums_its_quarters(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(60)), *[crossing(60 * m + 1) for m in range(60)]])
    assert counts(store, "counts_1h") == [(0, 60, 3600.0, "complete")]


def test_an_hour_with_a_missed_quarter_inside_is_interrupted(store: EmbeddedStore) -> None:
    store.insert([*minutes([*range(15), *range(30, 60)]), crossing(1)])
    assert counts(store, "counts_1h") == [(0, 1, 2700.0, "interrupted")]


def test_a_day_begins_at_midnight_in_makassar(store: EmbeddedStore) -> None:
    midnight = 16 * 60  # 16:00 UTC
    store.insert([*minutes(range(midnight - 1, midnight + 1)), crossing(60 * midnight - 1), crossing(60 * midnight)])
    assert counts(store, "counts_1d") == [(midnight - 24 * 60, 1, 60.0, "partial"), (midnight, 1, 60.0, "partial")]


def test_a_day_begins_at_midnight_of_the_camera(store: EmbeddedStore) -> None:
    store.register_camera(CAMERA, timezone="Asia/Jakarta")
    store.insert([*minutes([0]), crossing(0)])
    assert counts(store, "counts_1d") == [(-7 * 60, 1, 60.0, "partial")]


def test_bin_starts_are_instants_in_utc(store: EmbeddedStore) -> None:
    store.insert([*minutes([16]), crossing(16 * 60)])
    (found,) = store.query("SELECT DISTINCT bin_start FROM counts_15m")["bin_start"].to_pylist()
    assert found == datetime(2026, 6, 1, 0, 15, tzinfo=UTC)


def test_cameras_do_not_mix(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(15)), crossing(1), minute(0, camera="grogot-2"), crossing(1, camera="grogot-2")])
    assert counts(store, where="camera = 'grogot-1'") == [(0, 1, 900.0, "complete")]
    assert counts(store, where="camera = 'grogot-2'") == [(0, 1, 60.0, "partial")]


def test_two_clips_that_share_a_minute_add_up(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(7)), minute(7, 30.0, reason="edge"), crossing(7 * 60 + 10)])
    store.insert([minute(7, 30.0, reason="edge", run="run-b"), *minutes(range(8, 15), run="run-b")])
    store.insert([crossing(7 * 60 + 40, run="run-b")])
    assert counts(store) == [(0, 2, 900.0, "complete")]


def test_a_minute_is_never_observed_for_more_than_a_minute(store: EmbeddedStore) -> None:
    store.insert([minute(0, 50.0), minute(0, 50.0, run="run-b"), crossing(1), crossing(2, run="run-b")])
    assert counts(store) == [(0, 2, 60.0, "partial")]


def test_a_crossing_without_coverage_does_not_count(store: EmbeddedStore) -> None:
    store.insert([*minutes([0]), crossing(1), crossing(61)])
    assert counts(store) == [(0, 1, 60.0, "partial")]
    assert rows(store.query("SELECT count() FROM counted_crossings")) == [(1,)]
    assert rows(store.query("SELECT count() FROM crossings")) == [(2,)]


def test_a_filter_on_the_bin_changes_no_row(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(15)), *minutes(range(45, 60), run="run-b"), crossing(3), crossing(2800, run="run-b")])
    everything = counts(store)
    for row in everything:
        assert counts(store, where=f"bin_start = fromUnixTimestamp64Nano({at_ns(60 * row[0])}, 'UTC')") == [row]  # type: ignore[operator]


def test_turns_are_counted_when_the_vehicle_has_left(store: EmbeddedStore) -> None:
    store.register_lines(CAMERA, [line("U-in", "entry"), line("S-out", "exit"), line("B-out", "exit")], run="run-a")
    store.insert([*minutes(range(30)), movement(899), movement(901), movement(902, vehicle_class="car")])
    found = rows(
        store.query(
            "SELECT from_line, to_line, class, toUnixTimestamp(bin_start), count, observed_s, status "
            "FROM turning_counts_15m WHERE class IN ('motorcycle', 'car') ORDER BY ALL"
        )
    )
    first, second = at_ns(0) // 10**9, at_ns(900) // 10**9
    assert found == [
        ("U-in", "B-out", "car", first, 0, 900.0, "complete"),
        ("U-in", "B-out", "car", second, 0, 900.0, "complete"),
        ("U-in", "B-out", "motorcycle", first, 0, 900.0, "complete"),
        ("U-in", "B-out", "motorcycle", second, 0, 900.0, "complete"),
        ("U-in", "S-out", "car", first, 0, 900.0, "complete"),
        ("U-in", "S-out", "car", second, 1, 900.0, "complete"),
        ("U-in", "S-out", "motorcycle", first, 1, 900.0, "complete"),
        ("U-in", "S-out", "motorcycle", second, 1, 900.0, "complete"),
    ]


def test_a_turn_that_was_seen_needs_no_registered_line(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(15)), movement(10)])
    found = rows(store.query("SELECT from_line, to_line, class, count FROM turning_counts_15m WHERE count > 0"))
    assert found == [("U-in", "S-out", "motorcycle", 1)]
