from itertools import pairwise

import pytest

from pipeline.source.live_rate import DecodeThrift, RateControl
from pipeline.types import NS_PER_S


def times(fps: float, seconds: float, start_s: float = 0) -> list[int]:
    return [round((start_s + i / fps) * NS_PER_S) for i in range(round(seconds * fps))]


@pytest.mark.parametrize(("source_fps", "wanted_fps"), [(25, 10), (30, 10), (15, 10), (25, 25), (12.5, 5), (30, 7)])
def test_about_the_wanted_rate_is_kept_and_evenly_spaced(source_fps: float, wanted_fps: float) -> None:
    rate = RateControl(wanted_fps)
    kept = [t for t in times(source_fps, 20) if rate.take(t)]
    assert len(kept) == pytest.approx(20 * wanted_fps, abs=2)
    gaps = [(b - a) * source_fps / NS_PER_S for a, b in pairwise(kept)]
    assert max(gaps) <= source_fps / wanted_fps + 1.01
    assert min(gaps) >= source_fps / wanted_fps - 1.01


def test_a_stream_slower_than_wanted_is_taken_whole() -> None:
    rate = RateControl(10)
    assert all(rate.take(t) for t in times(8, 30))


def test_a_stream_of_exactly_the_wanted_rate_with_jitter_is_taken_whole() -> None:
    rate = RateControl(10)
    jittered = [t + (i * 13 % 7 - 3) * 10_000_000 for i, t in enumerate(times(10, 30))]
    assert sum(rate.take(t) for t in jittered) >= 299


def test_a_pause_is_not_made_up_for() -> None:
    rate = RateControl(5)
    before = sum(rate.take(t) for t in times(25, 10))
    after = [t for t in times(25, 10, start_s=100) if rate.take(t)]
    assert before == pytest.approx(50, abs=1)
    assert len(after) == pytest.approx(50, abs=1)


def test_the_rate_may_change_while_running() -> None:
    rate = RateControl(10)
    for t in times(20, 10):
        rate.take(t)
    rate.fps = 5
    assert sum(rate.take(t) for t in times(20, 10, start_s=10)) == pytest.approx(50, abs=2)


def decode(thrift: DecodeThrift, fps: float, fps_without_nonreference: float, seconds: int) -> None:
    at_s = 0.0
    while at_s < seconds:
        at_s += 1 / (fps_without_nonreference if thrift.skips_nonreference else fps)
        thrift.decoded(round(at_s * NS_PER_S))


def test_nonreference_pictures_are_skipped_where_the_others_are_enough() -> None:
    thrift = DecodeThrift(10)
    decode(thrift, fps=25, fps_without_nonreference=12.5, seconds=20)
    assert thrift.skips_nonreference


def test_nonreference_pictures_are_decoded_where_the_others_are_too_few() -> None:
    thrift = DecodeThrift(10)
    decode(thrift, fps=25, fps_without_nonreference=25 / 3, seconds=20)
    assert not thrift.skips_nonreference


def test_a_stream_no_faster_than_wanted_is_not_tried_on() -> None:
    thrift = DecodeThrift(10)
    decode(thrift, fps=10, fps_without_nonreference=5, seconds=20)
    assert not thrift.skips_nonreference
