"""The pages in a real browser, over a real store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from pipeline.config import load_site
from pipeline.sink.store import EmbeddedStore
from tests.dashboard import browser, town
from tests.dashboard.conftest import NOW_S, Served

AXE = Path(__file__).parent / "vendor" / "axe-4.14.1.min.js"
PATIENCE_S = 60
PAGES = ("/", f"/junction/{town.SUDIRMAN}", f"/health/{town.SUDIRMAN}", f"/lines/{town.SUDIRMAN}")


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    downloads = tmp_path_factory.mktemp("downloads")
    opened = browser.start(tmp_path_factory.mktemp("profile"), downloads=downloads)
    opened.downloads = downloads  # type: ignore[attr-defined]
    yield opened
    opened.quit()


def until(chrome: webdriver.Chrome, condition: Callable[[], Any]) -> Any:
    # The page may be drawn anew between finding an element and reading it.
    anew = (StaleElementReferenceException,)
    return WebDriverWait(chrome, PATIENCE_S, poll_frequency=0.1, ignored_exceptions=anew).until(lambda _: condition())


def open_page(chrome: webdriver.Chrome, served: Served, path: str) -> None:
    chrome.get("about:blank")
    chrome.get_log("browser")
    chrome.get(served.address + path)
    until(chrome, lambda: chrome.execute_script("return document.getElementById('main').dataset.ready"))


def text(chrome: webdriver.Chrome) -> str:
    return chrome.find_element(By.TAG_NAME, "main").text


def choose(chrome: webdriver.Chrome, selector: str, value: str) -> None:
    before = ready(chrome)
    Select(chrome.find_element(By.ID, f"select-{selector}")).select_by_value(value)
    until(chrome, lambda: ready(chrome) != before)


def ready(chrome: webdriver.Chrome) -> str:
    return str(chrome.execute_script("return document.getElementById('main').dataset.ready"))


@pytest.mark.parametrize(("size", "theme"), [("phone", "light"), ("wall", "dark")])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_fits_and_says_nothing_on_the_console(
    chrome: webdriver.Chrome, served: Served, path: str, size: str, theme: str
) -> None:
    browser.resize(chrome, size)
    open_page(chrome, served, f"{path}?theme={theme}")
    chrome.execute_script(AXE.read_text())
    found = chrome.execute_async_script("axe.run(document).then(arguments[0])")
    faults = [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in found["violations"]]
    assert faults == []
    assert chrome.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert [entry["message"] for entry in chrome.get_log("browser")] == []


def test_language_range_class_and_unit_live_in_the_address(chrome: webdriver.Chrome, served: Served) -> None:
    browser.resize(chrome, "desk")
    open_page(chrome, served, f"/junction/{town.SUDIRMAN}?lang=id")
    assert "Gerakan membelok" in text(chrome)
    choose(chrome, "lang", "en")
    assert "Turning movements" in text(chrome)
    choose(chrome, "range", "7d")
    choose(chrome, "class", "motorcycle")
    choose(chrome, "unit", "smp")
    assert all(part in chrome.current_url for part in ("lang=en", "range=7d", "class=motorcycle", "unit=smp"))
    shown = text(chrome)
    chrome.refresh()
    until(chrome, lambda: ready(chrome) != "None")
    assert text(chrome) == shown


def test_the_first_page_does_not_wait_for_what_only_charts_need(chrome: webdriver.Chrome, served: Served) -> None:
    open_page(chrome, served, "/?lang=en")
    until(chrome, lambda: chrome.execute_script("return typeof echarts") == "object")
    began_ms, answered_ms = chrome.execute_script(
        "const of = (part) => performance.getEntriesByType('resource').find((entry) => entry.name.includes(part));"
        "return [of('echarts').startTime, of('/api/city').responseEnd]"
    )
    assert began_ms > answered_ms


def test_a_crossing_appears_without_reloading(chrome: webdriver.Chrome, served: Served, store: EmbeddedStore) -> None:
    open_page(chrome, served, "/?lang=en")
    chrome.execute_script("window.marked = true")
    until(chrome, lambda: chrome.find_element(By.CSS_SELECTOR, ".lamp").get_attribute("data-on") == "true")

    def today() -> int:
        tile = chrome.find_element(By.CSS_SELECTOR, f"[data-camera={town.KUARO}] .facts dd")
        return int(tile.text.replace(",", ""))

    before = until(chrome, today)
    time.sleep(1.0)  # the first look at the store only learns what is there
    for track in range(3):
        store.insert(list(town.vehicle(town.KUARO, NOW_S - 50 + track, ("U", "S"), "car", 90_000 + track)))
    until(chrome, lambda: today() == before + 3)
    assert chrome.execute_script("return window.marked")


def test_a_live_picture_is_there_where_a_worker_keeps_one_and_nowhere_else(
    chrome: webdriver.Chrome, served: Served, pictures: Path
) -> None:
    browser.resize(chrome, "desk")
    open_page(chrome, served, f"/junction/{town.SUDIRMAN}?lang=en")
    assert "Live picture" not in text(chrome)
    assert chrome.find_elements(By.CSS_SELECTOR, "img.live-picture") == []

    def keep(grey: int, width: int) -> None:
        fresh = pictures / "fresh"
        fresh.write_bytes(cv2.imencode(".jpg", np.full((180, width, 3), grey, np.uint8))[1].tobytes())
        fresh.replace(pictures / f"{town.SUDIRMAN}.jpg")

    pictures.mkdir()
    keep(90, 320)
    open_page(chrome, served, f"/junction/{town.SUDIRMAN}?lang=en")
    assert "Nothing is recorded" in text(chrome)
    width = "return document.querySelector('img.live-picture').naturalWidth"
    until(chrome, lambda: chrome.execute_script(width) == 320)
    # The next one comes by itself.
    keep(200, 322)
    until(chrome, lambda: chrome.execute_script(width) == 322)
    (pictures / f"{town.SUDIRMAN}.jpg").unlink()
    until(chrome, lambda: "gives no picture now" in text(chrome))


def test_numbers_on_axes_are_written_in_the_page_s_language(chrome: webdriver.Chrome, served: Served) -> None:
    labels = "return (await import('/static/js/charts.js')).axis({ type: 'value' }).axisLabel.formatter(arguments[0])"
    for language, wanted in (("id", "1.500"), ("en", "1,500")):
        open_page(chrome, served, f"/health/{town.SUDIRMAN}?lang={language}")
        assert chrome.execute_script(labels, 1500) == wanted


def test_every_chart_can_be_taken_as_csv_and_png(chrome: webdriver.Chrome, served: Served) -> None:
    open_page(chrome, served, f"/junction/{town.SUDIRMAN}?lang=en&range=yesterday")
    downloads: Path = chrome.downloads  # type: ignore[attr-defined]
    for button in chrome.find_elements(By.CSS_SELECTOR, "[data-export]"):
        chrome.execute_script("arguments[0].click()", button)
    names = {f"simpang-{town.SUDIRMAN}-{part}" for part in ("turns", "shares", "profile", "days")}
    wanted = {f"{name}.{kind}" for name in names for kind in ("csv", "png")}
    with suppress(TimeoutException):
        until(chrome, lambda: wanted <= {path.name for path in downloads.iterdir()})
    assert wanted - {path.name for path in downloads.iterdir()} == set(), text(chrome)
    profile = (downloads / f"simpang-{town.SUDIRMAN}-profile.csv").read_text("utf-8-sig").splitlines()
    assert profile[0].startswith("bin_start_utc,status,observed_s,motorcycle_veh")
    assert len(profile) == 97
    for picture in downloads.glob("*.png"):
        assert picture.read_bytes()[:4] == b"\x89PNG"


def test_a_line_is_drawn_named_undone_and_saved(chrome: webdriver.Chrome, served: Served, site: Path) -> None:
    browser.resize(chrome, "desk")
    open_page(chrome, served, f"/lines/{town.SUDIRMAN}?lang=en")
    drawing = chrome.find_element(By.ID, "drawing")

    def draw(from_: tuple[int, int], to: tuple[int, int]) -> None:
        actions = ActionChains(chrome, duration=50)
        actions.move_to_element_with_offset(drawing, *from_).click_and_hold()
        actions.move_to_element_with_offset(drawing, *to).release().perform()

    draw((-150, 60), (120, 80))
    draw((-150, 120), (-20, 130))
    assert len(chrome.find_elements(By.CSS_SELECTOR, ".line-row")) == 3
    chrome.find_element(By.ID, "undo").click()
    rows = chrome.find_elements(By.CSS_SELECTOR, ".line-row")
    assert len(rows) == 2
    name = rows[1].find_element(By.TAG_NAME, "input")
    name.clear()
    name.send_keys("S-out")
    Select(rows[1].find_elements(By.TAG_NAME, "select")[0]).select_by_value("S")
    chrome.find_element(By.ID, "save").click()
    until(chrome, lambda: "S-out" in site.read_text())
    lines = load_site(site, {"CAMERA_KEY": "x"}).find_camera(town.SUDIRMAN).line
    assert [(line.name, line.approach) for line in lines] == [("U-in", "U"), ("S-out", "S")]
    assert lines[1].points[0][0] < lines[1].points[1][0]
    assert "# measured on site" in site.read_text()
