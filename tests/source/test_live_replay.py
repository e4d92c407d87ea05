"""Recordings played as cameras, on a clock that the test moves."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import FeedError
from pipeline.source import FrameSource, live_replay, open_source
from pipeline.source.live_replay import LATE_NS, ReplayFeed
from pipeline.types import NS_PER_S, Frame
from tests.source.video_files import index_of, write_video

NOW_NS = 1_764_000_001 * NS_PER_S
LENGTH_S = 10


class Clock:
    """Time passes only by waiting."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def now(self) -> int:
        return self.now_ns

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * NS_PER_S)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "loop.mkv", [500 * i for i in range(20)], rate=2, last_shown_ms=500)


def player(clip: Path, clock: Clock, fps: float = 2) -> ReplayFeed:
    return ReplayFeed(str(clip), camera="a", fps=fps, now_ns=clock.now, wait=clock.wait)


def rounds(feed: ReplayFeed, count: int) -> Iterator[Frame]:
    for _ in range(count):
        try:
            yield from feed.frames()
        except FeedError as error:
            assert error.state == "ended"


def test_two_players_show_the_same_picture_at_the_same_time_whenever_they_are_started(clip: Path) -> None:
    first, second = (
        {frame.captured_at_ns: index_of(frame) for frame in rounds(player(clip, Clock(started_ns)), 2)}
        for started_ns in (NOW_NS, NOW_NS + 2 * NS_PER_S)
    )
    common = first.keys() & second.keys()
    assert len(common) >= 20
    assert {at_ns: first[at_ns] for at_ns in common} == {at_ns: second[at_ns] for at_ns in common}


def test_pictures_are_shown_when_their_time_has_come_and_rounds_follow_each_other_without_a_gap(clip: Path) -> None:
    clock = Clock(NOW_NS)
    feed = player(clip, clock)
    times = []
    for frame in rounds(feed, 3):
        assert frame.captured_at_ns <= clock.now_ns
        times.append(frame.captured_at_ns)
    assert {later - earlier for earlier, later in pairwise(times)} == {NS_PER_S // 2}
    assert feed.stats.connects == 3


def test_a_round_that_follows_another_opens_the_recording_once(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[float | None] = []

    def open_noted(url: str, *, from_s: float | None = None, **settings: Any) -> FrameSource:
        opened.append(from_s)
        return open_source(url, from_s=from_s, **settings)

    monkeypatch.setattr(live_replay, "open_source", open_noted)
    assert len(list(rounds(player(clip, Clock(NOW_NS)), 3))) > 50
    assert opened == [None, 1.0, None, None], "first its length is asked for, and it is gone to the place of now"


def test_what_could_not_be_shown_in_time_is_gone_and_counted_as_left_out(clip: Path) -> None:
    clock = Clock(NOW_NS)
    feed = player(clip, clock)
    frames = feed.frames()
    next(frames)
    clock.wait(3.2)
    frame = next(frames)
    assert clock.now_ns - frame.captured_at_ns <= LATE_NS
    assert feed.stats.thinned == 5
