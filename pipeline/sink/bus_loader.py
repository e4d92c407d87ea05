"""Carries records from a message bus into a store, whatever the bus is; `kafka_source` is the real one."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from pipeline.errors import BusError, InputError, PipelineError
from pipeline.sink.backoff import Backoff
from pipeline.sink.decoding import decode_lines
from pipeline.sink.loader import DEFAULT_BATCH_SIZE, RecordStore, register

DEFAULT_MAX_WAIT_S: Final = 0.5
"""A batch that does not fill is inserted after so long: the greater part of the time from crossing to query, of which
there are to be two seconds at most. Each insert makes parts that the engine must merge, so not less."""
LONGEST_POLL_S: Final = 0.5


class Message(NamedTuple):
    """One message of the bus."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes


class MessageSource(Protocol):
    """The bus as a loader sees it. Every method raises BusError."""

    def poll(self, limit: int, timeout_s: float) -> Sequence[Message]:
        """At most `limit` messages, or none after `timeout_s`; with a limit of 0 it only says that we are alive.

        In order within each partition, but for one that was given to us anew: that begins again at its last commit.
        """

    def reject(self, message: Message, reason: str) -> None:
        """Put `message` aside, with the reason, for people to look at; it is durable when `flush_rejected` returns."""

    def flush_rejected(self) -> None:
        """Return when everything that was rejected is durable."""

    def commit(self, next_offsets: Mapping[int, int]) -> None:
        """Remember, per partition, the first offset that is not done; not for one that went to another loader."""


@dataclass(frozen=True, slots=True)
class LoaderStats:
    """What a loader did since it was made."""

    loaded: int
    rejected: int
    batches: int
    failures: int
    waiting: int
    """Messages that were read and are not in the store yet."""
    failing: str
    """Why the last batch was not loaded, in one sentence; empty where it was."""


class BusLoader:
    """Moves batches from a message bus to `store`, at least once.

    A batch is inserted when it is full or its oldest message has waited for `max_wait_s`, and only then are its offsets
    committed: a crash in between delivers it again, and the store keeps one row per event. While the store does not
    take a batch it is kept and tried again after ever longer waits, and no more is read. What cannot be decoded is
    rejected with the reason and does not hold up the rest.

    Where partitions move between loaders nothing that was read is forgotten, although another loader reads it again
    from the last commit on: twice is harmless, but messages behind it may still come and be committed, and then what
    was forgotten would be lost.

    `step` does one round and never waits longer than `LONGEST_POLL_S` and what the store takes.
    """

    def __init__(
        self,
        source: MessageSource,
        store: RecordStore,
        *,
        batch_size: int = DEFAULT_BATCH_SIZE,
        max_wait_s: float = DEFAULT_MAX_WAIT_S,
        backoff: Backoff | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        self._source, self._store = source, store
        self._batch_size, self._max_wait_s = batch_size, max_wait_s
        self._backoff = backoff or Backoff()
        self._batch: list[Message] = []
        self._began_s = 0.0
        """When the oldest message of the batch was read."""
        self._retry_at_s = -math.inf
        self._loaded = self._rejected = self._batches = self._failures = 0
        self._failing = ""

    @property
    def stats(self) -> LoaderStats:
        """How it stands."""
        return LoaderStats(
            loaded=self._loaded,
            rejected=self._rejected,
            batches=self._batches,
            failures=self._failures,
            waiting=len(self._batch),
            failing=self._failing,
        )

    def step(self, now_s: float) -> None:
        """One round at the monotonic time `now_s`: read, and insert what is due. A failure is kept in `stats`."""
        if now_s < self._retry_at_s:
            # Only to stay a member of the group: what fails here fails again when it is time to retry.
            with contextlib.suppress(BusError):
                self._read(0, min(LONGEST_POLL_S, self._retry_at_s - now_s), now_s)
            return
        try:
            if self._failing:
                self.load()
            self._read(self._batch_size - len(self._batch), self._patience_s(now_s), now_s)
            if not self._batch:
                self._store.settle()
            elif len(self._batch) >= self._batch_size or now_s - self._began_s >= self._max_wait_s:
                self.load()
        except PipelineError as error:
            self._failures += 1
            self._failing = str(error)
            self._retry_at_s = now_s + self._backoff.failed()
        else:
            self._failing = ""
            self._backoff.succeeded()

    def load(self) -> None:
        """Insert and commit what was read so far. Raises PipelineError; nothing is lost then."""
        if not self._batch:
            return
        decoded = decode_lines([message.value for message in self._batch])
        faults = dict(decoded.faults)
        self._store.insert_tables(decoded.tables, behind=len(self._batch) >= self._batch_size)
        # Events first: where we may not write at all, that fails, and is not taken for a fault of the registrations.
        for number, registration in decoded.registrations:
            try:
                register(self._store, registration)
            except InputError as error:
                faults[number] = str(error)
        self._reject(faults)
        # The last that was read of each: of a partition that began again, what was read since then.
        done = {message.partition: message.offset + 1 for message in self._batch}
        self._loaded += len(self._batch) - len(faults)
        self._rejected += len(faults)
        self._batches += 1
        # The batch is in the store now: where the commit fails, the next one tells of it too, and at worst it is
        # delivered again.
        self._batch = []
        self._source.commit(done)

    def _read(self, limit: int, timeout_s: float, now_s: float) -> None:
        messages = self._source.poll(limit, timeout_s)
        if messages and not self._batch:
            self._began_s = now_s
        self._batch.extend(messages)

    def _patience_s(self, now_s: float) -> float:
        """How long to wait for messages: until the batch is due."""
        rest_s = self._began_s + self._max_wait_s - now_s if self._batch else LONGEST_POLL_S
        return max(0.0, min(LONGEST_POLL_S, rest_s))

    def _reject(self, faults: Mapping[int, str]) -> None:
        """Put messages of the batch aside, by their number in it."""
        for number, reason in sorted(faults.items()):
            self._source.reject(self._batch[number], reason)
        if faults:
            self._source.flush_rejected()
