"""`simpang run`: live cameras to counts, day and night."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.commands.arguments import add_model_arguments, add_service_arguments, bus_of, store_password
from pipeline.commands.dashboard import DashboardSettings, add_dashboard_argument, paths_directory
from pipeline.config import CameraConfig, check_lines, load_site
from pipeline.errors import InputError
from pipeline.runtime.live_picture import PICTURES
from pipeline.runtime.messages import CameraSpec
from pipeline.runtime.pool import PoolSettings, run_pool
from pipeline.sink.kafka_address import EXAMPLE, BusAddress
from pipeline.source import open_source
from pipeline.source.live_open import open_live
from pipeline.source.simulated import SimulatedJunction
from pipeline.source.url import scheme_of
from pipeline.types import CountingLine

SPOOL_IN_STORE = "live"
DEFAULT_SPOOL = Path("simpang-live")


def add_run_parser(commands: Any) -> None:
    """The arguments of `simpang run`."""
    parser = commands.add_parser("run", help="count live cameras until told to stop")
    add_site_argument(parser)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--store", metavar="DIR|URL", help="where counts go: a directory or a server")
    where.add_argument("--bus", metavar="BUS", help=f"or by Kafka to a simpang loader, as in {EXAMPLE}")
    add_pool_arguments(parser)
    add_dashboard_argument(parser)
    parser.add_argument("--edit", action="store_true", help="let that page save lines, which are counted on at once")
    parser.set_defaults(run=run_run)


def add_site_argument(parser: argparse.ArgumentParser) -> None:
    """-c: the site file whose cameras are read."""
    parser.add_argument("-c", "--site", type=Path, required=True, metavar="SITE.toml", help="the cameras to read")


def add_pool_arguments(parser: argparse.ArgumentParser) -> None:
    """What a pool is told besides its cameras and where their counts go."""
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="worker processes (default: 1)")
    add_model_arguments(parser)
    add_spool_argument(parser)
    add_service_arguments(parser)


def add_spool_argument(parser: argparse.ArgumentParser) -> None:
    """--spool: where what is not in the store yet waits."""
    parser.add_argument(
        "--spool", type=Path, metavar="DIR", help="outboxes and status (default: in the store's directory)"
    )


def spool_of(args: argparse.Namespace) -> Path:
    """The directory of --spool, or its default for --store."""
    if args.spool is not None:
        return Path(args.spool)
    if args.store is None:
        return DEFAULT_SPOOL
    return DEFAULT_SPOOL if "://" in args.store else Path(args.store) / SPOOL_IN_STORE


def run_run(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Run the pool; returns the exit status."""
    bus = None if args.bus is None else bus_of(args, environment)
    dashboard = None
    if args.dashboard is not None:
        if args.store is None:
            raise InputError("--dashboard shows the counts of a store; with --bus, start simpang dashboard beside it")
        dashboard = DashboardSettings.beside(
            args.dashboard,
            args.site,
            environment,
            spool=spool_of(args),
            writable=args.edit,
            paths=paths_directory(args.store, args.site) if args.edit else None,
        )
    elif args.edit:
        raise InputError("--edit lets the page of --dashboard save lines; give --dashboard [HOST:]PORT, too")
    return start_pool(args, environment, store=args.store, bus=bus, beside=dashboard)


def start_pool(
    args: argparse.Namespace,
    environment: Mapping[str, str],
    *,
    store: str | None,
    bus: BusAddress | None,
    session_timeout_s: float | None = None,
    beside: DashboardSettings | None = None,
) -> int:
    """Run a pool with the cameras of the site file and the `add_pool_arguments`; returns the exit status."""
    if args.workers < 1:
        raise InputError(f"--workers must be 1 or more, not {args.workers}")

    pictures = None if beside is None else spool_of(args) / PICTURES
    if pictures is not None:
        # A pool that was killed leaves its last ones.
        shutil.rmtree(pictures, ignore_errors=True)

    def cameras() -> Sequence[CameraSpec]:
        site = load_site(args.site, environment)
        return [camera_spec(camera, site.timezone, args.site, pictures) for camera in site.camera]

    settings = PoolSettings(
        store=store,
        store_password=store_password(environment),
        bus=bus,
        spool=spool_of(args),
        workers=args.workers,
        model=args.model,
        devices=tuple(args.device.split(",")),
        check_lines=check_lines,
        metrics_address=None if args.metrics_port is None else (args.metrics_host, args.metrics_port),
        log_json=args.log_format == "json",
        session_timeout_s=session_timeout_s,
        beside=beside,
    )
    return run_pool(cameras(), settings, cameras)


def camera_spec(camera: CameraConfig, timezone: str, path: Path, pictures: Path | None) -> CameraSpec:
    """The camera as a worker takes it; `pictures` is a directory for those who look. Raises InputError where it can
    never be counted.
    """
    if camera.url is None:
        raise InputError(f"{path}: camera {camera.id!r} has no url; say where its pictures come from")
    open_live(camera.url, camera=camera.id, fps=camera.fps, transport=camera.transport)
    lines = camera.counting_lines() or _simulated_lines(camera.url, camera.id)
    if not lines:
        raise InputError(f"{path}: camera {camera.id!r} has no line to count on; add a [[camera.line]]")
    return CameraSpec(
        camera.id,
        camera.url,
        camera.fps,
        lines,
        transport=camera.transport,
        decode=camera.decode,
        name=camera.name,
        district=camera.district,
        timezone=timezone,
        facility=camera.facility,
        pcu_version=camera.pcu_version,
        picture=pictures / f"{camera.id}.jpg" if pictures is not None and camera.live_picture else None,
    )


def _simulated_lines(url: str, camera: str) -> tuple[CountingLine, ...]:
    if scheme_of(url) != "sim":
        return ()
    with open_source(url, camera=camera, start_at_ns=0) as junction:
        return junction.lines if isinstance(junction, SimulatedJunction) else ()
