"""The `simpang` command: the only reader of argv and of the environment."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from pipeline import __version__
from pipeline.errors import PipelineError

INTERRUPTED = 128 + signal.SIGINT


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    # Imported here so that `simpang --version` and wrong arguments need not load engines first.
    from pipeline.commands.count import add_count_parser, add_replay_parser
    from pipeline.commands.dashboard import add_dashboard_parser
    from pipeline.commands.db import add_db_parser
    from pipeline.commands.demo import add_demo_parser
    from pipeline.commands.doctor import add_doctor_parser
    from pipeline.commands.evaluate import add_eval_parser
    from pipeline.commands.export import add_export_parser
    from pipeline.commands.lines import add_lines_parser
    from pipeline.commands.loader import add_loader_parser
    from pipeline.commands.query import add_query_parser
    from pipeline.commands.report import add_report_parser
    from pipeline.commands.resend import add_resend_parser
    from pipeline.commands.run import add_run_parser
    from pipeline.commands.status import add_reload_parser, add_status_parser
    from pipeline.commands.worker import add_worker_parser

    parser = argparse.ArgumentParser(prog="simpang", description="Vehicle counts from junction cameras.")
    parser.add_argument("--version", action="version", version=f"simpang {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_demo_parser(commands)
    add_count_parser(commands)
    add_replay_parser(commands)
    add_run_parser(commands)
    add_worker_parser(commands)
    add_status_parser(commands)
    add_reload_parser(commands)
    add_loader_parser(commands)
    add_resend_parser(commands)
    add_lines_parser(commands)
    add_dashboard_parser(commands)
    add_query_parser(commands)
    add_report_parser(commands)
    add_export_parser(commands)
    add_db_parser(commands)
    add_eval_parser(commands)
    add_doctor_parser(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 2 the user's input is wrong, 1 anything else."""
    args = build_parser().parse_args(argv)
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
