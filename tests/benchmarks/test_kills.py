"""The benchmark that kills workers, with a network so small and pictures so plain that it runs in a minute."""

import os
from fractions import Fraction
from pathlib import Path

import av
import pytest

from benchmarks.kills import FPS, LOOP_S, Passage, Setting, match, one_round, run_kills
from pipeline.types import NS_PER_S, CountingLine
from tests.detect.tiny_model import CELL, RED, picture, save_model

WIDTH, HEIGHT = 832, 480
ROWS = HEIGHT // CELL
EVERY_FRAMES = 7
LINE = CountingLine("middle", (0.0, 130.0), (831.0, 370.0))
"""Slanted, so that the region around it is the whole picture: the tiny network only knows its own scale."""


def falling_cars(path: Path) -> Path:
    """Every seven frames a car starts at the top and moves down by its own length a frame."""
    frames = round(LOOP_S * FPS)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS), options={"preset": "ultrafast", "crf": "10"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(frames):
            cars = []
            for index, start in enumerate(range(0, frames - ROWS, EVERY_FRAMES)):
                row, left = number - start, (5 * index % 26) * CELL
                if 0 <= row < ROWS:
                    cars.append((left, row * CELL, left + CELL, (row + 1) * CELL, RED))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(WIDTH, HEIGHT, *cars), "bgr24")))
        container.mux(stream.encode(None))
    return path


def test_passages_are_matched_one_to_one_in_time_and_direction() -> None:
    expected = [Passage(10 * NS_PER_S, "forward"), Passage(20 * NS_PER_S, "forward")]
    counted = [Passage(10 * NS_PER_S + 1000, "forward"), Passage(10 * NS_PER_S + 2000, "forward")]
    missing, left = match(expected, [*counted, Passage(20 * NS_PER_S, "backward")])
    assert missing == [expected[1]]
    assert left == [counted[1], Passage(20 * NS_PER_S, "backward")]


@pytest.mark.skipif(
    os.environ.get("SIMPANG_SLOW") != "1",
    reason="takes two minutes and wants an idle machine: set SIMPANG_SLOW=1, or run python -m benchmarks.kills",
)
def test_every_crossing_of_the_claimed_seconds_is_counted_once_though_the_worker_is_killed(tmp_path: Path) -> None:
    setting = Setting(falling_cars(tmp_path / "cars.mp4"), LINE, save_model(tmp_path / "model"))
    assert len(one_round(setting)) == len(range(0, round(LOOP_S * FPS) - ROWS, EVERY_FRAMES))
    result = run_kills(tmp_path, setting, seconds=75, kills=2, cameras=4, seed=1)
    assert result.kills == 2
    assert result.expected >= 20, result
    assert result.missing == []
    assert result.twice == []
