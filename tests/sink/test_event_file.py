from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.errors import InputError, StorageError
from pipeline.sink import event_file
from pipeline.sink.event_file import EventFileWriter
from pipeline.types import Crossing
from tests.sink.events import crossing

CROSSINGS = [crossing(1.25), crossing(2, vehicle_class="bus", direction="backward", line='Jl. "Sudirman", U')]
FULL_DISK = Path("/dev/full")
needs_full_disk = pytest.mark.skipif(
    not FULL_DISK.exists(), reason="this system has no /dev/full to stand for a full disk"
)


def written(path: Path, crossings: list[Crossing]) -> Path:
    with EventFileWriter(path) as file:
        for one in crossings:
            file.write(one)
    return path


def test_json_lines_hold_the_columns_of_the_contract(tmp_path: Path) -> None:
    lines = written(tmp_path / "events.jsonl", CROSSINGS).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "event_id": one.event_id,
            "camera": "grogot-1",
            "line": one.line,
            "direction": one.direction,
            "class": one.vehicle_class,
            "captured_at": captured_at,
            "frame": one.frame,
            "track": 1,
            "confidence": 0.75,
        }
        for one, captured_at in zip(
            CROSSINGS, ["2026-06-01T00:00:01.250000Z", "2026-06-01T00:00:02.000000Z"], strict=True
        )
    ]


def test_csv_holds_the_same_as_json_lines(tmp_path: Path) -> None:
    lines = written(tmp_path / "events.jsonl", CROSSINGS).read_text().splitlines()
    with written(tmp_path / "events.csv", CROSSINGS).open(newline="") as file:
        found = list(csv.DictReader(file))
    assert found == [{name: str(value) for name, value in json.loads(line).items()} for line in lines]


def test_parquet_holds_the_same_as_json_lines_with_typed_instants(tmp_path: Path) -> None:
    lines = written(tmp_path / "events.jsonl", CROSSINGS).read_text().splitlines()
    found = pq.read_table(written(tmp_path / "events.parquet", CROSSINGS)).to_pylist()
    assert found == [
        json.loads(line) | {"captured_at": datetime.fromisoformat(json.loads(line)["captured_at"])} for line in lines
    ]
    assert found[0]["captured_at"].tzinfo is not None
    assert found[0]["captured_at"] == datetime(2026, 6, 1, 0, 0, 1, 250_000, UTC)


@pytest.mark.parametrize("name", ["none.jsonl", "none.csv", "none.parquet"])
def test_no_crossings_make_a_file_without_rows(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, [])
    rows = pq.read_table(path).num_rows if path.suffix == ".parquet" else len(path.read_text().splitlines())
    assert rows == (1 if path.suffix == ".csv" else 0)


def test_parquet_keeps_every_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_file, "ROW_GROUP_ROWS", 3)
    path = written(tmp_path / "events.parquet", [crossing(second) for second in range(8)])
    assert pq.ParquetFile(path).num_row_groups == 3
    assert pq.read_table(path)["frame"].to_pylist() == [10 * second for second in range(8)]


@pytest.mark.parametrize("name", ["events.jsonl", "events.csv"])
def test_a_line_is_in_the_file_before_the_next_is_written(tmp_path: Path, name: str) -> None:
    file = EventFileWriter(tmp_path / name)
    file.write(CROSSINGS[0])
    assert CROSSINGS[0].event_id in (tmp_path / name).read_text()
    file.close()


def test_an_error_of_the_caller_leaves_a_readable_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    with pytest.raises(KeyError), EventFileWriter(path) as file:
        file.write(CROSSINGS[0])
        raise KeyError
    assert pq.read_table(path).num_rows == 1


@pytest.mark.parametrize("name", ["events", "events.xlsx", "events.json"])
def test_an_unknown_suffix_is_refused_and_names_the_three(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"\.jsonl, \.csv, \.parquet"):
        EventFileWriter(tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_directory_that_does_not_exist_is_the_users_mistake(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(InputError, match="a directory that exists"):
        EventFileWriter(tmp_path / "nowhere" / f"events{suffix}")


@needs_full_disk
@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_full_disk_is_a_storage_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"events{suffix}"
    path.symlink_to(FULL_DISK)
    with pytest.raises(StorageError, match="No space left") as caught:
        written(path, CROSSINGS)
    assert "\n" not in str(caught.value)
