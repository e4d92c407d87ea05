"""The two counters people use today, each as its own documentation shows it, giving Simpang's `Crossing`.

Both come with the `bench` extra. Their settings are their defaults, but for the classes (vehicles only) and LineZone's
anchor (see there).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")
os.environ.setdefault("YOLO_VERBOSE", "false")

import supervision as sv
from trackers import ByteTrackTracker
from ultralytics import YOLO, solutions

from pipeline.types import VEHICLE_CLASSES, CountingLine, Crossing, Direction, Image, event_id


class Peer(Protocol):
    """A counter of one camera."""

    def update(self, frame: int, image: Image) -> list[Crossing]:
        """Count in the next picture, (height, width, 3) uint8 BGR; it may be drawn on."""
        ...


class UltralyticsObjectCounter:
    """`ultralytics.solutions.ObjectCounter`, one for each line since it knows only one."""

    def __init__(self, weights: Path, lines: Sequence[CountingLine], *, long_side: int = 640) -> None:
        self._lines = lines
        self._counters = [
            solutions.ObjectCounter(
                model=str(weights),
                region=[tuple(map(int, line.start)), tuple(map(int, line.end))],
                classes=_vehicle_ids(weights),
                imgsz=long_side,
                show=False,
                verbose=False,
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


class SupervisionLineZone:
    """Detections of `ultralytics.YOLO`, `trackers.ByteTrackTracker` and one `supervision.LineZone` for each line."""

    def __init__(self, weights: Path, lines: Sequence[CountingLine], fps: float) -> None:
        self._model = YOLO(str(weights), task="detect")
        self._classes = _vehicle_ids(weights)
        self._tracker = ByteTrackTracker(frame_rate=fps)
        # Its default, all four corners, wants the whole box between the line's ends and misses most vehicles.
        anchors = (sv.Position.CENTER,)
        self._zones = [(line, sv.LineZone(sv.Point(*line.start), sv.Point(*line.end), anchors)) for line in lines]

    def update(self, frame: int, image: Image) -> list[Crossing]:
        result = self._model.predict(image, classes=self._classes, verbose=False)[0]
        tracked = self._tracker.update(sv.Detections.from_ultralytics(result))
        crossings = []
        for line, zone in self._zones:
            # LineZone's "in" is to the left-hand side of someone walking from start to end.
            into, out = zone.trigger(tracked)
            for crossed, direction in ((into, "backward"), (out, "forward")):
                for class_id in tracked.class_id[crossed]:
                    crossings.append(_crossing(line, direction, result.names[int(class_id)], frame, len(crossings)))
        return crossings


def _vehicle_ids(weights: Path) -> list[int]:
    return [index for index, name in YOLO(str(weights), task="detect").names.items() if name in VEHICLE_CLASSES]


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
