"""A ClickHouse server through clickhouse-driver: the native protocol, Arrow in and out, and its errors in our words.

What one must know of the driver: a client serves one thread at a time; settings that the server does not know are
dropped unless it is told that they matter; `INSERT ... VALUES` with its values in the text waits for ever, because the
server expects them as blocks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import pyarrow as pa
from clickhouse_driver import Client
from clickhouse_driver.errors import Error, NetworkError, ServerException, SocketTimeoutError

from pipeline.errors import InputError, PipelineError, StorageError
from pipeline.sink.clickhouse_address import ServerAddress
from pipeline.sink.engine import batch_token, reason
from pipeline.sink.read_only import refuse_writes

OLDEST_SERVER: Final = (25, 3)
"""The first release with every function that the schema uses."""

CONNECT_TIMEOUT_S: Final = 10
ANSWER_TIMEOUT_S: Final = 300

_UNKNOWN_DATABASE: Final = 81
_REFUSED: Final = {192: "user", 193: "password", 194: "password", 516: "user or password"}
_NOT_ALLOWED: Final = 497


class ServerEngine:
    """One database of a server. Threads may share it: writers take turns, each reading has a connection of its own."""

    def __init__(self, address: ServerAddress, *, create: bool) -> None:
        """Connect; with `create` the database is made where it is missing.

        Raises InputError where the server refuses the user, lacks the database or is too old, StorageError where it
        cannot be reached.
        """
        # What the driver warns of ends in an error that we word, or does not matter.
        logging.getLogger("clickhouse_driver").addHandler(logging.NullHandler())
        self._address = address
        self._writing = threading.Lock()
        self._writer = self._client("")
        try:
            with self._spoken("open"):
                version = tuple(int(part) for part in self._writer.execute("SELECT version()")[0][0].split(".")[:2])
                if version < OLDEST_SERVER:
                    raise InputError(
                        f"the server at {address} is ClickHouse {'.'.join(map(str, version))}; "
                        f"Simpang needs {'.'.join(map(str, OLDEST_SERVER))} or later"
                    )
                exists = self._writer.execute(
                    "SELECT count() FROM system.databases WHERE name = {name:String}", self._name
                )
                if not exists[0][0]:
                    if not create:
                        raise InputError(
                            f"there is no database {address.database} on the server at {address}; "
                            "make the store with simpang db migrate, or name another database"
                        )
                    self._writer.execute(f"CREATE DATABASE IF NOT EXISTS {address.database}")
                self._read_only = int(self._writer.execute("SELECT getSetting('readonly')")[0][0])
        finally:
            self._writer.disconnect()
        self._writer = self._client(address.database)

    @property
    def _name(self) -> dict[str, str]:
        return {"name": self._address.database}

    def execute(self, statement: str) -> None:
        """Run one statement of ours; raises StorageError, or InputError where the user may not."""
        with self._writing, self._spoken("be written"):
            self._writer.execute(statement)

    def insert(self, table: str, rows: pa.Table, key: Sequence[str] = ()) -> None:
        """Append `rows` to `table`, all or none per month; the server has them on its disk when this returns."""
        names = ", ".join(f"`{name}`" for name in rows.column_names)
        settings = {"insert_deduplication_token": batch_token(rows), "max_partitions_per_insert_block": 0}
        with self._writing, self._spoken("be written"):
            self._writer.execute(
                f"INSERT INTO {table} ({names}) VALUES", _columns(rows), columnar=True, settings=settings
            )

    def read(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """The result of one reading statement; raises InputError with the server's reason."""
        with self._reading(sql, parameters) as batches:
            return batches.read_all()

    def stream(self, sql: str) -> AbstractContextManager[pa.RecordBatchReader]:
        """The same as `read`, a block of the server at a time."""
        return self._reading(sql)

    @contextmanager
    def _reading(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Iterator[pa.RecordBatchReader]:
        refuse_writes(sql)
        # An account that is read-only already may not set it.
        settings = {} if self._read_only else {"readonly": 1}
        # Without numpy the driver makes `datetime` of every instant, which has no nanoseconds.
        reader = self._client(self._address.database, use_numpy=True)
        try:
            with self._spoken("answer"):
                yield reader.query_arrow_stream(sql, dict(parameters or {}), settings=settings, field_metadata=False)
        except (pa.ArrowException, ValueError, TypeError, AttributeError) as error:
            # The driver has no Arrow form for some tuples, maps and decimals, and fails on them in its own ways.
            raise InputError(
                f"the answer has a column that cannot be read: {reason(error)}; cast it in the SQL"
            ) from error
        finally:
            reader.disconnect()

    def close(self) -> None:
        """Hang up."""
        self._writer.disconnect()

    def _client(self, database: str, *, use_numpy: bool = False) -> Client:
        address = self._address
        return Client(
            host=address.host,
            port=address.port,
            database=database,
            user=address.user,
            password=address.password,
            secure=address.tls,
            ca_certs=None if address.ca is None else str(address.ca),
            connect_timeout=CONNECT_TIMEOUT_S,
            send_receive_timeout=ANSWER_TIMEOUT_S,
            client_name="simpang",
            compression=False,
            # A setting that the server does not know is an error, never dropped.
            settings_is_important=True,
            settings={"server_side_params": True, "use_numpy": use_numpy},
        )

    @contextmanager
    def _spoken(self, task: str) -> Iterator[None]:
        try:
            yield
        except PipelineError:
            raise
        except ServerException as error:
            raise self._refusal(error, task) from error
        except (NetworkError, SocketTimeoutError, EOFError, OSError) as error:
            raise StorageError(
                f"the store {self._address} cannot be reached: {reason(error)}; "
                "check that the server runs and that its address is right"
            ) from error
        except Error as error:
            raise StorageError(f"the store {self._address} could not {task}: {reason(error)}") from error

    def _refusal(self, error: ServerException, task: str) -> PipelineError:
        words = reason(Exception(error.message))
        if error.code in _REFUSED:
            return InputError(f"the store {self._address} refuses the {_REFUSED[error.code]}: {words}")
        if error.code == _UNKNOWN_DATABASE:
            return InputError(f"the store {self._address} is not there: {words}")
        if task == "answer":
            return InputError(f"the store could not answer: {words}")
        if error.code == _NOT_ALLOWED:
            return InputError(f"the user may not do this to the store {self._address}: {words}")
        return StorageError(f"the store {self._address} could not {task}: {words}; nothing was acknowledged")


def _columns(rows: pa.Table) -> list[list[Any]]:
    """Python lists as the driver takes them; instants as integers of the column's own unit, so none is rounded."""
    return [
        (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
        for column in rows.columns
    ]
