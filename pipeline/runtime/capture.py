"""The thread of one live camera: connects, hands frames on, and connects again when the stream is lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pipeline.errors import FeedError, InputError
from pipeline.runtime.messages import CameraSpec, LineCheck
from pipeline.runtime.schedule import FIRST_DELAY_S, MOST_DELAY_S, delay_s
from pipeline.sink.backoff import Backoff
from pipeline.source.hardware import Decode
from pipeline.source.live import LiveFeed, Transport
from pipeline.types import Frame

log = logging.getLogger(__name__)

PLAYED_S = 2.0
"""A stream that ended by itself after so long is connected to again at once: nothing failed."""


class OpenFeed(Protocol):
    """`open_live`, or a fake of it."""

    def __call__(
        self,
        url: str,
        *,
        camera: str,
        fps: float,
        transport: Transport,
        decode: Decode,
        wait: Callable[[float], object],
    ) -> LiveFeed:
        """See `open_live`."""
        ...


@dataclass(slots=True)
class CameraState:
    """Written by the camera's thread, read by others; each assignment is whole by itself."""

    state: str = "connecting"
    message: str = ""


class Capture:
    """Reads one camera in a daemon thread until `stop`.

    The thread ends within the feed's stall time of `stop`. `admit` is called with the lines and the picture's size
    before a connection's first frame is delivered; a camera whose lines it refuses is `misconfigured` and delivers
    nothing.
    """

    def __init__(
        self, spec: CameraSpec, deliver: Callable[[Frame], None], *, open_feed: OpenFeed, admit: LineCheck
    ) -> None:
        self.spec = spec
        self.state = CameraState()
        self._deliver, self._admit = deliver, admit
        self._stop = threading.Event()
        self.feed = open_feed(
            spec.url,
            camera=spec.camera,
            fps=spec.fps,
            transport=spec.transport,
            decode=spec.decode,
            wait=self._stop.wait,
        )
        self._thread = threading.Thread(target=self._run, name=f"capture-{spec.camera}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; does not wait."""
        self._stop.set()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        backoff = Backoff(first_s=FIRST_DELAY_S, most_s=MOST_DELAY_S)
        while not self._stop.is_set():
            began_s = time.monotonic()
            try:
                self._read()
                return
            except FeedError as error:
                lost = error
            except InputError as error:
                lost = FeedError("misconfigured", str(error))
            except Exception as error:
                # A fault of ours in one camera must not take the other cameras' process with it.
                log.exception("reading failed", extra={"camera": self.spec.camera})
                lost = FeedError("failed", f"{self.feed.name} could not be read ({type(error).__name__}); see the log")
            worked_s = time.monotonic() - began_s
            pause_s = 0.0 if lost.state == "ended" and worked_s > PLAYED_S else delay_s(backoff, worked_s)
            self._report(lost, pause_s)
            self._stop.wait(pause_s)

    def _read(self) -> None:
        """Hand frames on until told to stop; raises what ends the connection."""
        admitted = False
        for frame in self.feed.frames():
            if self._stop.is_set():
                return
            if not admitted:
                self._admit(self.spec.lines, frame.size)
                admitted = True
            if self.state.state != "live":
                self.state.state, self.state.message = "live", ""
                log.info("live", extra={"camera": self.spec.camera, "size": list(frame.size)})
            self._tell_of_scaling(frame)
            self._deliver(frame)

    def _tell_of_scaling(self, frame: Frame) -> None:
        """Say so where the camera's pictures have another size by now: a view that changed with it moves the lines."""
        sent, message = self.feed.stats.size, ""
        if sent is not None and sent != frame.size:
            sizes = "sends pictures of {} x {} now, scaled to {} x {}".format(*sent, *frame.size)
            message = f"{self.feed.name} {sizes}, on which its lines lie; draw them anew if the view changed"
        if message != self.state.message:
            self.state.message = message
            if message:
                log.warning("%s", message, extra={"camera": self.spec.camera})

    def _report(self, error: FeedError, pause_s: float) -> None:
        if error.state == "ended" and not pause_s:
            return
        if self.state.state != error.state:
            log.warning(
                "lost: %s",
                error,
                extra={"camera": self.spec.camera, "state": error.state, "retry_s": round(pause_s, 1)},
            )
        self.state.state, self.state.message = error.state, str(error)
