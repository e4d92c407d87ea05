from pathlib import Path

import numpy as np
import pytest

from pipeline.source import VideoSource, open_source
from pipeline.source.choice import PictureChoice
from pipeline.types import Frame
from tests.source.video_files import textured, write_video

REORDERED = {"codec": "libx264", "codec_options": {"x264-params": "keyint=30:bframes=3:b-adapt=0:scenecut=0:crf=20"}}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s of 25 pictures a second, in which most pictures refer to others that are shown later."""
    path = tmp_path_factory.mktemp("rate") / "v.mp4"
    return write_video(path, [40 * i for i in range(100)], picture=textured, rate=25, **REORDERED)  # type: ignore[arg-type]


def read(path: Path, **options: float | None) -> tuple[list[Frame], VideoSource]:
    with VideoSource(str(path), camera="cam", start_at_ns=0, **options) as source:  # type: ignore[arg-type]
        return list(source), source


def test_every_second_picture_is_the_same_as_where_all_are_decoded(video: Path) -> None:
    every, all_of_it = read(video)
    some, source = read(video, look_fps=12.5)
    assert [(f.seq, f.captured_at_ns, f.lost_before) for f in some] == [
        (f.seq, f.captured_at_ns, f.lost_before) for f in every[::2]
    ]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(some, every[::2], strict=True))
    assert source.stats.frames_seen == all_of_it.stats.frames_seen == 100
    assert source.stats.passed_over == 50
    assert source.frame_count_estimate == pytest.approx(50, abs=1)
    assert source.warnings == []


def test_pictures_that_no_other_refers_to_are_not_decoded(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int | None] = []
    refuses = PictureChoice.refuses
    monkeypatch.setattr(PictureChoice, "refuses", lambda choice, pts: decoded.append(pts) or refuses(choice, pts))
    read(video, look_fps=12.5)
    assert 50 <= len(decoded) < 80


@pytest.mark.parametrize("part", [(1.0, 3.0), (0.5, None), (None, 2.2)])
def test_a_part_has_the_numbers_and_times_of_the_whole(video: Path, part: tuple[float | None, float | None]) -> None:
    every, all_of_it = read(video, from_s=part[0], to_s=part[1])
    some, source = read(video, from_s=part[0], to_s=part[1], look_fps=12.5)
    known = {f.seq: f.captured_at_ns for f in every}
    assert all(known[f.seq] == f.captured_at_ns for f in some)
    assert len(some) == pytest.approx(len(every) / 2, abs=1)
    assert source.stats.frames_seen == pytest.approx(all_of_it.stats.frames_seen, abs=1)


def test_damaged_footage_is_read_on(video: Path, tmp_path: Path) -> None:
    content = bytearray(video.read_bytes())
    for at in range(len(content) // 3, len(content) // 3 + 4000, 40):
        content[at] ^= 0xFF
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    every, _ = read(path)
    some, source = read(path, look_fps=12.5)
    assert len(some) == pytest.approx(len(every) / 2, abs=8)
    assert some[-1].captured_at_ns >= every[-1].captured_at_ns - 80_000_000
    assert source.stats.frames_seen <= 100 + source.stats.damaged


def test_a_simulated_junction_is_looked_at_as_often() -> None:
    url = "sim:?seed=3&seconds=2&size=320x192&fps=25"
    with open_source(url, camera="a", start_at_ns=0) as source:
        every = list(source)
    with open_source(url, camera="a", start_at_ns=0, look_fps=12.5) as source:
        some = list(source)
        assert source.stats.passed_over == 25
        assert source.frame_count_estimate == 25
    assert [(f.seq, f.captured_at_ns) for f in some] == [(f.seq, f.captured_at_ns) for f in every[::2]]
