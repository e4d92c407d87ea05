"""The `simpang` command: the only reader of argv and of the environment."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Final

from pipeline import __version__
from pipeline.errors import PipelineError

INTERRUPTED = 128 + signal.SIGINT


_COMMANDS: Final = {
    "demo": "demo",
    "count": "count",
    "replay": "count",
    "run": "run",
    "worker": "worker",
    "status": "status",
    "reload": "status",
    "loader": "loader",
    "resend": "resend",
    "lines": "lines",
    "dashboard": "dashboard",
    "query": "query",
    "report": "report",
    "export": "export",
    "db": "db",
    "eval": "evaluate",
    "doctor": "doctor",
}
"""Each command and its file in `pipeline.commands`, which has an `add_NAME_parser`; in the order of the help."""


def build_parser(names: Iterable[str] = tuple(_COMMANDS)) -> argparse.ArgumentParser:
    """The command line, as far as those commands."""
    parser = argparse.ArgumentParser(prog="simpang", description="Vehicle counts from junction cameras.")
    parser.add_argument("--version", action="version", version=f"simpang {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in names:
        getattr(import_module(f"pipeline.commands.{_COMMANDS[name]}"), f"add_{name}_parser")(commands)
    return parser


def _needed(argv: Sequence[str]) -> Iterable[str]:
    """The commands that `argv` needs: a question to the store should not wait for what detects vehicles."""
    if argv[:1] == ["--version"]:
        return ()
    return [argv[0]] if argv and argv[0] in _COMMANDS else _COMMANDS


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 2 the user's input is wrong, 1 anything else."""
    argv = sys.argv[1:] if argv is None else argv
    args = build_parser(_needed(argv)).parse_args(argv)
    try:
        status: int = args.run(args, os.environ)
        sys.stdout.flush()
    except PipelineError as error:
        print(f"simpang: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("simpang: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
