"""The benchmark that kills workers, with a network so small and pictures so plain that it runs in a minute."""

import os
from pathlib import Path

import pytest

from benchmarks._passages import FPS, LOOP_S, Passage, Round, Setting, Verdict, compare, match, one_round
from benchmarks.kills import run_kills
from pipeline.types import NS_PER_S
from tests.benchmarks.falling_cars import DETAILS, EVERY_FRAMES, LINE, ROWS, falling_cars
from tests.detect.tiny_model import save_model


def test_passages_are_matched_one_to_one_in_time_and_direction() -> None:
    expected = [Passage(10 * NS_PER_S, "forward"), Passage(20 * NS_PER_S, "forward")]
    counted = [Passage(10 * NS_PER_S + 1000, "forward"), Passage(10 * NS_PER_S + 2000, "forward")]
    missing, left = match(expected, [*counted, Passage(20 * NS_PER_S, "backward")])
    assert missing == [expected[1]]
    assert left == [counted[1], Passage(20 * NS_PER_S, "backward")]


def seconds(*at_s: float) -> tuple[Passage, ...]:
    return tuple(Passage(round(at * NS_PER_S), "forward") for at in at_s)


def test_a_loss_and_a_second_count_are_found_and_what_trackers_may_see_either_way_is_not_held_against_them() -> None:
    certain = seconds(2, 6, 15)
    round_ = Round(certain, (*certain, *seconds(10)))
    judged = [(1 * NS_PER_S, 19 * NS_PER_S), (21 * NS_PER_S, 39 * NS_PER_S)]
    whole = seconds(2, 6, 15, 22, 26, 35)
    assert compare(round_, whole, judged) == Verdict(6, [], [])
    assert compare(round_, [*whole, *seconds(10, 30)], judged) == Verdict(6, [], [])
    assert compare(round_, whole[1:], judged) == Verdict(6, [*seconds(2)], [])
    assert compare(round_, [*whole, *seconds(26.01)], judged) == Verdict(6, [], [*seconds(26.01)])
    assert compare(round_, [*whole, *seconds(10, 10.2)], judged).extra, "two counts of one that may be counted once"
    assert compare(round_, [*whole, *seconds(12.5)], judged).extra, "a vehicle that never was"
    assert compare(round_, [*whole, *seconds(20.5)], judged).extra == [], "not of the judged seconds"


def test_cars_that_nothing_hides_are_certain_wherever_a_tracker_begins(tmp_path: Path) -> None:
    setting = Setting(falling_cars(tmp_path / "cars.mp4"), LINE, save_model(tmp_path / "model"), DETAILS)
    round_ = one_round(setting, every=25)
    assert len(round_.certain) == len(range(0, round(LOOP_S * FPS) - ROWS, EVERY_FRAMES))
    assert set(round_.certain) <= set(round_.possible)


@pytest.mark.skipif(
    os.environ.get("SIMPANG_SLOW") != "1",
    reason="takes two minutes and wants an idle machine: set SIMPANG_SLOW=1, or run python -m benchmarks.kills",
)
def test_every_crossing_of_the_claimed_seconds_is_counted_once_though_the_worker_is_killed(tmp_path: Path) -> None:
    setting = Setting(falling_cars(tmp_path / "cars.mp4"), LINE, save_model(tmp_path / "model"), DETAILS)
    result = run_kills(tmp_path, setting, seconds=75, kills=2, cameras=4, seed=1)
    assert result.kills == 2
    assert result.expected >= 20, result
    assert result.missing == []
    assert result.extra == []
