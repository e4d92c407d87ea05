"""A source and a detector that do exactly as told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import supervision as sv

from pipeline.detect import PIXEL_BUDGET, ModelInfo
from pipeline.source import SourceStats
from pipeline.types import NS_PER_S, Frame, Image


def car_at(position: int) -> Image:
    """(100, 200, 3): a black picture with a white column where the car's middle is."""
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, position] = 255
    return image


class ScriptedSource:
    """Frames at 10 a second, each with one car (see `car_at`); raises `error` after the last."""

    size = (200, 100)
    fps = 10.0

    def __init__(self, camera: str, positions: Sequence[int], error: Exception | None = None) -> None:
        self.camera, self.positions, self.error = camera, positions, error
        self.stats = SourceStats()
        self.warnings: list[str] = []
        self.closed = False
        self.delivered = 0
        self.started_at_ns = 0
        self.frame_count_estimate = len(positions)
        self.duration_s = len(positions) / self.fps
        self._frames = self._read()

    def _read(self) -> Iterator[Frame]:
        for seq, position in enumerate(self.positions):
            image = car_at(position)
            self.stats.frames_seen += 1
            self.delivered += 1
            yield Frame(self.camera, seq, seq * NS_PER_S // 10, image)
        if self.error is not None:
            raise self.error

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        return next(self._frames)

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> ScriptedSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PixelDetector:
    """Sees one car around the white column; slower on even columns, so that results come out of order."""

    def __init__(self, concurrency: int = 3, error: Exception | None = None) -> None:
        self.concurrency = concurrency
        self.error = error
        self.pixel_budget = PIXEL_BUDGET
        self.threads: set[int] = set()
        self.prepared: list[tuple[set[tuple[int, int]], int]] = []
        self.may_prepare, self.may_detect = threading.Event(), threading.Event()
        self.may_prepare.set()
        self.may_detect.set()
        self.info = ModelInfo("pixel", Path("pixel.xml"), "cpu", "a fake", ("car",), None, "0" * 64)

    def prepare(self, picture_sizes: Iterable[tuple[int, int]], pixel_budget: int) -> None:
        self.prepared.append((set(picture_sizes), pixel_budget))
        assert self.may_prepare.wait(10)

    def detect(self, images: Sequence[Image]) -> list[sv.Detections]:
        if self.error is not None:
            raise self.error
        assert self.may_detect.wait(10)
        self.threads.add(threading.get_ident())
        results = []
        for image in images:
            columns = np.flatnonzero(image[0, :, 0])
            if not columns.size or columns[0] % 2 == 0:
                time.sleep(0.003)
            boxes = np.array([[column - 10, 40, column + 10, 60] for column in columns], np.float32).reshape(-1, 4)
            scores, classes = np.full(len(boxes), 0.9, np.float32), np.ones(len(boxes), int)
            results.append(sv.Detections(xyxy=boxes, confidence=scores, class_id=classes))
        return results

    def close(self) -> None:
        pass
