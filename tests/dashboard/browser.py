"""A headless Chromium for the tests: Debian's packages, installed here where this may be done."""

from __future__ import annotations

from pathlib import Path

from selenium import webdriver

from tests.real_parts import programs

PACKAGES = ("chromium", "chromium-driver")
SIZES = {"phone": (390, 844), "desk": (1440, 900), "wall": (2560, 1440)}


def start(profile: Path, size: str = "desk", *, downloads: Path | None = None) -> webdriver.Chrome:
    """A browser with a fresh profile; skips (or fails, see `missing`) where there is none."""
    browser, driver = programs("chromium", ("chromium", "chromedriver"), PACKAGES)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-extensions",
        "--disable-dev-shm-usage",
        "--renderer-process-limit=1",
        "--force-color-profile=srgb",
        "--lang=id",
        f"--user-data-dir={profile}",
        "--window-size={},{}".format(*SIZES[size]),
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if downloads is not None:
        settings: dict[str, object] = {"download.default_directory": str(downloads)}
        # Otherwise a person would be asked before the second file.
        settings["profile.default_content_setting_values.automatic_downloads"] = 1
        options.add_experimental_option("prefs", settings)
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    chrome.set_page_load_timeout(90)
    return chrome


def resize(chrome: webdriver.Chrome, size: str) -> None:
    """Give the page the size of a phone, a desk or the wall, the window's frame not counted."""
    width, height = SIZES[size]
    chrome.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"},
    )
