"""Which frames are detected next, together. Pure: no threads, no clock."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from pipeline.types import Frame

WAITING_PER_CAMERA: Final = 5
"""Frames of one camera that wait at most, half a second at 10 fps: more would only be older when their turn comes."""


Drop: TypeAlias = tuple[str, int]
"""Camera and `captured_at_ns` of a frame that is gone."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    frame: Frame
    since_s: float


class Batcher:
    """Mixes the frames of all cameras of a worker.

    A batch holds pictures of one size, so that a compiled network keeps its shape. It is ready when `max_batch` of that
    size wait, or when the oldest has waited `max_wait_s`. Cameras take turns: in each round every camera gives its
    oldest waiting frame, the longest unserved first, and a camera's frames leave in order.

    When a camera's frames wait too many, its oldest is dropped: what is newest is worth most. Drops are reported by
    `take_drops`.
    """

    def __init__(self, *, max_batch: int = 1, max_wait_s: float = 0.02, per_camera: int = WAITING_PER_CAMERA) -> None:
        if max_batch < 1 or per_camera < 1:
            raise ValueError(f"max_batch and per_camera must be 1 or more, not {max_batch} and {per_camera}")
        self._max_batch, self._max_wait_s, self._per_camera = max_batch, max_wait_s, per_camera
        self._waiting: OrderedDict[str, deque[_Waiting]] = OrderedDict()
        """By camera, the longest unserved first."""
        self._drops: list[Drop] = []

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def waits(self, camera: str) -> bool:
        """Whether a frame of that camera waits."""
        return bool(self._waiting.get(camera))

    def offer(self, frame: Frame, now_s: float) -> None:
        """A frame has come; it may push out an older one of its camera."""
        frames = self._waiting.setdefault(frame.camera, deque())
        if len(frames) == self._per_camera:
            old = frames.popleft().frame
            self._drops.append((old.camera, old.captured_at_ns))
        frames.append(_Waiting(frame, now_s))

    def take_drops(self) -> list[Drop]:
        """The frames that were pushed out since the last call, in order."""
        drops, self._drops = self._drops, []
        return drops

    def ready_in_s(self, now_s: float) -> float | None:
        """Seconds until a batch is ready, 0 where one is, None where nothing waits."""
        oldest = self._oldest()
        if oldest is None:
            return None
        if self._count(oldest.frame.size) >= self._max_batch:
            return 0.0
        return max(0.0, oldest.since_s + self._max_wait_s - now_s)

    def next_batch(self, now_s: float) -> tuple[Frame, ...]:
        """The frames to detect now, at most `max_batch`, all of one size; empty where no batch is ready."""
        oldest = self._oldest()
        if oldest is None or self.ready_in_s(now_s):
            return ()
        size = oldest.frame.size
        batch: list[Frame] = []
        while len(batch) < self._max_batch and self._count(size):
            for camera in [name for name, frames in self._waiting.items() if frames and frames[0].frame.size == size]:
                batch.append(self._waiting[camera].popleft().frame)
                self._waiting.move_to_end(camera)
                if len(batch) == self._max_batch:
                    break
        return tuple(batch)

    def forget(self, camera: str) -> None:
        """The camera is gone, and its frames with it."""
        self._waiting.pop(camera, None)

    def _heads(self) -> Iterable[_Waiting]:
        return (frames[0] for frames in self._waiting.values() if frames)

    def _oldest(self) -> _Waiting | None:
        """With a batch of one, the head of the longest unserved camera; else the one that has waited longest."""
        if self._max_batch == 1:
            return next(iter(self._heads()), None)
        return min(self._heads(), key=lambda waiting: waiting.since_s, default=None)

    def _count(self, size: tuple[int, int]) -> int:
        return sum(len(frames) for frames in self._waiting.values() if frames and frames[0].frame.size == size)
