"""Crossings as a plain file, one row each, for people and spreadsheets."""

from __future__ import annotations

import csv
import errno
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.closing import Closing
from pipeline.errors import InputError, PipelineError, StorageError
from pipeline.types import NS_PER_S, Crossing

COLUMNS: Final = ("event_id", "camera", "line", "direction", "class", "captured_at", "frame", "track", "confidence")
"""`captured_at` is ISO 8601 in UTC with microseconds and a Z; in Parquet it is a timestamp of microseconds in UTC."""

ROW_GROUP_ROWS: Final = 10_000


class _Rows(Protocol):
    def write(self, crossing: Crossing) -> None: ...

    def close(self) -> None: ...


class EventFileWriter(Closing):
    """Writes crossings to a .jsonl, .csv or .parquet file; use it as a context manager.

    An existing file is replaced. JSON lines and CSV reach the system line by line, so that a crash keeps what was
    written; Parquet is written in row groups and can be read once it is closed, which also happens on an error.
    Raises InputError for a suffix or a place that cannot be, StorageError where the machine would not keep the rows.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        opener = _FORMATS.get(self._path.suffix.lower())
        if opener is None:
            raise InputError(f"cannot tell the format of {str(path)!r}: its name must end in {', '.join(_FORMATS)}")
        self._failed = False
        try:
            self._rows = opener(self._path)
        except OSError as error:
            raise self._error(error) from error

    def write(self, crossing: Crossing) -> None:
        """Append one row."""
        try:
            self._rows.write(crossing)
        except OSError as error:
            self._failed = True
            raise self._error(error) from error

    def close(self) -> None:
        """Finish the file; nothing can be written after this."""
        try:
            self._rows.close()
        except OSError as error:
            # After a failed write, closing fails for the same reason, which was already told.
            if not self._failed:
                raise self._error(error) from error

    def _error(self, error: OSError) -> PipelineError:
        reason = error.strerror or str(error)
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
            return InputError(f"cannot write events to {self._path}: {reason}; name a file in a directory that exists")
        return StorageError(f"cannot write events to {self._path}: {reason}; free some space or choose another place")


class _JsonLines:
    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8", newline="\n", buffering=1)

    def write(self, crossing: Crossing) -> None:
        row = dict(zip(COLUMNS, _row(crossing), strict=True))
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.close()


class _Csv:
    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8", newline="", buffering=1)
        self._csv = csv.writer(self._file, lineterminator="\n")
        self._csv.writerow(COLUMNS)

    def write(self, crossing: Crossing) -> None:
        self._csv.writerow(_row(crossing))

    def close(self) -> None:
        self._file.close()


class _Parquet:
    _SCHEMA: Final = pa.schema(
        {name: pa.string() for name in COLUMNS[:5]}
        | {
            "captured_at": pa.timestamp("us", "UTC"),
            "frame": pa.int64(),
            "track": pa.int64(),
            "confidence": pa.float64(),
        }
    )

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, self._SCHEMA)
        self._pending: list[Crossing] = []

    def write(self, crossing: Crossing) -> None:
        self._pending.append(crossing)
        if len(self._pending) >= ROW_GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        try:
            if self._pending:
                self._flush()
        finally:
            self._writer.close()

    def _flush(self) -> None:
        columns: list[Any] = list(zip(*map(_row, self._pending), strict=True))
        columns[5] = [crossing.captured_at_ns // 1000 for crossing in self._pending]
        self._pending = []
        self._writer.write_table(
            pa.table([pa.array(c, f.type) for c, f in zip(columns, self._SCHEMA, strict=True)], schema=self._SCHEMA)
        )


_FORMATS: Final[dict[str, Callable[[Path], _Rows]]] = {".jsonl": _JsonLines, ".csv": _Csv, ".parquet": _Parquet}


def _row(crossing: Crossing) -> tuple[str | int | float, ...]:
    return (
        crossing.event_id,
        crossing.camera,
        crossing.line,
        crossing.direction,
        crossing.vehicle_class,
        _iso(crossing.captured_at_ns),
        crossing.frame,
        crossing.track,
        round(crossing.confidence, 6),
    )


def _iso(captured_at_ns: int) -> str:
    seconds, ns = divmod(captured_at_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ns // 1000:06d}Z"
