"""What a store needs of its engine, be it in this process or a server; and what both engines share."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import pyarrow as pa

_PREFIX: Final = re.compile(r"(?:Code: \d+\. )?(?:DB::Exception: )")


class Engine(Protocol):
    """One open database of ClickHouse. Threads may share it."""

    def execute(self, statement: str) -> None:
        """Run one statement of ours; raises StorageError where the engine would not do its part."""

    def insert(self, table: str, rows: pa.Table, key: Sequence[str] = ()) -> None:
        """Append `rows` to `table`; they are on the disk when this returns. Raises StorageError.

        The same rows may be given again: a batch that the engine has lately taken is dropped. `key` names the columns
        that tell the rows apart, for engines that must read back to be sure.
        """

    def read(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """The result of one reading statement; raises InputError with the engine's reason.

        A `USE` or `SET` of one query does not reach the next.
        """

    def stream(self, sql: str) -> AbstractContextManager[pa.RecordBatchReader]:
        """The same as `read`, a batch of rows at a time, for results that need not fit in memory.

        Raises InputError with the reason of the engine, at its begin or from the reader.
        """

    def close(self) -> None:
        """Let go of the database; closing again does nothing."""


def batch_token(rows: pa.Table) -> str:
    """The same for the same rows, so that the engine recognises a batch that is given again."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def reason(error: Exception) -> str:
    """The engine's own words for `error`: one line, without its code, stack or version."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    text = re.split(r"[,.]? Stack trace", text)[0].split(" (version ")[0]
    return (
        _PREFIX.sub("", text)
        .removeprefix("Failed to create connection: ")
        .removeprefix("Streaming query failed: ")
        .removeprefix("default: ")
        .strip()
    )
