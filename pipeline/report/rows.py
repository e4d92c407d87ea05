"""A table from the store in the form that was asked for."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from tabulate import tabulate

from pipeline.errors import InputError

ROW_FORMATS = ("table", "csv", "json", "parquet")


def write_rows(table: pa.Table, form: str, out: BinaryIO) -> None:
    """Write `table` to `out` as one of ROW_FORMATS; NULL reads NULL in a table and is empty or null elsewhere.

    Raises InputError where CSV has no form for what a column holds.
    """
    if form == "parquet":
        pyarrow.parquet.write_table(table, out)
    elif form == "csv":
        check_csv(table.schema)
        pyarrow.csv.write_csv(table, out)
    elif form == "json":
        rows = [{name: _plain(value) for name, value in row.items()} for row in table.to_pylist()]
        out.write(json.dumps(rows, allow_nan=False).encode() + b"\n")
    else:
        out.write(text_table(table).encode() + b"\n")


def check_csv(schema: pa.Schema) -> None:
    """Raise InputError where a column of `schema` holds several values in one, which CSV has no form for."""
    for field in schema:
        if pa.types.is_nested(field.type):
            raise InputError(
                f"the column {field.name} holds several values in one, which CSV has no form for; "
                f"take toString({field.name}) in the SQL, or Parquet"
            )


def text_table(table: pa.Table) -> str:
    """Aligned text with a header; NULL, which means "not observed", is spelled out."""
    rows = [[_cell(value) for value in row.values()] for row in table.to_pylist()]
    return tabulate(rows, headers=table.column_names, tablefmt="simple", missingval="NULL")


def _cell(value: Any) -> Any:
    return value.isoformat(sep=" ", timespec="seconds") if isinstance(value, datetime) else value


def _plain(value: Any) -> Any:
    """What JSON has for it: no number reads null, and what is neither a number nor a list is text."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return str(value)
