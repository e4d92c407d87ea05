from fractions import Fraction

import numpy as np

from pipeline.source.timeline import STATIC_TICK_NS, StutterFilter, Timeline
from pipeline.types import NS_PER_S

MS = 1_000_000
MILLISECONDS = Fraction(1, 1000)


def test_a_missing_timestamp_is_one_frame_after_the_one_before() -> None:
    timeline = Timeline(MILLISECONDS, Fraction(20))
    assert [timeline.offset_ns(pts) for pts in (None, 50, None, 150)] == [0, 50 * MS, 100 * MS, 150 * MS]


def test_a_stream_without_timestamps_advances_by_the_frame_rate() -> None:
    timeline = Timeline(MILLISECONDS, Fraction(10))
    assert [timeline.offset_ns(None) for _ in range(3)] == [0, 100 * MS, 200 * MS]
    assert timeline.missing == 3


def test_two_timestamps_in_the_wrong_order_cost_one_picture() -> None:
    timeline = Timeline(MILLISECONDS, Fraction(10))
    assert [timeline.offset_ns(pts) for pts in (0, 200, 100, 300)] == [0, 200 * MS, None, 300 * MS]


def test_a_clock_that_restarts_is_carried_on() -> None:
    timeline = Timeline(MILLISECONDS, Fraction(10))
    assert [timeline.offset_ns(pts) for pts in (0, 5000, 0, 100, 200)] == [
        0, 5000 * MS, 5100 * MS, 5200 * MS, 5300 * MS,
    ]  # fmt: skip
    assert timeline.restarts == 1


def test_a_gap_in_the_recording_stays_a_gap() -> None:
    timeline = Timeline(MILLISECONDS, Fraction(10))
    assert [timeline.offset_ns(pts) for pts in (0, 3_600_000)] == [0, 3600 * NS_PER_S]


def test_time_is_exact_after_a_year_of_recording() -> None:
    timeline = Timeline(Fraction(1, 90_000), Fraction(25))
    timeline.offset_ns(0)
    year_s = 365 * 24 * 3600
    assert timeline.offset_ns(90_000 * year_s + 1) == year_s * NS_PER_S + 11_111


def test_a_picture_is_a_repeat_only_where_every_pixel_agrees() -> None:
    stutter = StutterFilter()
    first = np.zeros((480, 640, 3), np.uint8)
    assert not stutter.is_repeat((first,), 0)
    assert stutter.is_repeat((first.copy(),), 40 * MS)
    for row, column in ((0, 0), (123, 457), (479, 639)):
        changed = first.copy()
        changed[row, column, 1] = 1
        other = StutterFilter()
        other.is_repeat((first,), 0)
        assert not other.is_repeat((changed,), 40 * MS)


def test_a_picture_of_which_only_the_colour_changed_is_no_repeat() -> None:
    stutter = StutterFilter()
    luma, chroma = np.full((48, 64), 90, np.uint8), np.full((24, 32), 128, np.uint8)
    assert not stutter.is_repeat((luma, chroma, chroma), 0)
    assert stutter.is_repeat((luma.copy(), chroma.copy(), chroma.copy()), 40 * MS)
    assert not stutter.is_repeat((luma.copy(), chroma.copy(), chroma + np.uint8(9)), 80 * MS)


def test_a_repeat_is_measured_against_the_last_picture_that_was_passed_on() -> None:
    stutter = StutterFilter()
    still = np.zeros((48, 64, 3), np.uint8)
    ticks = range(0, 2 * STATIC_TICK_NS + 1, STATIC_TICK_NS // 4)
    assert [stutter.is_repeat((still,), at) for at in ticks] == [
        False,
        True,
        True,
        True,
        False,
        True,
        True,
        True,
        False,
    ]
