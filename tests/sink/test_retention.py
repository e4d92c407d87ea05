from __future__ import annotations

import pytest

from pipeline.errors import InputError
from pipeline.sink.store import EmbeddedStore
from tests.sink.events import counts, crossing, minutes, rows

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
