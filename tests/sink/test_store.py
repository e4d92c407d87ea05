from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.errors import InputError, StorageError, StoreBusyError
from pipeline.sink import columns
from pipeline.sink.settling import Pace
from pipeline.sink.store import EmbeddedStore, open_store
from pipeline.types import CountingLine
from tests.sink.events import CAMERA, at_ns, crossing, minute, minutes, rows


def test_what_was_inserted_is_there_after_reopening(store: EmbeddedStore, tmp_path: Path) -> None:
    store.insert([*minutes(range(2)), crossing(1)])
    store.close()
    with open_store(tmp_path / "store") as again:
        (found,) = again.query("SELECT * FROM crossings").to_pylist()
    assert (found["event_id"], found["class"]) == (crossing(1).event_id, "motorcycle")
    assert found["captured_at"].value == at_ns(1)


def test_nanoseconds_are_kept(store: EmbeddedStore) -> None:
    exact = dataclasses.replace(crossing(1), captured_at_ns=at_ns(1) + 7)
    store.insert([exact])
    assert rows(store.query("SELECT toUnixTimestamp64Nano(captured_at) FROM crossings")) == [(at_ns(1) + 7,)]


def test_an_event_given_again_is_one_row(store: EmbeddedStore) -> None:
    events = [*minutes(range(3)), crossing(1), crossing(2)]
    for given in (events, events, events[::-1], events[2:4]):
        store.insert(given)
    assert rows(store.query("SELECT count() FROM crossings")) == [(2,)]
    assert rows(store.query("SELECT count() FROM coverage")) == [(3,)]


def test_of_a_minute_delivered_twice_the_fuller_is_kept(store: EmbeddedStore) -> None:
    for observed_s in (20.0, 50.0, 30.0):
        store.insert([minute(0, observed_s)])
    assert rows(store.query("SELECT observed_s FROM coverage")) == [(50.0,)]


def test_an_unsound_event_is_refused_with_its_batch(store: EmbeddedStore) -> None:
    with pytest.raises(ValueError, match="vehicle_class must be one of"):
        store.insert([crossing(1), crossing(2, vehicle_class="tractor")])
    assert rows(store.query("SELECT count() FROM crossings")) == [(0,)]


def test_no_events_are_no_work(store: EmbeddedStore) -> None:
    store.insert([])
    assert rows(store.query("SELECT count() FROM crossings")) == [(0,)]


def test_events_of_many_years_fit_in_one_batch(store: EmbeddedStore) -> None:
    month_s = 31 * 86_400
    store.insert([crossing(month_s * number) for number in range(150)])
    assert rows(store.query("SELECT count() FROM crossings")) == [(150,)]


def threads() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def test_old_parts_are_removed_without_a_thread_for_each(store: EmbeddedStore) -> None:
    parts = 150
    store._engine.execute(
        "CREATE TABLE parts (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS cleanup_delay_period_random_add = 0, "
        "cleanup_delay_period = 1, max_cleanup_delay_period = 1, merge_tree_clear_old_parts_interval_seconds = 1"
    )
    store._engine.execute("SYSTEM STOP MERGES parts")
    for number in range(parts):
        store._engine.execute(f"INSERT INTO parts VALUES ({number})")
    before = threads()
    store._engine.execute("SYSTEM START MERGES parts")
    store._engine.execute("OPTIMIZE TABLE parts FINAL")
    count_old = "SELECT countIf(NOT active) FROM system.parts WHERE table = 'parts'"
    began_s = time.monotonic()
    while rows(store.query(count_old)) != [(0,)]:
        assert time.monotonic() - began_s < 60
        time.sleep(0.1)
    assert threads() - before < parts / 10


def test_a_query_takes_parameters(store: EmbeddedStore) -> None:
    store.insert([crossing(1), crossing(2, line="S-in")])
    found = store.query("SELECT line FROM crossings WHERE line = {line:String}", {"line": "S-in"})
    assert rows(found) == [("S-in",)]


def test_an_answer_without_rows_has_its_columns(store: EmbeddedStore) -> None:
    assert store.query("SELECT camera, line FROM crossings").column_names == ["camera", "line"]


WRITING = [
    "INSERT INTO crossing_events SELECT * FROM crossing_events",
    "DROP TABLE crossing_events",
    "ALTER TABLE crossing_events DELETE WHERE 1",
    "SET readonly = 0",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1; DROP TABLE crossing_events",
    "WITH 1 AS x INSERT INTO crossing_events SELECT * FROM crossing_events",
    "SELECT * FROM file('/etc/hostname', 'LineAsString')",
    "SYSTEM STOP MERGES",
    "KILL QUERY WHERE 1",
    "/* SELECT */ DROP VIEW crossings",
    "-- only a comment",
    "",
    " ; ",
]


def test_a_query_only_reads(store: EmbeddedStore) -> None:
    store.insert([crossing(1)])
    for sql in WRITING:
        with pytest.raises(InputError) as caught:
            store.query(sql)
        assert "\n" not in str(caught.value)
        assert rows(store.query("SELECT count() FROM crossings")) == [(1,)], sql


def test_a_query_writes_no_file(store: EmbeddedStore, tmp_path: Path) -> None:
    path = tmp_path / "answer.csv"
    for sql in (
        "SELECT 'a' INTO OUTFILE '{}'",
        "SELECT 'a' into /* x */ outfile '{}'",
        "SELECT 'a' INTO\nOUTFILE '{}' FORMAT CSV",
        # what looks quoted and is not
        "SELECT 'a' AS a$b$ INTO OUTFILE '{}' -- $b$",
        "SELECT \N{LEFT SINGLE QUOTATION MARK}'\N{RIGHT SINGLE QUOTATION MARK} AS a INTO OUTFILE '{}' --'",
        "SELECT 'a' AS \N{LEFT DOUBLE QUOTATION MARK}\"\N{RIGHT DOUBLE QUOTATION MARK} INTO OUTFILE '{}' --\"",
    ):
        with pytest.raises(InputError, match="INTO OUTFILE"):
            store.query(sql.format(path))
        assert not path.exists()


def test_words_in_text_are_not_taken_for_sql(store: EmbeddedStore) -> None:
    sql = "SELECT 'INSERT; it''s \\' ;' AS a, \"b\" FROM (SELECT 1 AS b) -- ; DROP\n;"
    assert rows(store.query(sql)) == [("INSERT; it's ' ;", 1)]


WRONG = [
    ("SELECT nothing FROM crossings", "Unknown expression identifier `nothing`"),
    ("SELECT * FROM crosings", "crosings"),
    ("SELECT (1", "Syntax error"),
    ("SELECT throwIf(1)", "throwIf"),
    ("SELECT {line:String}", "`line` is not set"),
    ("SELECT 1 FORMAT CSV", "leave FORMAT out"),
]


def test_sql_that_is_wrong_is_the_users_with_the_engines_reason(store: EmbeddedStore) -> None:
    for sql, said in WRONG:
        with pytest.raises(InputError) as caught:
            store.query(sql)
        message = str(caught.value)
        assert said in message
        assert not any(word in message for word in ("\n", "Stack trace", "DB::Exception")), message


def test_one_query_leaves_no_setting_for_the_next(store: EmbeddedStore) -> None:
    with pytest.raises(InputError):
        store.query("USE system")
    assert rows(store.query("SELECT currentDatabase()")) == [("simpang",)]


def test_threads_may_share_a_store(store: EmbeddedStore) -> None:
    def insert(first: int) -> None:
        for second in range(first, first + 5):
            store.insert([crossing(second)])
            store.query("SELECT count() FROM counts_15m")

    threads = [threading.Thread(target=insert, args=(100 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(store.query("SELECT count() FROM crossings")) == [(20,)]


def test_closing_waits_for_an_answer_that_is_being_found(tmp_path: Path) -> None:
    answers: list[pa.Table] = []
    store = EmbeddedStore(tmp_path / "first")
    store.settle()  # or the question would first do that
    asking = threading.Thread(target=lambda: answers.append(store.query("SELECT sleep(2) AS answer")))
    asking.start()
    while not store._engine._readers:  # type: ignore[attr-defined]
        time.sleep(0.01)
    store.close()
    with EmbeddedStore(tmp_path / "second"), pytest.raises(StorageError, match="first is closed"):
        store.query("SELECT 1")
    asking.join()
    assert rows(answers[0]) == [(0,)]


def test_a_loader_that_is_behind_brings_the_count_views_up_to_date_less_often(store: EmbeddedStore) -> None:
    def settled(behind: bool) -> bool:
        store._pace = Pace(time.monotonic() - 3)
        store.insert_tables(columns.tables([crossing(1)]), behind=behind)
        return not store._unsettled

    assert (settled(behind=True), settled(behind=False)) == (False, True)


def test_a_registration_can_be_renewed(store: EmbeddedStore) -> None:
    store.register_camera(CAMERA, name="Simpang Empat")
    store.register_camera(CAMERA, name="Perempatan Jl. Jenderal Sudirman", district="Tanah Grogot")
    assert rows(store.query("SELECT camera, name, district, timezone, utc_offset_s FROM cameras")) == [
        (CAMERA, "Perempatan Jl. Jenderal Sudirman", "Tanah Grogot", "Asia/Makassar", 8 * 3600)
    ]


def test_lines_and_runs_say_where_numbers_come_from(store: EmbeddedStore) -> None:
    line = CountingLine("U-in", (1.5, 2.0), (3.0, 4.0), role="entry", approach="U")
    store.register_lines(CAMERA, [line, CountingLine("x", (0.0, 0.0), (1.0, 1.0))], run="run-a")
    store.register_run(
        "run-a",
        camera=CAMERA,
        revision=0,
        source="clip.mp4",
        model="yolo",
        footage_from_ns=at_ns(0),
        footage_to_ns=None,
    )
    assert rows(store.query("SELECT * EXCEPT registered_at FROM lines ORDER BY line")) == [
        (CAMERA, "run-a", "U-in", 1.5, 2.0, 3.0, 4.0, "entry", "U"),
        (CAMERA, "run-a", "x", 0.0, 0.0, 1.0, 1.0, "count", None),
    ]
    found = store.query("SELECT run, source, model, toUnixTimestamp64Nano(footage_from), footage_to FROM runs")
    assert rows(found) == [("run-a", "clip.mp4", "yolo", at_ns(0), None)]


def test_a_camera_needs_a_time_zone_without_daylight_saving_and_known_coefficients(store: EmbeddedStore) -> None:
    with pytest.raises(InputError, match="no time zone 'Asia/Grogot'"):
        store.register_camera(CAMERA, timezone="Asia/Grogot")
    with pytest.raises(InputError, match="daylight-saving"):
        store.register_camera(CAMERA, timezone="Europe/Rome")
    with pytest.raises(InputError, match=r"no coefficients PKJI 2023 roundabout; there are .*signalised_opposed"):
        store.register_camera(CAMERA, facility="roundabout")


def test_a_second_opening_is_refused_and_names_the_store(store: EmbeddedStore, tmp_path: Path) -> None:
    with pytest.raises(StoreBusyError, match=str(tmp_path / "store")):
        EmbeddedStore(tmp_path / "store")
    with pytest.raises(StoreBusyError, match=f"this process has {tmp_path / 'store'} open"):
        EmbeddedStore(tmp_path / "another")


OPEN = """
import sys
from pipeline.errors import PipelineError
from pipeline.sink.store import open_store
try:
    with open_store(sys.argv[1]):
        print("opened")
except PipelineError as error:
    print(type(error).__name__, error.exit_status, error)
"""


def open_elsewhere(path: Path) -> str:
    result = subprocess.run([sys.executable, "-c", OPEN, str(path)], capture_output=True, text=True, check=True)
    assert result.stderr == ""
    return result.stdout.strip()


def test_another_process_is_told_that_the_store_is_held(store: EmbeddedStore, tmp_path: Path) -> None:
    said = open_elsewhere(tmp_path / "store")
    assert said.startswith("StoreBusyError 2 ")
    assert str(tmp_path / "store") in said
    store.close()
    assert open_elsewhere(tmp_path / "store") == "opened"


def test_a_store_that_is_not_there_is_made_only_on_request(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no store at"):
        open_store(tmp_path / "typo", create=False)
    assert not (tmp_path / "typo").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty directory"):
        open_store(tmp_path / "empty", create=False)
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_path_that_is_no_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(b"film")
    with pytest.raises(InputError, match="is a file, not a store"):
        open_store(file)
    with pytest.raises(InputError, match="part of its path is a file"):
        open_store(file / "store")
    with pytest.raises(InputError, match="is not a store and is not empty"):
        open_store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_store_can_be_named_by_a_file_address_and_moved(empty_store_path: Path, tmp_path: Path) -> None:
    shutil.copytree(empty_store_path, tmp_path / "Tanah Grogot", symlinks=True)
    with open_store(f"file://{tmp_path}/Tanah%20Grogot", create=False) as store:
        assert store.path == tmp_path / "Tanah Grogot"
        store.insert([crossing(1)])
        assert rows(store.query("SELECT count() FROM crossings")) == [(1,)]


@pytest.mark.parametrize("url", ["clickhouse://paser:rahasia@db:9000/simpang", "postgres://paser:rahasia@db/x"])
def test_an_address_with_a_password_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(InputError, match=r"leave the password out|a store is a directory or clickhouse://") as caught:
        open_store(url)
    assert "rahasia" not in str(caught.value)
    assert "paser" not in str(caught.value)


def test_a_path_with_a_question_mark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="question mark"):
        open_store(tmp_path / "what?readonly=1")


def test_a_full_disk_is_a_storage_error_and_the_batch_can_be_given_again(store: EmbeddedStore, tmp_path: Path) -> None:
    batch = [crossing(second) for second in range(100)]
    # More free space than any disk has, so that the engine refuses as it does when there is none.
    setting = "ALTER TABLE crossing_events MODIFY SETTING min_free_disk_bytes_to_perform_insert = {}"
    store._engine.execute(setting.format(10**18))
    with pytest.raises(StorageError) as caught:
        store.insert(batch)
    assert str(tmp_path / "store") in str(caught.value)
    assert "free some space" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert rows(store.query("SELECT count() FROM crossings")) == [(0,)]
    store._engine.execute(setting.format(0))
    store.insert(batch)
    assert rows(store.query("SELECT count() FROM crossings")) == [(100,)]


def test_a_place_without_permission_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StorageError, match="Permission denied"):
        open_store(tmp_path / "store")


SMALL_FILES = """
import resource, sys
from pipeline.errors import StorageError
from pipeline.sink.store import EmbeddedStore
from tests.sink.events import crossing
batch = [crossing(second, track=pow(second, 3, 1_000_003)) for second in range(20_000)]
with EmbeddedStore(sys.argv[1]) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    try:
        store.insert(batch)
    except StorageError:
        print("StorageError")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with EmbeddedStore(sys.argv[1]) as store:
    store.insert(batch)
    print(store.query("SELECT count() AS n, sum(confidence) AS s FROM crossings").to_pylist())
"""


def test_a_write_that_fails_half_way_is_a_storage_error_and_the_batch_can_be_given_again(
    empty_store_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "store"
    shutil.copytree(empty_store_path, path, symlinks=True)
    result = subprocess.run([sys.executable, "-c", SMALL_FILES, str(path)], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["StorageError", "[{'n': 20000, 's': 15000.0}]"]
