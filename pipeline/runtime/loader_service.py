"""`simpang loader`: from the message bus into the store until told to stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from pipeline.errors import BusError, PipelineError
from pipeline.runtime.exporter import serve_collector
from pipeline.runtime.loader_metrics import LoaderCollector
from pipeline.runtime.logs import configure_logging
from pipeline.runtime.signals import Signals
from pipeline.sink.bus_loader import BusLoader, Insert, Inserting, LoaderStats
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.kafka_source import KafkaSource
from pipeline.sink.store import open_store

log = logging.getLogger(__name__)

PAUSE_S: Final = 0.2
"""Between rounds while something fails, so that an immediate failure does not keep a core busy."""
REPORT_EVERY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class LoaderSettings:
    """What a loader is started with."""

    bus: BusAddress
    group: str
    store: str
    store_password: str
    batch_size: int
    max_wait_s: float
    metrics_address: tuple[str, int] | None
    log_json: bool


def run_bus_loader(settings: LoaderSettings) -> int:
    """Load until SIGTERM or SIGINT; returns the exit status.

    What was read and not loaded by then is left to the next loader. Raises InputError where the store, the bus's user
    or the metrics' port cannot be used, StorageError where the store cannot be reached at the start; a bus that is away
    is waited for.
    """
    configure_logging(json_lines=settings.log_json)
    with ExitStack() as stack:
        signals = stack.enter_context(Signals())
        store = stack.enter_context(open_store(settings.store, password=settings.store_password))
        source = stack.enter_context(KafkaSource(settings.bus, settings.group))
        begin = stack.enter_context(inserting_beside())
        loader = BusLoader(source, store, batch_size=settings.batch_size, max_wait_s=settings.max_wait_s, begin=begin)
        if settings.metrics_address is not None:
            stack.callback(serve_collector(LoaderCollector(lambda: loader.stats), *settings.metrics_address))
        try:
            # Only to learn of a wrong user or certificate now, when somebody looks.
            source.poll(0, 0.0)
        except BusError as error:
            log.warning("waiting for the bus: %s", error)
        log.info("loading from %s into the store as one of the group %s", settings.bus, settings.group)
        teller = _Teller()
        while not signals.stops:
            now_s = time.monotonic()
            loader.step(now_s)
            teller.tell(loader.stats, now_s)
            if loader.stats.failing:
                time.sleep(PAUSE_S)
        try:
            loader.load()
        except PipelineError as error:
            log.warning("%d messages are left to the next loader: %s", loader.stats.waiting, error)
        log.info("stopped; loaded %d, rejected %d", loader.stats.loaded, loader.stats.rejected)
    return 0


@contextmanager
def inserting_beside() -> Iterator[Callable[[Insert], Inserting]]:
    """Begins inserts for a `BusLoader` in one thread beside the caller's; waits for the last one at its end."""
    with ThreadPoolExecutor(1, thread_name_prefix="insert") as thread:
        yield thread.submit


class _Teller:
    """Says when loading begins to fail, when it goes on, what was rejected, and now and then how much was loaded."""

    def __init__(self) -> None:
        self._last: LoaderStats | None = None
        self._reported_s = time.monotonic()
        self._reported = 0

    def tell(self, stats: LoaderStats, now_s: float) -> None:
        before, self._last = self._last, stats
        if stats.failing and (before is None or before.failing != stats.failing):
            log.warning("nothing is lost, but loading waits: %s", stats.failing)
        if before is not None and before.failing and not stats.failing:
            log.info("loading goes on")
        if before is not None and stats.rejected > before.rejected:
            log.warning(
                "%d messages could not be loaded and went to the dead letters", stats.rejected - before.rejected
            )
        if now_s - self._reported_s >= REPORT_EVERY_S and stats.loaded > self._reported:
            log.info("loaded %d more, %d in all", stats.loaded - self._reported, stats.loaded)
            self._reported_s, self._reported = now_s, stats.loaded
