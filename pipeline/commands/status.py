"""`simpang status` and `simpang reload`: looking at a running pool, and telling it that its site file has changed."""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict
from operator import sub
from typing import Any

from tabulate import tabulate

from pipeline.commands.run import add_spool_argument, spool_of
from pipeline.errors import InputError
from pipeline.runtime.exporter import PoolStatus, WorkerRow, read_status
from pipeline.runtime.live_camera import latency_quantile_s
from pipeline.runtime.messages import CameraStatus, WorkerStatus

LEAST_INTERVAL_S = 0.1
MOST_INTERVAL_S = 3600.0
CLEAR = "\x1b[2J\x1b[H"


def add_status_parser(commands: Any) -> None:
    """The arguments of `simpang status`."""
    parser = commands.add_parser("status", help="how a running pool and its cameras stand")
    _add_pool_arguments(parser)
    parser.add_argument("--watch", action="store_true", help="draw it again and again until interrupted")
    parser.add_argument(
        "--interval", type=float, default=2.0, metavar="S", help="seconds over which rates are taken (default: 2)"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table", help="default: %(default)s")
    parser.set_defaults(run=run_status)


def add_reload_parser(commands: Any) -> None:
    """The arguments of `simpang reload`."""
    parser = commands.add_parser("reload", help="let a running pool read its site file again; no camera is interrupted")
    _add_pool_arguments(parser)
    parser.set_defaults(run=run_reload)


def _add_pool_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", default="", metavar="DIR|URL", help="the --store of its simpang run")
    add_spool_argument(parser)


def run_status(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print the status; 0 while the pool runs, else 1."""
    if not LEAST_INTERVAL_S <= args.interval <= MOST_INTERVAL_S:
        raise InputError(
            f"--interval must be from {LEAST_INTERVAL_S:g} to {MOST_INTERVAL_S:g} seconds, not {args.interval:g}"
        )
    spool = _spool(args)
    status = read_status(spool)
    if args.format == "json":
        print(json.dumps(asdict(status) | {"cameras": [asdict(camera) for camera in status.cameras()]}))
        return 0 if status.runs else 1
    while status.runs:
        time.sleep(args.interval)
        before, status = status, read_status(spool)
        print((CLEAR if args.watch else "") + describe(before, status), flush=True)
        if not args.watch:
            return 0
    seen = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(status.at_s))
    print(f"the pool does not run; it was last seen {seen}, {status.phase}")
    return 1


def run_reload(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Send the pool SIGHUP."""
    status = read_status(_spool(args))
    if not status.runs:
        raise InputError("the pool does not run; it reads its site file when it is started")
    try:
        os.kill(status.pid, signal.SIGHUP)
    except ProcessLookupError:
        raise InputError("the pool does not run on this machine, or has just ended; start it again") from None
    except PermissionError:
        raise InputError("the pool belongs to another user; reload it as that user") from None
    return 0


def _spool(args: argparse.Namespace) -> Any:
    if not args.store and args.spool is None:
        raise InputError("say which pool: give the --store or the --spool of its simpang run")
    return spool_of(args)


def describe(before: PoolStatus, now: PoolStatus) -> str:
    """Two tables: cameras and workers, what is told as a rate or share being of the time between, with the loader."""
    earlier_cameras = {camera.camera: camera for camera in before.cameras()}
    earlier_workers = {row.name: row.status for row in before.workers}
    worker_of = {camera: row for row in now.workers for camera in row.assigned}
    cameras = []
    for camera in now.cameras():
        row = worker_of[camera.camera]
        span_s = _span_s(earlier_workers.get(row.name), row.status)
        earlier = earlier_cameras.get(camera.camera) if span_s > 0 else None
        cameras.append(_camera_row(camera, earlier, row.name, span_s))
    workers = [_worker_row(row, earlier_workers.get(row.name)) for row in now.workers]
    loader = "loader: not up yet"
    if now.loader is not None:
        problem = f"; {now.loader.message}" if now.loader.message else ""
        loader = f"loader: {now.loader.depth} records wait, for {now.loader.lag_s:.0f} s; {now.loader.loaded} loaded"
        loader += problem
    parts = [tabulate(cameras, headers="keys"), tabulate(workers, headers="keys"), loader]
    parts += [f"group: {now.group}"] if now.group else []
    parts += [f"{camera.camera}: {camera.message}" for camera in now.cameras() if camera.message]
    return "\n\n".join(parts[:3]) + "".join(f"\n{line}" for line in parts[3:])


def _span_s(before: WorkerStatus | None, now: WorkerStatus | None) -> float:
    """Seconds between two words of one worker; 0 where it is another process, or has said nothing since."""
    if before is None or now is None or before.pid != now.pid:
        return 0.0
    return max(0.0, now.uptime_s - before.uptime_s)


def _worker_row(row: WorkerRow, before: WorkerStatus | None) -> dict[str, object]:
    status = row.status if row.up else None
    span_s = _span_s(before, status)
    batch = busy = "-"
    if status is not None and before is not None and span_s > 0:
        busy = f"{100 * (status.busy_s - before.busy_s) / span_s:.0f}"
        if status.batches > before.batches:
            batch = f"{(status.frames - before.frames) / (status.batches - before.batches):.1f}"
    return {
        "worker": row.name,
        "state": "up" if row.up else "isolated" if row.isolated else "down",
        "pid": status.pid if status else "-",
        "device": status.device if status else "-",
        "restarts": row.restarts,
        "batch": batch,
        "busy %": busy,
        "detail %": f"{100 * status.detail:.0f}" if status else "-",
        "fps share": f"{status.share:.2f}" if status else "-",
        "outbox": status.outbox_depth if status else "-",
    }


def _camera_row(camera: CameraStatus, earlier: CameraStatus | None, worker: str, span_s: float) -> dict[str, object]:
    def rate(field: str) -> str:
        return "-" if earlier is None else f"{(getattr(camera, field) - getattr(earlier, field)) / span_s:.1f}"

    late = (0,) * len(camera.latency_counts) if earlier is None else earlier.latency_counts
    p95_s = latency_quantile_s(map(sub, camera.latency_counts, late), 0.95)
    return {
        "camera": camera.camera,
        "state": camera.state,
        "clock": camera.clock or "-",
        "fps in": rate("pictures"),
        "analysed": rate("analysed"),
        "dropped": rate("dropped"),
        "dropped in all": camera.dropped,
        "p95 s": "-" if p95_s is None else f"<{p95_s:g}",
        "connects": camera.connects,
        "crossings": camera.crossings,
        "worker": worker,
    }
