"""The numbered migrations that build a store.

`schema/NNNN_name.sql` holds statements, `schema/NNNN_table.csv` holds rows for `table`. Each is applied once, in order,
and its checksum is kept in the store: a released file is frozen, and a change is a new file. Statements can be run
again, so a migration that was cut off is simply repeated. Nothing here knows the embedded engine: a server is built by
the same files.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pipeline.errors import InputError

SCHEMA_DIRECTORY: Final = Path(__file__).parent / "schema"

_DEFINES: Final = re.compile(
    r"^((?:CREATE (?:TABLE|MATERIALIZED VIEW) IF NOT EXISTS|CREATE OR REPLACE (?:VIEW|FUNCTION)"
    r"|DROP (?:TABLE|VIEW|FUNCTION) IF EXISTS|ALTER TABLE) \w+)"
)
_ENGINE: Final = re.compile(r"ENGINE = (\w*MergeTree)(?:\((\w+)\))?")

_FILE_NAME: Final = re.compile(r"(?P<number>\d{4})_(?P<name>\w+)\.(?:sql|csv)")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of the schema directory."""

    number: int
    name: str
    """The file's name."""
    checksum: str
    """SHA-256 of the file, hexadecimal."""
    statements: tuple[str, ...]
    """SQL to run, in order."""


@dataclass(frozen=True, slots=True)
class MigrationState:
    """A migration, and whether a store has it."""

    migration: Migration
    applied_at: datetime | None
    """UTC; None while it is outstanding."""


def read_migrations(directory: Path = SCHEMA_DIRECTORY) -> list[Migration]:
    """Every migration in `directory`, in order. Raises ValueError where the numbers are not 1, 2, 3, ..."""
    migrations = []
    for path in sorted(directory.iterdir()):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            continue
        content = path.read_bytes()
        text = content.decode()
        statements = _statements(text) if path.suffix == ".sql" else _insert(match["name"], text)
        migrations.append(
            Migration(int(match["number"]), path.name, hashlib.sha256(content).hexdigest(), tuple(statements))
        )
    numbers = [migration.number for migration in migrations]
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"migrations in {directory} must be numbered from 1 without a gap, not {numbers}")
    return migrations


def on_cluster(statement: str, cluster: str) -> str:
    """`statement` for a cluster: run on every host, with tables that replicate. Other statements are left as they are.

    Paths and replicas are named by the server's macros `{shard}` and `{replica}`.
    """
    where = f"ON CLUSTER '{cluster}'"
    statement = _DEFINES.sub(lambda match: f"{match[1]} {where}", statement, count=1)
    place = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
    return _ENGINE.sub(
        lambda match: f"ENGINE = Replicated{match[1]}({place}{', ' + match[2] if match[2] else ''})", statement
    )


def outstanding(migrations: Sequence[Migration], applied: Mapping[int, str], where: str) -> list[Migration]:
    """The migrations still to apply to the store at `where`, which has `applied` (number -> checksum).

    Raises InputError where the store was built by a newer program or by migrations that have changed since.
    """
    known = {migration.number: migration for migration in migrations}
    newest = max(applied, default=0)
    if newest > len(migrations):
        raise InputError(
            f"the store {where} has schema {newest}, but this program knows {len(migrations)}; use a newer Simpang"
        )
    for number, checksum in applied.items():
        if known[number].checksum != checksum:
            raise InputError(
                f"the store {where} was built by another {known[number].name} than this program's; "
                "use the Simpang that made it, or a new store"
            )
    return [migration for migration in migrations if migration.number not in applied]


def _statements(text: str) -> list[str]:
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return [statement.strip() for statement in re.split(r";[ \t]*(?:\n|$)", code) if statement.strip()]


def _insert(table: str, text: str) -> Iterable[str]:
    header, *rows = csv.reader(text.splitlines())
    rows_sql = ",\n".join(f"({', '.join(map(_literal, row))})" for row in rows)
    # From a function rather than as VALUES: over the native protocol a server waits for values as blocks of data.
    structure = ", ".join(f"{name} String" for name in header)
    return [
        f"INSERT INTO {table}_stored ({', '.join(header)}) "
        f"SELECT {', '.join(header)} FROM values({_literal(structure)},\n{rows_sql})"
    ]


def _literal(value: str) -> str:
    # ClickHouse casts a text to the column that it is inserted into.
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
