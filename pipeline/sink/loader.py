"""Carries events from the outbox to the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from pipeline.sink.outbox import Outbox
from pipeline.types import Event

DEFAULT_BATCH_SIZE: Final = 10_000


class EventStore(Protocol):
    """What the loader needs of a store."""

    def insert(self, events: Sequence[Event]) -> None:
        """Keep `events`; the same events may come again. Returns when they are on the disk, or raises."""


class Loader:
    """Moves batches from `outbox` to `store`, at least once and in order.

    A batch is acknowledged only after the store has returned. A crash in between delivers it again, and the store keeps
    one row per event.
    """

    def __init__(self, outbox: Outbox, store: EventStore, *, batch_size: int = DEFAULT_BATCH_SIZE) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        self._outbox = outbox
        self._store = store
        self._batch_size = batch_size

    def step(self) -> int:
        """Move one batch; returns how many events it held, 0 when none were waiting. Raises what the store raises."""
        batch = self._outbox.pending(self._batch_size)
        if batch:
            self._store.insert([event for _, event in batch])
            self._outbox.ack(batch[-1][0])
        return len(batch)

    def drain(self) -> int:
        """Step until nothing is waiting; returns how many events were moved."""
        moved = 0
        while count := self.step():
            moved += count
        return moved
