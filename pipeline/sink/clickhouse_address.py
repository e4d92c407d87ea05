"""Where a ClickHouse server is: `clickhouse://user@host:9000/database`, or `clickhouses://` for TLS."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from pipeline.errors import InputError
from pipeline.sink.address import holds_password

SCHEMES: Final = ("clickhouse", "clickhouses")
PORT: Final = 9000
TLS_PORT: Final = 9440

_DATABASE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPTIONS: Final = ("ca",)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A database of a ClickHouse server, and who we are there."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False, default="")
    tls: bool = False
    ca: Path | None = None
    """Certificates to trust in place of the machine's, as a PEM file."""

    @classmethod
    def parse(cls, url: str, password: str = "") -> Self:
        """Read `url`; a password in it is refused, since command lines and logs are read by others.

        Raises InputError, which never quotes more than the part that is wrong.
        """
        parts = urlsplit(url)
        if holds_password(parts):
            raise InputError(
                "leave the password out of the store's address; give it in SIMPANG_CLICKHOUSE_PASSWORD, or name a file "
                "that holds it in SIMPANG_CLICKHOUSE_PASSWORD_FILE"
            )
        tls = parts.scheme.lower() == "clickhouses"
        database = unquote(parts.path.strip("/"))
        if not _DATABASE.fullmatch(database):
            raise InputError(
                f"the store's address must end in a database, as in clickhouse://simpang@localhost:9000/simpang, "
                f"not in {database!r}"
            )
        try:
            port = parts.port
        except ValueError as error:
            raise InputError("the port in the store's address must be a number from 0 to 65535") from error
        if not parts.hostname:
            raise InputError("the store's address names no host; write clickhouse://user@host:9000/database")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        unknown = sorted(set(options) - set(_OPTIONS))
        if unknown:
            raise InputError(f"the store's address has unknown {', '.join(unknown)}; it takes {', '.join(_OPTIONS)}")
        ca = Path(options["ca"]) if "ca" in options else None
        if ca is not None and not tls:
            raise InputError("the store's address names certificates without TLS; begin it with clickhouses://")
        if ca is not None and not ca.is_file():
            raise InputError(f"there is no file of certificates at {ca}; give ca= the path of a PEM file")
        user = unquote(parts.username or "default")
        return cls(parts.hostname, port or (TLS_PORT if tls else PORT), database, user, password, tls, ca)

    def __str__(self) -> str:
        return f"{'clickhouses' if self.tls else 'clickhouse'}://{self.user}@{self.host}:{self.port}/{self.database}"
