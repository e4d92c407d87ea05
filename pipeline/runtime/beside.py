"""Something that answers people from a store while this process fills it: the embedded store is one process's alone."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeAlias

from pipeline.sink.store import Store

log = logging.getLogger(__name__)

GOODBYE_S: Final = 5.0
"""After so long a service that does not end is left behind: counts are not kept waiting for it."""


class StoreService(Protocol):
    """Answers from one open store."""

    def run(self) -> None:
        """Answer until told to stop. Called in a thread of its own."""
        ...

    def stop(self) -> None:
        """Tell `run` to end; may be called from any thread."""
        ...


OpenService: TypeAlias = Callable[[Store], StoreService]
"""Makes the service over the store that is open; raises InputError where it cannot. It is sent to another process."""


def ask_for_reload() -> None:
    """Let the pool read its site file again; called in one of the pool's processes, elsewhere it does nothing."""
    pool = multiprocessing.parent_process()
    if pool is not None and pool.pid is not None and pool.is_alive():
        os.kill(pool.pid, signal.SIGHUP)


@contextlib.contextmanager
def running_beside(service: StoreService) -> Iterator[None]:
    """The service answers for as long as the context lasts; when it fails, what goes on in the context does not."""
    thread = threading.Thread(target=_run, args=(service,), name="beside", daemon=True)
    thread.start()
    try:
        yield
    finally:
        service.stop()
        thread.join(GOODBYE_S)


def _run(service: StoreService) -> None:
    try:
        service.run()
    except Exception:
        # The outermost frame of its thread: counting goes on, and the log says what happened.
        log.exception("the service beside the store has ended; counting goes on")
