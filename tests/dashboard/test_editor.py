"""Lines that are drawn on a page end up in the site file, and nothing else changes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from pipeline.config import LineConfig, load_site
from pipeline.dashboard.app import build_app
from pipeline.dashboard.board import Board
from pipeline.dashboard.editor import LineEditor
from pipeline.dashboard.line_checks import check_drawn
from pipeline.dashboard.site_text import replace_lines
from pipeline.errors import InputError
from pipeline.sink.store import EmbeddedStore
from pipeline.types import CountingLine
from tests.dashboard import town
from tests.dashboard.conftest import NOW_S, SITE

URL = f"/api/lines/{town.SUDIRMAN}"
ORIGIN = {"Origin": "http://testserver"}


@pytest.fixture
def client(store: EmbeddedStore, editor: LineEditor) -> Iterator[TestClient]:
    with TestClient(build_app(store, editor=editor, allowed_hosts=("testserver",), now_s=lambda: NOW_S)) as opened:
        yield opened


def body(client: TestClient, *added: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What the page sends: the lines of the file with `changes` to the first, and new ones."""
    found = client.get(URL).json()
    lines = [found["lines"][0] | changes, *added]
    return {
        "lines": lines,
        "names_before": ["U-in"] + [None] * len(added),
        "size": [640, 360],
        "digest": found["digest"],
    }


def save(client: TestClient, sent: dict[str, Any], **headers: str) -> Any:
    token = client.get(URL).json()["token"] or ""
    return client.put(URL, json=sent, headers=ORIGIN | {"X-Simpang-Token": token} | headers)


NEW = {"name": "S-out", "points": [[200, 300], [400, 310.26]], "approach": "S", "role": "exit"}


def test_a_new_line_is_put_behind_the_others_and_comments_stay(client: TestClient, site: Path) -> None:
    assert save(client, body(client, NEW)).status_code == 200
    text = site.read_text()
    assert "[[200, 300], [400, 310.3]]" in text
    for kept in ("# The cameras of a town", "# the busiest", "# from the north", "# measured on site", "$CAMERA_KEY"):
        assert kept in text
    names = [line.name for line in load_site(site, {"CAMERA_KEY": "x"}).find_camera(town.SUDIRMAN).line]
    assert names == ["U-in", "S-out"]


def test_each_new_line_stands_apart_from_what_comes_before_it() -> None:
    given = '[[camera]]\nid = "a"\nurl = "junction.mp4"\n'
    lines = [LineConfig(name=name, points=((0, 1), (2, 3))) for name in ("one", "two")]
    once = replace_lines(given, "a", lines[:1], [None])
    assert once == given + '\n[[camera.line]]\nname = "one"\npoints = [[0, 1], [2, 3]]\n'
    twice = replace_lines(once, "a", lines, ["one", None])
    assert twice == once + '\n[[camera.line]]\nname = "two"\npoints = [[0, 1], [2, 3]]\n'


def test_a_moved_line_changes_its_points_and_nothing_else(client: TestClient, site: Path) -> None:
    assert save(client, body(client, points=[[101, 150], [310, 160]])).status_code == 200
    assert site.read_text() == SITE.replace("[[100, 150], [310, 160]]", "[[101, 150], [310, 160]]")


def test_a_site_file_that_was_saved_by_notepad_can_be_edited(client: TestClient, site: Path) -> None:
    text = site.read_text()
    site.write_text(text[text.index("[[camera]]") :], encoding="utf-8-sig")
    assert save(client, body(client, NEW)).status_code == 200
    assert "[[200, 300], [400, 310.3]]" in site.read_text(encoding="utf-8-sig")


def test_a_line_that_is_left_out_is_taken_out(client: TestClient, site: Path) -> None:
    sent = body(client, NEW)
    sent |= {"lines": sent["lines"][1:], "names_before": [None]}
    assert save(client, sent).status_code == 200
    lines = load_site(site, {"CAMERA_KEY": "x"}).find_camera(town.SUDIRMAN).line
    assert [line.name for line in lines] == ["S-out"]


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Origin": "http://evil.example"}, "another origin"),
        ({"Origin": "null"}, "a page without origin"),
        ({"X-Simpang-Token": "guessed"}, "another token"),
    ],
)
def test_only_our_own_page_may_write(client: TestClient, site: Path, headers: dict[str, str], why: str) -> None:
    assert save(client, body(client, NEW), **headers).status_code == 403, why
    assert site.read_text() == SITE


def test_without_edit_nothing_is_written(store: EmbeddedStore, site: Path) -> None:
    reader = LineEditor(site, lambda path: load_site(path, {"CAMERA_KEY": "x"}), writable=False)
    with TestClient(build_app(store, editor=reader, allowed_hosts=("testserver",))) as client:
        assert client.get(URL).json()["token"] is None
        assert save(client, body(client, NEW)).status_code == 403
    with pytest.raises(InputError, match="--edit"):
        reader.save(town.SUDIRMAN, [], [], "")
    assert site.read_text() == SITE


def test_a_file_that_was_changed_meanwhile_is_not_overwritten(client: TestClient, site: Path) -> None:
    sent = body(client, NEW)
    site.write_text(SITE + "# by hand\n")
    answer = save(client, sent)
    assert answer.status_code == 400
    assert "changed by somebody else" in answer.json()["error"]
    assert site.read_text() == SITE + "# by hand\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (NEW | {"name": "U-in"}, "name_twice"),
        (NEW | {"points": [[0, 0], [900, 10]]}, "outside"),
        (NEW | {"name": "two words"}, "pattern"),
        (NEW | {"points": [[5, 5], [5, 5]]}, "zero length"),
        (NEW | {"approach": "N"}, "pattern"),
        (NEW | {"colour": "red"}, "Extra"),
    ],
)
def test_a_faulty_line_is_refused_with_its_reason(
    client: TestClient, site: Path, line: dict[str, Any], reason: str
) -> None:
    answer = save(client, body(client, line))
    assert answer.status_code == 400
    assert reason in answer.text
    assert site.read_text() == SITE


def test_a_huge_request_is_refused(client: TestClient) -> None:
    assert "larger than" in client.post(f"{URL}/check", content=b" " * 200_000).json()["error"]


def test_the_still_is_the_cameras_first_picture(client: TestClient) -> None:
    answer = client.get(f"{URL}/still.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    picture = cv2.imdecode(np.frombuffer(io.BytesIO(answer.content).read(), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (360, 640, 3)


def codes(*lines: LineConfig, quiet: dict[str, float] | None = None) -> list[tuple[int, str]]:
    return [(remark.index, remark.code) for remark in check_drawn(lines, (640, 360), quiet or {})]


def drawn(x1: float, y1: float, x2: float, y2: float, name: str = "a") -> LineConfig:
    return LineConfig(name=name, points=((x1, y1), (x2, y2)))


def test_doubtful_lines_are_remarked_on() -> None:
    assert codes(drawn(100, 200, 300, 200)) == []
    assert codes(drawn(100, 200, 110, 200)) == [(0, "short")]
    assert codes(drawn(100, 358, 300, 357)) == [(0, "at_edge")]
    assert codes(drawn(100, 100, 300, 200), drawn(100, 200, 300, 100, "b")) == [(0, "crosses"), (1, "crosses")]
    assert codes(drawn(100, 200, 300, 200), quiet={"a": 7200.0}) == [(0, "quiet")]


def test_a_line_that_was_watched_for_hours_and_never_crossed_is_known(store: EmbeddedStore) -> None:
    never = CountingLine("never", (1.0, 1.0), (90.0, 1.0))
    store.register_lines(town.KUARO, [*town.lines(town.KUARO), never], run=town.RUN)
    quiet = Board(store, site=None, now_s=lambda: NOW_S).quiet_lines(town.KUARO)
    assert list(quiet) == ["never"]
    assert quiet["never"] > 20 * 3600
