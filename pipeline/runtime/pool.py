"""The pool as one call: processes, signals, status file and metrics around a `Supervisor`."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.errors import InputError
from pipeline.runtime.assignment import share_cores
from pipeline.runtime.beside import OpenService
from pipeline.runtime.child import ChildProcess
from pipeline.runtime.exporter import PoolStatus, StatusFile, refuse_another, serve_metrics
from pipeline.runtime.logs import configure_logging
from pipeline.runtime.membership import run_membership
from pipeline.runtime.messages import CameraSpec, LineCheck, Orders, WorkerSpec
from pipeline.runtime.processes import run_loader, run_publisher
from pipeline.runtime.signals import Signals
from pipeline.runtime.supervisor import Supervisor
from pipeline.runtime.worker_process import run_worker
from pipeline.sink.kafka_address import BusAddress

log = logging.getLogger(__name__)

STEP_S: Final = 0.1
STATUS_EVERY_S: Final = 1.0
SET_BACK_S: Final = 60.0
"""Times never go back, so that a camera waits until our clock has caught up: for longer than this it does not."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """What a pool is started with, besides its cameras."""

    store: str | None
    """Where counts go, or None where they go to `bus`."""
    store_password: str = field(repr=False)
    bus: BusAddress | None
    spool: Path
    """Directory of the workers' outboxes and the status file; the loader makes it."""
    workers: int
    model: str | None
    devices: tuple[str, ...]
    """Handed out in turn."""
    check_lines: LineCheck
    metrics_address: tuple[str, int] | None
    log_json: bool
    session_timeout_s: float | None = None
    """Where the cameras are shared with other hosts: after so long without a sign of life a host has lost its own."""
    beside: OpenService | None = None
    """What answers from `store` in the loader's process, which alone has it open."""


def run_pool(cameras: Sequence[CameraSpec], settings: PoolSettings, reload: Callable[[], Sequence[CameraSpec]]) -> int:
    """Count until a signal ends it; returns the exit status.

    SIGINT or SIGTERM stops in flow order, a second one aborts; SIGHUP calls `reload` for the cameras to read from then
    on. Raises InputError where the store, the model or the metrics' port cannot be used, or another pool has the spool.
    """
    refuse_another(settings.spool)
    configure_logging(json_lines=settings.log_json)
    supervisor = Supervisor(
        cameras,
        settings.workers,
        start_worker=_worker_starter(settings),
        start_loader=_loader_starter(settings),
        start_membership=_membership_starter(settings),
    )
    with ExitStack() as stack:
        signals = stack.enter_context(Signals(reloads=True))
        # After a fault of ours the children would go on unwatched, and the interpreter wait for them for ever.
        stack.callback(supervisor.abort)
        latest = [PoolStatus.of(supervisor, time.monotonic(), time.time())]
        status_file = StatusFile(settings.spool)
        if settings.metrics_address is not None:
            stack.callback(serve_metrics(lambda: latest[0], *settings.metrics_address))
        published_s = 0.0
        clock = _Clock()
        while supervisor.phase != "done":
            now_s = time.monotonic()
            _obey(signals, supervisor, reload, now_s)
            set_back_s = clock.set_back_s(now_s, time.time())
            if set_back_s > SET_BACK_S:
                log.error("this machine's clock was set back by %.0f s; every camera starts anew", set_back_s)
                supervisor.begin_anew()
            supervisor.step(now_s)
            if now_s - published_s >= STATUS_EVERY_S:
                published_s = now_s
                latest[0] = PoolStatus.of(supervisor, now_s, time.time())
                status_file.write(latest[0])
            time.sleep(STEP_S)
        status_file.write(PoolStatus.of(supervisor, time.monotonic(), time.time()))
    if supervisor.failure is not None:
        raise InputError(supervisor.failure.message)
    return 1 if signals.stops > 1 else 0


class _Clock:
    """Notices where the wall clock was set, for the monotonic one never is."""

    def __init__(self) -> None:
        self._ahead_s: float | None = None

    def set_back_s(self, now_s: float, wall_s: float) -> float:
        """By how much it was set back since the last call."""
        before_s, self._ahead_s = self._ahead_s, wall_s - now_s
        return 0.0 if before_s is None else before_s - self._ahead_s


def _worker_starter(settings: PoolSettings) -> Callable[[str, Orders, int, int], ChildProcess]:
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

    def start(name: str, orders: Orders, place: int, workers: int) -> ChildProcess:
        device = settings.devices[place % len(settings.devices)]
        fights = workers > 1 and cores and not device.startswith("cuda")
        spec = WorkerSpec(
            name=name,
            orders=orders,
            model=settings.model,
            device=device,
            cores=share_cores(cores, workers)[place] if fights else (),
            outbox=settings.spool / f"{name}.sqlite",
            check_lines=settings.check_lines,
            log_json=settings.log_json,
        )
        return ChildProcess(name, run_worker, spec)

    return start


def _loader_starter(settings: PoolSettings) -> Callable[[], ChildProcess]:
    if settings.bus is not None:
        return lambda: ChildProcess("publisher", run_publisher, settings.bus, settings.spool, settings.log_json)
    return lambda: ChildProcess(
        "loader",
        run_loader,
        settings.store,
        settings.store_password,
        settings.spool,
        settings.beside,
        settings.log_json,
        may_have_children=True,
    )


def _membership_starter(settings: PoolSettings) -> Callable[[tuple[str, ...]], ChildProcess] | None:
    bus, session_timeout_s = settings.bus, settings.session_timeout_s
    if bus is None or session_timeout_s is None:
        return None
    return lambda cameras: ChildProcess(
        "membership", run_membership, bus, cameras, session_timeout_s, settings.log_json
    )


def _obey(signals: Signals, supervisor: Supervisor, reload: Callable[[], Sequence[CameraSpec]], now_s: float) -> None:
    if signals.wants_reload:
        signals.wants_reload = False
        try:
            supervisor.reload(reload())
            log.info("reloaded")
        except InputError as error:
            log.error("not reloaded, the cameras stay as they were: %s", error)
    if signals.stops > 1:
        log.warning("aborted; what waits in the outboxes is loaded by the next run")
        supervisor.abort()
    elif signals.stops:
        supervisor.stop(now_s)
