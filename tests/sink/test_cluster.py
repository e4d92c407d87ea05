"""What can be checked of a cluster without one: the statements, by the engine's own parser."""

from __future__ import annotations

from pathlib import Path

import pipeline
from pipeline.sink.migrations import on_cluster, read_migrations
from pipeline.sink.store import EmbeddedStore

ACCOUNTS = Path(pipeline.__file__).parents[1] / "deploy" / "clickhouse" / "accounts.sql"


def parsed(store: EmbeddedStore, statement: str) -> str:
    """The statement as the engine writes it; raises what its parser says."""
    return str(store.query("SELECT formatQuery({sql:String}) AS sql", {"sql": statement})["sql"][0].as_py())


def test_every_table_of_the_schema_replicates_and_every_definition_runs_on_the_cluster(store: EmbeddedStore) -> None:
    tables = 0
    for migration in read_migrations():
        for statement in migration.statements:
            changed = parsed(store, on_cluster(statement, "simpang"))
            if statement.startswith("INSERT"):
                assert "ON CLUSTER" not in changed
                continue
            assert changed.count("ON CLUSTER simpang") == 1, changed
            if statement.startswith("CREATE TABLE"):
                tables += 1
                assert changed.count("ENGINE = Replicated") == 1, changed
    assert tables >= 10


def test_a_version_column_comes_after_path_and_replica() -> None:
    changed = on_cluster("CREATE TABLE IF NOT EXISTS t (a UInt8) ENGINE = ReplacingMergeTree(a) ORDER BY a", "simpang")
    assert changed == (
        "CREATE TABLE IF NOT EXISTS t ON CLUSTER 'simpang' (a UInt8) ENGINE = ReplicatedReplacingMergeTree("
        "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}', a) ORDER BY a"
    )


def test_the_accounts_are_sql_that_the_engine_reads(store: EmbeddedStore) -> None:
    code = "\n".join(line for line in ACCOUNTS.read_text().splitlines() if not line.startswith("--"))
    statements = [statement for statement in code.split(";") if statement.strip()]
    assert len(statements) == 5
    for statement in statements:
        parsed(store, statement)
