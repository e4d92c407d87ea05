"""From a YOLO network's raw output to vehicles, vectorised."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import supervision as sv

from pipeline.detect.classes import ClassMap
from pipeline.detect.letterbox import Letterbox

FloatArray = npt.NDArray[np.float32]

MAX_CANDIDATES: Final = 3000
"""Boxes that enter non-maximum suppression; a full junction yields a few hundred."""


def vehicles_from_output(
    output: FloatArray, classes: ClassMap, letterbox: Letterbox, *, confidence: float, iou: float
) -> sv.Detections:
    """The vehicles of one picture.

    `output` is what YOLOv8 to YOLO12 give: (4 + model classes, anchors) float32, each column a box's centre x, centre
    y, width and height in input pixels and then its class scores in [0, 1]. A box belongs to its best class of all the
    model knows; boxes of what is not counted (a person) are then dropped, so a pedestrian is never a weak bicycle.
    Vehicles suppress each other across classes, because one vehicle is often found both as car and as truck.
    """
    scores = output[4:]
    vehicle_scores = scores[classes.rows]
    best_vehicle_score = vehicle_scores.max(axis=0)
    found = np.flatnonzero(best_vehicle_score >= confidence)
    found = found[scores[:, found].max(axis=0) <= best_vehicle_score[found]]
    score = best_vehicle_score[found]
    order = np.argsort(-score, kind="stable")[:MAX_CANDIDATES]
    found, score = found[order], score[order]
    xyxy = xyxy_from_centres(output[:4, found].T)
    kept = non_maximum_suppression(xyxy, iou)
    vehicle = classes.vehicle_of[classes.rows[vehicle_scores[:, found[kept]].argmax(axis=0)]]
    return sv.Detections(xyxy=letterbox.to_source(xyxy[kept]), confidence=score[kept], class_id=vehicle)


def xyxy_from_centres(boxes: FloatArray) -> FloatArray:
    """(N, 4) boxes from centre x, centre y, width, height to left, top, right, bottom."""
    half = boxes[:, 2:] * np.float32(0.5)
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def non_maximum_suppression(xyxy: FloatArray, iou: float) -> npt.NDArray[np.int64]:
    """Indices of the boxes to keep out of (N, 4) `xyxy` sorted by falling score: greedy, across classes.

    A box is dropped where its intersection over union with a kept, better box exceeds `iou`.
    """
    remaining = np.arange(len(xyxy))
    area = np.prod(np.maximum(xyxy[:, 2:] - xyxy[:, :2], 0), axis=1)
    kept: list[int] = []
    while remaining.size:
        best, rest = remaining[0], remaining[1:]
        kept.append(int(best))
        overlap = np.minimum(xyxy[best, 2:], xyxy[rest, 2:]) - np.maximum(xyxy[best, :2], xyxy[rest, :2])
        shared = np.prod(np.maximum(overlap, 0), axis=1)
        remaining = rest[shared <= iou * (area[best] + area[rest] - shared)]
    return np.array(kept, np.int64)
