from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks._year_rows import Month, insert_month
from benchmarks.year import copy_store, replay_day
from pipeline.sink.events import check
from pipeline.sink.store import EmbeddedStore
from pipeline.types import Crossing, Movement, event_id

CAMERAS = 7
"""The replayed camera is the seventh."""
PER_CAMERA = 500


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "store") as store:
        insert_month(store._engine, Month.of(1), PER_CAMERA, CAMERAS)
        store._settler.settle()
        yield store


def test_the_rows_of_the_year_are_those_that_the_codec_makes(store: EmbeddedStore) -> None:
    crossings = [
        Crossing(
            event_id=row["event_id"], camera=row["camera"], line=row["line"], direction=row["direction"],
            vehicle_class=row["class"], captured_at_ns=row["at_ns"], frame=row["frame"], track=row["track"],
            confidence=round(row["confidence"], 3), speed_kmh=None, revision=0, run=row["run"],
        )
        for row in store.query(
            "SELECT *, toUnixTimestamp64Nano(captured_at) AS at_ns FROM crossings WHERE camera = 'paser-01'"
        ).to_pylist()
    ]  # fmt: skip
    movements = [
        Movement(
            event_id=row["event_id"], camera=row["camera"], from_line=row["from_line"], to_line=row["to_line"],
            vehicle_class=row["class"], entered_at_ns=row["in_ns"], exited_at_ns=row["out_ns"], track=row["track"],
            stitched=row["stitched"], revision=0, run=row["run"],
        )
        for row in store.query(
            "SELECT *, toUnixTimestamp64Nano(entered_at) AS in_ns, toUnixTimestamp64Nano(exited_at) AS out_ns "
            "FROM movements WHERE camera = 'paser-01'"
        ).to_pylist()
    ]  # fmt: skip
    assert len(crossings) == 2 * len(movements) > PER_CAMERA
    for c in crossings:
        assert check(c) is None
        assert c.event_id == event_id(c.camera, c.line, c.direction, c.captured_at_ns, c.track, c.revision)
    for m in movements:
        assert check(m) is None
        assert m.event_id == event_id(
            "movement", m.camera, m.from_line, m.to_line, m.entered_at_ns, m.exited_at_ns, m.track, m.revision
        )
    everything = "SELECT (SELECT count() FROM crossings), (SELECT sum(count) FROM turning_counts_15m)"
    before = store.query(everything)
    store.insert([*crossings, *movements])
    assert store.query(everything) == before


def test_every_vehicle_of_the_year_is_counted_and_lost_minutes_are_not_zero(store: EmbeddedStore) -> None:
    (row,) = store.query(
        "SELECT (SELECT count() FROM movements) AS vehicles, (SELECT sum(count) FROM turning_counts_15m) AS turning, "
        "(SELECT sum(count) FROM counts_15m) AS crossings, "
        "(SELECT countIf(status != 'complete') / count() FROM counts_15m) AS lossy"
    ).to_pylist()
    assert row["turning"] == row["vehicles"] > 0.98 * CAMERAS * PER_CAMERA
    assert row["crossings"] == 2 * row["vehicles"]
    assert 0.05 < row["lossy"] < 0.1


def test_the_replay_of_a_day_is_exact_and_touches_no_copy(store: EmbeddedStore, tmp_path: Path) -> None:
    path = store.path
    store.close()
    copy_store(path, tmp_path / "copy")
    with EmbeddedStore(tmp_path / "copy") as copy:
        replay = replay_day(copy)
        after = copy.query("SELECT sum(count) AS n FROM counts_15m")["n"][0].as_py()
    assert replay["exact"]
    assert replay["events"] > 23 * 60
    with EmbeddedStore(path) as original:
        assert original.query("SELECT sum(count) AS n FROM counts_15m")["n"][0].as_py() > after
