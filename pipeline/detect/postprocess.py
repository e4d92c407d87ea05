"""From a YOLO network's raw output to vehicles, vectorised."""

from __future__ import annotations

from typing import Final

import cv2
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
    xyxy, score = xyxy_from_centres(output[:4, found].T), best_vehicle_score[found]
    kept = non_maximum_suppression(xyxy, score, iou)
    vehicle = classes.vehicle_of[classes.rows[vehicle_scores[:, found[kept]].argmax(axis=0)]]
    return sv.Detections(xyxy=letterbox.to_source(xyxy[kept]), confidence=score[kept], class_id=vehicle)


def xyxy_from_centres(boxes: FloatArray) -> FloatArray:
    """(N, 4) boxes from centre x, centre y, width, height to left, top, right, bottom."""
    half = boxes[:, 2:] * np.float32(0.5)
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def non_maximum_suppression(xyxy: FloatArray, score: FloatArray, iou: float) -> npt.NDArray[np.int64]:
    """Indices of the boxes to keep, by falling score: greedy, across classes.

    A box of (N, 4) `xyxy` is dropped where its intersection over union with a kept box of a higher `score` (N,) exceeds
    `iou`. OpenCV's is exact and eight times faster than one in NumPy.
    """
    if not len(xyxy):
        return np.empty(0, np.int64)
    xywh = xyxy.astype(np.float64)
    xywh[:, 2:] -= xywh[:, :2]
    kept = cv2.dnn.NMSBoxes(xywh, score, 0.0, iou, top_k=MAX_CANDIDATES)  # type: ignore[arg-type]
    return np.asarray(kept, np.int64).reshape(-1)
