"""`simpang resend`: dead letters back to the events, after a mend."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from pipeline.commands.arguments import add_bus_argument, bus_of


def add_resend_parser(commands: Any) -> None:
    """The arguments of `simpang resend`."""
    parser = commands.add_parser("resend", help="send the bus's dead letters again, after a mend")
    add_bus_argument(parser)
    parser.set_defaults(run=run_resend_command)


def run_resend_command(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Send them; returns 0, or 1 where some still cannot be read."""
    # Not above: the client takes a third of a second to import, which every other command would wait for.
    from pipeline.sink.kafka_dead_letters import resend

    resent = resend(bus_of(args, environment))
    print(f"{resent.sent} dead letters were sent again")
    for reason, count in sorted(resent.kept.items()):
        print(f"{count} stay dead letters: {reason}", file=sys.stderr)
    return 1 if resent.kept else 0
