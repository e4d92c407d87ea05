"""Alterations to a pretrained network leave what it computes alone."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'simpang[train]'")
pytest.importorskip("ultralytics", reason="needs Ultralytics: pip install 'simpang[train]'")

from ultralytics.nn.tasks import DetectionModel  # noqa: E402

from models.classes import CLASSES  # noqa: E402
from models.surgery import keep_classes, recalibrate_batch_norm  # noqa: E402

COCO = ("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck")


@pytest.fixture
def network():
    torch.manual_seed(0)
    model = DetectionModel("yolo11n.yaml", nc=len(COCO), verbose=False).eval()
    model.names = dict(enumerate(COCO))
    for branch in model.model[-1].cv3:
        torch.nn.init.normal_(branch[-1].weight)
        torch.nn.init.normal_(branch[-1].bias)
    return model


@pytest.fixture
def pictures():
    return torch.rand(4, 3, 96, 128, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_the_scores_of_kept_classes_are_the_rows_they_were(network, pictures):
    before = network(pictures)[0]
    keep_classes(network, CLASSES)
    after = network(pictures)[0]
    rows = [4 + COCO.index(name) for name in CLASSES]
    assert tuple(network.names.values()) == CLASSES
    assert after.shape[1] == 4 + len(CLASSES)
    torch.testing.assert_close(after[:, :4], before[:, :4])
    torch.testing.assert_close(after[:, 4:], before[:, rows])


def test_a_class_the_base_does_not_know_is_named(network):
    with pytest.raises(ValueError, match="becak"):
        keep_classes(network, ("car", "becak"))


@torch.no_grad()
def test_recalibration_measures_statistics_and_leaves_the_output_alone(network, pictures):
    before = network(pictures)[0]
    layers = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert recalibrate_batch_norm(network, [pictures[:2], pictures[2:]]) == len(layers)
    after = network(pictures)[0]
    torch.testing.assert_close(after, before, atol=1e-3, rtol=1e-4)
    first_input = network.model[0].conv(pictures)
    torch.testing.assert_close(layers[0].running_mean, first_input.mean((0, 2, 3)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(layers[0].running_var, first_input.var((0, 2, 3), unbiased=False), atol=1e-5, rtol=1e-3)


def test_recalibration_needs_pictures(network):
    with pytest.raises(ValueError, match="at least one batch"):
        recalibrate_batch_norm(network, [])
