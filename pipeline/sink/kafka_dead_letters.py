"""Sends dead letters again after a mend: what can be read now goes back to the events."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka import errors as kafka_errors

from pipeline.errors import BusError
from pipeline.sink.events import EventDecodeError, decode
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.kafka_clients import DELIVERY_TIMEOUT_MS, abandon, consumer, make_topics, producer, spoken

GROUP: Final = "simpang-resend"
"""Its commits remember which letters were dealt with."""
AT_ONCE: Final = 1_000
LONGEST_SILENCE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Resent:
    """What became of the dead letters."""

    sent: int
    """Went back to the events."""
    kept: Mapping[str, int]
    """Still cannot be read: how many, by reason."""


def resend(address: BusAddress) -> Resent:
    """Deal with every dead letter that was there when this began, once.

    A letter that can be decoded now is published again, with its key; any other is put back behind the rest, with its
    headers, so that the next call finds it. Either is durable before its letter counts as dealt with: cut off, this can
    be done again, and events that are published twice are kept once. A letter that the store refuses though it can be
    decoded comes back as a new letter.

    Raises BusError, or InputError where trying again cannot help.
    """
    make_topics(address)
    with spoken(address):
        letters, out = consumer(address, GROUP), producer(address)
        try:
            return _resend(address, letters, out)
        finally:
            abandon(out)
            letters.close(autocommit=False)


def _resend(address: BusAddress, letters: KafkaConsumer, out: KafkaProducer) -> Resent:
    topic = address.dead_letter_topic
    parts = [TopicPartition(topic, number) for number in sorted(letters.partitions_for_topic(topic) or ())]
    letters.assign(parts)
    ends = letters.end_offsets(parts)
    sent, kept = 0, Counter[str]()
    heard_s = time.monotonic()
    while any(letters.position(part) < ends[part] for part in parts):
        found = [
            record
            for part, records in letters.poll(timeout_ms=500, max_records=AT_ONCE).items()
            for record in records
            if record.offset < ends[part]
        ]
        if found:
            heard_s = time.monotonic()
        elif time.monotonic() - heard_s > LONGEST_SILENCE_S:
            raise BusError(f"the bus {address} does not give its dead letters; nothing is lost, try again later")
        reasons = [_fault(record.value or b"") for record in found]
        _publish(address, out, list(zip(found, reasons, strict=True)))
        letters.commit(
            {part: OffsetAndMetadata(min(letters.position(part), ends[part]), "", -1) for part in parts},
            timeout_ms=DELIVERY_TIMEOUT_MS,
        )
        sent += reasons.count("")
        kept.update(filter(None, reasons))
    return Resent(sent, dict(kept))


def _fault(value: bytes) -> str:
    """Why `value` cannot be decoded, or an empty text."""
    try:
        decode(value)
    except EventDecodeError as error:
        return str(error)
    return ""


def _publish(address: BusAddress, out: KafkaProducer, letters: list[tuple[Any, str]]) -> None:
    futures = [
        out.send(
            address.dead_letter_topic if reason else address.events_topic,
            value=letter.value,
            key=letter.key,
            headers=letter.headers if reason else [],
        )
        for letter, reason in letters
    ]
    out.flush(timeout=DELIVERY_TIMEOUT_MS / 1000)
    for future in futures:
        if not future.succeeded():
            raise future.exception or kafka_errors.KafkaTimeoutError("no acknowledgement in time")
