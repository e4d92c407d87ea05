from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.source import VideoSource
from pipeline.types import Frame
from tests.source.video_files import textured, write_sound, write_video

H264 = {"codec": "libx264", "codec_options": {"g": "5", "bf": "0", "crf": "12"}}
FIVE_SECONDS_MS = [100 * i for i in range(50)]


def read(path: Path) -> tuple[list[Frame], VideoSource]:
    with VideoSource(str(path), camera="cam", start_at_ns=0) as source:
        return list(source), source


def test_a_damaged_middle_is_skipped_counted_and_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", FIVE_SECONDS_MS, picture=textured, **H264)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = np.random.default_rng(1).bytes(20_000)
    path.write_bytes(content)

    frames, source = read(path)
    assert 0 < source.stats.damaged < 25
    assert len(frames) >= 25
    assert frames[-1].captured_at_ns == 4_900_000_000
    assert any(f"{source.stats.damaged} packets could not be decoded" in warning for warning in source.warnings)
    assert any(frame.lost_before for frame in frames)


def test_a_hole_in_a_transport_stream_is_counted_and_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.ts", FIVE_SECONDS_MS, picture=textured, **H264)
    content, packet = path.read_bytes(), 188
    hole = len(content) // packet // 2 * packet
    path.write_bytes(content[:hole] + content[hole + 20 * packet :])

    frames, source = read(path)
    assert frames[-1].captured_at_ns == 4_900_000_000
    assert source.stats.damaged >= 1
    assert source.warnings[-1].startswith("v.ts is damaged: ")
    assert any(frame.lost_before for frame in frames)


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_file_cut_off_gives_what_is_there_and_says_how_far_it_goes(tmp_path: Path, container: str) -> None:
    path = write_video(
        tmp_path / f"v.{container}",
        FIVE_SECONDS_MS,
        picture=textured,
        container_options={"movflags": "faststart"} if container == "mp4" else None,
        **H264,
    )
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])

    frames, source = read(path)
    assert 20 <= len(frames) <= 35
    assert source.stats.truncated
    reached_s = frames[-1].captured_at_ns / 1e9 + 0.1
    assert source.warnings[0] == f"{path.name} is truncated: it states 5.0 s and could be read to {reached_s:.1f} s"


def test_a_whole_file_is_neither_damaged_nor_truncated(tmp_path: Path) -> None:
    _, source = read(write_video(tmp_path / "v.mp4", FIVE_SECONDS_MS, picture=textured, **H264))
    assert (source.stats.damaged, source.stats.truncated, source.warnings) == (0, False, [])


def test_an_mp4_without_its_index_is_named_as_such(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", FIVE_SECONDS_MS, picture=textured, **H264)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"v\.mp4 is an incomplete MP4.*moov"):
        read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*none\.mp4"):
        read(tmp_path / "none.mp4")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory"):
        read(tmp_path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").touch()
    with pytest.raises(InputError, match=r"empty \(0 bytes\)"):
        read(tmp_path / "v.mp4")


def test_sound_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no video stream"):
        read(write_sound(tmp_path / "v.mp4"))


@pytest.mark.parametrize("content", [b"what is this\n" * 200, bytes(range(256)) * 200])
def test_a_file_that_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is not a video"):
        read(path)


def test_a_single_picture_is_refused(tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "v.png"), textured(1))
    with pytest.raises(InputError, match="is not a video"):
        read(tmp_path / "v.png")


def test_damage_is_told_of_a_part_that_ends_before_the_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", FIVE_SECONDS_MS, picture=textured, **H264)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = np.random.default_rng(1).bytes(20_000)
    path.write_bytes(content)
    with VideoSource(str(path), camera="cam", start_at_ns=0, from_s=1.0, to_s=4.0) as source:
        frames = list(source)
    assert [frames[0].captured_at_ns, frames[-1].captured_at_ns] == [1_000_000_000, 3_900_000_000]
    assert frames[0].lost_before == 0
    assert source.stats.damaged > 0 and len(source.warnings) == 1
    assert not source.stats.truncated


def test_a_last_picture_shown_for_long_is_no_truncation(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", [0, 100, 200], last_shown_ms=5000, **H264)
    _, source = read(path)
    assert source.duration_s == pytest.approx(5.2, abs=0.1)
    assert (source.stats.truncated, source.warnings) == (False, [])
