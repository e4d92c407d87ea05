"""The benchmark that kills workers, with a network so small and pictures so plain that it runs in a minute."""

import os
from pathlib import Path

import pytest

from benchmarks._passages import FPS, LOOP_S, Passage, Setting, match, one_round
from benchmarks.kills import run_kills
from pipeline.types import NS_PER_S
from tests.benchmarks.falling_cars import EVERY_FRAMES, LINE, ROWS, falling_cars
from tests.detect.tiny_model import save_model


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
    assert len(one_round(setting).certain) == len(range(0, round(LOOP_S * FPS) - ROWS, EVERY_FRAMES))
    result = run_kills(tmp_path, setting, seconds=75, kills=2, cameras=4, seed=1)
    assert result.kills == 2
    assert result.expected >= 20, result
    assert result.missing == []
    assert result.extra == []
