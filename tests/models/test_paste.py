"""Pasted vehicles take the place and the size of a car, and every label still says what is seen."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest

from models import data, paste
from models.classes import CLASS_ID

RED = (20, 20, 200)
ROAD = 90


def road(boxes=(), class_ids=(), size=(640, 468)):
    image = np.full((size[1], size[0], 3), ROAD, np.uint8)
    return data.LabelledPicture(
        "road", image, np.array(boxes, dtype=float).reshape(-1, 4), np.array(class_ids, dtype=np.int64)
    )


def photograph(class_name="truck", box=(100, 60, 340, 300)):
    """A red vehicle that fills most of its box, on a noisy ground."""
    picture = road([box], [CLASS_ID[class_name]])
    picture.image[:] = np.random.default_rng(0).integers(60, 120, picture.image.shape, dtype=np.uint8)
    x1, y1, x2, y2 = box
    cv2.rectangle(picture.image, (x1 + 12, y1 + 12), (x2 - 12, y2 - 4), RED, -1)
    return picture


@pytest.fixture(scope="module")
def lorry():
    (found,) = paste.cutouts([photograph()], random.Random(0))["truck"]
    return found


CAR = (300.0, 200.0, 360.0, 250.0)


def pasted(pictures, lorries, seed=0):
    return list(paste.pasted(pictures, {"truck": lorries}, random.Random(seed)))


def test_a_vehicle_is_cut_out_without_the_ground_in_the_corners_of_its_box(lorry):
    height, width = lorry.opacity.shape
    assert lorry.opacity[height // 2, width // 2] == 1
    assert lorry.opacity[0, 0] < 0.2
    assert lorry.image[height // 2, width // 2].tolist() == list(RED)


@pytest.mark.parametrize("box", [(100, 60, 130, 85), (0, 0, 640, 468)], ids=["too small", "no ground around it"])
def test_what_cannot_be_cut_out_is_left(box):
    assert paste.cutouts([photograph(box=box)], random.Random(0))["truck"] == []


def test_a_vehicle_behind_another_is_not_cut_out():
    picture = photograph()
    hidden = data.LabelledPicture(
        "hidden",
        picture.image,
        np.vstack([picture.boxes, [[100, 200, 340, 330]]]),
        np.append(picture.class_ids, CLASS_ID["car"]),
    )
    found = paste.cutouts([hidden], random.Random(0))
    assert found["truck"] == []


def test_a_lorry_takes_the_place_of_a_car_and_its_label(lorry):
    (result,) = pasted([road([CAR], [CLASS_ID["car"]])], [lorry])
    assert result.class_ids.tolist() == [CLASS_ID["truck"]]
    x1, y1, x2, y2 = result.boxes[0]
    least, most = paste.SIZE_OF_A_CAR["truck"]
    of_a_car = np.sqrt((x2 - x1) * (y2 - y1)) / np.sqrt(60 * 50)
    assert least * 0.95 <= of_a_car <= most * 1.05
    assert y2 >= CAR[3] - 1
    inside = result.image[int(y1) : int(y2), int(x1) : int(x2)]
    assert (inside[..., 2].astype(int) - inside[..., 0] > 60).mean() > 0.6


def test_the_rest_of_the_picture_and_the_given_one_stay_as_they_are(lorry):
    before = road([CAR], [CLASS_ID["car"]])
    (result,) = pasted([before], [lorry])
    assert (before.image == ROAD).all()
    x1, _, x2, y2 = result.boxes[0].astype(int)
    assert (result.image[:, : x1 - 60] == ROAD).all()
    assert (result.image[:, x2 + 60 :] == ROAD).all()
    assert (result.image[y2 + 40 :] == ROAD).all()


def test_a_vehicle_that_is_still_seen_keeps_its_label(lorry):
    beside = (380.0, 205.0, 440.0, 252.0)
    (result,) = pasted([road([CAR, beside], [CLASS_ID["car"], CLASS_ID["bus"]])], [lorry])
    assert CLASS_ID["bus"] in result.class_ids


def test_nothing_is_pasted_onto_a_nearer_vehicle(lorry):
    nearer = (300.0, 215.0, 360.0, 290.0)
    for seed in range(10):
        assert pasted([road([CAR, nearer], [CLASS_ID["car"], CLASS_ID["motorcycle"]])], [lorry], seed) == []
        (result,) = pasted([road([CAR], [CLASS_ID["car"]])], [lorry], seed)
        assert len(result.boxes) == 1


def test_a_vehicle_is_never_enlarged(lorry):
    near_car = (100.0, 100.0, 500.0, 400.0)
    assert pasted([road([near_car], [CLASS_ID["car"]])], [lorry]) == []


def test_a_picture_without_cars_is_not_shown_a_second_time(lorry):
    assert pasted([road()], [lorry]) == []


def test_equal_seeds_paste_equally(lorry):
    pictures = [road([CAR], [CLASS_ID["car"]])]
    first, second = pasted(pictures, [lorry], 3)[0], pasted(pictures, [lorry], 3)[0]
    assert (first.image == second.image).all()
    assert (first.boxes == second.boxes).all()
