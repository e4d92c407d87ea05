"""kafka-python's clients with the settings that we rely on, each in one place, and its errors in our words."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypedDict

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka import errors as kafka_errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

from pipeline.errors import BusError, InputError
from pipeline.sink.kafka_address import BusAddress

CONNECT_TIMEOUT_MS: Final = 5_000
REQUEST_TIMEOUT_MS: Final = 10_000
RECONNECT_MS: Final = 2_000
"""The longest wait before a lost connection is tried again; the library's own is half a minute."""
DELIVERY_TIMEOUT_MS: Final = 20_000
"""After so long without an acknowledgement a message counts as not published, and the outbox offers it again."""

CLOSE_TIMEOUT_S: Final = 2.0
SESSION_TIMEOUT_MS: Final = 10_000
"""A loader that is silent for so long is dead to its group, and the others take its partitions."""
FETCH_BYTES: Final = 4 << 20

HEARTBEAT_MS: Final = 1_000
REBALANCE_TIMEOUT_MS: Final = 30_000
"""A member of a group may take so long to give up what is taken from it."""

DEAD_LETTER_RETENTION_DAYS: Final = 90
_DAY_MS: Final = 86_400_000

# The library logs every lost connection of its own accord; we say it once, in an error or in the loader's own words.
logging.getLogger("kafka").addHandler(logging.NullHandler())


def _hear_last_words(transport: type[KafkaTCPTransport]) -> None:
    """Deliver what a broker said before it closed the connection; its end is noticed at the next read.

    kafka-python 3.0.12 throws that away where both arrive at once. A broker that refuses a user says so and closes: in
    most attempts only "socket disconnected" was left of it.
    """
    receive = transport._sock_recv

    def receive_before_end(self: KafkaTCPTransport) -> tuple[bytes, Exception | None]:
        received, error = receive(self)
        return received, None if received else error

    transport._sock_recv = receive_before_end


for _transport in (KafkaTCPTransport, KafkaSSLTransport):
    _hear_last_words(_transport)


class _Connection(TypedDict, total=False):
    """What all clients share; the names are kafka-python's."""

    bootstrap_servers: list[str]
    bootstrap_timeout_ms: int
    request_timeout_ms: int
    reconnect_backoff_max_ms: int
    security_protocol: str
    ssl_context: ssl.SSLContext
    sasl_mechanism: str
    sasl_plain_username: str
    sasl_plain_password: str


def producer(address: BusAddress) -> KafkaProducer:
    """A producer whose messages are kept by all in-sync replicas, in order and without repeats while it lives."""
    return KafkaProducer(
        **_connection(address),
        metrics_enabled=False,
        acks="all",
        enable_idempotence=True,
        compression_type="gzip",
        linger_ms=5,
        batch_size=128 << 10,
        delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
        max_block_ms=CONNECT_TIMEOUT_MS,
        allow_auto_create_topics=False,
    )


def abandon(producer: KafkaProducer) -> None:
    """Close `producer` without waiting for what it still holds.

    Its own `close` flushes first; where that takes too long it raises, and leaves a thread that goes on sending.
    """
    producer.flush = lambda timeout=None: None
    producer.close(timeout=CLOSE_TIMEOUT_S)


def consumer(address: BusAddress, group: str) -> KafkaConsumer:
    """A member of `group` that commits only what it is told to."""
    return KafkaConsumer(
        **_connection(address),
        metrics_enabled=False,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=SESSION_TIMEOUT_MS // 4,
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=FETCH_BYTES,
    )


def group_member(address: BusAddress, group: str, session_timeout_s: float) -> KafkaConsumer:
    """A member of `group` that keeps, in a rebalance, what stays its own, and is dead after `session_timeout_s`."""
    return KafkaConsumer(
        **_connection(address),
        metrics_enabled=False,
        group_id=group,
        partition_assignment_strategy=[CooperativeStickyAssignor],
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        session_timeout_ms=round(session_timeout_s * 1000),
        heartbeat_interval_ms=HEARTBEAT_MS,
        max_poll_interval_ms=REBALANCE_TIMEOUT_MS,
    )


def make_topics(address: BusAddress) -> None:
    """Make our topics where they are missing; those that exist are left as they are. Raises BusError."""
    _make_missing(
        address,
        {
            address.events_topic: (address.partitions, address.retention_days),
            address.dead_letter_topic: (1, DEAD_LETTER_RETENTION_DAYS),
        },
    )


def make_camera_topics(address: BusAddress, cameras: Iterable[str]) -> None:
    """The same for the topics that stand for cameras."""
    _make_missing(address, {address.camera_topic(camera): (1, 1) for camera in cameras})


def _make_missing(address: BusAddress, wanted: Mapping[str, tuple[int, int]]) -> None:
    """`wanted`: partitions and days of retention by topic."""
    with spoken(address):
        admin = KafkaAdminClient(**_connection(address))
        try:
            there = set(admin.list_topics())
            missing = {
                name: {
                    "num_partitions": partitions,
                    "replication_factor": address.replication,
                    "configs": {"retention.ms": str(days * _DAY_MS), "cleanup.policy": "delete"},
                }
                for name, (partitions, days) in wanted.items()
                if name not in there
            }
            if missing:
                try:
                    admin.create_topics(missing, wait_for_metadata=True)
                except kafka_errors.TopicAlreadyExistsError:
                    admin.wait_for_topics(list(missing))  # another process was quicker
        finally:
            admin.close()


@contextmanager
def spoken(address: BusAddress) -> Iterator[None]:
    """Turns the library's errors into BusError, or InputError where trying again cannot help."""
    heard = _Heard()
    manager = logging.getLogger("kafka.net.manager")
    manager.addHandler(heard)
    try:
        yield
    except (kafka_errors.KafkaError, ssl.SSLError, OSError) as error:
        # Where no connection comes about the library raises that time is up, and tells its log why.
        raise _in_our_words(address, heard.failure or error) from error
    finally:
        manager.removeHandler(heard)


class _Heard(logging.Handler):
    """Why connections failed, as the library logged it; a refused user tells more than the lost connection after it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.failure: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        told = record.args if isinstance(record.args, tuple) else ()
        for each in told:
            if isinstance(each, kafka_errors.SaslAuthenticationFailedError):
                self.failure = each
            elif isinstance(each, Exception) and not isinstance(each, kafka_errors.KafkaTimeoutError):
                self.failure = self.failure or each


def _in_our_words(address: BusAddress, error: Exception) -> BusError | InputError:
    who = repr(address.user) if address.user else "an unnamed user"
    if isinstance(error, kafka_errors.SaslAuthenticationFailedError):
        return InputError(
            f"the bus {address} refuses the user {who} by {address.sasl}; check the name, SIMPANG_KAFKA_PASSWORD and "
            "the sasl option"
        )
    if isinstance(error, kafka_errors.AuthorizationError):
        return InputError(
            f"the bus {address} does not let {who} use the topics {address.prefix}.*; give it the right to create, "
            "read and write them"
        )
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return InputError(
            f"the certificate of the bus {address} is not trusted; name the authority's PEM file with ?ca=FILE: "
            f"{reason(error)}"
        )
    return BusError(
        f"the bus {address} cannot be used: {reason(error)}; check that its brokers run and are reached this way"
    )


def reason(error: BaseException) -> str:
    """The library's words for `error`, in one line."""
    name, words = type(error).__name__, str(error).strip().partition("\n")[0]
    if words in ("", "None", f"{name}: None"):
        return name
    return words if words.startswith(name) else f"{name}: {words}"


def _connection(address: BusAddress) -> _Connection:
    connection = _Connection(
        bootstrap_servers=list(address.servers),
        bootstrap_timeout_ms=CONNECT_TIMEOUT_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        reconnect_backoff_max_ms=RECONNECT_MS,
        security_protocol=("SASL_" if address.user else "") + ("SSL" if address.tls else "PLAINTEXT"),
    )
    if address.tls:
        connection["ssl_context"] = _tls(address)
    if address.user:
        connection["sasl_mechanism"] = address.sasl
        connection["sasl_plain_username"] = address.user
        connection["sasl_plain_password"] = address.password
    return connection


def _tls(address: BusAddress) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(address.ca) if address.ca else None)
    except (ssl.SSLError, OSError) as error:
        raise InputError(f"{address.ca} holds no certificates that can be read: {reason(error)}") from error
