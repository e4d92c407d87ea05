"""Post-processing against a slow implementation that says the same in plain loops."""

import numpy as np
import pytest

from pipeline.detect.classes import ClassMap
from pipeline.detect.letterbox import Letterbox
from pipeline.detect.postprocess import FloatArray, non_maximum_suppression, vehicles_from_output
from pipeline.types import VEHICLE_CLASSES

NAMES = ("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck")
CLASSES = ClassMap.from_names(NAMES)
LETTERBOX = Letterbox((1280, 720), (832, 480))
IDENTITY = Letterbox((832, 480), (832, 480))


def iou_of(a: FloatArray, b: FloatArray) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return float(width * height / (areas - width * height))


def slow_suppression(xyxy: FloatArray, score: FloatArray, iou: float) -> list[int]:
    kept: list[int] = []
    for index in np.argsort(-score, kind="stable"):
        if all(iou_of(xyxy[index], xyxy[other]) <= iou for other in kept):
            kept.append(int(index))
    return kept


def slow_vehicles(output: FloatArray, confidence: float, iou: float) -> list[tuple[list[float], float, int]]:
    boxes, scores, vehicles = [], [], []
    for column in output.T:
        cx, cy, width, height = column[:4]
        best = int(np.argmax(column[4:]))
        if NAMES[best] in VEHICLE_CLASSES and column[4 + best] >= confidence:
            boxes.append([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2])
            scores.append(column[4 + best])
            vehicles.append(VEHICLE_CLASSES.index(NAMES[best]))
    found = []
    for index in slow_suppression(np.array(boxes, np.float32), np.array(scores, np.float32), iou):
        x1, y1, x2, y2 = boxes[index]
        source = [x1 / 0.65, (y1 - 6) / 0.65, x2 / 0.65, (y2 - 6) / 0.65]
        clipped = [min(max(v, 0.0), most) for v, most in zip(source, (1280, 720, 1280, 720), strict=True)]
        found.append((clipped, scores[index], vehicles[index]))
    return found


def crowd(seed: int, objects: int = 25, boxes_each: int = 6) -> FloatArray:
    """A network's output (4 + classes, anchors) with `objects` clusters of overlapping boxes among background."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform((0, 0), (832, 480), (objects, 1, 2)) + rng.normal(0, 3, (objects, boxes_each, 2))
    size = rng.uniform(8, 120, (objects, 1, 2)) * rng.uniform(0.85, 1.15, (objects, boxes_each, 2))
    likely = rng.dirichlet(np.full(len(NAMES), 0.3), objects * boxes_each)
    found = np.concatenate([centre.reshape(-1, 2), size.reshape(-1, 2), likely], axis=1)
    background = np.concatenate([rng.uniform(10, 400, (300, 4)), rng.uniform(0, 0.05, (300, len(NAMES)))], axis=1)
    both = np.concatenate([found, background])
    return np.ascontiguousarray(rng.permutation(both).T, np.float32)


def column(cx: float, cy: float, width: float, height: float, **scores: float) -> list[float]:
    return [cx, cy, width, height, *(scores.get(name, 0.0) for name in NAMES)]


def output(*columns: list[float]) -> FloatArray:
    return np.array(columns, np.float32).T


@pytest.mark.parametrize("seed", range(8))
def test_vehicles_are_those_of_the_slow_implementation(seed: int) -> None:
    raw = crowd(seed)
    expected = slow_vehicles(raw, confidence=0.2, iou=0.6)
    found = vehicles_from_output(raw, CLASSES, LETTERBOX, confidence=0.2, iou=0.6)
    assert len(found) == len(expected) > 10
    np.testing.assert_allclose(found.xyxy, [box for box, _, _ in expected], atol=0.01)
    np.testing.assert_allclose(found.confidence, [score for _, score, _ in expected])
    assert found.class_id is not None
    assert found.class_id.tolist() == [vehicle for _, _, vehicle in expected]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("iou", [0.3, 0.6, 0.9])
def test_suppression_keeps_what_the_slow_implementation_keeps(seed: int, iou: float) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 300, (150, 2))
    xyxy = np.concatenate([corner, corner + rng.uniform(5, 120, (150, 2))], axis=1).astype(np.float32)
    score = rng.permutation(np.linspace(0.1, 0.9, 150)).astype(np.float32)
    assert non_maximum_suppression(xyxy, score, iou).tolist() == slow_suppression(xyxy, score, iou)


def test_nothing_found_gives_typed_empty_columns() -> None:
    found = vehicles_from_output(output(column(50, 50, 20, 20)), CLASSES, LETTERBOX, confidence=0.1, iou=0.6)
    assert len(found) == 0
    assert (found.xyxy.shape, found.xyxy.dtype) == ((0, 4), np.float32)
    assert found.confidence is not None and found.confidence.dtype == np.float32
    assert found.class_id is not None and found.class_id.dtype == np.int64


def test_a_box_that_is_rather_a_person_is_no_bicycle() -> None:
    raw = output(column(50, 50, 20, 40, person=0.6, bicycle=0.5), column(200, 50, 20, 40, person=0.4, bicycle=0.5))
    found = vehicles_from_output(raw, CLASSES, IDENTITY, confidence=0.1, iou=0.6)
    np.testing.assert_allclose(found.xyxy, [[190, 30, 210, 70]])


def test_a_rider_does_not_suppress_the_motorcycle_below() -> None:
    raw = output(column(50, 50, 20, 40, person=0.9), column(50, 52, 20, 40, motorcycle=0.5))
    assert len(vehicles_from_output(raw, CLASSES, IDENTITY, confidence=0.1, iou=0.6)) == 1


def test_one_vehicle_seen_as_car_and_as_truck_is_one() -> None:
    raw = output(column(50, 50, 40, 40, car=0.5), column(51, 50, 40, 40, truck=0.7))
    found = vehicles_from_output(raw, CLASSES, IDENTITY, confidence=0.1, iou=0.6)
    assert found.class_id is not None
    assert [VEHICLE_CLASSES[index] for index in found.class_id] == ["truck"]


def test_a_motorcycle_in_front_of_a_bus_stays() -> None:
    raw = output(column(100, 100, 160, 120, bus=0.9), column(120, 130, 30, 50, motorcycle=0.3))
    assert len(vehicles_from_output(raw, CLASSES, IDENTITY, confidence=0.1, iou=0.6)) == 2
