from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.sink.kafka_address import BusAddress

SECRET = "hunter2"


def test_an_address_names_brokers_and_a_prefix_for_topics() -> None:
    address = BusAddress.parse("kafka://one:9094,two/paser")
    assert address.servers == ("one:9094", "two:9092")
    assert (address.events_topic, address.dead_letter_topic) == ("paser.events", "paser.dead-letters")
    assert (address.tls, address.user) == (False, "")


def test_tls_user_and_options_come_from_the_address_and_the_password_does_not(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("certificate")
    address = BusAddress.parse(
        f"kafkas://lo%40der@broker/paser?sasl=plain&ca={ca}&partitions=12&replication=3&retention_days=14", SECRET
    )
    assert address.servers == ("broker:9093",)
    assert (address.user, address.password, address.sasl, address.ca) == ("lo@der", SECRET, "PLAIN", ca)
    assert (address.tls, address.partitions, address.replication, address.retention_days) == (True, 12, 3, 14)


def test_an_address_never_shows_its_password() -> None:
    address = BusAddress.parse("kafkas://loader@broker:9093/paser", SECRET)
    assert str(address) == "kafkas://broker:9093/paser"
    assert SECRET not in repr(address)


def test_a_password_is_not_used_where_no_user_is_named() -> None:
    assert BusAddress.parse("kafka://broker/paser", SECRET).password == ""


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("broker:9092", "must be given as kafka://"),
        ("http://broker/paser", "not as http"),
        (f"kafka://me:{SECRET}@broker/paser", "leave the password out"),
        *((f"kafka://me:x{cut}{SECRET}@broker/paser", "leave the password out") for cut in "/?#"),
        ("kafka://me@broker/paser", "there is no password"),
        ("kafka://broker", "must end in a prefix"),
        ("kafka://broker/a/b", "not in 'a/b'"),
        ("kafka:///paser", "host:port"),
        ("kafka://broker:0/paser", "host:port"),
        ("kafka://broker:70000/paser", "host:port"),
        ("kafka://bro ker/paser", "host:port"),
        ("kafka://broker/paser?acks=1", "unknown option 'acks'"),
        ("kafka://broker/paser?ca=x.pem", "write kafkas://"),
        ("kafkas://broker/paser?ca=nowhere.pem", "no certificate file nowhere.pem"),
        ("kafka://broker/paser?sasl=md5", "sasl must be one of"),
        ("kafka://broker/paser?partitions=none", "partitions of the bus must be a number from 1 to 1000"),
        ("kafka://broker/paser?retention_days=0", "retention_days of the bus must be"),
    ],
)
def test_a_wrong_address_is_refused_with_its_fault_and_without_a_secret(url: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault) as caught:
        BusAddress.parse(url)
    assert SECRET not in str(caught.value)
