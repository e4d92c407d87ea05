"""Small tools for tests on the real broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from pipeline.sink.bus_loader import Message
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.kafka_source import KafkaSource
from tests.kafka_broker import Broker

PATIENCE_S = 180.0


def address_of(broker: Broker, prefix: str, options: str = "") -> BusAddress:
    return BusAddress.parse(f"kafka://{broker.address}/{prefix}{options}")


def everything(broker: Broker, topic: str) -> list[Any]:
    """Every record of `topic`, partition after partition."""
    consumer = KafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest", enable_auto_commit=False)
    try:
        parts = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(parts)
        ends = consumer.end_offsets(parts)
        found: list[Any] = []

        def read_on() -> bool:
            for records in consumer.poll(timeout_ms=500, max_records=10_000).values():
                found.extend(records)
            return all(consumer.position(part) >= ends[part] for part in parts)

        until(read_on)
        return found
    finally:
        consumer.close()


def read(source: KafkaSource, count: int) -> list[Message]:
    """The next `count` messages of `source`."""
    found: list[Message] = []

    def read_on() -> bool:
        found.extend(source.poll(10_000, 0.5))
        return len(found) >= count

    until(read_on)
    return found


def until(holds: Callable[[], bool]) -> None:
    """Ask again and again; `holds` waits by itself."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"it did not come about in {PATIENCE_S} s"
