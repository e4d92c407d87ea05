"""A worker's frames on their way through its detector."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import compress
from typing import Final, TypeAlias

import supervision as sv

from pipeline.detect import Detector, Stillness, cropped, detect_in
from pipeline.types import Frame, Region

AHEAD: Final = 2
"""Batches that wait for the detector: while the thread that hands them out counts, it would have nothing to do."""

Look: TypeAlias = tuple[Frame, Region]
"""A frame, and the part of it in which vehicles are looked for."""


@dataclass(frozen=True, slots=True)
class _Boxes:
    """One picture's boxes, now or soon: a row of a batch."""

    batch: Future[list[sv.Detections]]
    row: int
    pictures: int
    """In the batch."""


class Detection:
    """Finds vehicles in batches of frames, several batches at once; results come in the order of asking.

    A frame in which nothing moved takes over the boxes of its camera's frame before and is not in any batch. One thread
    calls all methods; `announce` is called in another one when a batch is done. Holds, for each camera until it is
    forgotten, what its last analysed picture showed.
    """

    def __init__(self, detector: Detector, announce: Callable[[], None], *, max_batch: int = 1) -> None:
        self.batches = 0
        """How many were given to the detector, and with how many `frames`."""
        self.frames = 0
        self._detector, self._announce, self._max_batch = detector, announce, max_batch
        self._threads = ThreadPoolExecutor(detector.concurrency, thread_name_prefix="detect")
        self._in_flight: deque[tuple[Frame, _Boxes]] = deque()
        self._stillness: dict[str, Stillness] = {}
        self._latest: dict[str, _Boxes] = {}

    def __len__(self) -> int:
        """Frames whose result was not taken."""
        return len(self._in_flight)

    @property
    def cameras(self) -> set[str]:
        """Of those frames."""
        return {frame.camera for frame, _ in self._in_flight}

    @property
    def has_room(self) -> bool:
        """Whether the detector can do with another batch."""
        return len(self._batches()) < self._detector.concurrency + AHEAD

    @property
    def has_result(self) -> bool:
        """Whether the first of those frames has its boxes."""
        return bool(self._in_flight) and self._in_flight[0][1].batch.done()

    @property
    def busy(self) -> float:
        """Share of what the detector can do at once that it is doing, 0 to 1; small batches leave room for larger ones.

        One of its threads prepares a picture or reads boxes while the others' are on the device.
        """
        running = {boxes.batch: boxes.pictures for _, boxes in self._in_flight if not boxes.batch.done()}
        return min(1.0, sum(running.values()) / (self._max_batch * max(1, self._detector.concurrency - 1)))

    def start(self, looks: Sequence[Look]) -> None:
        """Find the vehicles of these frames, pictures of one size; a camera's frames come in order of time."""
        moved = [not self._is_still(frame, region) for frame, region in looks]
        found = iter(self._submit(list(compress(looks, moved))))
        for (frame, _), has_moved in zip(looks, moved, strict=True):
            if has_moved:
                self._latest[frame.camera] = next(found)
            self._in_flight.append((frame, self._latest[frame.camera]))

    def take(self) -> tuple[Frame, sv.Detections]:
        """The first of the frames, with its boxes; waits for them where `has_result` is false."""
        frame, boxes = self._in_flight.popleft()
        return frame, boxes.batch.result()[boxes.row]

    def forget(self, camera: str) -> None:
        """The camera is gone; results of its frames still come."""
        self._stillness.pop(camera, None)
        self._latest.pop(camera, None)

    def close(self) -> None:
        """Wait for what runs and end the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _is_still(self, frame: Frame, region: Region) -> bool:
        stillness = self._stillness.setdefault(frame.camera, Stillness())
        return stillness.holds(cropped(frame.pixels, region), frame.captured_at_ns)

    def _submit(self, looks: Sequence[Look]) -> list[_Boxes]:
        if not looks:
            return []
        pictures, regions = [frame.pixels for frame, _ in looks], [region for _, region in looks]
        batch = self._threads.submit(detect_in, self._detector, pictures, regions)
        batch.add_done_callback(lambda _: self._announce())
        self.batches += 1
        self.frames += len(looks)
        return [_Boxes(batch, row, len(looks)) for row in range(len(looks))]

    def _batches(self) -> set[Future[list[sv.Detections]]]:
        return {boxes.batch for _, boxes in self._in_flight}
