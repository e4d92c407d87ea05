from __future__ import annotations

import numpy as np
import pytest

from models import degrade
from models.night import Image, low_light

BOXES = np.array([[56.0, 20.0, 74.0, 70.0]])
"""Around the bar: a motorcycle."""


def picture() -> Image:
    image = np.full((96, 128, 3), 190, np.uint8)
    image[:, 60:68] = (30, 60, 220)
    return image


@pytest.mark.parametrize("seed", range(8))
def test_a_degraded_picture_keeps_its_shape_and_can_still_be_read(seed: int) -> None:
    transform = degrade.Degrade(seed)
    for _ in range(12):
        result = transform.degrade(picture(), BOXES, [0])
        assert result.shape == (96, 128, 3) and result.dtype == np.uint8
        bar, ground = result[:, 61:67].mean(axis=(0, 1)), result[:, :40].mean(axis=(0, 1))
        assert np.abs(bar - ground).max() > 15


def test_equal_seeds_degrade_equally_and_the_given_picture_stays_as_it_was() -> None:
    original = picture()
    first, second = degrade.Degrade(3), degrade.Degrade(3)
    for _ in range(10):
        np.testing.assert_array_equal(first.degrade(original, BOXES, [0]), second.degrade(original, BOXES, [0]))
    np.testing.assert_array_equal(original, picture())


def test_low_light_darkens_and_adds_noise() -> None:
    ground = low_light(picture(), gain=0.4, noise=6.0, seed=1)[:, :40]
    assert ground.mean() < 0.5 * 190
    assert ground.std(axis=(0, 1)).min() > 3


def test_interlacing_moves_every_second_row() -> None:
    result = degrade.interlaced(picture(), 3)
    np.testing.assert_array_equal(result[::2], picture()[::2])
    np.testing.assert_array_equal(result[1::2, 57:65], picture()[1::2, 60:68])


def test_motion_blur_smears_sideways_and_not_upwards() -> None:
    image = np.zeros((41, 41, 3), np.uint8)
    image[20, 20] = 255
    spread = degrade.blurred(image, 0.6, 7)[..., 0] > 0
    assert spread.any(axis=0).sum() > spread.any(axis=1).sum()
