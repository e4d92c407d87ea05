"""The dashboard's answers over a real store with known events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pipeline.config import load_site
from pipeline.dashboard.app import build_app
from pipeline.dashboard.board import KNOWN_FOR_S, Board
from pipeline.dashboard.editor import LineEditor
from pipeline.dashboard.pictures import FRESH_S, LivePictures
from pipeline.sink.store import EmbeddedStore
from tests.dashboard import town
from tests.dashboard.conftest import NOW_S


@pytest.fixture
def client(store: EmbeddedStore, site: Path, editor: LineEditor) -> Iterator[TestClient]:
    loaded = load_site(site, {"CAMERA_KEY": "hunter2"})
    app = build_app(store, site=loaded, editor=editor, allowed_hosts=("testserver",), now_s=lambda: NOW_S)
    with TestClient(app) as opened:
        yield opened


def ask(client: TestClient, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def count(store: EmbeddedStore, sql: str) -> int:
    return int(store.query(f"SELECT toInt64({sql})").to_pylist()[0].popitem()[1])


def test_the_city_counts_each_vehicle_once_where_it_enters(client: TestClient, store: EmbeddedStore) -> None:
    city = ask(client, "/api/city")
    midnight = town.local_s("2026-06-03 00:00")
    for camera in city["cameras"]:
        entered = count(
            store,
            f"(SELECT count() FROM crossings WHERE camera = '{camera['id']}' AND endsWith(line, '-in') "
            f"AND captured_at >= toDateTime({midnight}, 'UTC'))",
        )
        assert sum(camera["today"]["counts"].values()) == entered > 0


def test_the_city_knows_the_hour_a_week_ago(client: TestClient) -> None:
    camera = ask(client, "/api/city")["cameras"][0]
    assert camera["week_ago"]["observed_s"] == 3600
    assert sum(camera["week_ago"]["counts"].values()) > 0


def test_a_camera_of_the_present_is_live(client: TestClient) -> None:
    assert {camera["state"] for camera in ask(client, "/api/city")["cameras"]} == {"live"}


def test_a_store_of_footage_takes_its_newest_minute_for_now(store: EmbeddedStore) -> None:
    with TestClient(build_app(store, allowed_hosts=("*",), now_s=lambda: NOW_S + 40 * 86400)) as client:
        city = ask(client, "/api/city")
    assert city["anchor"]["recorded"]
    assert city["anchor"]["at_s"] == NOW_S // 60 * 60
    assert {camera["state"] for camera in city["cameras"]} == {"recorded"}


def test_a_bin_that_nobody_observed_has_no_count(client: TestClient) -> None:
    day = next(day for day in ("2026-06-02", "2026-06-03") if town.has_hole(town.local_s(f"{day} 12:30")))
    hole_s = town.local_s(f"{day} 12:30")
    bins = {row["start_s"]: row for row in ask(client, f"/api/junction/{town.SUDIRMAN}?range={day}")["bins"]}
    for start_s in range(hole_s, hole_s + 3600, 900):
        assert bins[start_s]["counts"] is None
        assert bins[start_s]["status"] == "missed"
    assert sum(bins[hole_s - 900]["counts"].values()) > 0


def test_turns_add_up_to_the_movements(client: TestClient, store: EmbeddedStore) -> None:
    turns = ask(client, f"/api/junction/{town.SUDIRMAN}?range=today")["turns"]
    midnight = town.local_s("2026-06-03 00:00")
    moved = count(
        store,
        f"(SELECT count() FROM movements WHERE camera = '{town.SUDIRMAN}' "
        f"AND exited_at >= toDateTime({midnight}, 'UTC'))",
    )
    assert sum(sum(turn["counts"].values()) for turn in turns) == moved > 0


def test_peak_hours_are_those_of_the_view(client: TestClient, store: EmbeddedStore) -> None:
    (peak,) = ask(client, f"/api/junction/{town.SUDIRMAN}?range=today")["peaks"]
    sql = f"SELECT vehicles, phf FROM peak_hours WHERE camera = '{town.SUDIRMAN}' AND day = '2026-06-03'"
    assert store.query(sql).to_pylist() == [{"vehicles": peak["vehicles"], "phf": peak["phf"]}]
    assert 0.25 <= peak["phf"] <= 1


def test_health_says_how_much_of_each_hour_was_observed_and_why_not_more(client: TestClient) -> None:
    hours = ask(client, f"/api/health/{town.SUDIRMAN}?range=today")["hours"]
    by_hour = {(row["hour_s"] - town.local_s("2026-06-03 00:00")) // 3600: row for row in hours}
    assert by_hour[8]["observed_s"] == 3600
    assert by_hour[8]["frames_seen"] == 36000
    yesterday = ask(client, f"/api/health/{town.SUDIRMAN}?range=yesterday")["hours"]
    late = [row for row in yesterday if row["observed_s"] == 2400]
    assert len(late) == 2
    assert all(row["reasons"] == ["overload"] and row["frames_dropped"] == 1500 for row in late)


def test_days_are_compared_by_the_hour(client: TestClient) -> None:
    answer = ask(client, f"/api/junction/{town.KUARO}?range=today")["days"]
    assert answer["period"]["to_s"] - answer["period"]["from_s"] == 8 * 86400
    assert {row["start_s"] % 3600 for row in answer["bins"]} == {0}


@pytest.mark.parametrize("name", ["x", "2026-13-01", "2026-06-03..2026-06-02", "2020-01-01..2026-01-01", "' OR 1=1"])
def test_a_range_that_is_none_is_refused_in_one_sentence(client: TestClient, name: str) -> None:
    answer = client.get(f"/api/junction/{town.SUDIRMAN}", params={"range": name})
    assert answer.status_code == 400
    assert "is not a range" in answer.json()["error"]


def test_sql_in_a_camera_name_is_only_a_name(client: TestClient) -> None:
    answer = client.get("/api/junction/x' OR '1'='1")
    assert answer.status_code == 400
    assert "there is no camera" in answer.json()["error"]


def test_no_answer_holds_a_secret_of_a_url(client: TestClient) -> None:
    camera = town.MAKAM
    for path in ("/api/cameras", "/api/city", f"/api/lines/{camera}", f"/api/lines/{camera}/still.jpg"):
        text = client.get(path).text
        assert "hunter2" not in text
        assert "CAMERA_KEY" not in text


@pytest.mark.parametrize(
    "path", ["/static/../board.py", "/static/%2e%2e/board.py", "/static/..%2fboard.py", "/static/x"]
)
def test_only_our_own_files_are_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_pages_come_from_this_server_alone(client: TestClient) -> None:
    page = client.get(f"/junction/{town.KUARO}")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "//" not in page.text.replace("<!doctype html>", "")


def test_a_foreign_name_for_this_machine_is_refused(client: TestClient) -> None:
    assert client.get("/api/city", headers={"Host": "evil.example"}).status_code == 400


class Listening:
    """Passes questions on to a store, and keeps them."""

    def __init__(self, store: EmbeddedStore) -> None:
        self._store = store
        self.asked: list[str] = []

    def query(self, sql: str, parameters: Any = None) -> Any:
        self.asked.append(sql)
        return self._store.query(sql, parameters)


def test_the_first_page_is_prepared_before_anybody_asks_for_it(store: EmbeddedStore) -> None:
    listening = Listening(store)
    deadline_s = time.monotonic() + 60
    with TestClient(build_app(listening, allowed_hosts=("testserver",), now_s=lambda: NOW_S)):
        while not any("FROM tallies" in sql for sql in listening.asked):
            assert time.monotonic() < deadline_s
            time.sleep(0.05)


def test_what_every_answer_begins_with_is_asked_of_the_store_once_in_a_while(store: EmbeddedStore) -> None:
    listening = Listening(store)
    asked = listening.asked
    clock_s = [100.0]
    board = Board(listening, site=None, now_s=lambda: NOW_S, monotonic_s=lambda: clock_s[0])
    first = board.junction(town.SUDIRMAN, "today")
    begun = len(asked)
    assert board.junction(town.SUDIRMAN, "today") == first
    assert len(asked) == begun + 1
    clock_s[0] += KNOWN_FOR_S
    board.junction(town.SUDIRMAN, "today")
    assert len(asked) == 2 * begun + 1


def test_peak_hours_are_those_of_the_store(client: TestClient, store: EmbeddedStore) -> None:
    for camera in town.NAMES:
        shown = ask(client, f"/api/junction/{camera}?range=7d")["peaks"]
        stored = store.query(
            "SELECT toString(day) AS day, toInt64(toUnixTimestamp(hour_start)) AS hour_s, vehicles, smp, phf "
            f"FROM peak_hours WHERE camera = '{camera}' AND day > '2026-05-27' ORDER BY day"
        ).to_pylist()
        assert len(shown) == len(stored) > 0
        for one, other in zip(shown, stored, strict=True):
            assert one == pytest.approx(other)


def test_a_live_picture_of_a_while_ago_is_not_shown(store: EmbeddedStore, pictures: Path) -> None:
    pictures.mkdir()
    kept = pictures / f"{town.KUARO}.jpg"
    kept.write_bytes(b"a picture")
    (pictures.parent / "secret.jpg").write_bytes(b"not a picture")
    now_s = [kept.stat().st_mtime + 1]
    app = build_app(
        store,
        pictures=LivePictures(pictures, now_s=lambda: now_s[0]),
        allowed_hosts=("testserver",),
        now_s=lambda: NOW_S,
    )
    with TestClient(app) as client:
        assert ask(client, "/api/cameras")["pictures"] == [town.KUARO]
        assert client.get(f"/api/picture/{town.KUARO}").content == b"a picture"
        for name in (town.MAKAM, "..%2Fsecret", "../secret"):
            assert client.get(f"/api/picture/{name}").content in (b"", b"Not Found")
        now_s[0] += FRESH_S
        assert client.get(f"/api/picture/{town.KUARO}").status_code == 204
        assert ask(client, "/api/cameras")["pictures"] == []
