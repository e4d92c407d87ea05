import json
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

from pipeline.sink.store import EmbeddedStore
from tests.commands.conftest import Simpang
from tests.sink.events import crossing, minutes


def make_store(path: Path) -> Path:
    with EmbeddedStore(path) as store:
        store.insert([*minutes(range(15)), *[crossing(second) for second in range(300)]])
    return path


def test_a_table_or_an_answer_is_written_whole(simpang: Simpang, tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    table = tmp_path / "crossings.parquet"
    outcome = simpang("export", "--store", store, "--table", "crossings", "--out", table)
    assert (outcome.status, outcome.out) == (0, f"300 rows in {table}\n"), outcome.err
    written = pyarrow.parquet.read_table(table)
    assert sorted(written["event_id"].to_pylist()) == sorted(crossing(second).event_id for second in range(300))
    answer = tmp_path / "counts.csv"
    sql = "SELECT bin_start, class, count FROM counts_15m WHERE direction = 'forward' ORDER BY class"
    assert simpang("export", sql, "--store", store, "--out", answer).status == 0
    assert pyarrow.csv.read_csv(answer)["count"].to_pylist() == [0, 0, 0, 300, 0]
    empty = tmp_path / "none.csv"
    assert simpang("export", "SELECT camera FROM crossings WHERE 0", "--store", store, "--out", empty).status == 0
    assert empty.read_text() == '"camera"\n'


def test_what_cannot_be_exported_leaves_no_file(simpang: Simpang, tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    out = tmp_path / "out.csv"
    cases = {
        ("DROP VIEW crossings", "--out", out): 2,
        ("SELECT nothing", "--out", out): 2,
        ("SELECT [1] AS several", "--out", out): 2,
        ("SELECT 1 FORMAT CSV", "--out", out): 2,
        ("--out", out): 2,
        ("SELECT 1", "--table", "crossings", "--out", out): 2,
        ("--table", "a; b", "--out", out): 2,
        ("SELECT 1", "--out", tmp_path / "out.xls"): 2,
        ("SELECT 1", "--out", tmp_path / "no" / "folder.csv"): 2,
    }
    for arguments, status in cases.items():
        outcome = simpang("export", *arguments, "--store", store)
        assert outcome.status == status, arguments
        assert outcome.out == ""
        assert len(outcome.err.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_what_csv_has_no_form_for_is_said_in_one_sentence(simpang: Simpang, tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    outcome = simpang("query", "--store", store, "SELECT [1] AS several", "--format", "csv")
    assert (outcome.status, outcome.out, len(outcome.err.strip().splitlines())) == (2, "", 1), outcome.err
    every = simpang("query", "--store", store, "SELECT * FROM peak_hours", "--format", "csv")
    assert (every.status, every.out) == (0, '"camera","day","hour_start","vehicles","smp","phf"\n')


def test_json_is_json_whatever_a_column_holds(simpang: Simpang, tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    sql = """SELECT 0 / 0 AS none, [1.5, 1 / 0] AS list, ('x', 2) AS pair, map('a', 1) AS map,
             toDate('2025-03-01') AS day, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS id,
             toDecimal64(2.5, 2) AS money"""
    outcome = simpang("query", "--store", store, sql, "--format", "json")
    assert outcome.status == 0, outcome.err
    assert json.loads(outcome.out, parse_constant=pytest.fail) == [
        {
            "none": None,
            "list": [1.5, None],
            "pair": {"1": "x", "2": 2},
            "map": [["a", 1]],
            "day": "2025-03-01",
            "id": "61f0c404-5cb3-11e7-907b-a6006ad3dba0",
            "money": 2.5,
        }
    ]
