"""The pictures from which vehicles are counted by hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.slit_scan import MARGIN, frames, main, pixels_along, slit_scan, strip
from pipeline.types import Image
from tests.source.video_files import HEIGHT, WIDTH, write_video

LINE = ((0.0, 24.0), (63.0, 24.0))
TOUCHING = (7, 8, 9, 10)
"""The frames in which the block of `falling` covers row 24."""


def falling(index: int) -> Image:
    """A white block, 16 wide and 8 high, that falls two rows a frame at x = 32 to 47."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[2 * index + 4 : 2 * index + 12, 32:48] = 255
    return picture


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "falling.avi", range(0, 1600, 100), picture=falling)


def test_a_vehicle_fills_the_columns_of_its_window_and_the_rows_of_its_place(video: Path) -> None:
    first, scan = slit_scan(frames(video), LINE)
    bright = scan[..., 1] > 128
    assert (first, scan.shape) == (0, (64, 16, 3))
    assert tuple(np.flatnonzero(bright.any(axis=0))) == TOUCHING
    assert tuple(np.flatnonzero(bright.any(axis=1))[[0, -1]]) == (32, 47)


def test_frames_keep_their_number_when_the_scan_starts_later(video: Path) -> None:
    assert [number for number, _ in frames(video, 5, 7)] == [5, 6, 7]
    first, scan = slit_scan(frames(video, 8, 12), LINE)
    assert first == 8
    assert list((scan[40, :, 1] > 128).nonzero()[0] + first) == [8, 9, 10]


def test_a_line_is_read_from_its_start_to_its_end() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[0, 0], picture[3, 3] = 10, 200
    there = pixels_along(picture, ((0, 0), (3, 3)))
    assert (there[0, 0], there[-1, 0]) == (10, 200)
    assert np.array_equal(pixels_along(picture, ((3, 3), (0, 0))), there[::-1])


def test_a_strip_shows_every_nth_frame_of_its_box(video: Path) -> None:
    picture = strip(frames(video, 3, 15), (32, 0, 16, HEIGHT), step=4, columns=3, enlarge=1)
    height, width = MARGIN + HEIGHT, 16 + 2
    assert picture.shape == (2 * height, 3 * width, 3)
    tops = [
        np.flatnonzero(picture[row * height + MARGIN : (row + 1) * height, column * width + 8, 1] > 128)[0]
        for row, column in ((0, 0), (0, 1), (0, 2), (1, 0))
    ]
    assert tops == [10, 18, 26, 34]


def test_the_command_writes_the_scan_under_a_ruler(video: Path, tmp_path: Path) -> None:
    out = tmp_path / "scan.png"
    main([str(video), "--line", "0", "24", "63", "24", "--stretch", "5", "--enlarge", "2", "--out", str(out)])
    assert cv2.imread(str(out)).shape == (MARGIN + 2 * 64, 5 * 16, 3)


def test_a_range_without_frames_is_named(video: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no frame in that range"):
        main([str(video), "--line", "0", "24", "63", "24", "--frames", "90", "99", "--out", str(tmp_path / "scan.png")])


def test_a_video_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"cannot open .*absent\.avi"):
        list(frames(tmp_path / "absent.avi"))
