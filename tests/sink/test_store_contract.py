"""What a store promises, held by the embedded engine, by a server's protocol, and by a server where one is given.

`SIMPANG_CLICKHOUSE_URL=clickhouse://user@host:9000/database` (password in SIMPANG_CLICKHOUSE_PASSWORD) names a server;
its tables are emptied.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import InputError, StorageError
from pipeline.sink.migrations import read_migrations
from pipeline.sink.store import Store, open_store
from tests.clickhouse_bridge import running_bridge
from tests.real_parts import missing
from tests.sink.events import CAMERA, at_ns, counts, crossing, line, minutes, movement, rows

KINDS = ("directory", "protocol", "server")


@pytest.fixture(scope="module")
def bridge(empty_store_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("bridge") / "data"
    shutil.copytree(empty_store_path, directory, symlinks=True)
    with running_bridge(directory, password="rahasia") as address:
        yield address


@pytest.fixture(params=KINDS)
def any_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param == "directory":
        yield request.getfixturevalue("store")
        return
    if request.param == "protocol":
        url, password = f"clickhouse://default@{request.getfixturevalue('bridge')}/simpang", "rahasia"
    else:
        url, password = os.environ.get("SIMPANG_CLICKHOUSE_URL", ""), os.environ.get("SIMPANG_CLICKHOUSE_PASSWORD", "")
        if not url:
            missing("clickhouse-server", "set SIMPANG_CLICKHOUSE_URL to a server whose database may be emptied")
    with open_store(url, password=password) as store:
        tables = store.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' "
            "AND name NOT IN ('schema_migrations', 'pcu_coefficients_stored')"
        )
        for name in tables["name"].to_pylist():
            store._engine.execute(f"TRUNCATE TABLE {name}")
        yield store


def test_events_are_counted_once_however_often_they_are_given(any_store: Store) -> None:
    any_store.register_lines(CAMERA, [line("U-in", "entry"), line("S-out", "exit")], run="run-a")
    events = [*minutes(range(15)), crossing(3), crossing(70), movement(80)]
    for given in (events, events, events[::-1], events[3:]):
        any_store.insert(given)
    assert counts(any_store) == [(0, 2, 900.0, "complete")]
    turns = any_store.query("SELECT count, status FROM turning_counts_15m WHERE class = 'motorcycle'")
    assert rows(turns) == [(1, "complete")]
    assert sorted(any_store.query("SELECT event_id FROM crossings")["event_id"].to_pylist()) == sorted(
        [crossing(3).event_id, crossing(70).event_id]
    )


def test_instants_keep_their_nanoseconds(any_store: Store) -> None:
    any_store.insert([crossing(1.000000007)])
    table = any_store.query("SELECT captured_at, toNullable(captured_at) AS again FROM crossings")
    for name in ("captured_at", "again"):
        assert table[name].cast("int64").to_pylist() == [at_ns(1.000000007)]


def test_what_is_unknown_is_null(any_store: Store) -> None:
    any_store.insert([crossing(1)])
    any_store.register_run("run-a", camera=CAMERA, revision=0, footage_from_ns=at_ns(0), footage_to_ns=None)
    any_store.register_lines(CAMERA, [line()], run="run-a")
    assert rows(any_store.query("SELECT speed_kmh FROM crossings")) == [(None,)]
    assert rows(any_store.query("SELECT toUnixTimestamp64Nano(footage_from), footage_to FROM runs")) == [
        (at_ns(0), None)
    ]
    assert rows(any_store.query("SELECT approach FROM lines")) == [(None,)]


def test_a_replay_comes_after_what_is_there(any_store: Store) -> None:
    assert any_store.next_revision(CAMERA, at_ns(0), at_ns(60)) == 0
    any_store.insert(list(minutes([0])))
    assert any_store.next_revision(CAMERA, at_ns(0), at_ns(60)) == 1
    assert any_store.next_revision(CAMERA, at_ns(60), at_ns(120)) == 0


def test_parameters_reach_the_query_as_they_are(any_store: Store) -> None:
    for value in ("U-in", "it's", "a\\b", "tab\tnewline\n", "Perempatan Jl. Jenderal Sudirman – Utara"):
        assert rows(any_store.query("SELECT {value:String}", {"value": value})) == [(value,)]
    assert rows(any_store.query("SELECT {n:Int64}", {"n": -(2**53) - 1})) == [(-(2**53) - 1,)]


def test_a_query_cannot_write(any_store: Store) -> None:
    for sql in (
        "DROP VIEW crossings",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1; SELECT 2",
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT 1 INTO OUTFILE 'x'",
    ):
        with pytest.raises(InputError):
            any_store.query(sql)


def test_sql_that_is_wrong_is_told_in_the_engines_words(any_store: Store) -> None:
    for sql, said in (("SELECT nothing FROM crossings", "`nothing`"), ("SELECT * FROM crosings", "crosings")):
        with pytest.raises(InputError, match=said) as caught:
            any_store.query(sql)
        assert not any(word in str(caught.value) for word in ("\n", "Stack trace", "DB::Exception"))


def test_an_answer_without_rows_has_its_columns(any_store: Store) -> None:
    assert any_store.query("SELECT camera, line FROM crossings").column_names == ["camera", "line"]


def test_every_migration_is_applied_and_dated(any_store: Store) -> None:
    states = any_store.migrations()
    assert [state.migration.name for state in states] == [migration.name for migration in read_migrations()]
    assert all(state.applied_at is not None and state.applied_at.year > 2020 for state in states)
    assert any_store.migrate() == []


def test_a_wrong_password_is_refused_and_not_shown(bridge: str) -> None:
    with pytest.raises(InputError, match="refuses the user or password") as caught:
        open_store(f"clickhouse://default@{bridge}/simpang", password="salah")
    assert "salah" not in str(caught.value)


def test_a_database_that_is_not_there_is_made_only_on_request(bridge: str) -> None:
    with pytest.raises(InputError, match=r"no database typo.*simpang db migrate"):
        open_store(f"clickhouse://default@{bridge}/typo", create=False, password="rahasia")


def test_a_server_that_does_not_answer_is_a_storage_error() -> None:
    with pytest.raises(StorageError, match="cannot be reached"):
        open_store("clickhouse://default@127.0.0.1:1/simpang")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("clickhouse://paser:rahasia@db/simpang", "leave the password out"),
        *((f"clickhouse://paser:x{cut}rahasia@db/simpang", "leave the password out") for cut in "/?#"),
        ("clickhouse://db", "must end in a database"),
        ("clickhouse://db/a;b", "must end in a database"),
        ("clickhouse://db:port/simpang", "port"),
        ("clickhouse:///simpang", "names no host"),
        ("clickhouse://db/simpang?secure=1", "unknown secure"),
        ("clickhouse://db/simpang?ca=/x.pem", "begin it with clickhouses://"),
        ("clickhouses://db/simpang?ca=/nowhere.pem", "no file of certificates at /nowhere.pem"),
    ],
)
def test_an_address_that_cannot_be_used_says_how_to_mend_it(url: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        open_store(url)
    assert "rahasia" not in str(caught.value)
