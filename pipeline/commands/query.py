"""`simpang query`: SQL on the store, read-only."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from pipeline.commands.arguments import STORE_FORMS, store_password
from pipeline.report.rows import ROW_FORMATS, write_rows
from pipeline.sink.store import open_store


def add_query_parser(commands: Any) -> None:
    """The arguments of `simpang query`."""
    parser = commands.add_parser("query", help="ask the store in SQL, read-only")
    parser.add_argument("sql", metavar="SQL", help="for example: SELECT * FROM counts_15m LIMIT 20")
    parser.add_argument("--store", required=True, metavar="STORE", help=f"the store: {STORE_FORMS}")
    parser.add_argument("--format", choices=ROW_FORMATS, default="table", help="form of the result (default: table)")
    parser.set_defaults(run=run_query)


def run_query(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print the rows; returns the exit status."""
    with open_store(args.store, create=False, password=store_password(environment)) as store:
        write_rows(store.query(args.sql), args.format, sys.stdout.buffer)
    return 0
