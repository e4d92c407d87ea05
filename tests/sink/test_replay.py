from __future__ import annotations

from pipeline.sink.store import EmbeddedStore
from tests.sink.events import CAMERA, at_ns, counts, crossing, line, minute, minutes, movement, rows


def test_a_replay_replaces_and_does_not_add(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(15)), *[crossing(s) for s in (1, 100, 200)]])
    for revision in (1, 2, 3):
        run = f"replay-{revision}"
        store.insert([*minutes(range(15), revision=revision, run=run)])
        store.insert([crossing(s, revision=revision, run=run) for s in (1, 101)])
        assert counts(store) == [(0, 2, 900.0, "complete")]


def test_a_partial_replay_replaces_only_its_minutes(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(15)), *[crossing(60 * m + 1) for m in range(15)]])
    store.insert([*minutes(range(3, 6), revision=1, run="replay")])
    store.insert([crossing(60 * m + s, revision=1, run="replay") for m in range(3, 6) for s in (2, 3)])
    assert counts(store) == [(0, 12 + 6, 900.0, "complete")]


def test_a_replay_that_finds_nothing_replaces_with_zero(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(15)), crossing(1)])
    store.register_lines(CAMERA, [line()], run="replay")
    store.insert([*minutes(range(15), revision=1, run="replay")])
    assert counts(store) == [(0, 0, 900.0, "complete")]


def test_a_replay_of_a_few_seconds_does_not_blank_the_minute(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(15)), crossing(200), crossing(235)])
    store.insert([minute(3, 10.0, reason="edge", revision=1, run="replay"), crossing(236, revision=1, run="replay")])
    assert counts(store) == [(0, 2, 900.0, "complete")]


def test_a_replay_that_covers_nine_tenths_of_a_minute_wins_it(store: EmbeddedStore) -> None:
    store.insert([*minutes([3]), crossing(200), crossing(210)])
    store.insert([minute(3, 54.0, reason="edge", revision=1, run="replay"), crossing(201, revision=1, run="replay")])
    assert counts(store) == [(0, 1, 54.0, "partial")]


def test_a_replay_wins_over_a_live_minute_that_was_mostly_lost(store: EmbeddedStore) -> None:
    store.insert([minute(3, 5.0, reason="overload"), crossing(181)])
    store.insert([*minutes([3], revision=1, run="replay"), crossing(190, revision=1, run="replay")])
    assert rows(store.query("SELECT run FROM counted_crossings")) == [("replay",)]


def test_a_line_the_replay_left_out_is_missed_not_zero(store: EmbeddedStore) -> None:
    store.register_lines(CAMERA, [line("U-in"), line("S-in")], run="run-a")
    store.insert([*minutes(range(15)), crossing(1)])
    store.register_lines(CAMERA, [line("S-in")], run="replay")
    store.insert([*minutes(range(15), revision=1, run="replay")])
    assert counts(store) == [(0, None, 0.0, "missed")]
    other = "SELECT DISTINCT count, status FROM counts_15m WHERE line = 'S-in'"
    assert rows(store.query(other)) == [(0, "complete")]


def test_movements_are_replaced_with_their_minute(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(15)), movement(10), movement(70)])
    store.insert([*minutes([1], revision=1, run="replay"), movement(71, revision=1, run="replay")])
    store.insert([movement(72, revision=1, run="replay")])
    assert rows(store.query("SELECT run, count() FROM counted_movements GROUP BY run ORDER BY run")) == [
        ("replay", 2),
        ("run-a", 1),
    ]


def test_the_events_as_delivered_stay(store: EmbeddedStore) -> None:
    store.insert([*minutes([0]), crossing(1)])
    store.insert([*minutes([0], revision=1, run="replay"), crossing(1, revision=1, run="replay")])
    assert rows(store.query("SELECT revision FROM crossings ORDER BY revision")) == [(0,), (1,)]
    assert rows(store.query("SELECT revision, observed_s FROM coverage ORDER BY revision")) == [(0, 60.0), (1, 60.0)]


def test_the_first_footage_of_a_period_has_revision_0(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(10))])
    assert store.next_revision(CAMERA, at_ns(600), at_ns(1200)) == 0
    assert store.next_revision(CAMERA, at_ns(-600), at_ns(0)) == 0
    assert store.next_revision("another-camera", at_ns(0), at_ns(600)) == 0


def test_footage_of_a_covered_period_has_the_next_revision(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(10))])
    assert store.next_revision(CAMERA, at_ns(599), at_ns(1200)) == 1
    store.insert([*minutes([3], revision=4, run="replay")])
    assert store.next_revision(CAMERA, at_ns(0), at_ns(600)) == 5
    assert store.next_revision(CAMERA, at_ns(300), at_ns(600)) == 1


def test_a_clip_that_begins_where_another_ends_does_not_replace_it(store: EmbeddedStore) -> None:
    store.register_run("run-a", camera=CAMERA, revision=0, footage_from_ns=at_ns(0), footage_to_ns=at_ns(30))
    store.insert([minute(0, 30.0, reason="edge")])
    assert store.next_revision(CAMERA, at_ns(30), at_ns(90)) == 0
    assert store.next_revision(CAMERA, at_ns(29), at_ns(90)) == 1
