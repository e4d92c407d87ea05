from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.errors import StorageError
from pipeline.sink import columns
from pipeline.sink.loader import Loader
from pipeline.sink.outbox import Outbox
from pipeline.sink.registrations import CameraRegistration
from pipeline.sink.store import EmbeddedStore
from pipeline.types import Event
from tests.sink.events import crossing, minute, minutes, movement, rows

VIEWS = ("crossings", "movements", "coverage", "counted_crossings", "counts_15m", "turning_counts_15m", "pcu_15m")


def contents(store: EmbeddedStore) -> dict[str, list[tuple[object, ...]]]:
    return {view: rows(store.query(f"SELECT * FROM {view} ORDER BY ALL")) for view in VIEWS}


def test_a_step_moves_one_batch_and_says_how_many(tmp_path: Path, store: EmbeddedStore) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.append([*minutes(range(2)), crossing(1), crossing(2), crossing(3)])
        loader = Loader(outbox, store, batch_size=3)
        assert (loader.step(), loader.step(), loader.step()) == (3, 2, 0)
        assert len(outbox) == 0
    assert rows(store.query("SELECT count() FROM counted_crossings")) == [(3,)]


def test_drain_moves_everything(tmp_path: Path, store: EmbeddedStore) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.append([crossing(second) for second in range(25)])
        assert Loader(outbox, store, batch_size=4).drain() == 25
        assert len(outbox) == 0
    assert rows(store.query("SELECT count() FROM crossings")) == [(25,)]


def test_a_crash_between_insert_and_acknowledgement_doubles_nothing(tmp_path: Path, store: EmbeddedStore) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.append([*minutes(range(15)), crossing(1), movement(20), crossing(2)])
        store.insert([event for _, event in outbox.pending(100)])
        before = contents(store)
        # More has come before the restart, so that the batch given again is not the one that was taken.
        outbox.append([crossing(3)])
        Loader(outbox, store, batch_size=100).drain()
    after = contents(store)
    assert len(after["crossings"]) == 3
    assert {view: after[view] for view in ("movements", "coverage", "turning_counts_15m")} == {
        view: before[view] for view in ("movements", "coverage", "turning_counts_15m")
    }
    found = store.query("SELECT count FROM counts_15m WHERE count > 0")
    assert rows(found) == [(3,)]


class _FailingStore:
    def __init__(self) -> None:
        self.batches: list[Mapping[str, pa.Table]] = []

    def settle(self) -> None: ...

    def insert_tables(self, tables: Mapping[str, pa.Table], *, behind: bool) -> None:
        self.batches.append(tables)
        raise StorageError("the disk is full")


def test_a_batch_the_store_refused_stays_in_the_outbox(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.append([crossing(1), crossing(2)])
        store = _FailingStore()
        loader = Loader(outbox, store)
        for _ in range(2):
            with pytest.raises(StorageError):
                loader.drain()
        assert store.batches == [columns.tables([crossing(1), crossing(2)])] * 2
        assert len(outbox) == 2


def test_a_batch_holds_at_least_one_event(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox, pytest.raises(ValueError, match="at least 1"):
        Loader(outbox, _FailingStore(), batch_size=0)


@pytest.mark.parametrize("seed", range(2))
def test_any_order_and_any_repeats_of_delivery_give_the_same_views(
    empty_store_path: Path, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    events: list[Event] = []
    for revision, run, first, last in ((0, "run-a", 0, 20), (0, "run-b", 20, 40), (1, "replay", 5, 25)):
        events += [
            minute(m, rng.choice([60.0, 60.0, 30.1, 59.7]), reason=rng.choice(["", "gap"]), revision=revision, run=run)
            for m in range(first, last + 1)
        ]
        for track in range(60):
            second = rng.uniform(60 * first, 60 * last)
            vehicle_class = rng.choice(["motorcycle", "car", "bus"])
            events.append(crossing(second, track=track, vehicle_class=vehicle_class, revision=revision, run=run))
            events.append(movement(second, vehicle_class=vehicle_class, revision=revision, run=run))
    deliveries = events + rng.choices(events, k=len(events))
    rng.shuffle(deliveries)

    found = []
    for name, given, batch in (("once", events, len(events)), ("shuffled", deliveries, rng.randrange(40, 120))):
        path = tmp_path / name
        shutil.copytree(empty_store_path, path, symlinks=True)
        with EmbeddedStore(path) as store:
            for start in range(0, len(given), batch):
                store.insert(given[start : start + batch])
            found.append(contents(store))
    assert found[0] == found[1]
    assert len(found[0]["crossings"]) == 180


LOADING = """
import sys
from pipeline.sink.loader import Loader
from pipeline.sink.outbox import Outbox
from pipeline.sink.registrations import CameraRegistration
from pipeline.sink.store import EmbeddedStore
from pipeline.types import Event
with Outbox(sys.argv[1]) as outbox, EmbeddedStore(sys.argv[2]) as store:
    loader = Loader(outbox, store, batch_size=20)
    while loader.step():
        print("step", flush=True)
"""


def test_a_loader_killed_at_any_moment_neither_loses_nor_doubles(empty_store_path: Path, tmp_path: Path) -> None:
    outbox_path, store_path = tmp_path / "outbox.db", tmp_path / "store"
    shutil.copytree(empty_store_path, store_path, symlinks=True)
    with Outbox(outbox_path) as outbox:
        outbox.append([*minutes(range(15)), *(crossing(second / 2) for second in range(1500))])
    for steps in (1, 4):
        process = subprocess.Popen(
            [sys.executable, "-c", LOADING, str(outbox_path), str(store_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(steps):
            assert process.stdout.readline() == "step\n"
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
    with Outbox(outbox_path) as outbox, EmbeddedStore(store_path) as store:
        assert 0 < len(outbox) < 1515
        Loader(outbox, store).drain()
        assert rows(store.query("SELECT count() FROM crossings")) == [(1500,)]
        assert rows(store.query("SELECT sum(count), any(status) FROM counts_15m WHERE count > 0")) == [
            (1500, "complete")
        ]


def test_a_camera_is_weighed_with_the_coefficients_that_its_site_file_names(
    tmp_path: Path, store: EmbeddedStore
) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        opposed = CameraRegistration(
            "grogot-1", "", "", "Asia/Makassar", facility="signalised_opposed", pcu_version="MKJI 1997"
        )
        outbox.append([opposed, *minutes(range(2)), crossing(1)])
        Loader(outbox, store).drain()
    found = store.query("SELECT facility, version, smp FROM pcu_15m WHERE smp > 0")
    assert rows(found) == [("signalised_opposed", "MKJI 1997", 0.4)]
