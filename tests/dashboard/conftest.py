from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.config import load_site
from pipeline.dashboard.app import build_app
from pipeline.dashboard.editor import LineEditor
from pipeline.dashboard.pictures import LivePictures
from pipeline.dashboard.server import DashboardServer, address_of, listen
from pipeline.sink.store import EmbeddedStore
from tests.dashboard import town

NOW_S = town.local_s("2026-06-03 16:41")

SITE = """\
# The cameras of a town; $CAMERA_KEY is secret.
timezone = "Asia/Makassar"

[[camera]]
id = "grogot-sudirman-1"   # the busiest
name = "Perempatan Jl. Jenderal Sudirman"
district = "Tanah Grogot"
url = "sim:?seed=3&seconds=5&size=640x360"

[[camera.line]]
name = "U-in"  # from the north
points = [[100, 150], [310, 160]]  # measured on site
approach = "U"
role = "entry"

[[camera]]
id = "grogot-makam-1"
url = "http://user:$CAMERA_KEY@127.0.0.1:9/live.mp4?token=$CAMERA_KEY"
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Two days of three cameras, and the same hours a week ago."""
    with EmbeddedStore(tmp_path_factory.mktemp("town") / "store") as opened:
        for hours_before in (26, 7 * 24 + 2):
            from_s = NOW_S // 900 * 900 - hours_before * 3600
            to_s = NOW_S // 60 * 60 if hours_before == 26 else from_s + 3 * 3600
            town.build(opened, from_s, to_s, scale=0.4)
        yield opened


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(SITE)
    return path


@pytest.fixture
def editor(site: Path) -> LineEditor:
    return LineEditor(site, lambda path: load_site(path, {"CAMERA_KEY": "hunter2"}), writable=True)


@dataclass(frozen=True)
class Served:
    """A dashboard that answers on a socket."""

    address: str
    stop: Callable[[], None]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where workers keep live pictures; none does yet."""
    return tmp_path / "pictures"


@pytest.fixture
def served(store: EmbeddedStore, site: Path, editor: LineEditor, pictures: Path) -> Iterator[Served]:
    opened: socket.socket = listen("127.0.0.1", 0)
    app = build_app(
        store,
        site=load_site(site, {"CAMERA_KEY": "hunter2"}),
        editor=editor,
        pictures=LivePictures(pictures),
        look_every_s=0.3,
        now_s=lambda: NOW_S,
    )
    server = DashboardServer(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)

    def stop() -> None:
        server.should_exit = True
        thread.join(20)

    yield Served(address_of(opened).rstrip("/"), stop)
    stop()
    opened.close()
