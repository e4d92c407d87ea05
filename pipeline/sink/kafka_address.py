"""Where the bus is: `kafka://host:9092/prefix`, or `kafkas://user@host:9093/prefix` for TLS."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Self, TypeAlias, cast, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from pipeline.errors import InputError
from pipeline.sink.address import holds_password

SCHEMES: Final = ("kafka", "kafkas")
PORT: Final = 9092
TLS_PORT: Final = 9093
EXAMPLE: Final = "kafka://localhost:9092/simpang"

SaslMechanism: TypeAlias = Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"]

_PREFIX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_SERVER: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?")
_OPTIONS: Final = ("ca", "sasl", "partitions", "replication", "retention_days")


@dataclass(frozen=True, slots=True)
class BusAddress:
    """A Kafka cluster, the topics that are ours there, and who we are. Its text never holds the password."""

    servers: tuple[str, ...]
    """host:port, one or more to ask for the rest of the cluster."""
    prefix: str
    """What the names of our topics begin with."""
    user: str = ""
    password: str = field(repr=False, default="")
    tls: bool = False
    ca: Path | None = None
    """Certificates to trust in place of the machine's, as a PEM file."""
    sasl: SaslMechanism = "SCRAM-SHA-512"
    """How the user is proved; without a user nothing is."""
    partitions: int = 6
    """Of the topic of events, where we make it: so many loaders can share the work."""
    replication: int = -1
    """Copies of each message, where we make the topics; -1 leaves it to the cluster."""
    retention_days: int = 7
    """How long the topic of events keeps them, where we make it: so long the loaders may be away."""

    @property
    def events_topic(self) -> str:
        """Events and registrations, keyed by camera."""
        return f"{self.prefix}.events"

    @property
    def dead_letter_topic(self) -> str:
        """Messages that could not be loaded, with the reason in a header."""
        return f"{self.prefix}.dead-letters"

    @property
    def camera_group(self) -> str:
        """The consumer group whose members share the cameras."""
        return f"{self.prefix}.cameras"

    def camera_topic(self, camera: str) -> str:
        """The topic, always empty, that stands for a camera in `camera_group`."""
        return f"{self.camera_group}.{camera}"

    def camera_of_topic(self, topic: str) -> str:
        """The camera of a `camera_topic`."""
        return topic.removeprefix(f"{self.camera_group}.")

    def __str__(self) -> str:
        return f"kafka{'s' * self.tls}://{','.join(self.servers)}/{self.prefix}"

    @classmethod
    def parse(cls, url: str, password: str = "") -> Self:
        """Read `url`; a password in it is refused, since command lines and logs are read by others.

        Raises InputError, which never quotes more than the part that is wrong.
        """
        parts = urlsplit(url)
        if parts.scheme.lower() not in SCHEMES:
            raise InputError(
                f"the bus must be given as {EXAMPLE}, not as {parts.scheme or 'an address without scheme'}"
            )
        user, at, hosts = parts.netloc.rpartition("@")
        if holds_password(parts):
            raise InputError(
                "leave the password out of the bus's address; give it in SIMPANG_KAFKA_PASSWORD, or name a file that "
                "holds it in SIMPANG_KAFKA_PASSWORD_FILE"
            )
        if at and not password:
            raise InputError(
                f"the bus is to be used as {unquote(user)!r} but there is no password; give it in "
                "SIMPANG_KAFKA_PASSWORD, or name a file that holds it in SIMPANG_KAFKA_PASSWORD_FILE"
            )
        tls = parts.scheme.lower() == "kafkas"
        prefix = unquote(parts.path.strip("/"))
        if not _PREFIX.fullmatch(prefix):
            raise InputError(
                f"the bus's address must end in a prefix for its topics (letters, digits, . _ -), as in {EXAMPLE}, "
                f"not in {prefix!r}"
            )
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        unknown = sorted(set(options) - set(_OPTIONS))
        if unknown:
            raise InputError(f"the bus's address has an unknown option {unknown[0]!r}; there are {', '.join(_OPTIONS)}")
        ca = Path(options["ca"]) if "ca" in options else None
        if ca is not None and not tls:
            raise InputError("a certificate is of no use without TLS; write kafkas:// in place of kafka://")
        if ca is not None and not ca.is_file():
            raise InputError(f"there is no certificate file {ca}; name the PEM file of the broker's authority")
        return cls(
            servers=tuple(_server(each, TLS_PORT if tls else PORT) for each in hosts.split(",")),
            prefix=prefix,
            user=unquote(user),
            password=password if at else "",
            tls=tls,
            ca=ca,
            sasl=_mechanism(options.get("sasl", "SCRAM-SHA-512")),
            partitions=_number(options, "partitions", 6, 1, 1000),
            replication=_number(options, "replication", -1, 1, 99),
            retention_days=_number(options, "retention_days", 7, 1, 3650),
        )


def _server(text: str, default_port: int) -> str:
    match = _SERVER.fullmatch(text)
    if match is None or not 0 < int(match["port"] or default_port) < 65536:
        raise InputError(
            f"the bus's address must name its brokers as host:port,host:port, as in {EXAMPLE}, not {text!r}"
        )
    return f"{match['host']}:{match['port'] or default_port}"


def _mechanism(text: str) -> SaslMechanism:
    if text.upper() not in get_args(SaslMechanism):
        raise InputError(f"sasl must be one of {', '.join(get_args(SaslMechanism))}, not {text!r}")
    return cast(SaslMechanism, text.upper())


def _number(options: dict[str, str], name: str, default: int, least: int, most: int) -> int:
    text = options.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not least <= int(text) <= most:
        raise InputError(f"{name} of the bus must be a number from {least} to {most}, not {text!r}")
    return int(text)
