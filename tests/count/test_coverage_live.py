"""Coverage of a camera that comes and goes."""

import pytest

from pipeline.count import CoverageMeter
from pipeline.types import NS_PER_S, Coverage

MINUTE = 60 * NS_PER_S
START = 29_000_000 * MINUTE
TICK = NS_PER_S // 10


def watch(meter: CoverageMeter, from_s: float, to_s: float) -> list[Coverage]:
    ended: list[Coverage] = []
    for i in range(round(from_s * 10), round(to_s * 10)):
        ended += meter.observe(START + i * TICK)
    return ended


def at(seconds: float) -> int:
    return START + round(seconds * NS_PER_S)


def test_every_minute_of_an_outage_is_reported_while_it_lasts_and_says_why() -> None:
    meter = CoverageMeter("a")
    watch(meter, 0, 30)
    ended: list[Coverage] = []
    for second in range(32, 200):
        ended += meter.interrupt("disconnected", at(second))
    assert [c.minute_ns for c in ended] == [START, START + MINUTE, START + 2 * MINUTE]
    assert [c.observed_s for c in ended] == pytest.approx([29.9, 0, 0])
    assert {c.reason for c in ended} == {"disconnected"}


def test_an_interruption_shorter_than_an_ordinary_gap_is_not_observed_either() -> None:
    meter = CoverageMeter("a")
    watch(meter, 0, 30)
    meter.interrupt("stalled", at(30.5))
    (minute,) = watch(meter, 31.5, 61)
    assert minute.observed_s == pytest.approx(60 - 1.6)
    assert minute.reason == "stalled"


def test_the_minute_so_far_never_claims_more_than_its_end() -> None:
    meter = CoverageMeter("a")
    claims = []
    for second in range(0, 55, 5):
        watch(meter, second, second + 5)
        so_far = meter.so_far()
        assert so_far is not None
        claims.append(so_far.observed_s)
    assert claims == pytest.approx([second + 4.9 for second in range(0, 55, 5)])
    (whole,) = watch(meter, 55, 60.1)
    assert whole.observed_s == pytest.approx(60)
    assert whole.reason == ""


def test_a_camera_that_never_came_is_reported_too() -> None:
    meter = CoverageMeter("a")
    ended: list[Coverage] = []
    for second in range(0, 130, 10):
        ended += meter.interrupt("disconnected", at(second))
    assert [c.observed_s for c in ended] == [0, 0]
    assert {c.reason for c in ended} == {"disconnected"}


def test_after_an_interruption_time_counts_again_from_the_first_picture() -> None:
    meter = CoverageMeter("a")
    watch(meter, 0, 10)
    meter.interrupt("disconnected", at(14))
    watch(meter, 20, 40)
    so_far = meter.so_far()
    assert so_far is not None
    assert so_far.observed_s == pytest.approx(9.9 + 19.9)


def test_a_picture_older_than_the_interruption_it_ends_takes_nothing_away() -> None:
    meter = CoverageMeter("a")
    meter.interrupt("disconnected", at(10))
    watch(meter, 8, 20)
    so_far = meter.so_far()
    assert so_far is not None
    assert 9.8 <= so_far.observed_s <= 10
