"""Training pictures keep their boxes on their vehicles through every step."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest

from models import data
from models.classes import CLASS_ID


def picture(boxes, class_ids, size=(832, 468)):
    image = np.full((size[1], size[0], 3), 50, np.uint8)
    return data.LabelledPicture(
        "p", image, np.array(boxes, dtype=float).reshape(-1, 4), np.array(class_ids, dtype=np.int64)
    )


@pytest.mark.parametrize(("aspect", "size"), [(16 / 9, (832, 468)), (1.0, (640, 640)), (4 / 3, (736, 552))])
def test_a_picture_keeps_its_proportions_within_the_pixel_budget(aspect, size):
    assert data.size_within_budget(aspect) == size


def test_a_camera_is_the_letters_a_file_name_begins_with():
    assert data.camera_of("duque_de_caxias_875_png") == "duque"
    assert data.camera_of("Image_013200_jpg") == "Image"
    assert data.camera_of("image30_png") == "image"
    assert data.camera_of("2004_mitsubishi") == ""


def test_grey_covers_a_region_but_not_a_labelled_vehicle_in_front_of_it():
    greyed = data.grey_out(picture([[100, 100, 200, 200]], [1]), np.array([[50.0, 50.0, 150.0, 150.0]]))
    assert (greyed.image[60, 60] == data.GREY).all()
    assert (greyed.image[120, 120] == 50).all()
    assert (greyed.image[300, 300] == 50).all()


def test_an_unlabelled_vehicle_is_greyed_and_a_labelled_one_is_not():
    labelled, unlabelled = [100.0, 100.0, 200.0, 200.0], [300.0, 100.0, 400.0, 200.0]
    (result,) = data.without_unlabelled_vehicles(
        [picture([labelled], [1])], lambda image: np.array([labelled, unlabelled])
    )
    assert (result.image[150, 150] == 50).all()
    assert (result.image[150, 350] == data.GREY).all()
    assert len(result.boxes) == 1


def test_tiles_cover_the_picture_and_move_the_boxes_along():
    left, right = data.tiles(picture([[10, 10, 60, 60], [780, 10, 830, 60]], [0, 1]), 512, 2)
    assert left.image.shape == right.image.shape == (468, 512, 3)
    assert left.boxes.tolist() == [[10, 10, 60, 60]]
    assert left.class_ids.tolist() == [0]
    assert right.boxes.tolist() == [[460, 10, 510, 60]]
    assert right.class_ids.tolist() == [1]


def test_a_vehicle_mostly_outside_a_tile_is_greyed_there():
    left, right = data.tiles(picture([[500, 10, 600, 60]], [1]), 512, 2)
    assert len(left.boxes) == 0
    assert (left.image[30, 505] == data.GREY).all()
    assert right.boxes.tolist() == [[180, 10, 280, 60]]


def test_a_narrow_picture_is_not_cut():
    whole = picture([[10, 10, 60, 60]], [0], size=(500, 400))
    assert list(data.tiles(whole, 512, 2)) == [whole]


@pytest.mark.parametrize("seed", range(5))
def test_a_close_up_shows_a_motorcycle_twice_as_large_with_its_box_around_it(seed):
    whole = picture([[600, 300, 640, 380], [20, 20, 120, 80]], [CLASS_ID["motorcycle"], CLASS_ID["car"]])
    whole.image[300:380, 600:640] = 200
    near = data.close_up(whole, 640, random.Random(seed))
    assert near.image.shape == (468, 640, 3)
    assert near.class_ids.tolist() == [CLASS_ID["motorcycle"]]
    x1, y1, x2, y2 = near.boxes[0].round().astype(int)
    assert (x2 - x1, y2 - y1) == (80, 160)
    assert (near.image[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2] == 200).all()


def test_a_picture_without_a_motorcycle_has_no_close_up():
    assert data.close_up(picture([[20, 20, 120, 80]], [CLASS_ID["car"]]), 640, random.Random(0)) is None


def test_medan_pictures_without_a_label_file_are_left_out_and_ignored_regions_greyed(tmp_path):
    labels = tmp_path / "labels"
    (labels / "ignore").mkdir(parents=True)
    for name in ("seen", "unseen"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((234, 416, 3), 50, np.uint8))
    (labels / "seen.txt").write_text("0 0.5 0.5 0.1 0.2\n")
    (labels / "ignore" / "seen.txt").write_text("0 0 1 0.1\n")
    (only,) = data.medan(tmp_path, labels, held_out=False)
    assert (only.name, only.class_ids.tolist()) == ("seen", [CLASS_ID["motorcycle"]])
    assert (only.image[20, 400] == data.GREY).all() and (only.image[100, 400] == 50).all()


def test_pictures_with_a_rare_class_are_repeated():
    car, truck = CLASS_ID["car"], CLASS_ID["truck"]
    repeats = data.repeat_factors([np.array([car])] * 99 + [np.array([car, truck])], threshold=0.25)
    assert repeats[:99].tolist() == [1] * 99
    assert repeats[99] == 5  # sqrt(0.25 / 0.01)


def test_what_is_written_in_yolo_layout_is_read_back(tmp_path):
    written = picture([[100, 100, 201, 203], [5, 6, 30, 40]], [CLASS_ID["bus"], CLASS_ID["motorcycle"]])
    data.write_yolo([written], tmp_path, "train")
    (back,) = data.labelled(tmp_path / "images" / "train")
    np.testing.assert_allclose(back.boxes, written.boxes, atol=0.01)
    assert back.class_ids.tolist() == written.class_ids.tolist()


def test_road_traffic_leaves_whole_cameras_out_and_greys_the_persons_of_duque(tmp_path):
    images, labels = tmp_path / "train" / "images", tmp_path / "train" / "labels"
    images.mkdir(parents=True)
    labels.mkdir()
    for stem in ("ant_1", "duque_1"):
        cv2.imwrite(str(images / f"{stem}.jpg"), np.full((640, 640, 3), 50, np.uint8))
        (labels / f"{stem}.txt").write_text("4 0.5 0.5 0.1 0.1\n3 0.2 0.2 0.1 0.1\n")
    (mended := tmp_path / "mended.txt").write_text("")
    (held_out,) = data.road_traffic(tmp_path, mended, held_out=True)
    (trained,) = data.road_traffic(tmp_path, mended, held_out=False)
    assert held_out.name == "ant_1"
    assert held_out.class_ids.tolist() == [CLASS_ID["person"], CLASS_ID["motorcycle"]]
    assert trained.image.shape == (468, 832, 3)
    assert trained.class_ids.tolist() == [CLASS_ID["motorcycle"]]
    np.testing.assert_allclose(trained.boxes, [[124.8, 70.2, 208.0, 117.0]], atol=0.01)
    assert (trained.image[234, 416] == data.GREY).all()


def test_a_lorry_that_is_labelled_person_becomes_one_and_is_not_greyed(tmp_path):
    images, labels = tmp_path / "train" / "images", tmp_path / "train" / "labels"
    images.mkdir(parents=True)
    labels.mkdir()
    cv2.imwrite(str(images / "duque_1.jpg"), np.full((640, 640, 3), 50, np.uint8))
    (labels / "duque_1.txt").write_text("4 0.5 0.5 0.1 0.1\n4 0.2 0.2 0.1 0.1\n")
    (mended := tmp_path / "mended.txt").write_text("duque_1 1 truck\n")
    (picture,) = data.road_traffic(tmp_path, mended, held_out=False)
    assert picture.class_ids.tolist() == [CLASS_ID["truck"]]
    assert (picture.image[234, 416] == data.GREY).all()
    assert (picture.image[94, 166] == 50).all()


def test_the_roundabouts_unlabelled_vehicles_are_greyed(tmp_path):
    for name in ("images", "labels", "ignore"):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.jpg"), np.full((720, 1280, 3), 50, np.uint8))
    (tmp_path / "labels" / "a.txt").write_text("3 0.2 0.2 0.1 0.1\n")
    (tmp_path / "ignore" / "a.txt").write_text("0.5 0.5 0.6 0.6\n")
    (only,) = data.vn_roundabout(tmp_path)
    assert only.class_ids.tolist() == [CLASS_ID["truck"]]
    assert (only.image[257, 457] == data.GREY).all()
