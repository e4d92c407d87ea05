"""A loader that reads the next batch while one is inserted."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from pipeline.errors import BusError, StorageError
from pipeline.sink.backoff import Backoff
from pipeline.sink.bus_loader import BusLoader, Insert
from pipeline.sink.events import encode
from pipeline.sink.registrations import Record
from tests.sink.events import BusMessage, crossing
from tests.sink.fake_bus import CROSSINGS, FakeBus, FakeStore, stored


class Beside:
    """Begins inserts that last until the bus was polled `polls` times more; meanwhile their loader reads ahead."""

    def __init__(self, bus: FakeBus, polls: int) -> None:
        self._bus, self._polls = bus, polls

    def __call__(self, insert: Insert) -> Beside:
        self.result, self._until = insert, len(self._bus.polls) + self._polls
        return self

    def done(self) -> bool:
        return len(self._bus.polls) >= self._until


def made_beside(
    polls: int, *partitions: Sequence[Record | bytes], batch_size: int
) -> tuple[FakeBus, FakeStore, BusLoader]:
    bus = FakeBus(*partitions)
    store = FakeStore(bus)
    backoff = Backoff(first_s=1, most_s=8, rng=random.Random(1))
    return bus, store, BusLoader(bus, store, batch_size=batch_size, backoff=backoff, begin=Beside(bus, polls))


def test_the_next_batch_is_read_while_a_full_one_is_inserted_and_follows_it() -> None:
    bus, store, loader = made_beside(5, CROSSINGS, batch_size=4)
    loader.step(0)
    assert bus.polls == [4, 4]
    assert bus.committed == {0: 4}
    assert (loader.stats.loaded, loader.stats.waiting) == (4, 4)
    loader.step(0.1)
    assert bus.committed == {0: 8}
    assert loader.stats.waiting == 2
    loader.step(1)
    assert bus.log == ["insert 4", "commit", "insert 4", "commit", "insert 2", "commit"]
    assert store.rows == stored(*CROSSINGS)
    assert store.behind == [True, True, False]


def test_nothing_is_read_ahead_of_a_batch_that_did_not_fill() -> None:
    bus, _, loader = made_beside(5, CROSSINGS[:3], batch_size=4)
    loader.step(0)
    loader.step(0.5)
    assert bus.polls == [4, 1]
    assert bus.committed == {0: 3}


def test_a_batch_that_fails_keeps_what_was_read_behind_it_and_stays_the_same_batch() -> None:
    bus, store, loader = made_beside(1, CROSSINGS, batch_size=4)
    store.failure = StorageError("away")
    loader.step(0)
    assert loader.stats.waiting == 8
    bus.unasked = [BusMessage(1, 0, None, encode(crossing(99)))]
    loader.step(0.1)
    for second in range(2, 8):
        loader.step(second)
    assert set(bus.polls[2:]) == {0}
    assert bus.committed == {}
    store.failure = None
    for second in range(20, 24):
        loader.step(second)
    assert bus.log.count("insert 4") > 2
    assert store.rows == stored(*CROSSINGS[:8], crossing(99), *CROSSINGS[8:])
    assert bus.committed == {0: 10, 1: 1}


def test_where_the_bus_fails_while_a_batch_is_inserted_nothing_is_lost() -> None:
    bus, store, loader = made_beside(1, CROSSINGS, batch_size=4)
    bus.failures = {"second poll": BusError("the broker went away")}
    loader.step(0)
    assert bus.log == ["insert 4"]
    assert loader.stats.failing == "the broker went away"
    bus.failures = {}
    for second in range(2, 5):
        loader.step(second)
    assert {row["track"] for row in store.rows} == set(range(10))
    assert bus.committed == {0: 10}


def test_a_thread_inserts_while_the_next_batch_is_read() -> None:
    read = threading.Event()

    class Waiting(FakeStore):
        def insert_tables(self, tables: Mapping[str, pa.Table], *, behind: bool) -> None:
            assert not behind or read.wait(60)
            super().insert_tables(tables, behind=behind)

    class Telling(FakeBus):
        def poll(self, limit: int, timeout_s: float) -> list[BusMessage]:
            messages = super().poll(limit, timeout_s)
            if len(self.polls) > 1:
                read.set()
            return messages

    bus = Telling(CROSSINGS)
    store = Waiting(bus)
    with ThreadPoolExecutor(1) as thread:
        loader = BusLoader(bus, store, batch_size=4, begin=thread.submit)
        for second in range(4):
            loader.step(second)
    assert store.rows == stored(*CROSSINGS)
    assert bus.committed == {0: 10}


def test_stopping_loads_what_was_read_ahead_too() -> None:
    bus, store, loader = made_beside(1, CROSSINGS, batch_size=4)
    loader.step(0)
    loader.load()
    assert store.rows == stored(*CROSSINGS[:8])
    assert bus.committed == {0: 8}
