"""Carries records from an outbox into a store on the same machine; `bus_loader` does it from a message bus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import pyarrow as pa

from pipeline.sink import columns
from pipeline.sink.outbox import Outbox
from pipeline.sink.registrations import CameraRegistration, LinesRegistration, Registration, RunRegistration
from pipeline.types import CountingLine, Coverage, Crossing, Movement

DEFAULT_BATCH_SIZE: Final = 10_000


class RecordStore(Protocol):
    """What a loader needs of a store. Every method may be given the same again and then changes nothing.

    Each returns when what it was given is on the disk, or raises a PipelineError.
    """

    def insert_tables(self, tables: Mapping[str, pa.Table], *, behind: bool) -> None:
        """Keep sound events, in the form of `columns.tables`; `behind` where more of them wait."""

    def settle(self) -> None:
        """Bring the count views up to what was inserted; a loader calls it before it waits for more."""

    def register_camera(
        self, camera: str, *, name: str, district: str, timezone: str, facility: str, pcu_version: str
    ) -> None:
        """Say what a camera is; InputError for a time zone or coefficients that the store cannot use."""

    def register_lines(self, camera: str, lines: Sequence[CountingLine], *, run: str) -> None:
        """Say on which lines a run counts."""

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
        """Say where the numbers of a run come from."""


def register(store: RecordStore, record: Registration) -> None:
    """Put one registration into the store; raises what the store raises."""
    match record:
        case CameraRegistration():
            store.register_camera(
                record.camera,
                name=record.name,
                district=record.district,
                timezone=record.timezone,
                facility=record.facility,
                pcu_version=record.pcu_version,
            )
        case LinesRegistration():
            store.register_lines(record.camera, record.lines, run=record.run)
        case RunRegistration():
            store.register_run(
                record.run,
                camera=record.camera,
                revision=record.revision,
                source=record.source,
                model=record.model,
                model_digest=record.model_digest,
                device=record.device,
                program_version=record.program_version,
                footage_from_ns=record.footage_from_ns,
                footage_to_ns=record.footage_to_ns,
            )


class Loader:
    """Moves batches from `outbox` to `store`, at least once and in order.

    A batch is acknowledged only after the store has returned. A crash in between delivers it again, and the store keeps
    one row per event.
    """

    def __init__(self, outbox: Outbox, store: RecordStore, *, batch_size: int = DEFAULT_BATCH_SIZE) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        self._outbox = outbox
        self._store = store
        self._batch_size = batch_size

    def step(self) -> int:
        """Move one batch; returns how many records it held, 0 when none were waiting. Raises what the store raises."""
        batch = self._outbox.pending(self._batch_size)
        if batch:
            events = [record for _, record in batch if isinstance(record, Crossing | Movement | Coverage)]
            if events:
                self._store.insert_tables(columns.tables(events), behind=len(batch) == self._batch_size)
            for _, record in batch:
                if not isinstance(record, Crossing | Movement | Coverage):
                    register(self._store, record)
            self._outbox.ack(batch[-1][0])
        else:
            self._store.settle()
        return len(batch)

    def drain(self) -> int:
        """Step until nothing is waiting; returns how many records were moved."""
        moved = 0
        while count := self.step():
            moved += count
        return moved
