"""Carries records from a message bus into a store, whatever the bus is; `kafka_source` is the real one."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from pipeline.errors import BusError, InputError, PipelineError
from pipeline.sink.backoff import Backoff
from pipeline.sink.decoding import Decoded, decode_lines
from pipeline.sink.loader import RecordStore, register

DEFAULT_BATCH_SIZE: Final = 40_000
"""Of a backlog: an insert costs as much for itself as for 10,000 events."""
DEFAULT_MAX_WAIT_S: Final = 0.5
"""A batch that does not fill is inserted after so long: the greater part of the time from crossing to query, of which
there are to be two seconds at most. Each insert makes parts that the engine must merge, so not less."""
LONGEST_POLL_S: Final = 0.5
AHEAD_POLL_S: Final = 0.05
"""The same while a batch is being inserted, the end of which wakes no poll."""


class Message(Protocol):
    """One message of the bus, in whatever form its client gives it: a copy of each would cost a tenth of reading it."""

    @property
    def partition(self) -> int:
        """Number of its partition."""

    @property
    def offset(self) -> int:
        """Its place there."""

    @property
    def key(self) -> bytes | None:
        """What chose the partition."""

    @property
    def value(self) -> bytes | None:
        """An encoded record, or whatever else somebody sent."""


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


Insert: TypeAlias = Callable[[], Mapping[int, str]]
"""Puts one batch into the store; returns what could not be put there, and why, by number. Raises PipelineError."""


class Inserting(Protocol):
    """An `Insert` that was begun."""

    def done(self) -> bool:
        """Whether it has ended, well or not; does not wait."""

    def result(self) -> Mapping[int, str]:
        """Wait for its end; returns or raises what it did."""


class InTurn:
    """An `Insert` that runs when its result is asked for: a loader that begins it so reads and inserts in turn."""

    def __init__(self, insert: Insert) -> None:
        self.result = insert

    def done(self) -> bool:
        """See `Inserting`; there is nothing to wait for."""
        return True


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


class _Batch:
    """Messages that are inserted together, in the order in which they were read."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.began_s = 0.0
        """When the oldest was read."""
        self._decoded: Decoded | None = None

    def add(self, messages: Sequence[Message], now_s: float) -> None:
        if messages:
            if not self.messages:
                self.began_s = now_s
            self.messages.extend(messages)
            self._decoded = None

    def decoded(self) -> Decoded:
        if self._decoded is None:
            self._decoded = decode_lines([message.value or b"" for message in self.messages])
        return self._decoded


class BusLoader:
    """Moves batches from a message bus to `store`, at least once.

    A batch is inserted when it is full or its oldest message has waited for `max_wait_s`, and only then are its offsets
    committed: a crash in between delivers it again, and the store keeps one row per event. While the store does not
    take a batch it is kept and tried again after ever longer waits, and no more is read. What cannot be decoded is
    rejected with the reason and does not hold up the rest.

    Where partitions move between loaders nothing that was read is forgotten, although another loader reads it again
    from the last commit on: twice is harmless, but messages behind it may still come and be committed, and then what
    was forgotten would be lost.

    While a full batch is decoded and inserted, of which there are more behind it, the next is read: with the `submit`
    of an executor of one thread as `begin` both go on at once. Batches are inserted and committed one after the other
    all the same. Only the inserts are begun so; the source belongs to the caller's thread.

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
        begin: Callable[[Insert], Inserting] = InTurn,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        self._source, self._store = source, store
        self._batch_size, self._max_wait_s = batch_size, max_wait_s
        self._backoff = backoff or Backoff()
        self._begin = begin
        self._batch, self._ahead = _Batch(), _Batch()
        """What is inserted next, and what was read behind it meanwhile."""
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
            waiting=len(self._batch.messages) + len(self._ahead.messages),
            failing=self._failing,
        )

    def step(self, now_s: float) -> None:
        """One round at the monotonic time `now_s`: read, and insert what is due. A failure is kept in `stats`."""
        if now_s < self._retry_at_s:
            # Only to stay a member of the group: what fails here fails again when it is time to retry.
            with contextlib.suppress(BusError):
                self._read(self._ahead, 0, min(LONGEST_POLL_S, self._retry_at_s - now_s), now_s)
            return
        try:
            if self._failing:
                self._load()
            if self._room(self._batch):
                self._read(self._batch, self._room(self._batch), self._patience_s(now_s), now_s)
            if not self._batch.messages:
                self._store.settle()
            elif not self._room(self._batch) or now_s - self._batch.began_s >= self._max_wait_s:
                self._load(now_s)
        except PipelineError as error:
            self._failures += 1
            self._failing = str(error)
            self._retry_at_s = now_s + self._backoff.failed()
        else:
            self._failing = ""
            self._backoff.succeeded()

    def load(self) -> None:
        """Insert and commit what was read so far. Raises PipelineError; nothing is lost then."""
        while self._batch.messages or self._ahead.messages:
            self._load()

    def _load(self, read_ahead_s: float | None = None) -> None:
        """Insert and commit the batch; meanwhile, at the time `read_ahead_s`, read what is behind a full one."""
        if not self._batch.messages:
            self._batch, self._ahead = self._ahead, _Batch()
            return
        batch = self._batch
        behind = not self._room(batch)
        inserting = self._begin(lambda: self._insert(batch, behind=behind))
        try:
            if behind and read_ahead_s is not None:
                self._read_ahead(inserting, read_ahead_s)
        finally:
            # Whatever becomes of the reading: the batch is not touched again before this has ended.
            faults = inserting.result()
        self._reject(batch, faults)
        # The last that was read of each: of a partition that began again, what was read since then.
        done = {message.partition: message.offset + 1 for message in batch.messages}
        self._loaded += len(batch.messages) - len(faults)
        self._rejected += len(faults)
        self._batches += 1
        # The batch is in the store now: where the commit fails, the next one tells of it too, and at worst it is
        # delivered again.
        self._batch, self._ahead = self._ahead, _Batch()
        self._source.commit(done)

    def _insert(self, batch: _Batch, *, behind: bool) -> dict[int, str]:
        """Put a batch into the store; returns why messages of it are none or were refused, by their number."""
        decoded = batch.decoded()
        self._store.insert_tables(decoded.tables, behind=behind)
        # Events first: where we may not write at all, that fails, and is not taken for a fault of the registrations.
        refused = dict(decoded.faults)
        for number, registration in decoded.registrations:
            try:
                register(self._store, registration)
            except InputError as error:
                refused[number] = str(error)
        return refused

    def _read_ahead(self, inserting: Inserting, now_s: float) -> None:
        while self._room(self._ahead) and not inserting.done():
            self._read(self._ahead, self._room(self._ahead), AHEAD_POLL_S, now_s)

    def _read(self, batch: _Batch, limit: int, timeout_s: float, now_s: float) -> None:
        batch.add(self._source.poll(limit, timeout_s), now_s)

    def _room(self, batch: _Batch) -> int:
        return max(0, self._batch_size - len(batch.messages))

    def _patience_s(self, now_s: float) -> float:
        """How long to wait for messages: until the batch is due."""
        rest_s = self._batch.began_s + self._max_wait_s - now_s if self._batch.messages else LONGEST_POLL_S
        return max(0.0, min(LONGEST_POLL_S, rest_s))

    def _reject(self, batch: _Batch, faults: Mapping[int, str]) -> None:
        """Put messages of `batch` aside, by their number in it."""
        for number, reason in sorted(faults.items()):
            self._source.reject(batch.messages[number], reason)
        if faults:
            self._source.flush_rejected()
