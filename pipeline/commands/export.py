"""`simpang export`: a table or an answer to a file, however long."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from tqdm import tqdm

from pipeline.commands.arguments import STORE_FORMS, check_place, store_password
from pipeline.errors import InputError, StorageError
from pipeline.report.rows import check_csv
from pipeline.sink.store import open_store

WRITERS = {".parquet": pa.parquet.ParquetWriter, ".csv": pa.csv.CSVWriter}


def add_export_parser(commands: Any) -> None:
    """The arguments of `simpang export`."""
    parser = commands.add_parser("export", help="write a table of the store, or the answer to SQL, to a file")
    parser.add_argument("sql", nargs="?", metavar="SQL", help="what to export, instead of --table")
    parser.add_argument("--table", metavar="NAME", help="a table or view of the store, for example counts_15m")
    parser.add_argument("--store", required=True, metavar="STORE", help=f"the store: {STORE_FORMS}")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="a .parquet or .csv file to write")
    parser.set_defaults(run=run_export)


def run_export(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Write the file and say how many rows it has; returns the exit status."""
    sql = _sql(args.sql, args.table)
    if args.out.suffix.lower() not in WRITERS:
        raise InputError(f"--out {args.out} must end in {' or '.join(WRITERS)}")
    check_place(args.out, "--out")
    with (
        open_store(args.store, create=False, password=store_password(environment)) as store,
        store.stream(sql) as batches,
    ):
        rows = write_batches(batches, args.out)
    print(f"{rows} rows in {args.out}")
    return 0


def write_batches(batches: pa.RecordBatchReader, out: Path) -> int:
    """Write `batches` to `out`, in the form of its suffix; returns the number of rows.

    `out` appears when it is whole: until then the rows are in a file beside it. Raises StorageError, and InputError
    where a column does not fit the form.
    """
    if out.suffix.lower() == ".csv":
        check_csv(batches.schema)
    part = out.with_name(f"{out.name}.part")
    rows = 0
    try:
        try:
            with (
                WRITERS[out.suffix.lower()](part, batches.schema) as writer,
                tqdm(unit=" rows", unit_scale=True, disable=not sys.stderr.isatty()) as progress,
            ):
                for batch in batches:
                    writer.write_batch(batch)
                    rows += batch.num_rows
                    progress.update(batch.num_rows)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write {out}: {error.strerror or error}; check the folder and its space") from error
    return rows


def _sql(sql: str | None, table: str | None) -> str:
    if (sql is None) == (table is None):
        raise InputError("give either --table NAME or SQL to export")
    if sql is not None:
        return sql
    if not re.fullmatch(r"\w+", table or ""):
        raise InputError(f"--table {table!r} is not the name of a table; give SQL to export more than one")
    return f"SELECT * FROM {table}"
