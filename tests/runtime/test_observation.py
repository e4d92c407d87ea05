"""Looking at a camera's traffic: in this process, and in one of its own as a page asks for it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import InputError, StorageError
from pipeline.runtime.observation import Observing, PathObserver, observe_paths
from pipeline.sink.path_file import read_paths, write_paths
from pipeline.source.live_slice import LiveSlice
from pipeline.types import NS_PER_S, Frame, PathSample, VehiclePath
from tests.runtime.fakes import PixelDetector, ScriptedSource

PATIENCE_S = 120.0


def sample() -> PathSample:
    ways = tuple(
        VehiclePath(
            number,
            ("car", "motorcycle")[number % 2],
            np.arange(5 + number, dtype=np.int64) * NS_PER_S,
            np.full((5 + number, 2), number, np.float32),
            np.full(5 + number, 30, np.float32),
        )
        for number in range(4)
    )
    return PathSample("grogot-1", (640, 360), 7 * NS_PER_S, 12.5, ways)


def test_paths_come_back_from_their_file_as_they_were(tmp_path: Path) -> None:
    write_paths(tmp_path / "new" / "a.npz", sample())
    back = read_paths(tmp_path / "new" / "a.npz")
    assert back is not None
    assert (back.camera, back.picture_size, back.from_ns, back.duration_s) == (
        "grogot-1",
        (640, 360),
        7 * NS_PER_S,
        12.5,
    )
    for way, before in zip(back.paths, sample().paths, strict=True):
        assert (way.vehicle, way.vehicle_class) == (before.vehicle, before.vehicle_class)
        assert (way.captured_at_ns == before.captured_at_ns).all()
        assert (way.points == before.points).all()
        assert (way.size_px == before.size_px).all()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.npz"]


def test_a_sample_without_vehicles_is_kept_too(tmp_path: Path) -> None:
    write_paths(tmp_path / "a.npz", PathSample("a", (640, 360), 0, 60.0, ()))
    back = read_paths(tmp_path / "a.npz")
    assert back is not None and back.paths == () and back.duration_s == 60.0


def test_a_file_that_is_none_of_ours_is_refused_with_the_mend(tmp_path: Path) -> None:
    assert read_paths(tmp_path / "none.npz") is None
    (tmp_path / "a.npz").write_bytes(b"PK not really")
    with pytest.raises(StorageError, match=r"a\.npz .*remove it"):
        read_paths(tmp_path / "a.npz")


class _Feed:
    """A live camera of ten pictures a second."""

    def __init__(self) -> None:
        self.fps, self.closed = 10.0, False

    def frames(self):
        try:
            for seq in range(1000):
                yield Frame("a", seq, 5 * NS_PER_S + seq * NS_PER_S // 10, np.zeros((36, 64, 3), np.uint8))
        finally:
            self.closed = True


def test_a_slice_of_a_live_camera_ends_and_lets_go_of_it() -> None:
    feed = _Feed()
    with LiveSlice(feed, 2.0) as source:  # type: ignore[arg-type]
        assert (source.size, source.frame_count_estimate) == ((64, 36), 20)
        assert len(list(source)) == 21
    assert feed.closed


def test_the_sample_holds_the_way_of_each_vehicle_and_says_what_it_was_taken_from() -> None:
    source = ScriptedSource("a", range(20, 180, 4))
    told: list[int] = []
    found = observe_paths(source, "a", PixelDetector(), tell=told.append)
    assert (found.camera, found.picture_size) == ("a", (200, 100))
    assert told == list(range(1, 41))
    assert found.duration_s == pytest.approx(3.9)
    (way,) = found.paths
    assert way.vehicle_class == "car"
    assert way.points[-1, 0] - way.points[0, 0] > 130


def wait_for(observer: PathObserver, camera: str) -> Observing:
    ends_s = time.monotonic() + PATIENCE_S
    while (state := observer.state(camera)).phase == "running" and time.monotonic() < ends_s:
        time.sleep(0.1)
    return state


def test_a_camera_is_observed_in_a_process_of_its_own(tmp_path: Path) -> None:
    observer = PathObserver(tmp_path / "paths")
    assert observer.state("a").phase == "none"
    assert observer.sample("a") is None
    observer.begin("a", "sim:?seed=2&seconds=6&size=640x360", 10.0, "tcp")
    with pytest.raises(InputError, match="camera a is being observed"):
        observer.begin("b", "sim:?seed=2", 10.0, "tcp")
    assert wait_for(observer, "a") == Observing("ready")
    found = observer.sample("a")
    assert found is not None
    assert found.picture_size == (640, 360)
    assert found.paths


def test_what_cannot_be_observed_says_why_without_the_password(tmp_path: Path) -> None:
    observer = PathObserver(tmp_path / "paths")
    observer.begin("a", "rtsp://user:hunter2@127.0.0.1:9/live", 10.0, "tcp")
    state = wait_for(observer, "a")
    assert state.phase == "failed"
    assert "refused the connection" in state.message
    assert "hunter2" not in state.message


def test_observing_can_be_stopped(tmp_path: Path) -> None:
    observer = PathObserver(tmp_path / "paths")
    observer.begin("a", "sim:?seed=2&seconds=300", 10.0, "tcp")
    observer.cancel()
    assert observer.state("a").phase == "none"
    assert not list(tmp_path.rglob("*.npz"))
