"""One small picture of what a camera's counter sees now, where its site allows it: replaced each second, never kept."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import supervision as sv

from pipeline.count import CountUpdate
from pipeline.sink.annotated_video import CountPainter
from pipeline.types import NS_PER_S, CountingLine, Crossing, Frame, Point

PICTURES: Final = "pictures"
"""The directory of a pool's pictures, in its spool."""
EVERY_NS: Final = NS_PER_S
WIDEST_PX: Final = 640
QUALITY: Final = 70


class LivePicture:
    """Draws boxes, lines and totals on a camera's picture, and writes it into one file."""

    def __init__(self, path: Path, lines: Sequence[CountingLine]) -> None:
        self._path, self._lines = path, tuple(lines)
        self._painter: CountPainter | None = None
        self._size: tuple[int, int] | None = None
        self._due_ns = 0
        self._crossings: list[Crossing] = []

    def observe(self, frame: Frame, update: CountUpdate) -> None:
        """Take a frame and what was counted in it; at most once a second it becomes the picture.

        A picture that cannot be written is left out: counting does not wait for somebody who looks.
        """
        self._crossings += update.crossings
        if frame.captured_at_ns < self._due_ns:
            return
        self._due_ns = frame.captured_at_ns + EVERY_NS
        scale = min(1.0, WIDEST_PX / frame.size[0])
        size = round(frame.size[0] * scale), round(frame.size[1] * scale)
        if self._painter is None or self._size != size:
            lines = [
                replace(line, start=_scaled(line.start, scale), end=_scaled(line.end, scale)) for line in self._lines
            ]
            self._painter, self._size = CountPainter(lines, size, trails=False), size
        small = np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        boxes = sv.Detections(
            xyxy=update.tracked.xyxy * scale,
            class_id=update.tracked.class_id,
            tracker_id=update.tracked.tracker_id,
        )
        scene = self._painter.draw(small, boxes, self._crossings)
        self._crossings.clear()
        self._write(cv2.imencode(".jpg", scene, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes())

    def remove(self) -> None:
        """Nothing is shown any more."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _write(self, jpeg: bytes) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(jpeg)
            os.replace(fresh, self._path)  # noqa: PTH105 - named for what it does: atomic
        except OSError:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)


def _scaled(point: Point, scale: float) -> Point:
    return point[0] * scale, point[1] * scale
