"""Capture time of live streams, with arrival times written down rather than waited for."""

from itertools import pairwise

from pipeline.source.live_clock import MOST_ANCHORS, MOST_UNTIMED, LiveClock
from pipeline.types import NS_PER_S

NOW = 1_764_000_000 * NS_PER_S
TICK = NS_PER_S // 10


def read_steadily(clock: LiveClock, count: int, *, first: int = 0, late_ns: int = 0, rate: float = 1.0) -> list[int]:
    """Pictures every tick of arrival whose stream clock runs at `rate`."""
    times = [
        clock.read(round(i * TICK * rate) + 90_000, NOW + i * TICK + (late_ns if i else 0))
        for i in range(first, first + count)
    ]
    return [time for time in times if time is not None]


def test_a_steady_stream_is_anchored_once_at_its_first_picture() -> None:
    clock = LiveClock()
    assert read_steadily(clock, 300) == [NOW + i * TICK for i in range(1, 300)]
    assert (clock.anchors, clock.quality) == (1, "stream")


def test_jitter_of_arrival_does_not_reach_the_capture_times() -> None:
    clock = LiveClock()
    arrivals = [NOW + i * TICK + (i * 37 % 90) * 1_000_000 for i in range(200)]
    times = [clock.read(i * TICK, arrival) for i, arrival in enumerate(arrivals)]
    taken = [time for time in times if time is not None]
    assert {later - earlier for earlier, later in pairwise(taken)} == {TICK}


def test_a_backlog_poured_in_at_the_start_gets_no_time_and_does_not_put_later_pictures_into_the_future() -> None:
    clock = LiveClock()
    backlog = [clock.read(i * TICK, NOW + i * 1_000_000) for i in range(20)]
    assert backlog == [None] * 20
    live = [clock.read((20 + i) * TICK, NOW + 20_000_000 + (1 + i) * TICK) for i in range(50)]
    for i, captured in enumerate(live):
        arrived = NOW + 20_000_000 + (1 + i) * TICK
        assert captured is not None
        assert arrived - 50_000_000 <= captured <= arrived + 50_000_000


def test_a_stream_clock_that_drifts_is_anchored_anew_and_one_that_never_keeps_time_is_given_up() -> None:
    clock = LiveClock()
    read_steadily(clock, 2000, rate=0.9)
    assert clock.anchors == MOST_ANCHORS + 1
    assert clock.quality == "arrival"
    slightly_off = LiveClock()
    read_steadily(slightly_off, 6000, rate=1.0001)
    assert (slightly_off.anchors, slightly_off.quality) == (1, "stream")


def test_a_clock_that_jumps_by_a_day_is_anchored_anew_at_once() -> None:
    clock = LiveClock()
    read_steadily(clock, 50)
    jumped = [clock.read((50 + i) * TICK + 86_400 * NS_PER_S, NOW + (50 + i) * TICK) for i in range(5)]
    assert jumped == [None] + [NOW + (50 + i) * TICK for i in range(1, 5)]


def test_the_cameras_own_clock_is_believed_where_it_agrees_with_ours() -> None:
    clock = LiveClock()
    read_steadily(clock, 20)
    told = clock.read(20 * TICK, NOW + 20 * TICK + 300_000_000, wall_ns=NOW + 20 * TICK)
    assert told == NOW + 20 * TICK
    assert clock.quality == "rtcp"
    wrong = LiveClock()
    read_steadily(wrong, 20)
    wrong.read(20 * TICK + 90_000, NOW + 20 * TICK, wall_ns=NOW - 3600 * NS_PER_S)
    assert wrong.quality == "stream"


def test_pictures_without_a_timestamp_are_left_out_and_a_format_without_any_goes_by_arrival() -> None:
    clock = LiveClock()
    assert clock.read(None, NOW) is None
    assert read_steadily(clock, 3) == [NOW + TICK, NOW + 2 * TICK]
    by_arrival = LiveClock(trust_pts=False)
    assert by_arrival.read(None, NOW) == NOW
    assert by_arrival.read(5, NOW + 7) == NOW + 7
    assert by_arrival.quality == "arrival"


def test_a_stream_that_never_gives_a_timestamp_goes_by_arrival_instead_of_being_left_out_for_ever() -> None:
    clock = LiveClock()
    times = [clock.read(None, NOW + i * TICK) for i in range(MOST_UNTIMED + 10)]
    assert [time for time in times if time is not None] == [NOW + (MOST_UNTIMED + i) * TICK for i in range(1, 10)]
    assert clock.quality == "arrival"
    with_gaps = LiveClock()
    for i in range(4 * MOST_UNTIMED):
        with_gaps.read(None if i % 2 else i * TICK, NOW + i * TICK)
    assert with_gaps.quality == "stream"


def test_time_never_goes_back_across_connections() -> None:
    clock = LiveClock(after_ns=NOW + 10 * TICK)
    assert read_steadily(clock, 20)[0] == NOW + 11 * TICK
