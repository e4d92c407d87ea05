"""The picture that a worker keeps for people who look: only where it may, small, once a second."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import supervision as sv

from pipeline.commands.run import camera_spec
from pipeline.config import CameraConfig, LineConfig
from pipeline.detect import ModelInfo
from pipeline.runtime.live_camera import LiveCamera
from pipeline.runtime.messages import CameraSpec
from pipeline.types import NS_PER_S, CountingLine, Frame, Image

LINE = CountingLine("mid", (0.0, 600.0), (1280.0, 600.0))
MODEL = ModelInfo("fake", Path("fake.xml"), "cpu", "a fake", ("car",), None, "0" * 64)
START_NS = 29_000_000 * 60 * NS_PER_S
GREY = np.full((720, 1280, 3), 128, np.uint8)


def count(camera: LiveCamera, tenths: range) -> None:
    """A car stands in the middle, ten pictures a second."""
    for number in tenths:
        at_ns = START_NS + number * NS_PER_S // 10
        frame = Frame("a", number, at_ns, GREY)
        box = sv.Detections(
            np.array([[500, 200, 700, 400]], np.float32), None, np.array([0.9], np.float32), np.array([1])
        )
        camera.count(frame, box, at_ns)


def shown(path: Path) -> Image:
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def test_a_picture_with_boxes_and_lines_is_replaced_once_a_second_and_goes_with_its_camera(tmp_path: Path) -> None:
    path = tmp_path / "pictures" / "a.jpg"
    camera = LiveCamera(CameraSpec("a", "rtsp://camera/x", 10.0, (LINE,), picture=path), MODEL, START_NS)
    count(camera, range(15))
    first = path.stat().st_mtime_ns
    picture = shown(path)
    assert picture.shape == (360, 640, 3)
    assert abs(int(picture[50, 50].max()) - 128) < 5
    assert picture[300].max() > 240, "the line"
    assert np.ptp(picture[100:200, 249:252].astype(int), axis=1).max() > 40, "the left side of the box"
    count(camera, range(15, 19))
    assert path.stat().st_mtime_ns == first
    count(camera, range(19, 21))
    assert path.stat().st_mtime_ns > first
    assert [kept.name for kept in path.parent.iterdir()] == ["a.jpg"]
    camera.finish()
    assert list(path.parent.iterdir()) == []


def test_a_picture_that_cannot_be_written_does_not_keep_the_counter(tmp_path: Path) -> None:
    (tmp_path / "pictures").write_text("not a directory")
    spec = CameraSpec("a", "rtsp://camera/x", 10.0, (LINE,), picture=tmp_path / "pictures" / "a.jpg")
    camera = LiveCamera(spec, MODEL, START_NS)
    count(camera, range(20))
    assert camera.analysed == 20


@pytest.mark.parametrize(("allowed", "wanted"), [(True, "a.jpg"), (False, None)])
def test_a_picture_is_kept_only_where_the_site_file_allows_it(
    tmp_path: Path, allowed: bool, wanted: str | None
) -> None:
    line = LineConfig(name="mid", points=((0, 1), (5, 1)))
    config = CameraConfig(id="a", url="rtsp://127.0.0.1:9/x", line=(line,), live_picture=allowed)
    spec = camera_spec(config, "Asia/Makassar", tmp_path / "site.toml", tmp_path)
    assert spec.picture == (None if wanted is None else tmp_path / wanted)
    assert camera_spec(config, "Asia/Makassar", tmp_path / "site.toml", None) == replace(spec, picture=None)
    assert not CameraConfig(id="a").live_picture
