"""What people use today, each as its own documentation shows it, giving Simpang's `Crossing`.

All come with the `bench` extra. Their settings are their defaults, but for the classes (vehicles only), LineZone's
anchor (see there) and what a caller asks for: the input's long side, and Ultralytics' fastest tracker.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")
os.environ.setdefault("YOLO_VERBOSE", "false")

import supervision as sv
from trackers import ByteTrackTracker
from ultralytics import YOLO, solutions

from pipeline.types import VEHICLE_CLASSES, CountingLine, Crossing, Direction, Image, event_id

LONG_SIDE: Final = 640
"""Ultralytics' default for the longer side of the network's input."""

FASTEST_TRACKER: Final = "bytetrack.yaml"
"""The one of Ultralytics' trackers that compares no pictures."""


class Peer(Protocol):
    """A counter of one camera."""

    def input_size(self, image: Image) -> tuple[int, int]:
        """(width, height) of the network's input for such a picture, once one was counted."""
        ...

    def update(self, frame: int, image: Image) -> list[Crossing]:
        """Count in the next picture, (height, width, 3) uint8 BGR; it may be drawn on."""
        ...


class UltralyticsObjectCounter:
    """`ultralytics.solutions.ObjectCounter`, one for each line since it knows only one."""

    def __init__(
        self, weights: Path, lines: Sequence[CountingLine], *, long_side: int = LONG_SIDE, tracker: str | None = None
    ) -> None:
        self._lines = lines
        self._counters = [
            solutions.ObjectCounter(
                model=_named(weights),
                region=[tuple(map(int, line.start)), tuple(map(int, line.end))],
                classes=_vehicle_ids(weights),
                imgsz=long_side,
                show=False,
                verbose=False,
                **({} if tracker is None else {"tracker": tracker}),
            )
            for line in lines
        ]
        self._before: list[Counter[tuple[str, str]]] = [Counter() for _ in lines]

    def update(self, frame: int, image: Image) -> list[Crossing]:
        crossings = []
        for index, (line, counter) in enumerate(zip(self._lines, self._counters, strict=True)):
            result = counter(image.copy() if len(self._lines) > 1 else image)
            totals = Counter(
                {(name, way): n for name, ways in result.classwise_count.items() for way, n in ways.items()}
            )
            for name, way in (totals - self._before[index]).elements():
                crossings.append(_crossing(line, _object_counter_direction(line, way), name, frame, len(crossings)))
            self._before[index] = totals
        return crossings

    def input_size(self, image: Image) -> tuple[int, int]:
        return _input_size(self._counters[0].model, image)


class UltralyticsTrack:
    """`ultralytics.YOLO.track` alone: boxes with ids, no counts."""

    def __init__(self, weights: Path, *, long_side: int = LONG_SIDE, tracker: str = FASTEST_TRACKER) -> None:
        self._model = YOLO(_named(weights), task="detect")
        self._settings = {"classes": _vehicle_ids(weights), "imgsz": long_side, "tracker": tracker}

    def update(self, frame: int, image: Image) -> list[Crossing]:
        self._model.track(image, persist=True, verbose=False, **self._settings)
        return []

    def input_size(self, image: Image) -> tuple[int, int]:
        return _input_size(self._model, image)


class SupervisionLineZone:
    """Detections of `ultralytics.YOLO`, `trackers.ByteTrackTracker` and one `supervision.LineZone` for each line."""

    def __init__(self, weights: Path, lines: Sequence[CountingLine], fps: float, *, long_side: int = LONG_SIDE) -> None:
        self._long_side = long_side
        self._model = YOLO(_named(weights), task="detect")
        self._classes = _vehicle_ids(weights)
        self._tracker = ByteTrackTracker(frame_rate=fps)
        # Its default, all four corners, wants the whole box between the line's ends and misses most vehicles.
        anchors = (sv.Position.CENTER,)
        self._zones = [(line, sv.LineZone(sv.Point(*line.start), sv.Point(*line.end), anchors)) for line in lines]

    def update(self, frame: int, image: Image) -> list[Crossing]:
        result = self._model.predict(image, classes=self._classes, imgsz=self._long_side, verbose=False)[0]
        tracked = self._tracker.update(sv.Detections.from_ultralytics(result))
        crossings = []
        for line, zone in self._zones:
            # LineZone's "in" is to the left-hand side of someone walking from start to end.
            into, out = zone.trigger(tracked)
            for crossed, direction in ((into, "backward"), (out, "forward")):
                for class_id in tracked.class_id[crossed]:
                    crossings.append(_crossing(line, direction, result.names[int(class_id)], frame, len(crossings)))
        return crossings

    def input_size(self, image: Image) -> tuple[int, int]:
        return _input_size(self._model, image)


def _input_size(model: YOLO, image: Image) -> tuple[int, int]:
    """What its own preparation makes of such a picture: its long side, or a square, or the picture's shape."""
    height, width = model.predictor.preprocess([image]).shape[2:]
    return int(width), int(height)


_NAMED: Final = tempfile.TemporaryDirectory()


@functools.cache
def _named(weights: Path) -> str:
    """Where these weights are under a name by which Ultralytics knows an OpenVINO export."""
    if not weights.is_dir() or weights.name.endswith("_openvino_model"):
        return str(weights)
    return shutil.copytree(weights, str(Path(_NAMED.name) / f"{weights.name}_openvino_model"))


def _vehicle_ids(weights: Path) -> list[int]:
    return [index for index, name in YOLO(_named(weights), task="detect").names.items() if name in VEHICLE_CLASSES]


def _object_counter_direction(line: CountingLine, way: str) -> Direction:
    """ObjectCounter's "IN" is rightwards over a line that is taller than wide, downwards over any other."""
    dx, dy = line.end[0] - line.start[0], line.end[1] - line.start[1]
    in_is_forward = dy < 0 if abs(dx) < abs(dy) else dx > 0
    return "forward" if (way == "IN") == in_is_forward else "backward"


def _crossing(line: CountingLine, direction: Any, vehicle_class: str, frame: int, index: int) -> Crossing:
    return Crossing(
        event_id=event_id(line.name, frame, index),
        camera="benchmark",
        line=line.name,
        direction=direction,
        vehicle_class=vehicle_class,
        captured_at_ns=0,
        frame=frame,
        track=0,
        confidence=1.0,
        speed_kmh=None,
        revision=0,
        run="benchmark",
    )
