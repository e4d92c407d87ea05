"""The shipped OpenVINO network takes any input size and batch it promises to."""

from __future__ import annotations

import numpy as np
import openvino as ov
import pytest

from models import manifest
from models.classes import CLASSES

MODEL = manifest.read()["models"][0]


@pytest.mark.parametrize("shape", [(1, 3, 480, 832), (1, 3, 640, 640), (1, 3, 544, 736), (3, 3, 256, 448)])
def test_the_network_can_be_reshaped_and_gives_boxes_in_input_pixels(shape):
    batch, _, height, width = shape
    network = ov.Core().read_model(manifest.FOLDER / MODEL["name"] / f"{MODEL['name']}.xml")
    network.reshape(shape)
    picture = np.random.default_rng(0).random(shape, dtype=np.float32)
    output = ov.Core().compile_model(network, "CPU")(picture)[0]
    anchors = sum((height // stride) * (width // stride) for stride in (8, 16, 32))
    assert output.shape == (batch, 4 + len(CLASSES), anchors)
    centre_x, centre_y, scores = output[:, 0], output[:, 1], output[:, 4:]
    assert centre_x.max() > width / 2
    assert centre_y.max() > height / 2
    assert (centre_x < width + 32).all()
    assert (centre_y < height + 32).all()
    assert ((scores >= 0) & (scores <= 1)).all()


def test_the_network_gives_a_picture_the_same_boxes_alone_and_in_a_batch():
    path = manifest.FOLDER / MODEL["name"] / f"{MODEL['name']}.xml"
    network = ov.Core().compile_model(path, "CPU")
    pictures = np.random.default_rng(0).random((2, 3, 256, 448), dtype=np.float32)
    together = network(pictures)[0].copy()
    alone = network(pictures[1:])[0]
    np.testing.assert_allclose(together[1:, 4:], alone[:, 4:], atol=0.02)
