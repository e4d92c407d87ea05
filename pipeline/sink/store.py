"""The store: counts that can be asked in SQL, kept by ClickHouse in a directory or on a server."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa

from pipeline.errors import InputError
from pipeline.sink import columns
from pipeline.sink.clickhouse_address import SCHEMES, ServerAddress
from pipeline.sink.coefficients import DEFAULT_FACILITY, DEFAULT_PCU_VERSION
from pipeline.sink.directory import locked_directory
from pipeline.sink.engine import Engine
from pipeline.sink.events import check
from pipeline.sink.migrations import Migration, MigrationState, outstanding, read_migrations
from pipeline.sink.settling import Pace, Settler
from pipeline.types import CountingLine, Event

LONGEST_RETENTION_MONTHS: Final = 240
"""The engine's expiry dates end in 2106; one that lies beyond would wrap around and expire at once."""

DEFAULT_TIMEZONE: Final = "Asia/Makassar"

_INSTANT: Final = pa.timestamp("ns", "UTC")


class Store:
    """Counts in one database of ClickHouse, be it a directory or on a server. Threads may share it."""

    def __init__(self, engine: Engine, where: str, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        """`where` names the store in messages."""
        self._engine = engine
        self._where = where
        self._now_ns = now_ns
        self._settler = Settler(engine)
        self._unsettled = False
        self._pace = Pace(time.monotonic())

    def migrations(self) -> list[MigrationState]:
        """Every migration this program knows, and when the store took it. Raises InputError as `migrate` does."""
        applied = self._applied()
        outstanding(read_migrations(), {number: checksum for number, (checksum, _) in applied.items()}, self._where)
        return [
            MigrationState(migration, applied[migration.number][1] if migration.number in applied else None)
            for migration in read_migrations()
        ]

    def migrate(self) -> list[Migration]:
        """Bring the store to the newest schema; returns what was applied, in order.

        Raises InputError where the store was made by a newer program or by a changed migration, StorageError where the
        engine would not do its part; migrating again goes on from there.
        """
        self._engine.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (number UInt32, name String, checksum String, "
            "applied_at DateTime64(9, 'UTC')) ENGINE = ReplacingMergeTree(applied_at) ORDER BY number"
        )
        applied = {number: checksum for number, (checksum, _) in self._applied().items()}
        missing = outstanding(read_migrations(), applied, self._where)
        for migration in missing:
            for statement in migration.statements:
                self._engine.execute(statement)
            row = {"number": migration.number, "name": migration.name, "checksum": migration.checksum}
            self._engine.insert("schema_migrations", self._stamped([row], "applied_at"))
        # A process that was killed, or a migration, may have left bins to rebuild.
        self._unsettled = True
        return missing

    def retain(self, months: int) -> None:
        """Keep events for so many months after their capture, or for ever with 0; their counts stay either way.

        The engine drops what is older when it next merges a part. Raises InputError for months out of range and
        StorageError.
        """
        if not 0 <= months <= LONGEST_RETENTION_MONTHS:
            raise InputError(
                f"events are kept for 1 to {LONGEST_RETENTION_MONTHS} months, or for ever with 0, not for {months}"
            )
        for table, instant in columns.INSTANTS.items():
            self.settle()
            change = f"MODIFY TTL toDateTime({instant}) + INTERVAL {months} MONTH" if months else "REMOVE TTL"
            if months or "TTL" in self._engine.read(f"SHOW CREATE TABLE {table}")[0][0].as_py():
                self._engine.execute(f"ALTER TABLE {table} {change}")

    def insert(self, events: Sequence[Event]) -> None:
        """Keep `events`; they are on the disk when this returns, and may be given again without being counted again.

        Raises ValueError for an event that is not sound (then none is kept) and StorageError; after a StorageError some
        of the batch may have been kept, and giving it again is safe.
        """
        for event in events:
            fault = check(event)
            if fault is not None:
                raise ValueError(fault)
        self.insert_tables(columns.tables(events))

    def insert_tables(self, tables: Mapping[str, pa.Table], *, behind: bool = False) -> None:
        """The same for sound events in the form of `columns.tables`.

        `behind` says that more are waiting: the count views, which are late then anyway, are brought up to them less
        often.
        """
        if not tables:
            return
        # Before, for a batch that fails in its middle; after, for a thread that settles meanwhile.
        self._unsettled = True
        for table, rows in tables.items():
            self._engine.insert(table, rows, columns.SORTING_KEYS[table])
        self._settler.learn(tables)
        self._unsettled = True
        if self._pace.is_due(time.monotonic(), behind=behind):
            self.settle()

    def settle(self) -> None:
        """Bring the count views up to what was inserted; raises StorageError, and may be called again.

        `insert` does it at its `Pace`, `query` and `close` where anything is lacking; call it before a pause.
        """
        if not self._unsettled:
            return
        began_s = time.monotonic()
        self._unsettled = False
        try:
            self._settler.settle()
        except BaseException:
            self._unsettled = True
            raise
        self._pace.settled(began_s, time.monotonic())

    def register_camera(
        self,
        camera: str,
        *,
        name: str = "",
        district: str = "",
        timezone: str = DEFAULT_TIMEZONE,
        facility: str = DEFAULT_FACILITY,
        pcu_version: str = DEFAULT_PCU_VERSION,
    ) -> None:
        """Say what a camera is; the newest word holds. `timezone` sets its local days.

        `facility` and `pcu_version` choose the row of `pcu_coefficients` for `pcu_15m` and `peak_hours`. Raises
        InputError for a time zone that is unknown or has daylight-saving, or coefficients that do not exist.
        """
        offset_s = _utc_offset_s(timezone)
        known = self._engine.read("SELECT DISTINCT version, facility FROM pcu_coefficients ORDER BY version, facility")
        if {"version": pcu_version, "facility": facility} not in known.to_pylist():
            pairs = ", ".join(f"{row['version']} {row['facility']}" for row in known.to_pylist())
            raise InputError(f"camera {camera}: there are no coefficients {pcu_version} {facility}; there are {pairs}")
        self._register(
            "cameras_stored",
            [
                {
                    "camera": camera,
                    "name": name,
                    "district": district,
                    "timezone": timezone,
                    "utc_offset_s": offset_s,
                    "facility": facility,
                    "pcu_version": pcu_version,
                }
            ],
        )

    def register_lines(self, camera: str, lines: Sequence[CountingLine], *, run: str) -> None:
        """Say on which lines `run` counts. Without it a line is known only from its first crossing on."""
        self._register(
            "lines_stored",
            [
                {
                    "camera": camera,
                    "run": run,
                    "line": line.name,
                    "start_x": float(line.start[0]),
                    "start_y": float(line.start[1]),
                    "end_x": float(line.end[0]),
                    "end_y": float(line.end[1]),
                    "role": line.role,
                    "approach": line.approach,
                }
                for line in lines
            ],
        )
        self._settler.touch_runs([(camera, run)])
        self._unsettled = True

    def register_run(
        self,
        run: str,
        *,
        camera: str,
        revision: int,
        source: str = "",
        model: str = "",
        model_digest: str = "",
        device: str = "",
        program_version: str = "",
        footage_from_ns: int | None = None,
        footage_to_ns: int | None = None,
    ) -> None:
        """Say where the numbers of `run` come from. `source` must hold no password.

        The period of the footage, where given, lets `next_revision` tell two clips that share a minute from one
        another.
        """
        self._register(
            "runs_stored",
            [
                {
                    "camera": camera,
                    "run": run,
                    "revision": revision,
                    "source": source,
                    "model": model,
                    "model_digest": model_digest,
                    "device": device,
                    "program_version": program_version,
                    "footage_from": footage_from_ns,
                    "footage_to": footage_to_ns,
                }
            ],
        )

    def next_revision(self, camera: str, from_ns: int, to_ns: int) -> int:
        """The revision with which footage of `camera` from `from_ns` to `to_ns` replaces what is there.

        0 where no coverage of the camera overlaps the period, else one more than the highest that does. A minute of
        coverage reaches no further than the footage of its run, where that was registered.
        """
        found = self._engine.read(_OVERLAPPING, {"camera": camera, "from_ns": from_ns, "to_ns": to_ns}).to_pylist()[0]
        return int(found["highest"]) + 1 if found["minutes"] else 0

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """The answer to one statement that only reads; `parameters` fill `{name:Type}` in it.

        Raises InputError for SQL that writes or that the engine refuses, with its reason.
        """
        self.settle()
        return self._engine.read(sql, parameters)

    def stream(self, sql: str) -> AbstractContextManager[pa.RecordBatchReader]:
        """The answer to one statement that only reads, a batch of rows at a time; raises InputError as `query` does."""
        self.settle()
        return self._engine.stream(sql)

    def close(self) -> None:
        """Settle and let go of the database; closing again does nothing."""
        try:
            self.settle()
        finally:
            self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            # The touches are kept: whoever opens the store next settles it.
            self._unsettled = False
        self.close()

    def _applied(self) -> dict[int, tuple[str, datetime]]:
        """Checksum and time by number; empty for a store without a schema."""
        if not self._engine.read(_HAS_SCHEMA).num_rows:
            return {}
        rows = self._engine.read(
            "SELECT number, checksum, toUnixTimestamp(applied_at) AS applied_at_s "
            "FROM schema_migrations FINAL ORDER BY number"
        ).to_pylist()
        return {
            int(row["number"]): (str(row["checksum"]), datetime.fromtimestamp(row["applied_at_s"], UTC)) for row in rows
        }

    def _register(self, table: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._engine.insert(table, self._stamped(rows, "registered_at"))

    def _stamped(self, rows: list[dict[str, Any]], column: str) -> pa.Table:
        table = pa.Table.from_pylist(rows)
        for name in ("footage_from", "footage_to"):
            if name in table.column_names:
                index = table.column_names.index(name)
                table = table.set_column(index, name, table[name].cast(pa.int64()).cast(_INSTANT))
        return table.append_column(column, pa.array([self._now_ns()] * len(rows), _INSTANT))


class EmbeddedStore(Store):
    """A store in the directory `path`, which is made and brought to the newest schema when it is opened.

    One process can have a store open, and a process can have one store open; its threads may share the object.

    Raises InputError where `path` is not a store or was made by a newer program, StoreBusyError where it is open
    already, StorageError where the machine would not keep what it was given. With `create=False` a store that does not
    exist yet is an InputError; with `migrate=False` its schema is left as it is.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        create: bool = True,
        migrate: bool = True,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        # Imported here: a machine that talks to a server need not load the engine, which takes 340 MB.
        from pipeline.sink.clickhouse_embedded import EmbeddedEngine

        self._path = Path(path).absolute()
        self._lock = locked_directory(self._path, create=create)
        try:
            super().__init__(EmbeddedEngine(self._path), str(self._path), now_ns=now_ns)
        except BaseException:
            self._lock.close()
            raise
        try:
            if migrate:
                self.migrate()
        except BaseException:
            self.close()
            raise

    @property
    def path(self) -> Path:
        """The store's directory, absolute; an outbox may lie in it."""
        return self._path

    def close(self) -> None:
        """Let go of the directory; closing again does nothing."""
        super().close()
        self._lock.close()


class ServerStore(Store):
    """A store on a ClickHouse server, made and brought to the newest schema when it is opened with `create`.

    With `create=False` nothing is changed: a store that is not there or whose schema is older than this program's is an
    InputError, unless `migrate=False`. Raises as `ServerEngine` does where the server cannot be had.
    """

    def __init__(
        self,
        address: ServerAddress,
        *,
        create: bool = True,
        migrate: bool = True,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        from pipeline.sink.clickhouse_server import ServerEngine

        super().__init__(ServerEngine(address, create=create), str(address), now_ns=now_ns)
        self._address = address
        try:
            if migrate and any(state.applied_at is None for state in self.migrations()):
                if not create:
                    raise InputError(
                        f"the store {address} has an older schema than this program; "
                        f"bring it up to date with simpang db migrate --store {address}"
                    )
                self.migrate()
        except BaseException:
            self.close()
            raise

    @property
    def path(self) -> Path:
        """A directory of this machine for what waits to be delivered to the server, one per server and database."""
        address = self._address
        return Path.home() / ".local" / "state" / "simpang" / f"{address.host}-{address.port}-{address.database}"


def open_store(
    url: str | Path, *, create: bool = True, migrate: bool = True, password: str = ""
) -> EmbeddedStore | ServerStore:
    """The store that `--store` names: a directory, a `file:` address, or `clickhouse://user@host:9000/database`.

    `password` is the server's; a directory has none. Raises InputError for anything else, and as the stores do.
    """
    text = str(url)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", text)
    if scheme is None:
        return EmbeddedStore(text, create=create, migrate=migrate)
    if scheme[1].lower() == "file":
        return EmbeddedStore(unquote(urlsplit(text).path), create=create, migrate=migrate)
    if scheme[1].lower() in SCHEMES:
        return ServerStore(ServerAddress.parse(text, password), create=create, migrate=migrate)
    # The address may hold a password: only its scheme is named.
    raise InputError(
        f"a store is a directory or clickhouse://user@host:9000/database, not {scheme[1].lower()}://; give --store one"
    )


_HAS_SCHEMA: Final = "SELECT name FROM system.tables WHERE database = currentDatabase() AND name = 'schema_migrations'"

_OVERLAPPING: Final = """
SELECT count() AS minutes, max(c.revision) AS highest
FROM
(
    SELECT camera, run, revision, toInt64(toUnixTimestamp(minute)) * 1000000000 AS start_ns
    FROM coverage_stored
    WHERE camera = {camera:String}
      AND minute > fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC') - INTERVAL 1 MINUTE
      AND minute < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
) AS c
LEFT JOIN
(
    SELECT
        camera,
        run,
        toUnixTimestamp64Nano(footage_from) AS from_ns,
        toUnixTimestamp64Nano(footage_to) AS to_ns
    FROM runs_stored FINAL
) AS r ON c.camera = r.camera AND c.run = r.run
WHERE greatest(c.start_ns, ifNull(r.from_ns, c.start_ns)) < {to_ns:Int64}
  AND least(c.start_ns + 60000000000, ifNull(r.to_ns, c.start_ns + 60000000000)) > {from_ns:Int64}
"""


def _utc_offset_s(timezone: str) -> int:
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(f"there is no time zone {timezone!r}; write one like {DEFAULT_TIMEZONE}") from error
    offsets = {zone.utcoffset(datetime(2024, month, 1, tzinfo=UTC).astimezone(zone)) for month in range(1, 13)}
    if len(offsets) != 1:
        raise InputError(f"the time zone {timezone} has daylight-saving, for which local days are not built; use UTC")
    return int((offsets.pop() or timedelta()).total_seconds())
