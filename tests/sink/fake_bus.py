"""A bus and a store for a loader that is driven step by step, without time or network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.errors import InputError, PipelineError
from pipeline.sink import columns
from pipeline.sink.bus_loader import Message
from pipeline.sink.events import encode
from pipeline.sink.registrations import Record
from pipeline.types import CountingLine, Event
from tests.sink.events import BusMessage, crossing

CROSSINGS = [crossing(second, track=second) for second in range(10)]


class FakeBus:
    """One partition per list of records; what a loader reads of the bus, and what it tells it."""

    def __init__(self, *partitions: Sequence[Record | bytes]) -> None:
        self.waiting = [
            BusMessage(number, offset, None, each if isinstance(each, bytes) else encode(each))
            for number, records in enumerate(partitions)
            for offset, each in enumerate(records)
        ]
        self.unasked: list[BusMessage] = []
        """Given by the next poll, whatever its limit: as of a partition that is new to the loader."""
        self.polls: list[int] = []
        self.rejected: list[tuple[int, str]] = []
        self.durably_rejected = 0
        self.committed: dict[int, int] = {}
        self.failures: dict[str, PipelineError] = {}
        self.log: list[str] = []

    def poll(self, limit: int, timeout_s: float) -> list[BusMessage]:
        self.polls.append(limit)
        self._fail("poll")
        if len(self.polls) == 2:
            self._fail("second poll")
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        unasked, self.unasked = self.unasked, []
        return unasked + taken

    def reject(self, message: Message, reason: str) -> None:
        self._fail("reject")
        self.rejected.append((message.offset, reason))

    def flush_rejected(self) -> None:
        self.durably_rejected = len(self.rejected)

    def commit(self, next_offsets: Mapping[int, int]) -> None:
        self._fail("commit")
        assert self.durably_rejected == len(self.rejected)
        self.log.append("commit")
        self.committed.update(next_offsets)

    def _fail(self, what: str) -> None:
        if what in self.failures:
            raise self.failures[what]


class FakeStore:
    def __init__(self, bus: FakeBus) -> None:
        self.log = bus.log
        self.inserted: list[dict[str, pa.Table]] = []
        self.behind: list[bool] = []
        self.registered: dict[str, list[object]] = defaultdict(list)
        self.failure: Exception | None = None

    def settle(self) -> None:
        self.log.append("settle")

    def insert_tables(self, tables: Mapping[str, pa.Table], *, behind: bool) -> None:
        self.log.append(f"insert {sum(map(len, tables.values()))}")
        if self.failure is not None:
            raise self.failure
        self.inserted.append(dict(tables))
        self.behind.append(behind)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for tables in self.inserted for row in rows(tables)]

    def register_camera(self, camera: str, *, name: str, district: str, timezone: str, **_: str) -> None:
        if timezone == "Mars/Base":
            raise InputError("there is no time zone 'Mars/Base'")
        self.registered["camera"].append((camera, name, district, timezone))

    def register_lines(self, camera: str, lines: Sequence[CountingLine], *, run: str) -> None:
        self.registered["lines"].append((camera, run, tuple(lines)))

    def register_run(self, run: str, **words: Any) -> None:
        self.registered["run"].append((run, words))


def rows(tables: Mapping[str, pa.Table]) -> list[dict[str, Any]]:
    return [{"table": name, **row} for name, table in tables.items() for row in table.to_pylist()]


def stored(*events: Event) -> list[dict[str, Any]]:
    """The rows that `events` become."""
    return rows(columns.tables(events))
