"""`simpang worker`: one of several hosts that share a site's cameras."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from pipeline.commands.arguments import add_bus_argument, bus_of
from pipeline.commands.run import add_pool_arguments, add_site_argument, start_pool
from pipeline.errors import InputError

SESSION_TIMEOUT_S = 10.0
LEAST_SESSION_TIMEOUT_S = 6.0
"""What brokers allow if they are not told otherwise; below it there would also be no time between two proofs."""
MOST_SESSION_TIMEOUT_S = 300.0


def add_worker_parser(commands: Any) -> None:
    """The arguments of `simpang worker`."""
    parser = commands.add_parser("worker", help="the same on several hosts, which share the cameras through Kafka")
    add_site_argument(parser)
    add_bus_argument(parser)
    parser.add_argument(
        "--session-timeout",
        type=float,
        default=SESSION_TIMEOUT_S,
        metavar="S",
        help="seconds without a sign of life after which a host's cameras go to the others (default: %(default)g)",
    )
    add_pool_arguments(parser)
    parser.set_defaults(run=run_worker_command, store=None)


def run_worker_command(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Run the pool with this host's share of the cameras; returns the exit status."""
    if not LEAST_SESSION_TIMEOUT_S <= args.session_timeout <= MOST_SESSION_TIMEOUT_S:
        raise InputError(
            f"--session-timeout must be from {LEAST_SESSION_TIMEOUT_S:g} to {MOST_SESSION_TIMEOUT_S:g} seconds, "
            f"not {args.session_timeout:g}"
        )
    return start_pool(
        args, environment, store=None, bus=bus_of(args, environment), session_timeout_s=args.session_timeout
    )
