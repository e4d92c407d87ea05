"""From the counters to the store: every event is in the outbox before the next frame is counted, then it is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa

from pipeline import __version__
from pipeline.count import CountUpdate
from pipeline.detect import ModelInfo
from pipeline.errors import InputError
from pipeline.runtime.footage import FootageJob
from pipeline.sink.loader import Loader, register
from pipeline.sink.outbox import Outbox
from pipeline.sink.registrations import CameraRegistration
from pipeline.sink.store import open_store
from pipeline.source import FrameSource
from pipeline.types import NS_PER_S, CountingLine, Event, Frame

EVENTS_PER_LOAD = 1000
"""Loaded while counting goes on once so many wait, so that a day of footage is not one insert at its end."""

OUTBOX_NAME = "outbox.sqlite"
LONGEST_FOOTAGE_S = 86_400.0
"""Assumed of footage that does not state its length, when looking for counts that it would repeat."""


class StoreDelivery:
    """Delivers the events of count jobs into one store; leaves nothing waiting when it ends without an error."""

    def __init__(self, url: str | Path, *, password: str = "") -> None:
        """Opens the store and its outbox, and first loads what an earlier process may have left there."""
        self._store = open_store(url, password=password)
        try:
            self._store.path.mkdir(parents=True, exist_ok=True)
            self._outbox = Outbox(self._store.path / OUTBOX_NAME)
        except BaseException:
            self._store.close()
            raise
        self._loader = Loader(self._outbox, self._store)
        self._waiting = 0
        self._loader.drain()

    def register_camera(self, record: CameraRegistration) -> None:
        """Say what a camera is, for the store's `cameras`."""
        register(self._store, record)

    def begin(
        self,
        run: str,
        camera: str,
        lines: Sequence[CountingLine],
        source: FrameSource,
        from_s: float | None,
        model: ModelInfo,
        video: str,
        *,
        replay: bool,
    ) -> int:
        """Register a run on its footage and lines, and return the revision under which its events count.

        A first count has revision 0, and the same run again adds nothing; a replay comes after all that the store has
        for its minutes. Raises InputError when a first count would add to what another run has counted.
        """
        from_ns = source.started_at_ns + round((from_s or 0.0) * NS_PER_S)
        to_ns = from_ns + round((source.duration_s or LONGEST_FOOTAGE_S) * NS_PER_S)
        revision = self._store.next_revision(camera, from_ns, to_ns)
        if not replay and revision:
            known = self._store.query(
                "SELECT revision FROM runs WHERE camera = {camera:String} AND run = {run:String}",
                {"camera": camera, "run": run},
            ).to_pylist()
            if not known:
                raise InputError(
                    f"the store already has counts of camera {camera!r} for the time of {video}; "
                    "replace them with simpang replay, or give another --start or --camera"
                )
            revision = int(known[0]["revision"])
        self._store.register_run(
            run,
            camera=camera,
            revision=revision,
            source=video,
            model=model.name,
            model_digest=model.digest,
            device=model.device,
            program_version=__version__,
            footage_from_ns=from_ns,
            footage_to_ns=to_ns,
        )
        self._store.register_lines(camera, lines, run=run)
        return revision

    def observe(self, job: FootageJob, frame: Frame | None, update: CountUpdate) -> None:
        """Take the events of one frame; they are durable when this returns."""
        events: list[Event] = [*update.crossings, *update.movements, *update.coverage]
        if events:
            self._outbox.append(events)
            self._waiting += len(events)
        if self._waiting >= EVENTS_PER_LOAD:
            self.load()

    def load(self) -> None:
        """Move everything that waits into the store."""
        self._loader.drain()
        self._waiting = 0

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Ask the store, after loading what waits."""
        self.load()
        return self._store.query(sql, parameters)

    def __enter__(self) -> StoreDelivery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After a failure what waits stays in the outbox, and the next process loads it.
        try:
            if error is None:
                self.load()
        finally:
            self._outbox.close()
            self._store.close()
