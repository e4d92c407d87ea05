from pathlib import Path

from pipeline.commands.arguments import store_password
from pipeline.sink.migrations import read_migrations
from tests.commands.conftest import Simpang


def test_migrate_makes_a_store_once_and_status_lists_what_it_has(simpang: Simpang, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert simpang("db", "status", "--store", store).status == 2
    assert not store.exists()
    made = simpang("db", "migrate", "--store", store)
    assert made.status == 0
    assert made.out.count("applied ") == len(read_migrations())
    assert simpang("db", "migrate", "--store", store).out == "nothing to apply: the schema is this program's\n"
    status = simpang("db", "status", "--store", store)
    assert status.status == 0
    assert all(migration.name in status.out for migration in read_migrations())
    assert "NULL" not in status.out


def test_a_password_comes_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("rahasia\n")
    assert store_password({"SIMPANG_CLICKHOUSE_PASSWORD_FILE": str(path)}) == "rahasia"
    assert store_password({"SIMPANG_CLICKHOUSE_PASSWORD": "rahasia"}) == "rahasia"
    assert store_password({}) == ""
