"""The pool's state for others: Prometheus metrics over HTTP, and a status file for `simpang status`."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from pipeline import metrics
from pipeline.errors import InputError
from pipeline.metrics import Metric
from pipeline.runtime.member import Member
from pipeline.runtime.messages import LATENCY_BOUNDS_S, CameraStatus, LoaderStatus, WorkerStatus
from pipeline.runtime.supervisor import Supervisor

log = logging.getLogger(__name__)

STATUS_NAME: Final = "status.json"
STALE_S: Final = 10.0
"""A pool that runs writes its status each second."""


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker in the status."""

    name: str
    up: bool
    isolated: bool
    restarts: int
    assigned: tuple[str, ...]
    status: WorkerStatus | None


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """The whole pool at one instant."""

    pid: int
    """Of the supervisor."""
    at_s: float
    """Seconds since the epoch."""
    phase: str
    workers: tuple[WorkerRow, ...]
    loader: LoaderStatus | None
    group: str = ""
    """One sentence about our part of the cameras, where they are shared with other hosts."""

    @classmethod
    def of(cls, supervisor: Supervisor, now_s: float, at_s: float) -> PoolStatus:
        """Read it off the supervisor; `now_s` is the time by the clock of its steps."""
        return cls(
            os.getpid(),
            at_s,
            supervisor.phase,
            tuple(_row(member) for member in supervisor.workers),
            supervisor.loader_status(now_s),
            supervisor.group,
        )

    @property
    def runs(self) -> bool:
        """Whether the pool runs now."""
        # Either way, for a clock may have been set back since.
        return self.phase != "done" and abs(time.time() - self.at_s) < STALE_S

    def cameras(self) -> Iterator[CameraStatus]:
        """Every assigned camera; one whose worker is not up is `isolated`, or `down`."""
        for row in self.workers:
            known = {} if row.status is None else {camera.camera: camera for camera in row.status.cameras}
            for camera in row.assigned:
                if row.up and camera in known:
                    yield known[camera]
                    continue
                state = "isolated" if row.isolated else "connecting" if row.up else "down"
                message = "its worker died again and again; it is tried again later" if row.isolated else ""
                yield CameraStatus(
                    camera, state, message, None, 0, 0, 0, 0, 0, 0, (0,) * (len(LATENCY_BOUNDS_S) + 1), 0.0
                )


def _row(member: Member) -> WorkerRow:
    status = member.status if isinstance(member.status, WorkerStatus) else None
    assigned = tuple(camera.camera for camera in member.cameras)
    return WorkerRow(
        member.name,
        member.child is not None and member.heard_s is not None,
        member.isolated,
        member.restarts,
        assigned,
        status,
    )


class StatusFile:
    """Where `simpang status` finds the pool: one file in the spool, replaced again and again."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._is_refused = False

    def write(self, status: PoolStatus) -> None:
        """Replace it, whole or not at all; on a disk that takes nothing the pool goes on without.

        Until the loader has made the spool there is nowhere to write.
        """
        path = self._spool / STATUS_NAME
        new = path.with_suffix(".new")
        try:
            if self._spool.is_dir():
                new.write_text(json.dumps(asdict(status)))
                new.replace(path)
        except OSError as error:
            if not self._is_refused:
                log.error("the status cannot be kept in %s: %s", self._spool, error.strerror)
            self._is_refused = True
        else:
            self._is_refused = False


def read_status(spool: Path) -> PoolStatus:
    """What a running pool has last written. Raises InputError where there is none."""
    path = spool / STATUS_NAME
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"no pool has run with {spool}; start one with simpang run, or name its store") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; ask as the user who runs the pool") from error
    except ValueError as error:
        raise InputError(f"{path} is damaged; a pool that runs writes it anew each second") from error
    try:
        return _pool_status(content)
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} was written by another version of Simpang; ask with the one that runs") from error


def refuse_another(spool: Path) -> None:
    """Raises InputError where another pool runs with that spool: what both count would add up in the store."""
    try:
        status = read_status(spool)
    except InputError:
        return
    if status.runs and status.pid != os.getpid() and _is_there(status.pid):
        raise InputError(
            f"a pool runs with {spool} already, as process {status.pid}; stop it first, or give another --spool"
        )


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # another user's
    return True


def _pool_status(content: dict[str, Any]) -> PoolStatus:
    workers = tuple(
        WorkerRow(**{**row, "assigned": tuple(row["assigned"]), "status": _worker_status(row["status"])})
        for row in content["workers"]
    )
    loader = None if content["loader"] is None else LoaderStatus(**content["loader"])
    return PoolStatus(content["pid"], content["at_s"], content["phase"], workers, loader, content["group"])


def _worker_status(content: dict[str, Any] | None) -> WorkerStatus | None:
    if content is None:
        return None
    cameras = tuple(
        CameraStatus(**{**camera, "latency_counts": tuple(camera["latency_counts"])}) for camera in content["cameras"]
    )
    return WorkerStatus(**{**content, "cameras": cameras})


class PoolCollector(Collector):
    """Turns the latest status into metric families whenever Prometheus asks."""

    def __init__(self, latest: Callable[[], PoolStatus]) -> None:
        self._latest = latest

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]:
        """See prometheus_client."""
        status = self._latest()
        cameras = list(status.cameras())
        live = [(camera.camera, camera) for camera in cameras]
        yield metric_family(metrics.CAMERA_UP, (([name], float(c.state == "live")) for name, c in live))
        for metric, field in (
            (metrics.CAMERA_DECODED, "pictures"),
            (metrics.CAMERA_ANALYSED, "analysed"),
            (metrics.CAMERA_DROPPED, "dropped"),
            (metrics.CAMERA_DAMAGED, "damaged"),
            (metrics.CAMERA_CONNECTS, "connects"),
            (metrics.CAMERA_CROSSINGS, "crossings"),
        ):
            yield metric_family(metric, (([name], float(getattr(c, field))) for name, c in live))
        yield _latency(cameras)
        yield from _workers(status.workers)
        if status.loader is not None:
            yield metric_family(metrics.LOADER_DEPTH, [([], status.loader.depth)])
            yield metric_family(metrics.LOADER_LAG, [([], status.loader.lag_s)])
            yield metric_family(metrics.LOADER_LOADED, [([], status.loader.loaded)])


def metric_family(
    metric: Metric, samples: Iterable[tuple[list[str], float]]
) -> CounterMetricFamily | GaugeMetricFamily:
    """A counter or gauge with one value per tuple of labels."""
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.meaning, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _latency(cameras: Iterable[CameraStatus]) -> HistogramMetricFamily:
    metric = metrics.CAMERA_LATENCY
    family = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    bounds = [*map(str, LATENCY_BOUNDS_S), "+Inf"]
    for camera in cameras:
        buckets = list(zip(bounds, accumulate(camera.latency_counts), strict=True))
        family.add_metric([camera.camera], buckets, camera.latency_sum_s)
    return family


def _workers(rows: Iterable[WorkerRow]) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
    rows = list(rows)
    up = [([row.name, row.status.device if row.status else ""], row) for row in rows]
    yield metric_family(metrics.WORKER_UP, ((labels, float(row.up)) for labels, row in up))
    yield metric_family(metrics.WORKER_RESTARTS, (([row.name], row.restarts) for row in rows))
    known = [([row.name, row.status.device], row.status) for row in rows if row.status is not None]
    yield metric_family(metrics.WORKER_BATCHES, ((labels, status.batches) for labels, status in known))
    yield metric_family(metrics.WORKER_FRAMES, ((labels, status.frames) for labels, status in known))
    yield metric_family(metrics.WORKER_BUSY, ((labels, status.busy_s) for labels, status in known))
    yield metric_family(metrics.WORKER_SHARE, ((labels, status.share) for labels, status in known))
    yield metric_family(metrics.WORKER_DETAIL, ((labels, status.detail) for labels, status in known))
    yield metric_family(metrics.OUTBOX_DEPTH, ((labels[:1], status.outbox_depth) for labels, status in known))


def serve_metrics(latest: Callable[[], PoolStatus], host: str, port: int) -> Callable[[], None]:
    """As `serve_collector`, for a pool."""
    return serve_collector(PoolCollector(latest), host, port)


def serve_collector(collector: Collector, host: str, port: int) -> Callable[[], None]:
    """Answer Prometheus on `http://host:port/metrics` in a thread; the result stops it.

    Raises InputError where the port cannot be had.
    """
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        server, thread = start_http_server(port, host, registry)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "a port is a number from 0 to 65535"
        raise InputError(f"cannot serve metrics on {host}:{port}: {reason}; give another --metrics-port") from error

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
