"""The next minutes of a live camera as a source of frames that ends."""

from __future__ import annotations

from collections.abc import Generator
from itertools import chain
from typing import Self

from pipeline.closing import Closing
from pipeline.errors import FeedError
from pipeline.source.live import LiveFeed
from pipeline.source.protocol import SourceStats
from pipeline.types import NS_PER_S, Frame


class LiveSlice(Closing):
    """A `FrameSource` over one connection to a live camera, `duration_s` long from its first frame.

    It connects at once: raises FeedError where there is no picture. A connection that is lost ends it early.
    """

    def __init__(self, feed: LiveFeed, duration_s: float) -> None:
        self._frames: Generator[Frame, None, None] = feed.frames()
        first = next(self._frames)
        self._left = chain([first], self._frames)
        self._until_ns = first.captured_at_ns + round(duration_s * NS_PER_S)
        self._feed, self._duration_s = feed, duration_s
        self.size: tuple[int, int] = first.size
        self.started_at_ns: int = first.captured_at_ns
        self.stats = SourceStats()
        self.warnings: list[str] = []

    @property
    def fps(self) -> float | None:
        """Pictures a second that the feed was asked for."""
        return self._feed.fps

    @property
    def duration_s(self) -> float | None:
        """Seconds that will be delivered."""
        return self._duration_s

    @property
    def frame_count_estimate(self) -> int | None:
        """How many pictures that is."""
        return round(self._duration_s * self._feed.fps)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Frame:
        try:
            frame = next(self._left)
        except FeedError as error:
            self.warnings.append(str(error))
            self.stats.truncated = True
            raise StopIteration from error
        if frame.captured_at_ns > self._until_ns:
            raise StopIteration
        self.stats.frames_seen += 1
        return frame

    def close(self) -> None:
        """Let go of the connection."""
        self._left = chain([])
        self._frames.close()
