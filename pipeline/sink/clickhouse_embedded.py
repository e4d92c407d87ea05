"""The embedded ClickHouse (chDB): connections, Arrow in and out, and its errors in our words.

What one must know of chDB: a directory can be open in one process at a time, and a process can have one directory open
at a time; threads may share a connection; a process that has one open must not fork.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import chdb
import pyarrow as pa
from chdb import ChdbError

from pipeline.errors import InputError, StorageError, StoreBusyError
from pipeline.sink.engine import batch_token, reason
from pipeline.sink.read_only import refuse_writes

DATABASE: Final = "simpang"
"""A database of our own, of the Atomic engine: chDB's `default` is an overlay without atomic renames."""

_CONFIGURATION: Final = Path(__file__).with_suffix(".xml")

_ANY_PERIOD: Final = "max_partitions_per_insert_block = 0"
"""A batch may reach over any number of months."""

ROWS_PER_BATCH: Final = 65_536
"""Of a result that is read as a stream."""

_NO_ROOM: Final = re.compile(
    r"No space left|NOT_ENOUGH_SPACE|File too large|quota exceeded|Permission denied|Read-only file system",
    re.IGNORECASE,
)


class EmbeddedEngine:
    """One open directory of the embedded ClickHouse."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._inserting = threading.Lock()
        self._changed = threading.Condition()
        """Guards what follows."""
        self._readers = 0
        self._closed = False
        self._writer = self._connect()
        try:
            self.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic")
            self.execute(f"USE {DATABASE}")
        except BaseException:
            self._writer.close()
            raise

    def execute(self, statement: str) -> None:
        """Run one statement of ours; raises StorageError where the disk would not do its part."""
        try:
            self._writer.query(statement)
        except ChdbError as error:
            raise self._write_error(error) from error

    def insert(self, table: str, rows: pa.Table, key: Sequence[str] = ()) -> None:
        """Append `rows` to `table`, all or none per month; raises StorageError.

        With the columns `key` that tell its rows apart, the batch is read back before this returns: chDB reports a disk
        without room, but not a write that fails half-way (a quota, a limit on file sizes, a broken disk). Its streaming
        insert reports neither and is not used.
        """
        columns = ", ".join(f"`{name}`" for name in rows.column_names)
        statement = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM Python(rows) SETTINGS {_ANY_PERIOD}"
        try:
            # `Python(rows)` finds the variable `rows` of this frame, and remembers it by that name for the whole
            # process: without the lock, a thread would insert the rows of another.
            with self._inserting:
                # The token makes the engine drop a batch that it has lately taken, so that a retry costs nothing.
                self._writer.query(f"{statement}, insert_deduplication_token = '{batch_token(rows)}'")
                if not key or self._kept(table, rows, key):
                    return
                # The token is known but the rows are gone: their file was damaged and set aside when the store opened.
                self._writer.query(f"{statement}, insert_deduplicate = 0")
                if self._kept(table, rows, key):
                    return
        except ChdbError as error:
            raise self._write_error(error) from error
        raise StorageError(
            f"the store {self._directory} did not keep a batch of {table}; check the disk, its quota and limits"
        )

    def _kept(self, table: str, rows: pa.Table, key: Sequence[str]) -> bool:
        names = ", ".join(f"`{name}`" for name in key)
        found = self._writer.query(
            f"SELECT uniqExact({names}) FROM {table} "
            f"WHERE ({names}) IN (SELECT {names} FROM Python(rows)) AND NOT ignore(*)",
            "TSV",
        )
        wanted: int = rows.group_by(list(key), use_threads=False).aggregate([]).num_rows
        return int(found.bytes()) == wanted

    def read(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """The result of one reading statement; raises InputError with the engine's reason.

        Each call has a connection of its own: a `USE` or `SET` of one query does not reach the next.
        """
        refuse_writes(sql)
        with self._reading() as reader:
            result = reader.query(sql, "Arrow", params=_escaped(parameters)).bytes()
        with _arrow():
            return pa.ipc.open_file(pa.py_buffer(result)).read_all()

    @contextmanager
    def stream(self, sql: str) -> Iterator[pa.RecordBatchReader]:
        """The same as `read`, a batch of rows at a time."""
        refuse_writes(sql)
        with self._reading() as reader:
            with _arrow():
                batches = reader.send_query(sql, "Arrow").record_batch(rows_per_batch=ROWS_PER_BATCH)
            if not batches.schema:
                # Without rows the engine streams no columns either.
                batches = self.read(sql).to_reader()
            yield batches

    def close(self) -> None:
        """Let go of the directory, when every reading that was begun has ended; none can be begun any more.

        The engine has it open for as long as any of its connections is, and a new connection would open it again.
        """
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._readers)
        self._writer.close()

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        """A connection that only reads; raises InputError for what the engine refuses meanwhile."""
        with self._changed:
            if self._closed:
                raise StorageError(f"the store {self._directory} is closed")
            self._readers += 1
        try:
            reader = self._connect()
            try:
                reader.query(f"USE {DATABASE}")
                reader.query("SET readonly = 1")
                yield reader
            except ChdbError as error:
                raise InputError(f"the store could not answer: {reason(error)}") from error
            finally:
                reader.close()
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    def _connect(self) -> Any:
        try:
            return chdb.connect(f"{self._directory}?config-file={_CONFIGURATION}")
        except RuntimeError as error:
            raise self._open_error(error) from error

    def _open_error(self, error: RuntimeError) -> InputError | StorageError:
        text = str(error)
        other = re.search(r"already initialized with path '([^']*)'", text)
        if other is not None:
            return StoreBusyError(
                f"cannot open the store {self._directory}: this process has {other[1]} open; close that one first"
            )
        if _NO_ROOM.search(text):
            return StorageError(f"cannot open the store {self._directory}: {reason(error)}")
        return InputError(
            f"the store {self._directory} cannot be opened, because another program holds it or it is damaged: "
            f"{reason(error)}"
        )

    def _write_error(self, error: ChdbError) -> StorageError:
        mend = "free some space or check its permissions" if _NO_ROOM.search(str(error)) else "nothing was acknowledged"
        return StorageError(f"the store {self._directory} could not be written: {reason(error)}; {mend}")


@contextmanager
def _arrow() -> Iterator[None]:
    """While an answer is opened; raises InputError where it came in another form, which the SQL can ask for."""
    try:
        yield
    except pa.ArrowInvalid as error:
        raise InputError("the store answered in another format; leave FORMAT out of the SQL") from error


def _escaped(parameters: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The engine reads a text given for a parameter as it reads a field of TSV: with escapes."""
    if not parameters:
        return None
    escapes = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n"})
    return {name: value.translate(escapes) if isinstance(value, str) else value for name, value in parameters.items()}
