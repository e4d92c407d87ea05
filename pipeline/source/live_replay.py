"""A recording or a simulated junction played in real time as if it were a live camera: for trials, demos and tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Final

from pipeline.errors import FeedError, InputError, PipelineError
from pipeline.source.factory import open_source
from pipeline.source.live import LiveStats
from pipeline.source.live_rate import RateControl
from pipeline.source.protocol import FrameSource
from pipeline.source.url import redact, scheme_of
from pipeline.types import NS_PER_S, Frame

LEAST_LOOP_S: Final = 2.0
LATE_NS: Final = NS_PER_S // 2
"""A camera does not wait: pictures that could not be played in time are gone."""


class ReplayFeed:
    """A `LiveFeed` that plays a file, or a `sim:` junction, again and again at its own speed.

    A file's place follows the wall clock: it is `now` modulo its length, so that two players, or one that was started
    again, show the same picture at the same time, with the same capture time. A simulated junction begins when it is
    connected to. Raises InputError where the recording cannot be played.
    """

    def __init__(
        self,
        url: str,
        *,
        camera: str,
        fps: float,
        now_ns: Callable[[], int] = time.time_ns,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self.name = redact(url)
        self.stats = LiveStats()
        self.fps = fps
        self._wanted_fps = fps
        self._url, self._camera, self._now_ns, self._wait = url, camera, now_ns, wait
        self._last_ns = 0
        self._seq = 0

    def frames(self) -> Generator[Frame, None, None]:
        """See `LiveFeed.frames`; one connection lasts one round."""
        try:
            source, later_ns = self._open()
            with source:
                self.stats.connects += 1
                self.stats.clock, self.stats.size = "stream", source.size
                yield from self._play(source, later_ns)
        except InputError as error:
            raise FeedError("missing", str(error)) from error
        raise FeedError("ended", f"{self.name} was played to its end; it begins again")

    def _open(self) -> tuple[FrameSource, int]:
        """What is to be played now, and by how much later than it says."""
        if scheme_of(self._url) == "sim":
            return open_source(self._url, camera=self._camera, start_at_ns=self._now_ns()), 0
        now_ns = self._now_ns()
        source = open_source(self._url, camera=self._camera, start_at_ns=0)
        try:
            length_ns = self._length_ns(source)
            place_ns = now_ns % length_ns
            if length_ns - place_ns < NS_PER_S:
                self._wait((length_ns - place_ns) / NS_PER_S)
                now_ns, place_ns = now_ns + length_ns - place_ns, 0
        except BaseException:
            source.close()
            raise
        # A round that follows another begins at the beginning, where the recording already is: opening takes as long as
        # decoding a dozen pictures.
        if place_ns:
            source.close()
            source = open_source(self._url, camera=self._camera, start_at_ns=0, from_s=place_ns / NS_PER_S)
        return source, now_ns - place_ns

    def _length_ns(self, source: FrameSource) -> int:
        if source.duration_s is None or source.duration_s < LEAST_LOOP_S:
            raise PipelineError(f"{self.name} does not state its length, or is too short to be played as a camera")
        return round(source.duration_s * NS_PER_S)

    def _play(self, source: FrameSource, later_ns: int) -> Iterator[Frame]:
        wanted, rate = RateControl(self._wanted_fps), RateControl(self.fps)
        for frame in source:
            self.stats.pictures += 1
            if rate.fps != self.fps:
                rate.fps = self.fps
            captured_at_ns = frame.captured_at_ns + later_ns
            if captured_at_ns <= self._last_ns:
                continue
            self.stats.wanted += wanted.take(captured_at_ns)
            ahead_ns = captured_at_ns - self._now_ns()
            if not rate.take(captured_at_ns) or ahead_ns < -LATE_NS:
                continue
            if ahead_ns > 0:
                self._wait(ahead_ns / NS_PER_S)
            self._last_ns = captured_at_ns
            self.stats.chosen += 1
            yield replace(frame, seq=self._seq, captured_at_ns=captured_at_ns)
            self._seq += 1
