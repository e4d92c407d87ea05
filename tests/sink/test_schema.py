from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.sink.migrations import SCHEMA_DIRECTORY, outstanding, read_migrations
from pipeline.sink.store import EmbeddedStore
from pipeline.types import DIRECTIONS, VEHICLE_CLASSES
from tests.sink.events import crossing, minute, rows

CONTRACT = {
    "crossings", "movements", "coverage", "incidents", "counted_crossings", "counts_15m", "counts_1h", "counts_1d",
    "turning_counts_15m", "pcu_15m", "peak_hours", "cameras", "lines", "pcu_coefficients", "runs",
}  # fmt: skip
COUNT_COLUMNS = {"camera", "class", "bin_start", "count", "observed_s", "status"}


def test_the_store_has_every_name_of_the_contract(store: EmbeddedStore) -> None:
    found = store.query("SELECT name FROM system.tables WHERE database = 'simpang'")["name"].to_pylist()
    assert set(found) >= CONTRACT


@pytest.mark.parametrize(
    ("view", "keys"),
    [
        ("counts_15m", {"line", "direction"}),
        ("counts_1h", {"line", "direction"}),
        ("counts_1d", {"line", "direction"}),
        ("turning_counts_15m", {"from_line", "to_line"}),
    ],
)
def test_counts_have_the_columns_of_the_contract(store: EmbeddedStore, view: str, keys: set[str]) -> None:
    types = dict(rows(store.query(f"SELECT name, type FROM system.columns WHERE table = '{view}'")))
    assert set(types) == COUNT_COLUMNS | keys
    assert types["count"] == "Nullable(UInt64)"
    assert types["bin_start"] == "DateTime64(0, 'UTC')"


def test_the_views_count_the_classes_of_the_program(store: EmbeddedStore) -> None:
    every = enumerate((direction, name) for direction in DIRECTIONS for name in VEHICLE_CLASSES)
    store.insert([minute(0)])
    for number, (direction, name) in every:
        store.insert([crossing(t, direction=direction, vehicle_class=name, track=number) for t in range(number + 1)])
    found = store.query("SELECT direction, class, count FROM counts_15m ORDER BY count")
    assert [row[:2] for row in rows(found)] == [
        (direction, name) for direction in DIRECTIONS for name in VEHICLE_CLASSES
    ]
    assert found["count"].to_pylist() == list(range(1, 11))


def test_the_coefficients_are_those_of_the_file_with_a_source_for_each(store: EmbeddedStore) -> None:
    (path,) = SCHEMA_DIRECTORY.glob("*_pcu_coefficients.csv")
    with path.open(newline="") as file:
        expected = [row | {"emp": float(row["emp"])} for row in csv.DictReader(file)]
    found = store.query("SELECT * FROM pcu_coefficients").to_pylist()
    key = lambda row: (row["version"], row["facility"], row["class"])  # noqa: E731
    assert sorted(found, key=key) == sorted(expected, key=key)
    assert all(row["source"] for row in found)


def test_every_table_that_is_kept_by_months_merges_the_finished_ones(store: EmbeddedStore) -> None:
    found = store.query(
        "SELECT name FROM system.tables WHERE database = 'simpang' AND partition_key LIKE 'toYYYYMM%' "
        "AND NOT (engine_full LIKE '%min_age_to_force_merge_seconds = 86400%' "
        "AND engine_full LIKE '%min_age_to_force_merge_on_partition_only = 1%')"
    )["name"].to_pylist()
    # nothing writes incidents yet
    assert found == ["incidents_stored"]


def test_opening_again_applies_nothing(store: EmbeddedStore, tmp_path: Path) -> None:
    before = rows(store.query("SELECT * FROM schema_migrations ORDER BY number"))
    store.close()
    with EmbeddedStore(tmp_path / "store") as again:
        assert rows(again.query("SELECT * FROM schema_migrations ORDER BY number")) == before
    assert [row[1] for row in before] == [migration.name for migration in read_migrations()]


def test_a_migration_that_was_cut_off_is_repeated(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with EmbeddedStore(path, migrate=False) as store:
        for migration in read_migrations():
            # Cut off at its end, before it was written down.
            for statement in (*migration.statements, *migration.statements):
                store._engine.execute(statement)
    with EmbeddedStore(path, migrate=False) as store:
        doubled = "SELECT version FROM pcu_coefficients GROUP BY version, facility, class HAVING count() > 1"
        assert rows(store.query(doubled)) == []
        for name in CONTRACT - {"pcu_coefficients"}:
            assert rows(store.query(f"SELECT count() FROM {name}")) == [(0,)], name


def test_a_store_of_a_newer_program_is_refused(store: EmbeddedStore, tmp_path: Path) -> None:
    store._engine.execute("INSERT INTO schema_migrations VALUES (9999, '9999_later.sql', 'x', now64(9))")
    store.close()
    with pytest.raises(InputError, match=r"schema 9999, but this program knows \d+; use a newer Simpang"):
        EmbeddedStore(tmp_path / "store")


def test_a_store_built_by_a_changed_migration_is_refused(store: EmbeddedStore, tmp_path: Path) -> None:
    store._engine.execute("INSERT INTO schema_migrations VALUES (2, '0002_registry.sql', 'changed', now64(9))")
    store.close()
    with pytest.raises(InputError, match=r"another 0002_registry\.sql"):
        EmbeddedStore(tmp_path / "store")


def test_migrations_are_numbered_without_a_gap(tmp_path: Path) -> None:
    shutil.copytree(SCHEMA_DIRECTORY, tmp_path / "schema")
    (tmp_path / "schema" / "0002_registry.sql").rename(tmp_path / "schema" / "0099_registry.sql")
    with pytest.raises(ValueError, match="without a gap"):
        read_migrations(tmp_path / "schema")


def test_only_what_is_not_yet_applied_is_outstanding() -> None:
    migrations = read_migrations()
    applied = {migration.number: migration.checksum for migration in migrations[:2]}
    assert outstanding(migrations, applied, "here") == migrations[2:]


def test_a_changed_byte_changes_the_checksum(tmp_path: Path) -> None:
    shutil.copytree(SCHEMA_DIRECTORY, tmp_path / "schema")
    path = tmp_path / "schema" / "0001_events.sql"
    path.write_text(path.read_text() + "\n")
    changed = read_migrations(tmp_path / "schema")
    assert [a.checksum == b.checksum for a, b in zip(changed, read_migrations(), strict=True)].count(False) == 1


def test_the_schema_is_portable_to_a_server() -> None:
    for path in SCHEMA_DIRECTORY.glob("*.sql"):
        text = path.read_text()
        assert "Python(" not in text, path.name
        assert "Kafka" not in text, path.name
        assert "simpang." not in text, f"{path.name} names a database, which the server's address chooses"
