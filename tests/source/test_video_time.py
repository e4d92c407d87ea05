from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.source import VideoSource
from pipeline.source.protocol import FrameSource
from pipeline.types import NS_PER_S, Frame
from tests.source.video_files import HEIGHT, WIDTH, grey, index_of, textured, write_video

START_NS = 1_700_000_000 * NS_PER_S
H264 = {"codec": "libx264", "codec_options": {"g": "10", "bf": "0", "crf": "12"}}


def read(path: Path, *, from_s: float | None = None, to_s: float | None = None) -> tuple[list[Frame], VideoSource]:
    with VideoSource(str(path), camera="cam", start_at_ns=START_NS, from_s=from_s, to_s=to_s) as source:
        return list(source), source


def times_ms(frames: list[Frame]) -> list[int]:
    return [(frame.captured_at_ns - START_NS) // 1_000_000 for frame in frames]


def test_capture_time_follows_the_timestamps_of_a_variable_frame_rate(tmp_path: Path) -> None:
    at = [0, 40, 400, 433, 1500, 1501]
    frames, source = read(write_video(tmp_path / "v.mkv", at))
    assert times_ms(frames) == at
    assert [frame.seq for frame in frames] == [0, 1, 2, 3, 4, 5]
    assert {frame.camera for frame in frames} == {"cam"}
    assert source.started_at_ns == START_NS == frames[0].captured_at_ns
    assert source.warnings == []


def test_the_first_picture_is_time_zero_whatever_its_timestamp(tmp_path: Path) -> None:
    frames, _ = read(write_video(tmp_path / "v.mkv", [5000, 5100, 5250]))
    assert times_ms(frames) == [0, 100, 250]


def test_a_timestamp_that_does_not_advance_is_left_out_and_counted(tmp_path: Path) -> None:
    frames, source = read(write_video(tmp_path / "v.mkv", [0, 100, 100, 200]))
    assert times_ms(frames) == [0, 100, 200]
    assert [frame.seq for frame in frames] == [0, 1, 3]
    assert [frame.lost_before for frame in frames] == [0, 0, 1]
    assert (source.stats.frames_seen, source.stats.duplicates) == (4, 1)


def test_a_picture_that_repeats_the_one_before_is_left_out_and_counted(tmp_path: Path) -> None:
    shown = [0, 1, 1, 1, 2]
    path = write_video(tmp_path / "v.mkv", [0, 100, 200, 300, 400], picture=lambda i: grey(shown[i]))
    frames, source = read(path)
    assert [index_of(frame) for frame in frames] == [0, 1, 2]
    assert times_ms(frames) == [0, 100, 400]
    assert frames[-1].lost_before == source.stats.duplicates == 2


def test_a_scene_without_motion_still_yields_a_picture_a_second(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", list(range(0, 3500, 100)), picture=lambda i: grey(3))
    frames, source = read(path)
    assert times_ms(frames) == [0, 1000, 2000, 3000]
    assert source.stats.duplicates == 35 - 4


def test_one_changed_pixel_makes_another_picture(tmp_path: Path) -> None:
    def blinking(index: int) -> np.ndarray:
        image = grey(5)
        image[8 * index : 8 * index + 8, 8:16] = 250
        return image

    frames, _ = read(write_video(tmp_path / "v.mkv", [0, 100, 200], picture=blinking))
    assert len(frames) == 3


def test_pictures_are_blue_green_red_at_their_own_size(tmp_path: Path) -> None:
    def blue_above_red(index: int) -> np.ndarray:
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        image[: HEIGHT // 2, :, 0] = 250
        image[HEIGHT // 2 :, :, 2] = 250
        return image

    frames, source = read(write_video(tmp_path / "v.mkv", [0], picture=blue_above_red))
    image = frames[0].image
    assert source.size == frames[0].size == (WIDTH, HEIGHT)
    assert image.shape == (HEIGHT, WIDTH, 3) and image.dtype == np.uint8
    assert image[4, 4, 0] > 200 > 60 > image[4, 4, 2]
    assert image[-4, 4, 2] > 200 > 60 > image[-4, 4, 0]


def test_a_phone_held_upright_gives_upright_pictures(tmp_path: Path) -> None:
    def bright_top_left(index: int) -> np.ndarray:
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        image[:16, :16] = 250
        return image

    path = write_video(tmp_path / "v.mp4", [0], picture=bright_top_left, **H264)
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    quarter_turn_clockwise = (0, 0x10000, 0, -0x10000, 0, 0)
    content[matrix : matrix + 24] = b"".join(value.to_bytes(4, "big", signed=True) for value in quarter_turn_clockwise)
    path.write_bytes(content)

    frames, source = read(path)
    assert source.size == frames[0].size == (HEIGHT, WIDTH)
    assert frames[0].image[4, -4].min() > 200
    assert frames[0].image[4, 4].max() < 60


@pytest.mark.parametrize("reordered", ["0", "3"])
def test_a_part_holds_the_same_pictures_times_and_numbers_as_the_whole(tmp_path: Path, reordered: str) -> None:
    coding = {"codec": "libx264", "codec_options": {"g": "10", "bf": reordered, "b-adapt": "0", "crf": "12"}}
    path = write_video(tmp_path / "v.mp4", [100 * i for i in range(40)], picture=textured, **coding)
    whole, _ = read(path)
    part, source = read(path, from_s=1.5, to_s=2.5)
    expected = [f for f in whole if 1.5 * NS_PER_S <= f.captured_at_ns - START_NS < 2.5 * NS_PER_S]
    assert len(expected) == 10
    assert [(f.seq, f.captured_at_ns) for f in part] == [(f.seq, f.captured_at_ns) for f in expected]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(part, expected, strict=True))
    assert source.duration_s == pytest.approx(1.0)
    assert source.frame_count_estimate == 10
    assert source.warnings == []


def test_pictures_whose_rows_do_not_fill_whole_words_keep_their_shape(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", [0, 100], size=(50, 38), picture=lambda i: textured(i)[:38, :50])
    frames, _ = read(path)
    assert [frame.image.shape for frame in frames] == [(38, 50, 3)] * 2
    expected = cv2.GaussianBlur(textured(0)[:38, :50], (9, 9), 0).astype(float)
    assert np.abs(cv2.GaussianBlur(frames[0].image, (9, 9), 0) - expected).mean() < 12


def test_what_the_container_states_is_known_before_reading(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", [100 * i for i in range(21)], **H264)
    with VideoSource(str(path), camera="cam", start_at_ns=0) as source:
        assert isinstance(source, FrameSource)
        assert source.fps == pytest.approx(10, rel=0.06)
        assert source.duration_s == pytest.approx(2.0, abs=0.11)
        assert source.frame_count_estimate in (20, 21, 22)


@pytest.mark.parametrize(
    ("from_s", "to_s", "complaint"),
    [
        (9.0, None, "v.mp4 ends at 2.1 s"),
        (1.5, 1.0, "an end after the beginning"),
        (1.0, 1.0, "an end after the beginning"),
        (-1.0, None, "0 or more"),
        (float("nan"), None, "0 or more"),
    ],
)
def test_a_part_that_cannot_be_is_refused(tmp_path: Path, from_s: float, to_s: float | None, complaint: str) -> None:
    path = write_video(tmp_path / "v.mp4", [100 * i for i in range(21)], **H264)
    with pytest.raises(InputError, match=complaint):
        read(path, from_s=from_s, to_s=to_s)


def test_a_closed_source_ends(tmp_path: Path) -> None:
    source = VideoSource(str(write_video(tmp_path / "v.mkv", [0, 100, 200])), camera="cam", start_at_ns=0)
    next(source)
    source.close()
    source.close()
    assert list(source) == []
