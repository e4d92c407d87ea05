"""`simpang dashboard` as a user starts it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.sink.store import EmbeddedStore
from tests.dashboard.conftest import SITE

COMMAND = [sys.executable, "-m", "pipeline", "dashboard"]


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
