"""Carries records from an outbox to Kafka."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kafka import KafkaProducer
from kafka import errors as kafka_errors

from pipeline.closing import Closing
from pipeline.errors import StorageError
from pipeline.sink.events import camera_of
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.kafka_clients import DELIVERY_TIMEOUT_MS, abandon, make_topics, producer, spoken
from pipeline.sink.outbox import Outbox

BATCH_SIZE: Final = 5_000
"""Records on their way at once: after a failure so many may be published again."""


class KafkaPublisher(Closing):
    """Publishes what waits in `outbox`, in order and keyed by camera, and acknowledges what every replica has.

    Delivery is at least once: what was published but not acknowledged before a crash is published again, and the store
    keeps one row per event. It connects when it is first needed, so that a worker starts without its bus. Not for use
    by several threads at once.
    """

    def __init__(self, outbox: Outbox, address: BusAddress, *, batch_size: int = BATCH_SIZE) -> None:
        self._outbox, self._address, self._batch_size = outbox, address, batch_size
        self._producer: KafkaProducer | None = None
        self._published_to = 0
        """The last number that the bus has, also where the outbox's disk did not let us acknowledge it."""

    def step(self) -> int:
        """Publish one batch and acknowledge it; returns how many records it held, 0 when none were waiting.

        Raises BusError where the bus did not take it all (what it took is acknowledged), InputError where it never
        will, StorageError where the outbox could not be read.
        """
        batch = self._outbox.pending_lines(self._batch_size, after=self._published_to)
        if not batch:
            self._acknowledge()
            return 0
        try:
            with spoken(self._address):
                self._publish(batch)
        except BaseException:
            # An idempotent producer that gave up a message must not go on: what follows would be out of sequence.
            self._drop_producer()
            raise
        finally:
            self._acknowledge()
        return len(batch)

    def drain(self) -> int:
        """Step until nothing is waiting; returns how many records were published."""
        published = 0
        while count := self.step():
            published += count
        return published

    def close(self) -> None:
        """Let go of the bus; the outbox stays open, with what was not published."""
        self._drop_producer()

    def _publish(self, batch: Sequence[tuple[int, bytes]]) -> None:
        if self._producer is None:
            make_topics(self._address)
            self._producer = producer(self._address)
        topic = self._address.events_topic
        sent = []
        for seq, line in batch:
            camera = camera_of(line)
            # A record that is damaged goes its way all the same: the loader puts it aside with the reason.
            key = line[:32] if camera is None else camera.encode()
            sent.append((seq, self._producer.send(topic, value=line, key=key)))
        self._producer.flush(timeout=DELIVERY_TIMEOUT_MS / 1000)
        for seq, future in sent:
            if not future.succeeded():
                raise future.exception or kafka_errors.KafkaTimeoutError("no acknowledgement in time")
            self._published_to = seq

    def _acknowledge(self) -> None:
        if self._published_to:
            try:
                self._outbox.ack(self._published_to)
            except StorageError:
                # A full disk takes no deletion either. We know what is published and go on behind it.
                return

    def _drop_producer(self) -> None:
        if self._producer is not None:
            dropped, self._producer = self._producer, None
            abandon(dropped)  # what it still holds is in the outbox
