from __future__ import annotations

import time

import pytest

from pipeline.errors import InputError
from pipeline.sink.store import EmbeddedStore
from tests.sink.events import CAMERA, T0_S, counts, crossing, line, minute, minutes, rows

LONG_AGO = -730 * 24 * 60
"""In minutes: 2024-06-01."""


def merge(store: EmbeddedStore) -> None:
    """What the engine does in the background when it likes."""
    for table in ("crossing_events", "movement_events", "coverage_stored"):
        store._engine.execute(f"OPTIMIZE TABLE {table} FINAL")


def test_events_expire_and_their_counts_stay(store: EmbeddedStore) -> None:
    crossings = "SELECT count() FROM crossings"
    store.insert([*minutes(range(LONG_AGO, LONG_AGO + 15)), crossing(60 * LONG_AGO + 3), crossing(60 * LONG_AGO + 70)])
    expected = [(LONG_AGO, 2, 900.0, "complete")]
    assert counts(store) == expected
    store.retain(240)
    merge(store)
    assert rows(store.query(crossings)) == [(2,)]
    with pytest.raises(InputError, match="1 to 240 months"):
        store.retain(1200)
    store.retain(1)
    merge(store)
    assert rows(store.query(crossings)) == [(0,)]
    assert counts(store) == expected
    store.retain(0)
    store.insert([crossing(60 * LONG_AGO + 5)])
    merge(store)
    assert rows(store.query(crossings)) == [(1,)]


def test_smp_and_peak_hours_stay_when_every_event_has_expired(store: EmbeddedStore) -> None:
    store.insert([*minutes(range(LONG_AGO, LONG_AGO + 60)), crossing(60 * LONG_AGO + 3)])
    smp = "SELECT sum(smp) FROM pcu_15m UNION ALL SELECT smp FROM peak_hours"
    expected = [(pytest.approx(0.15),)] * 2
    assert rows(store.query(smp)) == expected
    store.retain(1)
    merge(store)
    assert rows(store.query("SELECT count() FROM coverage")) == [(0,)]
    assert rows(store.query(smp)) == expected


def test_a_line_that_a_run_is_first_seen_to_count_on_leaves_expired_bins_alone(store: EmbeddedStore) -> None:
    now = int(time.time()) - T0_S
    old, new = (now // 900 * 15 - days * 24 * 60 for days in (40, 2))
    store.insert([*minutes(range(old, old + 15)), crossing(60 * old + 3), minute(new), crossing(60 * new + 1)])
    before = counts(store)
    # As between two merges: the crossings have expired, their coverage has not.
    store._engine.execute(
        "ALTER TABLE coverage_stored MODIFY TTL toDateTime(minute) + INTERVAL 1 MONTH "
        "SETTINGS materialize_ttl_after_modify = 0"
    )
    expired = f"captured_at < fromUnixTimestamp({T0_S + 60 * old + 900})"
    store._engine.execute(f"ALTER TABLE crossing_events DELETE WHERE {expired} SETTINGS mutations_sync = 1")
    store.insert([crossing(60 * new + 2, line="S-in")])
    assert counts(store) == before
    found = store.query(f"SELECT sum(count) FROM counts_15m WHERE line = 'S-in' AND bin_start >= {T0_S + 60 * new}")
    assert rows(found) == [(1,)]


def test_a_counter_is_listed_in_one_row_however_much_of_its_coverage_expires(store: EmbeddedStore) -> None:
    store.register_lines(CAMERA, [line()], run="run-a")
    for first in range(0, 60, 15):
        store.insert(list(minutes(range(first, first + 15))))
        store.settle()
        expired = f"minute <= toDateTime({T0_S + 60 * first}, 'UTC')"
        store._engine.execute(f"ALTER TABLE coverage_stored DELETE WHERE {expired} SETTINGS mutations_sync = 1")
    assert rows(store.query("SELECT count() FROM listed_spans FINAL")) == [(1,)]
    assert [row[:2] for row in counts(store)] == [(0, 0), (15, 0), (30, 0), (45, 0)]
