"""What runs in each process of the pool; `child.py` has how they are started and told."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from pipeline.detect import load_detector
from pipeline.errors import BusError, InputError, StorageError
from pipeline.runtime.beside import OpenService, running_beside
from pipeline.runtime.child import STOP, begin_child, orders_from, say
from pipeline.runtime.messages import Failed, LoaderStatus, WorkerSpec
from pipeline.runtime.worker import Worker
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.loader import Loader
from pipeline.sink.outbox import Outbox
from pipeline.sink.store import open_store

log = logging.getLogger(__name__)

HEARTBEAT_S: Final = 1.0
STEP_WAIT_S: Final = 0.05
LOAD_EVERY_S: Final = 1.0
PUBLISH_EVERY_S: Final = 0.2
"""More often than loading, because a loader on the other side of the bus waits for a batch of its own."""
LOADER_NICENESS: Final = 5
"""Rows can wait in an outbox; a picture that waits is dropped."""
OUTBOXES: Final = "*.sqlite"


def run_worker(spec: WorkerSpec, connection: Connection) -> None:
    """A worker's process."""
    begin_child(spec.log_json)
    if spec.cores and hasattr(os, "sched_setaffinity"):
        # Before any engine is loaded: they size their thread pools by the cores they may use.
        os.sched_setaffinity(0, spec.cores)
    try:
        with (
            load_detector(spec.model, spec.device) as detector,
            Outbox(spec.outbox) as outbox,
            Worker(detector, outbox, check_lines=spec.check_lines) as worker,
        ):
            orders, obeyed, said_s = spec.orders, -1, 0.0
            while (newer := orders_from(connection)) is not STOP:
                orders = newer or orders
                worker.obey(orders)
                now_s = time.monotonic()
                worker.step(now_s, STEP_WAIT_S)
                if now_s - said_s >= HEARTBEAT_S or orders.number != obeyed:
                    obeyed, said_s = orders.number, now_s
                    say(connection, worker.status())
            worker.stop()
            say(connection, worker.status())
    except InputError as error:
        say(connection, Failed(str(error), error.exit_status))


def run_loader(
    store_url: str, password: str, spool: Path, beside: OpenService | None, log_json: bool, connection: Connection
) -> None:
    """The loader's process: it alone has the store open, and drains every outbox of the spool, also of dead workers.

    What `beside` opens answers from that store meanwhile.
    """
    begin_child(log_json)
    os.nice(LOADER_NICENESS)
    try:
        with open_store(store_url, password=password) as store:
            serving = contextlib.nullcontext() if beside is None else running_beside(beside(store))
            with serving:
                _drain_spool(spool, lambda outbox: Loader(outbox, store).drain, LOAD_EVERY_S, connection)
    except InputError as error:
        say(connection, Failed(str(error), error.exit_status))


def run_publisher(bus: BusAddress, spool: Path, log_json: bool, connection: Connection) -> None:
    """In the loader's place where counts go to a message bus: it publishes every outbox of the spool."""
    # Not above: the client takes a third of a second to import, and only this process needs it.
    from pipeline.sink.kafka_clients import make_topics
    from pipeline.sink.kafka_publisher import KafkaPublisher

    begin_child(log_json)
    try:
        try:
            make_topics(bus)
        except BusError as error:
            log.warning("counting goes on, and waits for the bus: %s", error)
        with contextlib.ExitStack() as stack:

            def carry(outbox: Outbox) -> Callable[[], int]:
                return stack.enter_context(KafkaPublisher(outbox, bus)).drain

            _drain_spool(spool, carry, PUBLISH_EVERY_S, connection)
    except InputError as error:
        say(connection, Failed(str(error), error.exit_status))


Carry = Callable[[Outbox], Callable[[], int]]
"""Gives, for an outbox, what moves all that waits in it and says how many records that were."""


def _drain_spool(spool: Path, carry: Carry, every_s: float, connection: Connection) -> None:
    spool.mkdir(parents=True, exist_ok=True)
    drain = _SpoolDrain(spool, carry)
    while orders_from(connection) is not STOP:
        say(connection, drain.step(time.monotonic()))
        time.sleep(every_s)
    say(connection, drain.step(time.monotonic()))
    drain.close()


class _SpoolDrain:
    """Moves what waits in a directory's outboxes to where it belongs."""

    def __init__(self, spool: Path, carry: Carry) -> None:
        self._spool, self._carry = spool, carry
        self._outboxes: dict[Path, tuple[Outbox, Callable[[], int]]] = {}
        self._loaded = 0
        self._behind_since_s: float | None = None

    def step(self, now_s: float) -> LoaderStatus:
        message = ""
        for path in sorted(self._spool.glob(OUTBOXES)):
            if path not in self._outboxes:
                outbox = Outbox(path)
                self._outboxes[path] = outbox, self._carry(outbox)
        for _, drain in self._outboxes.values():
            try:
                self._loaded += drain()
            except (StorageError, BusError) as error:
                message = str(error)
                log.error("cannot load: %s", error)
        depth = sum(len(outbox) for outbox, _ in self._outboxes.values())
        self._behind_since_s = None if not depth else self._behind_since_s or now_s
        lag_s = 0.0 if self._behind_since_s is None else now_s - self._behind_since_s
        return LoaderStatus(depth, lag_s, self._loaded, message)

    def close(self) -> None:
        for outbox, _ in self._outboxes.values():
            outbox.close()
