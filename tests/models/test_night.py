from __future__ import annotations

import random

import numpy as np
import pytest

from models.classes import CLASS_ID
from models.night import REAR, Image, lamps_of, night

BOX = np.array([[40.0, 30.0, 100.0, 80.0]])


def road() -> Image:
    return np.full((120, 160, 3), 120, np.uint8)


@pytest.mark.parametrize("seed", range(8))
def test_a_vehicle_is_the_brightest_thing_of_a_night(seed: int) -> None:
    image = night(road(), BOX, [CLASS_ID["car"]], random.Random(seed)).astype(int).max(axis=2)
    assert image.shape == (120, 160)
    row, column = np.unravel_index(image.argmax(), image.shape)
    assert 30 <= row <= 80 and 40 <= column <= 100
    assert np.median(image) < 120


@pytest.mark.parametrize("name", ["bicycle", "person"])
def test_what_has_no_lamps_stays_dark(name: str) -> None:
    for seed in range(5):
        image = night(road(), BOX, [CLASS_ID[name]], random.Random(seed)).astype(int)
        assert abs(image[30:80, 40:100].mean() - image[:, 110:].mean()) < 3


def test_a_motorcycle_has_one_lamp_and_a_car_two_side_by_side() -> None:
    rng = random.Random(1)
    assert len(lamps_of(BOX[0], CLASS_ID["motorcycle"], REAR, 1.0, rng)) == 1
    left, right = lamps_of(BOX[0], CLASS_ID["car"], REAR, 1.0, rng)
    assert left.y == right.y and 40 < left.x < right.x < 100


def test_a_box_at_the_edge_lights_only_what_is_in_the_picture() -> None:
    edge = np.array([[150.0, 100.0, 200.0, 150.0], [-60.0, -50.0, -10.0, -5.0]])
    assert night(road(), edge, [CLASS_ID["truck"]] * 2, random.Random(2)).shape == (120, 160, 3)
