"""A store of an earlier release keeps its events, ids and counts."""

from __future__ import annotations

from pathlib import Path

from pipeline.sink.migrations import read_migrations
from pipeline.sink.store import EmbeddedStore
from pipeline.types import event_id
from tests.sink.events import at_ns, counts, crossing, minutes, rows

RELEASED = 7
"""Migrations of the release whose tables had the event id as a column."""

OLD_CROSSING = """
INSERT INTO crossings_stored SELECT '{event_id}', '{camera}', '{line}', '{direction}', '{vehicle_class}',
    fromUnixTimestamp64Nano({captured_at_ns}, 'UTC'), {frame}, {track}, {confidence}, NULL, {revision}, '{run}'
"""


def test_events_of_an_earlier_release_are_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "store"
    events = [crossing(second / 10 + 1e-9 * second) for second in range(1, 50)]
    left_at = (at_ns(7), at_ns(12))
    movement_id = event_id("movement", "grogot-1", "U-in", "S-out", *left_at, 3, 0)
    with EmbeddedStore(path, migrate=False) as store:
        for migration in read_migrations()[:RELEASED]:
            for statement in migration.statements:
                store._engine.execute(statement)
        for event in events:
            fields = {name: getattr(event, name) for name in event.__slots__}
            store._engine.execute(OLD_CROSSING.format(**fields))
        store._engine.execute(OLD_CROSSING.format(**fields | {"event_id": "another", "track": 9}))
        store._engine.execute(
            f"INSERT INTO movements_stored SELECT '{movement_id}', 'grogot-1', 'U-in', 'S-out', 'car', "
            f"fromUnixTimestamp64Nano({left_at[0]}, 'UTC'), fromUnixTimestamp64Nano({left_at[1]}, 'UTC'), "
            "3, true, 0, 'run-a'"
        )
        store._engine.execute(
            f"INSERT INTO coverage_stored SELECT 'grogot-1', {at_ns(0) // 10**9}, 60000000, 600, 600, 0, '', 0, 'run-a'"
        )
    with EmbeddedStore(path) as store:
        found = store.query("SELECT event_id FROM crossings")["event_id"].to_pylist()
        assert sorted(found) == sorted([*(event.event_id for event in events), "another"])
        assert rows(store.query("SELECT countIf(stated_id != '') FROM crossing_events")) == [(1,)]
        assert rows(store.query("SELECT event_id, class, stitched FROM movements")) == [(movement_id, "car", True)]
        assert rows(store.query("SELECT countIf(stated_id != '') FROM movement_events")) == [(0,)]
        assert counts(store) == [(0, len(events) + 1, 60.0, "partial")]
        # what arrives again is still one row
        store.insert([*minutes([0]), *events])
        assert counts(store) == [(0, len(events) + 1, 60.0, "partial")]
