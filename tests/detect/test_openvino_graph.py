from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
import pytest
from openvino import opset13 as op

import models
from pipeline.detect.openvino_graph import BINS, decoding_candidates_only, for_size, with_picture_input
from pipeline.types import Image
from tests.detect.tiny_model import build_model

CLASSES = 3
WIDTH, HEIGHT = 96, 64
EXACT = {"INFERENCE_PRECISION_HINT": "f32"}
VEHICLES = np.array([0, 2])


def yolo_head(*, joined: bool) -> ov.Model:
    """YOLO's last steps over two strides with random weights, for 96 x 64.

    `joined` as older exports have it: boxes and scores share a map, and every shape is a constant.
    """
    rng = np.random.default_rng(2)
    picture = op.parameter(ov.PartialShape([1, 3, HEIGHT, WIDTH]), ov.Type.f32, name="images")
    boxes, scores, both, centres, strides = [], [], [], [], []
    for stride in (8, 16):
        pooled = op.avg_pool(picture, [stride, stride], [0, 0], [0, 0], [stride, stride], False)
        of_box, of_class = (
            op.convolution(
                pooled, op.constant(rng.normal(0, 4, (n, 3, 1, 1)).astype("f")), [1, 1], [0, 0], [0, 0], [1, 1]
            )
            for n in (4 * BINS, CLASSES)
        )
        boxes.append(op.reshape(of_box, op.constant([0, 4 * BINS, -1]), True))
        scores.append(op.reshape(of_class, op.constant([0, CLASSES, -1]), True))
        both.append(op.reshape(op.concat([of_box, of_class], 1), op.constant([1, 4 * BINS + CLASSES, -1]), False))
        y, x = np.mgrid[: HEIGHT // stride, : WIDTH // stride] + 0.5
        centres.append(np.stack([x.ravel(), y.ravel()]))
        strides.append(np.full(x.size, stride))
    anchors = sum(map(len, strides))
    if joined:
        split = op.variadic_split(op.concat(both, 2), op.constant(1), op.constant([4 * BINS, CLASSES]))
        box, score = split.output(0), split.output(1)
    else:
        box, score = op.concat(boxes, 2).output(0), op.concat(scores, 2).output(0)
    last = anchors if joined else -1
    bins = op.transpose(op.reshape(box, op.constant([1, 4, BINS, last]), False), op.constant([0, 2, 1, 3]))
    weights = op.constant(np.arange(BINS, dtype="f").reshape(1, BINS, 1, 1))
    distance = op.convolution(op.softmax(bins, 1), weights, [1, 1], [0, 0], [0, 0], [1, 1])
    sides = op.variadic_split(
        op.reshape(distance, op.constant([1, 4, last]), False), op.constant(1), op.constant([2, 2])
    )
    centre = op.constant(np.concatenate(centres, 1)[None].astype("f"))
    low, high = op.subtract(centre, sides.output(0)), op.add(centre, sides.output(1))
    middle = op.divide(op.add(low, high), op.constant(np.float32(2)))
    xywh = op.multiply(
        op.concat([middle, op.subtract(high, low)], 1), op.constant(np.concatenate(strides)[None].astype("f"))
    )
    return ov.Model([op.concat([xywh, op.sigmoid(score)], 1)], [picture], "head")


def answer(model: ov.Model, picture: Image) -> npt.NDArray[Any]:
    columns = ov.Core().compile_model(with_picture_input(model), "CPU", EXACT)(picture[None])[0][0]
    return np.array(columns)


def picture_of(width: int, height: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


@pytest.mark.parametrize("joined", [False, True])
def test_exactly_the_columns_whose_vehicle_score_reaches_the_limit_remain(joined: bool) -> None:
    picture = picture_of(WIDTH, HEIGHT)
    whole = answer(yolo_head(joined=joined), picture)
    limit = float(np.median(whole[4 + VEHICLES].max(axis=0)))
    few = answer(decoding_candidates_only(yolo_head(joined=joined), VEHICLES, limit), picture)
    expected = whole[:, whole[4 + VEHICLES].max(axis=0) >= np.float32(limit)]
    assert 0 < expected.shape[1] < whole.shape[1] == 8 * 12 + 4 * 6
    np.testing.assert_allclose(few, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("joined", [False, True])
def test_no_column_remains_where_nothing_reaches_the_limit(joined: bool) -> None:
    few = answer(decoding_candidates_only(yolo_head(joined=joined), VEHICLES, 1.5), picture_of(WIDTH, HEIGHT))
    assert few.shape == (4 + CLASSES, 0)


def test_the_shipped_network_gives_the_same_boxes_of_fewer_anchors() -> None:
    network = ov.Core().read_model(next(Path(models.__path__[0]).glob("*/*.xml")))
    picture, rows = picture_of(320, 192, 3), np.arange(5)
    whole = answer(for_size(network, 320, 192), picture)
    limit = float(np.sort(whole[4:9].max(axis=0))[-40])
    few = answer(decoding_candidates_only(for_size(network, 320, 192), rows, limit), picture)
    assert few.shape == (10, 40)
    np.testing.assert_allclose(few, whole[:, whole[4:9].max(axis=0) >= np.float32(limit)], rtol=1e-5, atol=1e-3)


def test_a_network_that_ends_otherwise_is_left_as_it_is() -> None:
    picture = picture_of(64, 64)
    other = decoding_candidates_only(build_model(64, 64), np.array([0]), 0.9)
    np.testing.assert_array_equal(answer(other, picture), answer(build_model(64, 64), picture))
