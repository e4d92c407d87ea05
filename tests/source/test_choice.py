from dataclasses import dataclass
from fractions import Fraction

import pytest

from pipeline.source.choice import PictureChoice

MS = Fraction(1, 1000)


@dataclass(frozen=True)
class Coded:
    pts: int | None


def coded(times_ms: list[int], *, reordered: int) -> list[Coded]:
    """In the order of decoding: before each `reordered` pictures comes the one that is shown after them."""
    order = []
    for first in range(0, len(times_ms), reordered + 1):
        group = times_ms[first : first + reordered + 1]
        order += [group[-1], *group[:-1]]
    return [Coded(pts) for pts in order]


def wanted(choice: PictureChoice, packets: list[Coded]) -> list[int]:
    decided = list(choice.decide(iter(packets)))
    assert [packet for packet, _ in decided] == packets, "the order of decoding is kept"
    return sorted(packet.pts for packet, is_wanted in decided if is_wanted and packet.pts is not None)


@pytest.mark.parametrize("reordered", [0, 1, 3, 15])
def test_every_second_of_twenty_five_pictures_is_wanted_in_whatever_order_they_are_coded(reordered: int) -> None:
    times_ms = list(range(0, 8000, 40))
    choice = PictureChoice(12.5, MS)
    assert wanted(choice, coded(times_ms, reordered=reordered)) == times_ms[::2]
    assert choice.refuses(40) and not choice.refuses(80)


def test_footage_that_is_slower_is_wanted_whole() -> None:
    times_ms = list(range(0, 8000, 100))
    assert wanted(PictureChoice(12.5, MS), coded(times_ms, reordered=3)) == times_ms


def test_everything_is_wanted_where_no_rate_is_given() -> None:
    times_ms = list(range(0, 800, 20))
    assert wanted(PictureChoice(None, MS), coded(times_ms, reordered=3)) == times_ms


def test_pictures_that_are_not_wanted_are_told_once_before_the_next_one() -> None:
    choice = PictureChoice(10, MS)
    wanted(choice, coded(list(range(0, 400, 25)), reordered=3))
    assert [choice.refused_before(pts) for pts in (0, 100, 100, 200)] == [0, 3, 0, 3]
    assert choice.refused_before(None) == 6
    assert choice.refused_before(None) == 0


def test_a_picture_without_a_timestamp_is_wanted() -> None:
    packets = [Coded(0), Coded(None), Coded(20), Coded(None)]
    decided = dict(enumerate(is_wanted for _, is_wanted in PictureChoice(10, MS).decide(iter(packets))))
    assert decided == {0: True, 1: True, 2: False, 3: True}


def test_two_pictures_of_one_time_share_their_fate() -> None:
    packets = [Coded(pts) for pts in (0, 0, 50, 50, 100, 100)]
    assert [is_wanted for _, is_wanted in PictureChoice(10, MS).decide(iter(packets))] == [
        True,
        True,
        False,
        False,
        True,
        True,
    ]


def test_choosing_goes_on_where_the_clock_steps_back() -> None:
    choice = PictureChoice(10, MS)
    before, after = list(range(100_000, 102_000, 50)), list(range(0, 2000, 50))
    decided = list(choice.decide(Coded(pts) for pts in before + after))
    assert [packet.pts for packet, is_wanted in decided if is_wanted] == before[::2] + after[::2]
    assert choice.refused_before(None) == 40
