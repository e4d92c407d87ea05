"""`simpang dashboard` as a user starts it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.__main__ import main
from pipeline.commands.dashboard import DashboardSettings
from pipeline.runtime import observation
from pipeline.sink.store import EmbeddedStore
from tests.dashboard.conftest import SITE
from tests.dashboard.traffic import PreparedObserver

SIMPANG = [sys.executable, "-m", "pipeline"]
COMMAND = [*SIMPANG, "dashboard"]
LIVE_SITE = """
[[camera]]
id = "sim-1"
name = "Simpang coba"
url = "sim:?seed=3&seconds=60&size=320x192&fps=5"
fps = 2
live_picture = true
"""
PATIENCE_S = 240


@pytest.fixture
def empty_store(tmp_path: Path) -> Path:
    EmbeddedStore(tmp_path / "store").close()
    return tmp_path / "store"


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_it_prints_its_address_answers_and_stops_without_a_word(empty_store: Path) -> None:
    running = subprocess.Popen(
        [*COMMAND, "--store", str(empty_store), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        address = running.stdout.readline().removeprefix("dashboard: ").strip()
        with urllib.request.urlopen(f"{address}api/city", timeout=60) as answer:
            assert b'"newest_s":null' in answer.read()
        with urllib.request.urlopen(f"{address}api/live", timeout=60) as stream:
            assert stream.readline().startswith(b"retry")
            held = subprocess.run(
                [*COMMAND, "--store", str(empty_store), "--port", "0"], capture_output=True, text=True, check=False
            )
            running.send_signal(signal.SIGINT)
            _, error = running.communicate(timeout=60)
    finally:
        running.kill()
    assert "Traceback" not in error
    assert "Cancel" not in error
    assert held.returncode == 2
    assert str(empty_store) in held.stderr
    assert len(held.stderr.strip().splitlines()) == 1


def test_a_port_that_is_taken_is_named(empty_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["dashboard", "--store", str(empty_store), "--port", str(port)]) == 2
    assert str(port) in sentence(capsys)


def test_a_store_that_does_not_exist_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboard", "--store", str(tmp_path / "none"), "--port", "0"]) == 2
    assert "none" in sentence(capsys)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("arguments", "words"), [(["--edit"], "--site"), (["--site", "SITE", "--edit", "--host", "0.0.0.0"], "no login")]
)
def test_editing_needs_a_site_and_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    (tmp_path / "site.toml").write_text(SITE)
    given = [str(tmp_path / "site.toml") if argument == "SITE" else argument for argument in arguments]
    assert main(["dashboard", "--store", str(tmp_path / "store"), *given]) == 2
    assert words in sentence(capsys)


def asked(address: str, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{address}{path}", timeout=60) as answer:
        return json.load(answer)  # type: ignore[no-any-return]


def address_in(log: Path, running: subprocess.Popen[Any]) -> str:
    deadline_s = time.monotonic() + PATIENCE_S
    while "dashboard: http" not in log.read_text():
        assert running.poll() is None, log.read_text()
        assert time.monotonic() < deadline_s, log.read_text()
        time.sleep(0.2)
    return log.read_text().split("dashboard: ")[1].split()[0]


@contextmanager
def running_pool(directory: Path) -> Iterator[tuple[str, Path]]:
    """`simpang run` on `LIVE_SITE` with the page that may write: its address and log; it must stop cleanly."""
    (directory / "site.toml").write_text(LIVE_SITE)
    log = directory / "log"
    command = [*SIMPANG, "run", "-c", directory / "site.toml", "--store", directory / "store", "--device", "cpu"]
    with log.open("wb") as output:
        running = subprocess.Popen([*command, "--dashboard", "0", "--edit"], stdout=output, stderr=output)
    try:
        yield address_in(log, running), log
        running.send_signal(signal.SIGTERM)
        assert running.wait(PATIENCE_S) == 0
    finally:
        running.kill()
    assert "Traceback" not in log.read_text()


def test_inside_run_it_shows_the_store_that_the_pool_fills(tmp_path: Path) -> None:
    with running_pool(tmp_path) as (address, log):
        deadline_s = time.monotonic() + PATIENCE_S
        while (camera := asked(address, "api/city")["cameras"][0])["state"] != "live":
            assert time.monotonic() < deadline_s, log.read_text()
            time.sleep(1)
        assert (camera["id"], camera["name"]) == ("sim-1", "Simpang coba")
        # The counts trail the coverage that makes a camera live by about a second.
        while not asked(address, "api/junction/sim-1")["bins"]:
            assert time.monotonic() < deadline_s, log.read_text()
            time.sleep(1)
        while (shown := asked(address, "api/cameras")["pictures"]) != ["sim-1"]:
            assert time.monotonic() < deadline_s, (shown, log.read_text())
            time.sleep(1)
        with urllib.request.urlopen(f"{address}api/picture/sim-1", timeout=60) as picture:
            assert picture.read(3) == b"\xff\xd8\xff"
        # A line that is saved here is counted on without anybody telling the pool.
        file = asked(address, "api/lines/sim-1")
        line = {"name": "drawn", "points": [[20, 100], [300, 100]], "approach": None, "role": "count"}
        body = {"lines": [line], "names_before": [None], "size": [320, 192], "digest": file["digest"]}
        save = urllib.request.Request(
            f"{address}api/lines/sim-1",
            data=json.dumps(body).encode(),
            method="PUT",
            headers={"Origin": address.rstrip("/"), "X-Simpang-Token": file["token"]},
        )
        with urllib.request.urlopen(save, timeout=60) as answer:
            assert answer.status == 200
        while "drawn" not in {known["line"] for known in asked(address, "api/junction/sim-1")["totals"]}:
            assert time.monotonic() < deadline_s, log.read_text()
            time.sleep(1)


def test_inside_run_traffic_is_observed_and_lines_are_suggested(tmp_path: Path) -> None:
    with running_pool(tmp_path) as (address, log):
        file = asked(address, "api/lines/sim-1")
        assert file["observes"]
        observe = urllib.request.Request(
            f"{address}api/lines/sim-1/observing",
            method="POST",
            headers={"Origin": address.rstrip("/"), "X-Simpang-Token": file["token"]},
        )
        urllib.request.urlopen(observe, timeout=60).close()
        deadline_s = time.monotonic() + PATIENCE_S
        while (state := asked(address, "api/lines/sim-1/observing"))["phase"] != "ready":
            assert state["phase"] == "running", state
            assert time.monotonic() < deadline_s, (state, log.read_text())
            time.sleep(0.5)
        assert state["sample"]["vehicles"] > 0
        assert asked(address, "api/lines/sim-1/suggestions")["lines"]


def test_observing_ends_with_the_page_that_asked_for_it(
    empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = threading.Event()

    class Observer(PreparedObserver):
        def __init__(self, directory: Path, *, device: str) -> None:
            super().__init__()

        def cancel(self) -> None:
            cancelled.set()

    monkeypatch.setattr(observation, "PathObserver", Observer)
    (tmp_path / "site.toml").write_text(LIVE_SITE)
    settings = DashboardSettings("127.0.0.1", 0, tmp_path / "site.toml", True, {}, paths=tmp_path / "paths")
    with EmbeddedStore(empty_store) as store:
        service = settings.open(store, lambda address: service.stop())
        page = threading.Thread(target=service.run)
        page.start()
        page.join(PATIENCE_S)
    assert cancelled.is_set()


def test_inside_run_a_port_that_is_taken_ends_it_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(LIVE_SITE)
    command = [*SIMPANG, "run", "-c", tmp_path / "site.toml", "--store", tmp_path / "store", "--device", "cpu"]
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = subprocess.run(
            [*command, "--dashboard", str(port)], capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
    assert ended.returncode == 2
    assert "--dashboard" in ended.stderr.strip().splitlines()[-1]
    assert "Traceback" not in ended.stderr


def heeding_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_inside_demo_it_answers_after_the_demo_until_interrupted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [*SIMPANG, "demo", "--seconds", "4", "--out", tmp_path / "out", "--device", "cpu", "--dashboard", "0"]
    with log.open("wb") as output:
        # A shell without job control lets what it starts in the background ignore the signal.
        running = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, preexec_fn=heeding_interrupts)
    try:
        (camera,) = asked(address_in(log, running), "api/city")["cameras"]
        assert camera["state"] == "recorded"
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_S) == 130
    finally:
        running.kill()
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("address", ["http", "1:2:3", "0.0.0.0", "99999", ":80"])
def test_an_address_that_is_none_is_quoted(tmp_path: Path, capsys: pytest.CaptureFixture[str], address: str) -> None:
    (tmp_path / "site.toml").write_text(LIVE_SITE)
    run = ["run", "-c", str(tmp_path / "site.toml"), "--store", str(tmp_path / "store"), "--dashboard", address]
    assert main(run) == 2
    assert address in sentence(capsys)


@pytest.mark.parametrize(
    ("arguments", "words"), [(["--edit"], "give --dashboard"), (["--edit", "--dashboard", "0.0.0.0:0"], "no login")]
)
def test_inside_run_editing_needs_a_page_on_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    (tmp_path / "site.toml").write_text(LIVE_SITE)
    assert main(["run", "-c", str(tmp_path / "site.toml"), "--store", str(tmp_path / "store"), *arguments]) == 2
    assert words in sentence(capsys)


def test_with_a_bus_there_is_no_store_to_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "site.toml").write_text(LIVE_SITE)
    assert main(["run", "-c", str(tmp_path / "site.toml"), "--bus", "kafka://x:9092/y", "--dashboard", "0"]) == 2
    assert "simpang dashboard" in sentence(capsys)
