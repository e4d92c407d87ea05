"""`simpang loader`: from the message bus into the store, day and night."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from pipeline.commands.arguments import STORE_FORMS, add_bus_argument, add_service_arguments, bus_of, store_password
from pipeline.errors import InputError
from pipeline.sink.bus_loader import DEFAULT_BATCH_SIZE, DEFAULT_MAX_WAIT_S

DEFAULT_GROUP = "simpang-loader"


def add_loader_parser(commands: Any) -> None:
    """The arguments of `simpang loader`."""
    parser = commands.add_parser("loader", help="load events from Kafka into a store until told to stop")
    add_bus_argument(parser)
    parser.add_argument("--store", required=True, metavar="STORE", help=f"the store: {STORE_FORMS}")
    parser.add_argument(
        "--group",
        default=DEFAULT_GROUP,
        metavar="NAME",
        help="loaders of one group share the work (default: %(default)s)",
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        default=DEFAULT_BATCH_SIZE,
        metavar="N",
        help="most events of one insert (%(default)s)",
    )
    parser.add_argument(
        "--max-wait",
        type=float,
        default=DEFAULT_MAX_WAIT_S,
        metavar="SECONDS",
        help="insert a batch that does not fill after so long (%(default)s)",
    )
    add_service_arguments(parser)
    parser.set_defaults(run=run_loader_command)


def run_loader_command(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Load until told to stop; returns the exit status."""
    # Not above: the client takes a third of a second to import, which every other command would wait for.
    from pipeline.runtime.loader_service import LoaderSettings, run_bus_loader

    if args.batch_size < 1:
        raise InputError(f"--batch-size must be 1 or more, not {args.batch_size}")
    if not 0 <= args.max_wait <= 3600:
        raise InputError(f"--max-wait must be from 0 to 3600 seconds, not {args.max_wait:g}")
    if not args.group.strip():
        raise InputError("--group must be a name")
    return run_bus_loader(
        LoaderSettings(
            bus=bus_of(args, environment),
            group=args.group,
            store=args.store,
            store_password=store_password(environment),
            batch_size=args.batch_size,
            max_wait_s=args.max_wait,
            metrics_address=None if args.metrics_port is None else (args.metrics_host, args.metrics_port),
            log_json=args.log_format == "json",
        )
    )
