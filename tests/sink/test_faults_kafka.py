"""Ten thousand crossings through a real broker while it, the loaders or the store fail in every way we know of."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from kafka import KafkaProducer

from pipeline.errors import BusError, InputError, StorageError
from pipeline.sink.backoff import Backoff
from pipeline.sink.bus_loader import BusLoader, Insert, Inserting
from pipeline.sink.events import encode
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.kafka_clients import make_topics
from pipeline.sink.kafka_publisher import KafkaPublisher
from pipeline.sink.kafka_source import KafkaSource
from pipeline.sink.outbox import Outbox
from pipeline.sink.store import EmbeddedStore
from pipeline.types import CountingLine, Event
from tests.kafka_broker import Broker
from tests.sink.events import counts, crossing, minutes
from tests.sink.faults import COUNT, Background, assert_each_is_stored_once, crossings
from tests.sink.kafka_topic import address_of, until

GROUP = "loaders"


@pytest.fixture
def begin() -> Iterator[Callable[[Insert], Inserting]]:
    """Begins inserts in threads, while their loaders read on, as `simpang loader` does."""
    with ThreadPoolExecutor(2) as threads:
        yield threads.submit


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox.db")


def publish_all(outbox: Outbox, address: BusAddress, sent: Sequence[Event]) -> None:
    outbox.append(sent)
    with KafkaPublisher(outbox, address) as publisher:
        assert publisher.drain() == len(sent)


def load_all(loader: BusLoader, count: int = COUNT) -> None:
    """Step until `count` messages are loaded."""

    def step() -> bool:
        loader.step(time.monotonic())
        return loader.stats.loaded >= count

    until(step)


def test_a_broker_killed_while_it_takes_and_gives_loses_and_doubles_nothing(
    broker: Broker, outbox: Outbox, store: EmbeddedStore, begin: Callable[[Insert], Inserting]
) -> None:
    address, sent = address_of(broker, "killed"), crossings()
    outbox.append(sent)
    with KafkaPublisher(outbox, address, batch_size=400) as publisher, KafkaSource(address, GROUP) as source:
        quick = Backoff(first_s=0.1, most_s=0.5)
        loader = BusLoader(source, store, batch_size=700, max_wait_s=0.2, backoff=quick, begin=begin)

        def publish() -> None:
            publisher.step()
            time.sleep(0.1)  # so that the broker dies with both ends at work

        def load() -> None:
            loader.step(time.monotonic())

        with Background(publish), Background(load):
            until(lambda: bool(time.sleep(0.02)) or loader.stats.loaded > 0)
            assert len(outbox) > 0
            broker.kill()
            outbox.append(crossings(COUNT, COUNT + 500))
            time.sleep(1)
            assert loader.stats.loaded < COUNT
            broker.start()
            until(lambda: bool(time.sleep(0.1)) or loader.stats.loaded >= COUNT + 500)
            until(lambda: bool(time.sleep(0.1)) or len(outbox) == 0)
        assert loader.stats.rejected == 0
    assert_each_is_stored_once(store, crossings(0, COUNT + 500))


def test_a_broker_that_hangs_for_long_delays_the_crossings_and_the_worker_goes_on(
    broker: Broker, outbox: Outbox, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same way is taken as after the real twenty seconds without an acknowledgement.
    monkeypatch.setattr("pipeline.sink.kafka_clients.DELIVERY_TIMEOUT_MS", 3000)
    monkeypatch.setattr("pipeline.sink.kafka_clients.REQUEST_TIMEOUT_MS", 1500)
    monkeypatch.setattr("pipeline.sink.kafka_publisher.DELIVERY_TIMEOUT_MS", 3000)
    address, sent = address_of(broker, "hangs"), crossings()
    with KafkaPublisher(outbox, address, batch_size=1000) as publisher:
        outbox.append(sent[:2000])
        assert publisher.step() == 1000
        broker.pause()
        try:
            for first in range(2000, COUNT, 4000):
                outbox.append(sent[first : first + 4000])
                with pytest.raises(BusError):
                    publisher.step()
            assert len(outbox) == COUNT - 1000
        finally:
            broker.resume()
        with Background(publisher.drain):
            until(lambda: bool(time.sleep(0.1)) or len(outbox) == 0)
    with KafkaSource(address, GROUP) as source:
        load_all(BusLoader(source, store, max_wait_s=0.2))
        load_rest(BusLoader(source, store, max_wait_s=0.2))
    assert_each_is_stored_once(store, sent)


def load_rest(loader: BusLoader) -> None:
    """A few rounds more, for what was published twice."""
    for _ in range(4):
        loader.step(time.monotonic())
    loader.load()


def test_a_loader_killed_between_insert_and_commit_loses_and_doubles_nothing(
    broker: Broker, outbox: Outbox, tmp_path: Path
) -> None:
    address, sent = address_of(broker, "loader-killed"), crossings()
    publish_all(outbox, address, sent)
    command = [sys.executable, "-m", "tests.sink.loader_process", str(address), str(tmp_path / "store")]
    for last_commit in ("1", "2"):
        died = subprocess.run([*command, last_commit], check=False)
        assert died.returncode == -signal.SIGKILL
    subprocess.run(command, check=True)
    with EmbeddedStore(tmp_path / "store") as store:
        assert_each_is_stored_once(store, sent)


class FaultyStore:
    """A real store that fails as it is told: before it took the batch, or after, so that the answer is lost."""

    def __init__(self, store: EmbeddedStore, faults: Sequence[Exception | str | None]) -> None:
        self._store, self._faults = store, list(faults)

    def settle(self) -> None: ...

    def insert_tables(self, tables: Mapping[str, pa.Table], *, behind: bool) -> None:
        fault = self._faults.pop(0) if self._faults else None
        if isinstance(fault, Exception):
            raise fault
        self._store.insert_tables(tables, behind=behind)
        if fault == "answer lost":
            raise StorageError("the connection broke before the server answered")
        if fault == "slow":
            time.sleep(12)  # longer than the session of the group lasts without a heartbeat

    def register_camera(self, camera: str, **_: str) -> None:
        raise AssertionError

    def register_lines(self, camera: str, lines: Sequence[CountingLine], *, run: str) -> None:
        raise AssertionError

    def register_run(self, run: str, **_: object) -> None:
        raise AssertionError


DOWN = StorageError("the server cannot be reached")
REFUSING = InputError("the user may not insert")


def test_a_store_that_is_down_slow_or_refusing_loses_and_doubles_nothing(
    broker: Broker, outbox: Outbox, store: EmbeddedStore, begin: Callable[[Insert], Inserting]
) -> None:
    address, sent = address_of(broker, "faulty-store", "?partitions=3"), crossings()
    publish_all(outbox, address, sent)
    faults = [DOWN, DOWN, REFUSING, None, "answer lost", "slow", "answer lost", REFUSING]
    with KafkaSource(address, GROUP) as source:
        loader = BusLoader(
            source,
            FaultyStore(store, faults),
            batch_size=1000,
            max_wait_s=0.1,
            backoff=Backoff(first_s=0.05, most_s=0.2),
            begin=begin,
        )
        load_all(loader)
        assert loader.stats.failures >= sum(fault not in (None, "slow") for fault in faults)
        assert loader.stats.rejected == 0
        assert loader.stats.failing == ""
    assert_each_is_stored_once(store, sent)


def test_a_replay_holds_against_live_events_that_come_late_over_the_bus(
    broker: Broker, outbox: Outbox, store: EmbeddedStore
) -> None:
    address = address_of(broker, "replay-and-late")
    live: list[Event] = [*minutes(range(15)), *[crossing(second) for second in (1, 100, 200)]]
    replayed: list[Event] = [*minutes(range(15), revision=1, run="replay"), crossing(101, revision=1, run="replay")]
    late: list[Event] = [*live, *[crossing(second) for second in (300, 400)]]
    with KafkaSource(address, GROUP) as source:
        loader = BusLoader(source, store, max_wait_s=0.2)
        for events, count in ((live, 3), (replayed, 1), (late, 1)):
            before = loader.stats.loaded
            publish_all(outbox, address, events)
            load_all(loader, before + len(events))
            assert counts(store) == [(0, count, 900.0, "complete")]


def test_the_same_messages_twice_and_out_of_order_are_stored_once(
    broker: Broker, store: EmbeddedStore, begin: Callable[[Insert], Inserting]
) -> None:
    address, sent = address_of(broker, "twice"), crossings()
    make_topics(address)
    rng = random.Random(5)
    twice = [*sent, *rng.sample(sent, COUNT // 2)]
    rng.shuffle(twice)
    producer = KafkaProducer(bootstrap_servers=broker.address, linger_ms=20)
    for each in twice:
        # Without a key: the same crossing comes by several partitions, and so in any order.
        producer.send(address.events_topic, encode(each))
    producer.flush()
    producer.close()
    with KafkaSource(address, GROUP) as source:
        load_all(BusLoader(source, store, batch_size=1300, max_wait_s=0.2, begin=begin), len(twice))
    assert_each_is_stored_once(store, sent)


class ForgetfulSource(KafkaSource):
    """A member of the group whose commits never arrive."""

    def commit(self, next_offsets: Mapping[int, int]) -> None:
        raise BusError("the commit did not arrive")


def test_loaders_that_take_partitions_from_one_another_lose_and_double_nothing(
    broker: Broker, outbox: Outbox, store: EmbeddedStore, begin: Callable[[Insert], Inserting]
) -> None:
    address, sent = address_of(broker, "fight", "?partitions=2"), crossings()
    publish_all(outbox, address, sent[: COUNT // 2])
    quick = Backoff(first_s=0.05, most_s=0.1)

    def stepping(loader: BusLoader) -> Background:
        return Background(lambda: loader.step(time.monotonic()))

    with KafkaSource(address, GROUP) as last_source:
        last = BusLoader(last_source, store, batch_size=400, max_wait_s=0.1, begin=begin)
        with ForgetfulSource(address, GROUP) as first_source:
            first = BusLoader(first_source, store, batch_size=300, max_wait_s=0.1, backoff=quick, begin=begin)
            with stepping(first):
                until(lambda: bool(time.sleep(0.05)) or first.stats.loaded >= 900)
                with stepping(last):
                    # The second takes one of the partitions, or both, and gets again what the first never committed.
                    until(lambda: bool(time.sleep(0.05)) or last.stats.loaded >= 400)
                    publish_all(outbox, address, sent[COUNT // 2 :])
                    until(lambda: bool(time.sleep(0.05)) or last.stats.loaded >= 1500)
        # The first is gone with whatever it held in its hands.
        load_all(last, COUNT)
        assert first.stats.loaded >= 900
    assert_each_is_stored_once(store, sent)
