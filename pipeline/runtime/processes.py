"""What runs in the process that loads, or publishes in its place; `child.py` has how it is started and told.

Nothing here knows of pictures: what reads and detects them takes seconds to import and a hundred megabytes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from pipeline.errors import BusError, InputError, StorageError
from pipeline.runtime.beside import OpenService, running_beside
from pipeline.runtime.child import STOP, begin_child, orders_from, say, told
from pipeline.runtime.messages import LoaderStatus
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.loader import Loader
from pipeline.sink.outbox import Outbox
from pipeline.sink.store import Store, open_store

log = logging.getLogger(__name__)

LOAD_EVERY_S: Final = 1.0
PUBLISH_EVERY_S: Final = 0.2
"""More often than loading, because a loader on the other side of the bus waits for a batch of its own."""
LOADER_NICENESS: Final = 5
"""Rows can wait in an outbox; a picture that waits is dropped."""
OUTBOXES: Final = "*.sqlite"


def run_loader(
    store_url: str, password: str, spool: Path, beside: OpenService | None, log_json: bool, connection: Connection
) -> None:
    """The loader's process: it alone has the store open, and drains every outbox of the spool, also of dead workers.

    What `beside` opens answers from that store meanwhile.
    """
    begin_child(log_json)
    os.nice(LOADER_NICENESS)
    with told(connection), contextlib.ExitStack() as stack:

        def begin() -> Carry:
            store = stack.enter_context(_opened(store_url, password))
            if beside is not None:
                stack.enter_context(running_beside(beside(store)))
            return lambda outbox: Loader(outbox, store).drain

        _drain_spool(spool, begin, LOAD_EVERY_S, connection)


def _opened(store_url: str, password: str) -> Store:
    try:
        return open_store(store_url, password=password)
    except StorageError as error:
        if "://" in store_url:
            raise
        # A server may come; a directory that cannot be used is no store.
        raise InputError(str(error)) from error


def run_publisher(bus: BusAddress, spool: Path, log_json: bool, connection: Connection) -> None:
    """In the loader's place where counts go to a message bus: it publishes every outbox of the spool."""
    # Not above: the client takes a third of a second to import, and only this process needs it.
    from pipeline.sink.kafka_clients import make_topics
    from pipeline.sink.kafka_publisher import KafkaPublisher

    begin_child(log_json)
    with told(connection), contextlib.ExitStack() as stack:

        def begin() -> Carry:
            make_topics(bus)
            return lambda outbox: stack.enter_context(KafkaPublisher(outbox, bus)).drain

        _drain_spool(spool, begin, PUBLISH_EVERY_S, connection)


Carry = Callable[[Outbox], Callable[[], int]]
"""Gives, for an outbox, what moves all that waits in it and says how many records that were."""


def _drain_spool(spool: Path, begin: Callable[[], Carry], every_s: float, connection: Connection) -> None:
    drain = SpoolDrain(spool, begin)
    while orders_from(connection) is not STOP:
        say(connection, drain.step())
        time.sleep(every_s)
    say(connection, drain.step())
    drain.close()


class SpoolDrain:
    """Moves what waits in a directory's outboxes to where it belongs.

    `begin` opens the store or the bus; where it cannot be reached, records wait and it is called again.
    """

    def __init__(self, spool: Path, begin: Callable[[], Carry], *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._spool, self._begin, self._now_s = spool, begin, now_s
        self._carry: Carry | None = None
        self._outboxes: dict[Path, Outbox] = {}
        self._drains: dict[Path, Callable[[], int]] = {}
        self._loaded = self._depth = 0
        self._abreast_s = now_s()
        """When nothing waited."""
        self._message = ""

    def step(self) -> LoaderStatus:
        """Move what can be moved. Raises InputError where the spool, the store or the bus cannot be what was given."""
        before, self._message = self._message, ""
        began_s = self._now_s()
        # First of all: the spool may lie in the store's directory, which must be empty to become one.
        with self._noting():
            self._carry = self._carry or self._begin()
        self._make_spool()
        with self._noting():
            for path in sorted(self._spool.glob(OUTBOXES)):
                if path not in self._outboxes:
                    self._outboxes[path] = Outbox(path)
        if self._carry is not None:
            for path, outbox in self._outboxes.items():
                with self._noting():
                    if path not in self._drains:
                        self._drains[path] = self._carry(outbox)
                    self._loaded += self._drains[path]()
        with self._noting():
            self._depth = sum(map(len, self._outboxes.values()))
        if self._message and not before:
            log.error("cannot load; what is counted waits in the outboxes: %s", self._message)
        if before and not self._message:
            log.info("loading goes on")
        if not self._depth:
            self._abreast_s = began_s
        lag_s = self._now_s() - self._abreast_s if self._depth else 0.0
        return LoaderStatus(self._depth, lag_s, self._loaded, self._message)

    def close(self) -> None:
        """Let go of the outboxes."""
        for outbox in self._outboxes.values():
            outbox.close()

    def _make_spool(self) -> None:
        try:
            self._spool.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self._spool} cannot be the spool: {error.strerror}; give another --spool") from error

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except (StorageError, BusError) as error:
            self._message = str(error)
