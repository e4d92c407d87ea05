"""Making a detector ready for pictures before they come, so that none waits while a network is compiled for another."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from pipeline.detect import Detector


class Preparation:
    """What a worker's detector must be ready for: the sizes of the cameras' pictures, and how closely to look at them.

    Any thread may call `expect`; one calls the rest.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._ready: tuple[frozenset[tuple[int, int]], int] | None = None
        """The sizes and the pixel budget that it is ready for."""
        self._lock = threading.Lock()
        """Guards what follows."""
        self._sizes: dict[str, tuple[int, int]] = {}
        self._is_running = self._ran = False
        # One at a time, for each lets go of what it does not know to be needed; and in a thread that `close` waits for:
        # a camera's own may still run when the interpreter ends, which is the end of the process inside OpenVINO.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prepare")
        self._switch = self._thread.submit(lambda: None)

    def expect(self, camera: str, size: tuple[int, int]) -> None:
        """Pictures of (width, height) pixels of this camera will come; waits until the detector is ready for them.

        A camera's own thread calls it, so that no other camera waits.
        """
        with self._lock:
            self._sizes[camera] = size
        self._thread.submit(lambda: self._prepare(self._detector.pixel_budget)).result()

    def forget(self, camera: str) -> None:
        """No more of its pictures will come."""
        with self._lock:
            self._sizes.pop(camera, None)

    def look_with(self, pixel_budget: int) -> None:
        """Show the detector so many pixels of a picture, as soon as it is ready for that; does not wait."""
        self._switch = self._thread.submit(self._switch_to, pixel_budget)

    def take_running(self) -> bool:
        """Whether something was being made ready since the last call. Raises what went wrong with `look_with`."""
        if self._switch.done():
            self._switch.result()
        with self._lock:
            ran, self._ran = self._ran, self._is_running
        return ran

    def close(self) -> None:
        """Wait for what was asked for and end the thread; no camera may come any more."""
        self._thread.shutdown()

    def _switch_to(self, pixel_budget: int) -> None:
        self._prepare(pixel_budget)
        self._detector.pixel_budget = pixel_budget
        assert self._ready is not None
        self._detector.prepare(*self._ready)  # lets go of what the budget before needed

    def _prepare(self, pixel_budget: int) -> None:
        with self._lock:
            wanted = frozenset(self._sizes.values()), pixel_budget
            if wanted == self._ready:
                return
            self._is_running = self._ran = True
        try:
            self._detector.prepare(*wanted)
        finally:
            with self._lock:
                self._is_running = False
        self._ready = wanted
