"""The local outbox: events wait here, on this machine's disk, until the store has taken them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pipeline.errors import InputError, StorageError
from pipeline.sink.events import EventDecodeError, decode, encode
from pipeline.types import Event

BUSY_TIMEOUT_S: Final = 30.0
"""How long to wait for another process that is writing to the same outbox."""


class Outbox:
    """A queue of events in one SQLite file.

    What `append` was given is on the disk when it returns, and stays, in order, until `ack`. A worker may append while
    another process reads and acknowledges: each opens the path for itself. One object may be used by several threads.
    Every method raises StorageError where the disk would not do its part.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        with self._translated():
            self._db = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        try:
            with self._translated():
                self._db.execute("PRAGMA journal_mode = WAL")
                # In WAL mode NORMAL syncs at checkpoints alone: a power cut would take back what `append` promised.
                self._db.execute("PRAGMA synchronous = FULL")
                # AUTOINCREMENT: a number that was acknowledged is never given out again.
                self._db.execute(
                    "CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL)"
                )
        except BaseException:
            self._db.close()
            raise

    def append(self, events: Iterable[Event]) -> None:
        """Keep `events`, all or none; they are durable when this returns. ValueError for an event that is not sound."""
        bodies = [(encode(event),) for event in events]
        if not bodies:
            return
        with self._translated(), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT INTO events (body) VALUES (?)", bodies)
                self._db.execute("COMMIT")
            except BaseException:
                # SQLite has already rolled back by itself when the disk is full.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def pending(self, limit: int) -> list[tuple[int, Event]]:
        """The oldest `limit` events with their numbers, in the order they were appended."""
        with self._translated(), self._lock:
            rows = self._db.execute("SELECT seq, body FROM events ORDER BY seq LIMIT ?", (limit,)).fetchall()
        return [(seq, self._decoded(seq, body)) for seq, body in rows]

    def ack(self, up_to_seq: int) -> None:
        """Forget every event up to and including `up_to_seq`."""
        with self._translated(), self._lock:
            self._db.execute("DELETE FROM events WHERE seq <= ?", (up_to_seq,))

    def __len__(self) -> int:
        with self._translated(), self._lock:
            (count,) = self._db.execute("SELECT count(*) FROM events").fetchone()
        return int(count)

    def close(self) -> None:
        """Let go of the file; what is in it stays."""
        with self._translated(), self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _decoded(self, seq: int, body: bytes) -> Event:
        try:
            return decode(body)
        except EventDecodeError as error:
            raise EventDecodeError(f"event {seq} in the outbox {self._path} cannot be read: {error}") from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            # The low byte is the primary code; the rest says where in SQLite it happened.
            code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
            if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB):
                raise InputError(
                    f"{self._path} cannot be opened as an outbox: {error}; name a new file in a directory that exists"
                ) from error
            if code in (
                sqlite3.SQLITE_FULL,
                sqlite3.SQLITE_IOERR,
                sqlite3.SQLITE_READONLY,
                sqlite3.SQLITE_PERM,
                sqlite3.SQLITE_BUSY,
                sqlite3.SQLITE_CORRUPT,
            ):
                raise StorageError(
                    f"the outbox {self._path} cannot be used: {error}; check the disk's free space and permissions"
                ) from error
            raise
