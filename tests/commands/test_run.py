"""`simpang run` as a process of its own, with its real processes, model and store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands import run
from pipeline.runtime.messages import CameraSpec
from pipeline.sink.store import open_store
from tests.commands.conftest import Simpang

RUN = (sys.executable, "-m", "pipeline", "run", "--device", "cpu")
PATIENCE_S = 240.0
PASSWORD = "geheim-987"
CAMERA = """
[[camera]]
id = "{id}"
url = "{url}"
fps = 5
[[camera.line]]
name = "mid"
points = [[0, 180], [639, 180]]
"""


def site(path: Path, **urls: str | Path) -> Path:
    path.write_text("".join(CAMERA.format(id=name.replace("_", "-"), url=url) for name, url in urls.items()))
    return path


class Running:
    """A `simpang run` process."""

    def __init__(self, directory: Path, site_file: Path) -> None:
        self.store = directory / "store"
        self.log_path = directory / "run.log"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*RUN, "-c", site_file, "--store", self.store, "--log-format", "json"],
                stderr=log,
            )

    def status(self) -> dict[str, Any]:
        path = self.store / "live" / "status.json"
        return json.loads(path.read_text()) if path.exists() else {"workers": []}

    def cameras(self) -> dict[str, dict[str, Any]]:
        return {
            camera["camera"]: camera
            for row in self.status()["workers"]
            if row["status"] is not None
            for camera in row["status"]["cameras"]
        }

    def wait_for(self, reached: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not reached():
            assert self.process.poll() is None, self.log_path.read_text()
            assert time.monotonic() < deadline_s, f"{self.status()}\n{self.log_path.read_text()}"
            time.sleep(0.2)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def running(tmp_path: Path, clip: Path) -> Iterator[Running]:
    pool = Running(tmp_path, site(tmp_path / "site.toml", first=clip, away=f"rtsp://user:{PASSWORD}@127.0.0.1:9/away"))
    yield pool
    if pool.process.poll() is None:
        pool.process.kill()
        pool.process.wait()


def test_live_cameras_are_counted_reloaded_survive_a_killed_worker_and_end_in_the_store(
    running: Running, clip: Path, tmp_path: Path, simpang: Simpang
) -> None:
    running.wait_for(lambda: running.cameras().get("first", {}).get("crossings", 0) > 0)
    assert running.cameras()["away"]["state"] == "refused"
    table = simpang("status", "--store", running.store, "--interval", "1.5")
    assert table.status == 0
    assert "first" in table.out and "detail %" in table.out
    assert PASSWORD not in table.out

    site(tmp_path / "site.toml", first=clip, second=clip)
    before = running.cameras()["first"]
    assert simpang("reload", "--store", running.store).status == 0
    running.wait_for(lambda: running.cameras().get("second", {}).get("analysed", 0) > 5)
    after = running.cameras()
    assert after["first"]["analysed"] > before["analysed"], "an unchanged camera is not started anew"
    assert "away" not in after

    site(tmp_path / "site.toml", nonsense="gopher://x")
    assert simpang("reload", "--store", running.store).status == 0
    running.wait_for(lambda: "not reloaded" in running.log_path.read_text())

    (worker,) = running.status()["workers"]
    os.kill(worker["status"]["pid"], signal.SIGKILL)
    running.wait_for(lambda: running.status()["workers"][0]["status"]["pid"] != worker["status"]["pid"])
    assert running.status()["workers"][0]["restarts"] == 1
    # A new worker's first word may come before it has heard which cameras are its own.
    running.wait_for(lambda: running.cameras().get("second", {}).get("state") == "live")
    # The killed one may not have claimed anything yet: some seconds that are claimed when the pool is stopped.
    running.wait_for(lambda: running.cameras()["first"]["analysed"] > 80)
    assert sorted(running.cameras()) == ["first", "second"]

    assert running.stop() == 0
    log = running.log_path.read_text()
    assert PASSWORD not in log
    assert all(json.loads(line)["level"] for line in log.splitlines())
    with open_store(running.store, create=False) as store:
        observed = store.query(
            "SELECT camera, sum(observed_s) AS observed_s, uniqExact(run) AS runs FROM coverage GROUP BY camera"
        ).to_pylist()
        crossings = store.query("SELECT uniqExact(event_id) AS n, count() AS rows FROM crossings").to_pylist()[0]
        waiting = list((running.store / "live").glob("*.sqlite"))
    by_camera = {row["camera"]: row for row in observed}
    assert by_camera["first"]["observed_s"] > 5
    assert by_camera["away"]["observed_s"] == 0
    assert crossings["n"] == crossings["rows"] > 0
    assert waiting
    ended = simpang("status", "--store", running.store)
    assert ended.status == 1
    assert "does not run" in ended.out
    assert simpang("reload", "--store", running.store).status == 2


def test_a_worker_is_told_what_the_site_file_says_of_a_camera(
    tmp_path: Path, simpang: Simpang, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[CameraSpec] = []

    def run_pool(cameras: Sequence[CameraSpec], *_: object) -> int:
        told.extend(cameras)
        return 0

    monkeypatch.setattr(run, "run_pool", run_pool)
    text = CAMERA.format(id="a", url="rtsp://h/x") + CAMERA.format(id="b", url="rtsp://h/y").replace(
        "fps = 5", 'fps = 12\ntransport = "udp"\ndecode = "auto"'
    )
    (tmp_path / "site.toml").write_text(text)
    assert simpang("run", "-c", tmp_path / "site.toml", "--store", tmp_path / "store").status == 0
    assert [(spec.fps, spec.transport, spec.decode) for spec in told] == [(5, "tcp", "cpu"), (12, "udp", "auto")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[camera]]\nid = "a"\n[[camera.line]]\nname = "m"\npoints = [[0, 1], [9, 1]]\n', "no url"),
        ('[[camera]]\nid = "a"\nurl = "rtsp://127.0.0.1/x"\n', "no line"),
        (CAMERA.format(id="a", url="gopher://user:secret@host/x"), "gopher"),
        (CAMERA.format(id="a", url="/no/such/file.mp4"), "no file or device"),
        (CAMERA.format(id="a", url="rtsp://h/x").replace("fps = 5", 'transport = "pigeon"'), "transport"),
        (CAMERA.format(id="a", url="rtsp://h/x").replace("fps = 5", 'decode = "gpu"'), "decode"),
    ],
)
def test_a_site_that_can_never_be_counted_is_refused_before_anything_is_started(
    simpang: Simpang, tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "site.toml"
    path.write_text(text)
    outcome = simpang("run", "-c", path, "--store", tmp_path / "store")
    assert outcome.status == 2
    assert complaint in outcome.sentence
    assert "secret" not in outcome.err
    assert not (tmp_path / "store").exists()


def test_a_store_that_cannot_be_one_ends_the_pool_with_one_sentence(tmp_path: Path, clip: Path) -> None:
    directory = tmp_path / "full"
    directory.mkdir()
    (directory / "other.txt").write_text("mine")
    ended = subprocess.run(
        [*RUN, "-c", site(tmp_path / "site.toml", first=clip), "--store", directory],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert ended.returncode == 2
    assert "is not a store" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_status_and_reload_of_a_pool_that_never_was_are_refused(simpang: Simpang, tmp_path: Path) -> None:
    for command in ("status", "reload"):
        assert simpang(command, "--store", tmp_path).status == 2
        assert simpang(command).status == 2
