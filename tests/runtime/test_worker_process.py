"""A worker's process that ends by a fault."""

import multiprocessing
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from pipeline.runtime import worker_process
from pipeline.runtime.messages import Orders, WorkerSpec
from pipeline.runtime.worker import Worker
from tests.runtime.fakes import PixelDetector
from tests.runtime.live_fakes import HandFeed, Hands, spec


class Playing(Hands):
    """Each camera has a picture as soon as it is opened, and takes its time to end."""

    def __call__(
        self, url: str, *, camera: str, fps: float, transport: str, decode: str, wait: Callable[[float], object]
    ) -> HandFeed:
        feed = super().__call__(url, camera=camera, fps=fps, transport=transport, decode=decode, wait=wait)
        feed.ends_after_s = 0.5
        feed.show(20)
        return feed


def test_a_worker_that_fails_ends_its_cameras_threads_before_its_process_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker_process, "begin_child", lambda log_json: None)
    monkeypatch.setattr(worker_process, "Worker", partial(Worker, open_feed=Playing()))
    detector = PixelDetector(error=RuntimeError("the device is gone"))
    monkeypatch.setattr(worker_process, "load_detector", lambda model, device: closing(detector))
    orders = Orders((spec("a"), spec("b")))
    worker = WorkerSpec("worker-0", orders, None, "cpu", (), tmp_path / "outbox.sqlite", lambda lines, size: None)
    ours, theirs = multiprocessing.Pipe()
    with closing(ours), closing(theirs):
        with pytest.raises(SystemExit):
            worker_process.run_worker(worker, theirs)
        assert ours.poll()
        assert ours.recv().cameras == (), "before it reads a camera it says that it is there"
    assert "the device is gone" in caplog.text
    assert not [
        thread.name for thread in threading.enumerate() if thread.name.startswith(("capture", "detect", "prep"))
    ]
