"""Publisher, topics and source against a real broker."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from pipeline.errors import BusError, InputError, StorageError
from pipeline.sink.events import decode, encode
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.kafka_clients import make_topics
from pipeline.sink.kafka_publisher import KafkaPublisher
from pipeline.sink.kafka_source import ORIGIN_HEADER, REASON_HEADER, KafkaSource
from pipeline.sink.outbox import Outbox
from pipeline.sink.registrations import CameraRegistration, Record
from pipeline.types import Crossing
from tests.kafka_broker import PASSWORD, USER, Broker
from tests.sink.events import BusMessage, crossing, minute
from tests.sink.kafka_topic import address_of, everything, read

RECORDS: list[Record] = [
    CameraRegistration("a", "", "", "Asia/Makassar"),
    crossing(1, camera="a"),
    crossing(2, camera="b"),
    minute(0, camera="a"),
    crossing(3, camera="b"),
    crossing(4, camera="a"),
]


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox.db")


def published(broker: Broker, outbox: Outbox, prefix: str, records: list[Record]) -> BusAddress:
    address = address_of(broker, prefix)
    outbox.append(records)
    with KafkaPublisher(outbox, address) as publisher:
        assert publisher.drain() == len(records)
    return address


def test_topics_are_made_with_the_partitions_and_retention_asked_for(broker: Broker) -> None:
    address = address_of(broker, "made", "?partitions=3&retention_days=2&replication=1")
    make_topics(address)
    make_topics(address)
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        topics = {topic["name"]: topic for topic in admin.describe_topics([address.events_topic])}
        assert len(topics[address.events_topic]["partitions"]) == 3
        told = str(admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, address.events_topic)]))
        assert str(2 * 86_400_000) in told
    finally:
        admin.close()


def test_what_is_published_left_the_outbox_and_is_read_in_order_for_each_camera(broker: Broker, outbox: Outbox) -> None:
    address = published(broker, outbox, "order", RECORDS)
    assert len(outbox) == 0
    with KafkaSource(address, "readers") as source:
        messages = read(source, len(RECORDS))
    by_camera = defaultdict(list)
    for message in messages:
        by_camera[message.key].append(decode(message.value))
    assert by_camera == {
        b"a": [record for record in RECORDS if record.camera == "a"],
        b"b": [record for record in RECORDS if record.camera == "b"],
    }
    assert len({message.partition for message in messages if message.key == b"a"}) == 1


def test_messages_are_compressed_on_the_wire_and_keep_their_bytes(broker: Broker, outbox: Outbox) -> None:
    records: list[Record] = [crossing(second) for second in range(500)]
    address = published(broker, outbox, "wire", records)
    found = everything(broker, address.events_topic)
    assert [record.value for record in found] == [encode(record) for record in records]
    size = sum(path.stat().st_size for path in broker.data.glob(f"{address.events_topic}-*/*.log"))
    assert 0 < size < sum(len(encode(record)) for record in records) / 3


def test_a_group_reads_on_from_its_last_commit(broker: Broker, outbox: Outbox) -> None:
    address = published(broker, outbox, "commit", [crossing(second) for second in range(10)])
    with KafkaSource(address, "readers") as source:
        messages = read(source, 10)
        source.commit({messages[0].partition: messages[6].offset + 1})
    with KafkaSource(address, "readers") as source:
        assert read(source, 3) == messages[7:]


def test_a_rejected_message_goes_to_the_dead_letters_with_its_reason(broker: Broker) -> None:
    address = address_of(broker, "rejected")
    with KafkaSource(address, "readers") as source:
        source.poll(0, 0)
        source.reject(BusMessage(2, 40, b"a", b"\xff not an event"), "this is not JSON — é")
        source.flush_rejected()
    (letter,) = everything(broker, address.dead_letter_topic)
    assert (letter.key, letter.value) == (b"a", b"\xff not an event")
    assert dict(letter.headers) == {
        REASON_HEADER: "this is not JSON — é".encode(),
        ORIGIN_HEADER: b"rejected.events/2/40",
    }


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_tls_and_a_user_with_a_password_are_enough_for_the_whole_way(
    broker: Broker, outbox: Outbox, mechanism: str
) -> None:
    url = f"kafkas://{USER}@{broker.secure_address}/secure-{mechanism}?ca={broker.ca_file}&sasl={mechanism}"
    address = BusAddress.parse(url, PASSWORD)
    outbox.append(RECORDS)
    with KafkaPublisher(outbox, address) as publisher:
        assert publisher.drain() == len(RECORDS)
    with KafkaSource(address, "readers") as source:
        assert len(read(source, len(RECORDS))) == len(RECORDS)


def test_a_wrong_password_is_the_users_mistake_and_is_not_shown(broker: Broker) -> None:
    address = BusAddress.parse(f"kafkas://{USER}@{broker.secure_address}/x?ca={broker.ca_file}", "wrong-secret")
    with pytest.raises(InputError, match="refuses the user 'simpang'") as caught:
        make_topics(address)
    assert "wrong-secret" not in str(caught.value)


def test_a_certificate_that_is_not_trusted_is_named_as_that(broker: Broker) -> None:
    address = BusAddress.parse(f"kafkas://{USER}@{broker.secure_address}/x", PASSWORD)
    with pytest.raises(InputError, match=r"not trusted; name the authority's PEM file"):
        make_topics(address)


def test_a_file_without_certificates_is_the_users_mistake(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("no certificate")
    with pytest.raises(InputError, match="holds no certificates"):
        make_topics(BusAddress.parse(f"kafkas://localhost:1/x?ca={ca}"))


def test_nothing_leaves_the_outbox_while_no_broker_answers(outbox: Outbox) -> None:
    outbox.append(RECORDS)
    with KafkaPublisher(outbox, BusAddress.parse("kafka://127.0.0.1:1/x")) as publisher:
        with pytest.raises(BusError, match=r"the bus kafka://127.0.0.1:1/x cannot be used: .*check that its brokers"):
            publisher.step()
        assert len(outbox) == len(RECORDS)


def test_a_damaged_record_does_not_hold_up_what_waits_behind_it(broker: Broker, outbox: Outbox) -> None:
    outbox.append(RECORDS)
    outbox._db.execute("UPDATE events SET body = X'FF00' WHERE seq = 2")
    address = address_of(broker, "damaged")
    with KafkaPublisher(outbox, address) as publisher:
        assert publisher.drain() == len(RECORDS)
    values = [record.value for record in everything(broker, address.events_topic)]
    assert b"\xff\x00" in values


class _FullDisk(Outbox):
    """An outbox whose disk has no room even for forgetting."""

    full = True

    def ack(self, up_to_seq: int) -> None:
        if self.full:
            raise StorageError("the disk is full")
        super().ack(up_to_seq)


def test_where_the_disk_takes_no_acknowledgement_nothing_is_published_twice(broker: Broker, tmp_path: Path) -> None:
    outbox = _FullDisk(tmp_path / "outbox.db")
    address = address_of(broker, "full-disk")
    with KafkaPublisher(outbox, address, batch_size=2) as publisher:
        outbox.append(RECORDS)
        assert publisher.drain() == len(RECORDS)
        assert publisher.step() == 0
        outbox.full = False
        assert publisher.step() == 0
    assert len(outbox) == 0
    assert len(everything(broker, address.events_topic)) == len(RECORDS)


def test_live_events_are_kept_and_follow_in_order_while_a_backlog_drains(broker: Broker, outbox: Outbox) -> None:
    backlog = [crossing(second) for second in range(200)]
    live = [crossing(second) for second in range(1000, 1010)]
    outbox.append(backlog)
    address = address_of(broker, "backlog")
    with KafkaPublisher(outbox, address, batch_size=20) as publisher:
        for each in live:
            assert publisher.step() == 20
            outbox.append([each])
        assert publisher.drain() == len(live)
    told = [decode(record.value) for record in everything(broker, address.events_topic)]
    assert [each.event_id for each in told if isinstance(each, Crossing)] == [
        each.event_id for each in (*backlog, *live)
    ]


def test_the_client_refuses_a_setting_that_it_does_not_know(broker: Broker) -> None:
    # Our settings are checked by their types; this says what would happen to one that slips through.
    with pytest.raises(ValueError, match="Unrecognized"):
        KafkaProducer(bootstrap_servers=broker.address, enable_idempotense=True)
