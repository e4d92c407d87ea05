"""A table from the store in the form that was asked for."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from tabulate import tabulate

ROW_FORMATS = ("table", "csv", "json", "parquet")


def write_rows(table: pa.Table, form: str, out: BinaryIO) -> None:
    """Write `table` to `out` as one of ROW_FORMATS; NULL reads NULL in a table and is empty or null elsewhere."""
    if form == "parquet":
        pyarrow.parquet.write_table(table, out)
    elif form == "csv":
        pyarrow.csv.write_csv(table, out)
    elif form == "json":
        out.write(json.dumps(table.to_pylist(), default=_plain).encode() + b"\n")
    else:
        out.write(text_table(table).encode() + b"\n")


def text_table(table: pa.Table) -> str:
    """Aligned text with a header; NULL, which means "not observed", is spelled out."""
    rows = [[_cell(value) for value in row.values()] for row in table.to_pylist()]
    return tabulate(rows, headers=table.column_names, tablefmt="simple", missingval="NULL")


def _cell(value: Any) -> Any:
    return value.isoformat(sep=" ", timespec="seconds") if isinstance(value, datetime) else value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    raise TypeError(f"a column of {type(value).__name__} has no JSON form; cast it in the SQL")
