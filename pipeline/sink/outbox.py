"""The local outbox: events wait here, on this machine's disk, until the store or the bus has taken them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.closing import Closing
from pipeline.errors import InputError, StorageError
from pipeline.sink.disk_reserve import DiskReserve
from pipeline.sink.events import EventDecodeError, decode, encode
from pipeline.sink.registrations import Record

BUSY_TIMEOUT_S: Final = 30.0
"""How long to wait for another process that is writing to the same outbox."""

DEFAULT_MAX_BYTES: Final = 1 << 30
"""About four million events: two weeks of 28 cameras."""
LEAST_MAX_BYTES: Final = 64 << 10

LOG_PAGES: Final = 256
"""The write-ahead log is moved into the database after so many pages, 1 MiB."""
RESERVE_BYTES: Final = 2 << 20
"""Kept free for acknowledging on a full disk: forgetting must be written down too, and the log must find room in the
database. Without it an outbox that has filled its disk would never drain."""


class OutboxFullError(StorageError):
    """The outbox has reached its limit or its disk is full; nothing of the batch was kept."""


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """How an outbox stands."""

    waiting: int
    """Records that are not acknowledged yet."""
    bytes_used: int
    """Of `max_bytes`; the write-ahead log and the reserve, some 3 MiB, come on top."""
    max_bytes: int
    appended: int
    """Since this object opened it, as are the next two."""
    acknowledged: int
    refused: int
    """Records that were not kept, because the outbox was full or its disk would not."""


class Outbox(Closing):
    """A queue of records in one SQLite file that grows to `max_bytes`.

    What `append` was given is on the disk when it returns, and stays, in order, until `ack`. A full outbox refuses what
    is new (OutboxFullError) and keeps what it promised to keep. The order is that of appending and no clock has a part
    in it. A worker may append while another process reads and acknowledges: each opens the path for itself. One object
    may be used by several threads. Every method raises StorageError where the disk would not do its part.
    """

    def __init__(self, path: str | Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        if max_bytes < LEAST_MAX_BYTES:
            raise InputError(f"an outbox of {max_bytes} bytes is too small; give it {LEAST_MAX_BYTES} or more")
        self._path = Path(path)
        self._lock = threading.Lock()
        self._reserve = DiskReserve(self._path.with_name(f"{self._path.name}-reserve"), RESERVE_BYTES)
        self._appended = self._acknowledged = self._refused = 0
        with self._translated():
            self._db = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        try:
            with self._translated():
                self._db.execute("PRAGMA journal_mode = WAL")
                # In WAL mode NORMAL syncs at checkpoints alone: a power cut would take back what `append` promised.
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
                # AUTOINCREMENT: a number that was acknowledged is never given out again.
                self._db.execute(
                    "CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL)"
                )
                self._page_bytes = self._pragma("page_size")
                # The engine itself holds the limit; it never makes a file that is already larger smaller.
                self._max_pages = self._pragma(f"max_page_count = {max_bytes // self._page_bytes}")
            self._reserve.renew()
        except BaseException:
            self._db.close()
            raise

    def append(self, records: Iterable[Record]) -> None:
        """Keep `records`, all or none; they are durable when this returns.

        Raises ValueError for a record that is not sound and OutboxFullError where there is no room.
        """
        bodies = [(encode(record),) for record in records]
        if not bodies:
            return
        with self._lock:
            try:
                with self._translated():
                    self._insert(bodies)
            except StorageError:
                self._refused += len(bodies)
                raise
            self._appended += len(bodies)

    def pending(self, limit: int, *, after: int = 0) -> list[tuple[int, Record]]:
        """The oldest `limit` records numbered above `after`, in the order they were appended, with their numbers."""
        return [(seq, self._decoded(seq, body)) for seq, body in self.pending_lines(limit, after=after)]

    def pending_lines(self, limit: int, *, after: int = 0) -> list[tuple[int, bytes]]:
        """As `pending`, but still encoded, for a reader that only passes them on."""
        with self._translated(), self._lock:
            return self._db.execute(
                "SELECT seq, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
            ).fetchall()

    def ack(self, up_to_seq: int) -> None:
        """Forget every record up to and including `up_to_seq`."""
        with self._lock:
            try:
                self._forget(up_to_seq)
            except OutboxFullError:
                self._reserve.release()
                self._forget(up_to_seq)
                with self._translated():
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._reserve.renew()

    def stats(self) -> OutboxStats:
        """How full it is and what passed through."""
        with self._translated(), self._lock:
            used_pages = self._pragma("page_count") - self._pragma("freelist_count")
        return OutboxStats(
            waiting=len(self),
            bytes_used=used_pages * self._page_bytes,
            max_bytes=self._max_pages * self._page_bytes,
            appended=self._appended,
            acknowledged=self._acknowledged,
            refused=self._refused,
        )

    def __len__(self) -> int:
        # Numbers have no holes and only the lowest go away, so that the ends tell without reading what is between.
        with self._translated(), self._lock:
            first, last = self._db.execute(
                "SELECT (SELECT min(seq) FROM events), (SELECT max(seq) FROM events)"
            ).fetchone()
        return 0 if last is None else int(last - first + 1)

    def close(self) -> None:
        """Let go of the file; what is in it stays."""
        with self._translated(), self._lock:
            self._db.close()

    def _insert(self, bodies: Sequence[tuple[bytes]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT INTO events (body) VALUES (?)", bodies)
            self._db.execute("COMMIT")
        except BaseException:
            # SQLite has already rolled back by itself when the disk is full.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _forget(self, up_to_seq: int) -> None:
        with self._translated():
            self._acknowledged += self._db.execute("DELETE FROM events WHERE seq <= ?", (up_to_seq,)).rowcount

    def _pragma(self, statement: str) -> int:
        (value,) = self._db.execute(f"PRAGMA {statement}").fetchone()
        return int(value)

    def _decoded(self, seq: int, body: bytes) -> Record:
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
            if code == sqlite3.SQLITE_FULL:
                raise OutboxFullError(
                    f"the outbox {self._path} takes no more: {error}; let it drain, or give it or its disk more space"
                ) from error
            if code in (
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
