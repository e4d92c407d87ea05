"""Lines tried on observed traffic and suggested from it, by the interface and in a real browser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from starlette.testclient import TestClient

from pipeline.config import LineConfig, load_site
from pipeline.dashboard.app import build_app
from pipeline.dashboard.editor import LineEditor
from pipeline.dashboard.line_trials import MOST_PATHS_SHOWN, sketch, try_lines
from pipeline.sink.store import EmbeddedStore
from pipeline.source.simulated import SimulatedJunction
from tests.dashboard import browser, town
from tests.dashboard.conftest import NOW_S
from tests.dashboard.test_browser import AXE, Served, chrome, open_page, text, until  # noqa: F401 - a fixture
from tests.dashboard.traffic import SCENARIO, PreparedObserver, observed, true_lines

URL = f"/api/lines/{town.SUDIRMAN}"
SIZE = (640, 360)


@pytest.fixture
def observer() -> PreparedObserver:
    return PreparedObserver()


@pytest.fixture
def editor(site: Path, observer: PreparedObserver) -> LineEditor:
    return LineEditor(site, lambda path: load_site(path, {"CAMERA_KEY": "hunter2"}), writable=True, observer=observer)


@pytest.fixture
def client(store: EmbeddedStore, editor: LineEditor) -> Iterator[TestClient]:
    with TestClient(build_app(store, editor=editor, allowed_hosts=("testserver",), now_s=lambda: NOW_S)) as opened:
        yield opened


def observe(client: TestClient, **headers: str) -> Any:
    token = client.get(URL).json()["token"] or ""
    return client.post(f"{URL}/observing", headers={"Origin": "http://testserver", "X-Simpang-Token": token} | headers)


def drawn(name: str, points: Any, role: Any = "count") -> LineConfig:
    return LineConfig(name=name, points=points, role=role)


def test_drawn_lines_are_counted_as_they_would_have_been() -> None:
    lines = [drawn(line.name, (line.start, line.end), line.role) for line in true_lines()]
    tried = try_lines(observed(), lines, SIZE)
    true = Counter((c.line, c.direction, c.vehicle_class) for c in SimulatedJunction(SCENARIO).truth().crossings)
    assert tried is not None
    found = Counter(
        {
            (line.name, direction, class_): count
            for line, counts in zip(lines, tried.counts, strict=True)
            for direction, classes in counts.items()
            for class_, count in classes.items()
        }
    )
    assert found == true
    assert tried.remarks == []


def test_lines_that_can_count_nothing_are_told_apart() -> None:
    entry = next(line for line in true_lines() if line.role == "entry")
    south = next(line for line in true_lines() if line.name == "S-in")
    (x1, y1), (x2, y2) = entry.start, entry.end
    across = (x2 - x1, y2 - y1)
    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
    along = ((middle[0], middle[1]), (middle[0] + across[0] * 0.01, middle[1] + across[1] * 0.01))
    lines = [
        drawn("sky", ((20, 8), (200, 8))),
        drawn("turned", (south.end, south.start), "entry"),
        drawn("dot", along),
    ]
    tried = try_lines(observed(), lines, SIZE)
    assert tried is not None
    codes = {(remark.index, remark.code) for remark in tried.remarks}
    assert (0, "off_road") in codes
    assert (1, "wrong_way") in codes
    assert (2, "never_crossed") in codes


def test_paths_of_another_picture_size_are_not_counted_on() -> None:
    assert try_lines(observed(), [], (1280, 720)) is None
    assert try_lines(None, [], SIZE) is None


def test_a_page_is_shown_a_bounded_sketch() -> None:
    shown = sketch(observed())
    assert 0 < len(shown) <= MOST_PATHS_SHOWN
    assert all(2 <= len(path) <= 40 for path in shown)


def test_observing_is_asked_for_and_heard_of(client: TestClient, observer: PreparedObserver) -> None:
    assert client.get(f"{URL}/observing").json()["phase"] == "none"
    assert client.get(f"{URL}/suggestions").status_code == 400
    assert observe(client).json()["phase"] == "running"
    assert observer.asked == [(town.SUDIRMAN, "sim:?seed=3&seconds=5&size=640x360")]
    while (state := client.get(f"{URL}/observing").json())["phase"] == "running":
        assert 0 <= state["share"] <= 1
    assert state["sample"] == {"vehicles": len(observed().paths), "duration_s": 120}
    lines = client.get(f"{URL}/suggestions").json()["lines"]
    assert {line["role"] for line in lines} == {"entry", "exit"}


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"X-Simpang-Token": "guessed"}])
def test_only_our_own_page_may_have_a_camera_observed(
    client: TestClient, observer: PreparedObserver, headers: dict[str, str]
) -> None:
    assert observe(client, **headers).status_code == 403
    assert observer.asked == []


def test_a_camera_without_a_picture_cannot_be_observed(client: TestClient, site: Path) -> None:
    site.write_text(site.read_text().replace('url = "sim:?seed=3&seconds=5&size=640x360"\n', ""))
    answer = observe(client)
    assert answer.status_code == 400
    assert "cannot be observed" in answer.json()["error"]


def test_lines_are_suggested_tried_and_saved_in_the_browser(
    chrome: webdriver.Chrome,  # noqa: F811
    served: Served,
    site: Path,
) -> None:
    browser.resize(chrome, "desk")
    open_page(chrome, served, f"/lines/{town.SUDIRMAN}?lang=en")
    until(chrome, lambda: "Finds the paths" in text(chrome))
    chrome.find_element(By.ID, "observe").send_keys("\n")
    until(chrome, lambda: f"{len(observed().paths)} vehicles" in text(chrome))
    until(chrome, lambda: chrome.find_elements(By.CSS_SELECTOR, ".tried p"))
    chrome.find_element(By.ID, "suggest").send_keys("\n")
    until(chrome, lambda: len(chrome.find_elements(By.CSS_SELECTOR, ".line-row")) > 5)
    until(chrome, lambda: len(chrome.find_elements(By.CSS_SELECTOR, ".tried p")) > 10)
    counted = [int(found.text) for found in chrome.find_elements(By.CSS_SELECTOR, "[data-direction=forward] b")]
    assert sum(counted[1:]) > 50
    chrome.find_element(By.ID, "show-paths").send_keys(" ")
    until(chrome, lambda: chrome.find_elements(By.CSS_SELECTOR, ".paths polyline"))
    for size in ("phone", "wall"):
        browser.resize(chrome, size)
        chrome.execute_script(AXE.read_text())
        found = chrome.execute_async_script("axe.run(document).then(arguments[0])")
        assert [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in found["violations"]] == []
        assert chrome.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert [entry["message"] for entry in chrome.get_log("browser")] == []
    chrome.find_element(By.ID, "save").send_keys("\n")
    until(chrome, lambda: "arm-1-" in site.read_text())
    lines = load_site(site, {"CAMERA_KEY": "x"}).find_camera(town.SUDIRMAN).line
    assert lines[0].name == "U-in"
    assert {"entry", "exit"} <= {line.role for line in lines[1:]}
    assert "# measured on site" in site.read_text()
