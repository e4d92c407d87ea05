"""Kafka as a loader sees it: a member of a consumer group, and the dead-letter topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka import errors as kafka_errors

from pipeline.closing import Closing
from pipeline.sink.bus_loader import Message
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.kafka_clients import DELIVERY_TIMEOUT_MS, abandon, consumer, make_topics, producer, spoken

COMMIT_TIMEOUT_MS: Final = 10_000
CLOSE_TIMEOUT_MS: Final = 3_000

REASON_HEADER: Final = "simpang.reason"
ORIGIN_HEADER: Final = "simpang.origin"
"""topic/partition/offset of the message that was put aside."""


class KafkaSource(Closing):
    """The events topic, read as a member of `group`; connects when it is first polled. A `MessageSource`."""

    def __init__(self, address: BusAddress, group: str) -> None:
        self._address, self._group = address, group
        self._consumer: KafkaConsumer | None = None
        self._rejects: KafkaProducer | None = None
        self._rejected: list[Any] = []

    def poll(self, limit: int, timeout_s: float) -> list[Message]:
        """See `MessageSource`. A connection that broke for good is made anew by the next call."""
        with spoken(self._address):
            try:
                return self._poll(limit, timeout_s)
            except kafka_errors.KafkaError:
                self._drop_consumer()
                raise

    def reject(self, message: Message, reason: str) -> None:
        """See `MessageSource`: the message goes to the dead-letter topic as it is, with its reason in a header."""
        with spoken(self._address):
            if self._rejects is None:
                self._rejects = producer(self._address)
            origin = f"{self._address.events_topic}/{message.partition}/{message.offset}"
            self._rejected.append(
                self._rejects.send(
                    self._address.dead_letter_topic,
                    value=message.value,
                    key=message.key,
                    headers=[(REASON_HEADER, reason.encode()), (ORIGIN_HEADER, origin.encode())],
                )
            )

    def flush_rejected(self) -> None:
        """See `MessageSource`."""
        if self._rejects is None:
            return
        futures, self._rejected = self._rejected, []
        with spoken(self._address):
            try:
                self._rejects.flush(timeout=DELIVERY_TIMEOUT_MS / 1000)
                for future in futures:
                    if not future.succeeded():
                        raise future.exception or kafka_errors.KafkaTimeoutError("no acknowledgement in time")
            except kafka_errors.KafkaError:
                self._drop_rejects()
                raise

    def commit(self, next_offsets: Mapping[int, int]) -> None:
        """See `MessageSource`. What the group has given to another loader meanwhile is left to that one."""
        if self._consumer is None:
            return
        topic = self._address.events_topic
        offsets = {TopicPartition(topic, number): OffsetAndMetadata(at, "", -1) for number, at in next_offsets.items()}
        with spoken(self._address):
            ours = self._consumer.assignment()
            try:
                self._consumer.commit(
                    {each: at for each, at in offsets.items() if each in ours}, timeout_ms=COMMIT_TIMEOUT_MS
                )
            except kafka_errors.CommitFailedError:
                # The group went on without us: the events are in the store, and whoever has the partition now will
                # insert them again, which changes nothing.
                return

    def close(self) -> None:
        """Leave the group, so that the others take over at once."""
        self._drop_consumer()
        self._drop_rejects()

    def _poll(self, limit: int, timeout_s: float) -> list[Message]:
        if self._consumer is None:
            make_topics(self._address)
            self._consumer = consumer(self._address, self._group)
            self._consumer.subscribe([self._address.events_topic])
        assigned = self._consumer.assignment()
        if limit <= 0:
            self._consumer.pause(*assigned)
        elif paused := self._consumer.paused():
            self._consumer.resume(*paused)
        # Where everything is paused nothing comes, except of partitions that we are given during this call.
        found = self._consumer.poll(timeout_ms=round(timeout_s * 1000), max_records=max(1, limit))
        return [record for records in found.values() for record in records]

    def _drop_consumer(self) -> None:
        if self._consumer is not None:
            dropped, self._consumer = self._consumer, None
            try:
                dropped.close(autocommit=False, timeout_ms=CLOSE_TIMEOUT_MS)
            except kafka_errors.KafkaError:
                return  # the group forgets us when the session times out

    def _drop_rejects(self) -> None:
        if self._rejects is not None:
            dropped, self._rejects, self._rejected = self._rejects, None, []
            abandon(dropped)  # none of what it still holds was committed
