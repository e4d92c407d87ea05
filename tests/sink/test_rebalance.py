"""Partitions that move while a loader has read of them and not committed: two members of one group, driven in turn.

What decides here is a property of the client: a partition that stays ours in a rebalance is revoked and given back, and
is read on from where we were, not from the last commit. So whatever a loader forgets of it would be read by nobody.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from math import inf

from pipeline.sink.bus_loader import BusLoader, Insert, Message
from pipeline.sink.events import encode
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.kafka_clients import make_topics, producer
from pipeline.sink.kafka_source import KafkaSource
from pipeline.sink.store import EmbeddedStore
from pipeline.types import Crossing
from tests.kafka_broker import Broker
from tests.sink.faults import assert_each_is_stored_once, crossings
from tests.sink.kafka_topic import address_of, until

GROUP = "loaders"
HALF = 20
"""Crossings, in turn in each of two partitions."""


def publish(address: BusAddress, sent: list[Crossing]) -> None:
    client = producer(address)
    for number, each in enumerate(sent):
        client.send(address.events_topic, encode(each), partition=number % 2)
    client.flush()
    client.close()


class CountedSource(KafkaSource):
    """Knows how many messages it gave."""

    given = 0

    def poll(self, limit: int, timeout_s: float) -> list[Message]:
        messages = super().poll(limit, timeout_s)
        self.given += len(messages)
        return messages


def held(source: KafkaSource) -> set[int]:
    """The partitions that the group has given to a member."""
    return {each.partition for each in source._consumer.assignment()} if source._consumer else set()


def share(source: KafkaSource, other: KafkaSource) -> bool:
    """Let `other` take part in the group for a moment, without reading; whether each has its partition by then."""
    other.poll(0, 0.1)
    return len(held(source)) == len(held(other)) == 1


def step_until(loader: BusLoader, holds: Callable[[], bool]) -> None:
    """Step, each time a second later, until `holds`."""
    seconds = itertools.count()

    def step() -> bool:
        loader.step(float(next(seconds)))
        return holds()

    until(step)


def test_what_was_read_of_a_partition_that_stays_is_not_forgotten_in_a_rebalance(
    broker: Broker, store: EmbeddedStore
) -> None:
    address, sent = address_of(broker, "stays", "?partitions=2"), crossings(0, 2 * HALF)
    make_topics(address)
    publish(address, sent[:HALF])
    with CountedSource(address, GROUP) as source:
        loader = BusLoader(source, store, max_wait_s=inf)
        step_until(loader, lambda: source.given == HALF)
        with KafkaSource(address, GROUP) as other:
            # Longer than a poll, for the group waits until each has said that it gives up what it has.
            step_until(loader, lambda: share(source, other))
            publish(address, sent[HALF:])
            step_until(loader, lambda: source.given == HALF + HALF // 2)
            assert loader.stats.loaded == 0
            loader.load()
    # Of the partition that went to the other, which loaded nothing, all is read again.
    load_rest(address, store)
    assert_each_is_stored_once(store, sent)


def load_rest(address: BusAddress, store: EmbeddedStore) -> None:
    """A partition's worth of crossings was never committed: a loader that comes later loads it."""
    with KafkaSource(address, GROUP) as source:
        loader = BusLoader(source, store, max_wait_s=0)
        step_until(loader, lambda: loader.stats.loaded == HALF)


class Until:
    """Begins an insert that lasts until `holds`; meanwhile its loader reads ahead."""

    def __init__(self, insert: Insert, holds: Callable[[], bool]) -> None:
        self.result, self.done = insert, holds


def test_partitions_that_move_while_a_batch_is_inserted_lose_and_double_nothing(
    broker: Broker, store: EmbeddedStore
) -> None:
    address, sent = address_of(broker, "moves", "?partitions=2"), crossings(0, 2 * HALF)
    make_topics(address)
    publish(address, sent)
    full = HALF + HALF // 4
    with CountedSource(address, GROUP) as source, KafkaSource(address, GROUP) as other:

        def moved() -> bool:
            return source.given == len(sent) and share(source, other)

        loader = BusLoader(source, store, batch_size=full, max_wait_s=inf, begin=lambda insert: Until(insert, moved))
        step_until(loader, lambda: loader.stats.loaded == full)
        assert share(source, other)
        loader.load()
    load_rest(address, store)
    assert_each_is_stored_once(store, sent)
