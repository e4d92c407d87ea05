"""`simpang db`: the schema of a store."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pipeline.commands.arguments import STORE_FORMS, store_password
from pipeline.report.rows import write_rows
from pipeline.sink.store import open_store


def add_db_parser(commands: Any) -> None:
    """The arguments of `simpang db`."""
    parser = commands.add_parser("db", help="make a store, bring its schema up to date, or say how it stands")
    tasks = parser.add_subparsers(required=True, metavar="TASK")
    for name, run, text in (
        ("migrate", run_migrate, "apply the migrations that the store lacks; makes a store that is not there"),
        ("retain", run_retain, "keep events for so many months after their capture; counts stay"),
        ("status", run_status, "list the migrations and when the store took each; changes nothing"),
    ):
        task = tasks.add_parser(name, help=text)
        task.add_argument("--store", required=True, metavar="STORE", help=f"the store: {STORE_FORMS}")
        task.set_defaults(run=run)
        if run is run_retain:
            task.add_argument("--months", required=True, type=int, metavar="N", help="0 keeps events for ever")


def run_migrate(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print what was applied; returns the exit status."""
    with open_store(args.store, migrate=False, password=store_password(environment)) as store:
        applied = store.migrate()
    for migration in applied:
        print(f"applied {migration.name}")
    if not applied:
        print("nothing to apply: the schema is this program's")
    return 0


def run_status(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print a row a migration; returns 0 where none is outstanding, else 1."""
    with open_store(args.store, create=False, migrate=False, password=store_password(environment)) as store:
        states = store.migrations()
    rows = [
        {
            "migration": state.migration.name,
            "applied": state.applied_at,
            "checksum": state.migration.checksum[:12],
        }
        for state in states
    ]
    write_rows(pa.Table.from_pylist(rows), "table", sys.stdout.buffer)
    return 1 if any(state.applied_at is None for state in states) else 0


def run_retain(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Set how long events are kept; returns the exit status."""
    with open_store(args.store, create=False, password=store_password(environment)) as store:
        store.retain(args.months)
    kept = f"{args.months} months after their capture" if args.months else "for ever"
    print(f"events are kept {kept}; counts are kept for ever")
    return 0
