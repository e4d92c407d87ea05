"""Who parts from a vehicle that has just come over a line came over it with that vehicle."""

import pytest

from pipeline.types import CountingLine
from tests.count.scenes import Actor, every, hidden, play, through

LEVEL = CountingLine("level", (0, 300), (600, 300))
EXIT = CountingLine("exit", (0, 480), (600, 480), role="exit")
SIZE = (24.0, 50.0)


def riding(*knots: tuple[float, float, float], seen_from_s: float = 0.0) -> Actor:
    return Actor(hidden(through(*knots), (-1.0, seen_from_s)), "motorcycle", SIZE)


def straight_on() -> Actor:
    return riding((0, 300, 100), (12, 300, 1060))


def bearing_off(seen_from_s: float, *, bears_off_s: float | None = None, sideways: float = 40) -> Actor:
    """Eighteen pixels to the right of the other one until it bears off, which is when it is seen, if not later."""
    begins_s = seen_from_s if bears_off_s is None else bears_off_s
    end_x = 318 + sideways * (12 - begins_s)
    path = (0, 318, 100), (begins_s, 318, 100 + 80 * begins_s), (12, end_x, 1060)
    return riding(*path, seen_from_s=seen_from_s)


@pytest.mark.parametrize("interval_s", [0.2, 0.1, 0.04])
def test_of_two_that_are_found_as_one_at_the_line_both_count(interval_s):
    outcome = play([straight_on(), bearing_off(3.6)], [LEVEL], every(interval_s, 10))
    assert outcome.counted == [("level", "forward", "motorcycle")] * 2
    assert len({crossing.track for crossing in outcome.crossings}) == 2


def test_its_movement_is_known():
    lines = [CountingLine("level", (0, 300), (600, 300), role="entry"), EXIT]
    outcome = play([straight_on(), bearing_off(3.4)], lines, every(0.1, 10))
    assert [movement.to_line for movement in outcome.movements] == ["exit", "exit"]


def test_a_second_box_that_never_leaves_its_vehicle_does_not_count():
    second_box = bearing_off(3.6, sideways=1)
    assert play([straight_on(), second_box], [LEVEL], every(0.1, 10)).directions == ["forward"]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (bearing_off(4.8), "the other's crossing is too long ago"),
        (riding((3.6, 318, 388), (8, 560, 388)), "it comes from the side"),
        (riding((3.6, 318, 388), (8, 318, 388)), "it stands, and the other one hid it"),
        (bearing_off(3.6, bears_off_s=8.0), "it left the other's side too late to have been hidden by it"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_whoever_did_not_come_with_it_does_not_count(other, why):
    assert play([straight_on(), other], [LEVEL], every(0.1, 10)).directions == ["forward"], why


@pytest.mark.parametrize(("apart_px", "directions"), [(18, ["forward", "forward"]), (50, ["forward"])])
def test_who_begins_apart_from_it_did_not_come_with_it(apart_px, directions):
    slow = riding((0, 300, 240), (12, 300, 540))
    other = riding((3.6, 300 + apart_px, 330), (10, 380 + apart_px, 490))
    assert play([slow, other], [LEVEL], every(0.1, 10)).directions == directions


def test_a_line_that_it_crossed_itself_counts_once():
    """It is found before the line, beside the one that is over it, and proves to be another beyond it."""
    outcome = play([riding((0, 300, 120), (12, 300, 1080)), bearing_off(2.35)], [LEVEL], every(0.1, 10))
    assert outcome.directions == ["forward", "forward"]


def test_a_line_that_is_still_before_it_is_its_own_to_cross():
    """The other one is past the line when it is found just before it; it goes back without having crossed."""
    ahead = riding((0, 300, 135), (8, 300, 775))
    turning_back = riding((2.2, 304, 283), (2.45, 306, 297), (4, 400, 297), (6, 400, 120))
    assert play([ahead, turning_back], [LEVEL], every(0.1, 10)).directions == ["forward"]


def test_only_the_line_that_the_other_came_over_counts():
    behind = CountingLine("behind", (0, 140), (600, 140))
    outcome = play([straight_on(), bearing_off(3.6)], [behind, LEVEL], every(0.1, 10))
    assert sorted(crossing.line for crossing in outcome.crossings) == ["behind", "level", "level"]


def test_who_goes_back_over_the_line_came_from_beyond_it():
    halting = riding((0, 300, 240), (2.4, 300, 300), (3.2, 300, 320), (12, 300, 320))
    oncoming = riding((2.8, 316, 306), (3.1, 316, 313), (5.6, 316, 220), (6, 316, 200))
    assert play([halting, oncoming], [LEVEL], every(0.1, 10)).directions == ["forward", "backward"]
