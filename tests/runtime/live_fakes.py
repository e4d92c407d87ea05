"""A camera that is played by hand, and what a worker needs around it."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Generator

from pipeline.errors import FeedError
from pipeline.runtime.messages import CameraSpec
from pipeline.runtime.worker import Worker
from pipeline.source.live import LiveStats
from pipeline.types import NS_PER_S, CountingLine, Frame
from tests.runtime.fakes import car_at

TICK_NS = NS_PER_S // 10
START_NS = 29_000_000 * 60 * NS_PER_S
LINE = CountingLine("mid", (100.0, 0.0), (100.0, 100.0))
"""A car that drives from left to right over the 200 x 100 picture crosses it once, backward."""


class HandFeed:
    """Yields the frames and raises the errors that the test puts into it, until its capture is told to stop."""

    def __init__(self, camera: str, fps: float, wait: Callable[[float], object]) -> None:
        self.camera, self.fps, self.name = camera, fps, f"hand://{camera}"
        self.ends_after_s = 0.0
        """When it is told to stop."""
        self._wait = wait
        self.stats = LiveStats()
        self._items: queue.Queue[Frame | FeedError] = queue.Queue()
        self._seq = 0
        self._at_ns = START_NS

    def show(self, *positions: int) -> None:
        """A frame each, a tick apart, with the car there."""
        for position in positions:
            self._items.put(Frame(self.camera, self._seq, self._at_ns, car_at(position)))
            self._seq, self._at_ns = self._seq + 1, self._at_ns + TICK_NS

    def lose(self, state: str, for_s: float = 0.0) -> None:
        self._items.put(FeedError(state, f"{self.name} is {state}"))
        self._at_ns += round(for_s * NS_PER_S)

    def frames(self) -> Generator[Frame, None, None]:
        self.stats.connects += 1
        while True:
            try:
                item = self._items.get(timeout=0.02)
            except queue.Empty:
                if self._wait(0.0):
                    time.sleep(self.ends_after_s)
                    return
                continue
            if isinstance(item, FeedError):
                raise item
            self.stats.pictures += 1
            yield item


class Hands:
    """Opens `HandFeed`s and remembers them by camera."""

    def __init__(self) -> None:
        self.feeds: dict[str, HandFeed] = {}
        self.decoded_on: dict[str, str] = {}

    def __call__(
        self, url: str, *, camera: str, fps: float, transport: str, decode: str, wait: Callable[[float], object]
    ) -> HandFeed:
        self.feeds[camera], self.decoded_on[camera] = HandFeed(camera, fps, wait), decode
        return self.feeds[camera]


def spec(camera: str, fps: float = 10.0, url: str = "hand://x") -> CameraSpec:
    return CameraSpec(camera, url, fps, (LINE,))


def step_until(worker: Worker, done: Callable[[], bool], limit_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while not done():
        assert time.monotonic() < deadline_s, f"not reached: {worker.status()}"
        worker.step(time.monotonic(), wait_s=0.02)
