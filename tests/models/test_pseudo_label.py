"""First labels join what several looks at a picture agree on, in our conventions."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from models import pseudo_label
from models.classes import CLASS_ID

CAR, MOTORCYCLE, BUS, PERSON = (CLASS_ID[name] for name in ("car", "motorcycle", "bus", "person"))


def found(*rows):
    return np.array(rows, dtype=np.float64).reshape(-1, 6)


class OnTheCpu(list):
    def cpu(self):
        return self


class OneEyedNetwork:
    """Sees one bright square in any picture and calls it a truck; knows one class that is not ours."""

    def __init__(self):
        self.names = {0: "giraffe", 7: "truck"}
        self.sizes = []

    def predict(self, image, *, imgsz, classes, **_):
        self.sizes.append(imgsz)
        assert classes == [7]
        ys, xs = np.nonzero(image[:, :, 0])
        row = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1, 0.9, 7]
        return [SimpleNamespace(boxes=SimpleNamespace(data=OnTheCpu([row])))]


def test_every_look_reports_the_object_where_it_is_in_the_picture_as_given():
    image = np.zeros((50, 100, 3), np.uint8)
    image[10:20, 5:30] = 255
    network = OneEyedNetwork()
    seen = list(pseudo_label.looks([network], image, long_sides=(640, 1280), confidence=0.1))
    assert network.sizes == [640, 640, 1280, 1280]
    for look in seen:
        assert look[0, :4].tolist() == [5, 10, 30, 20]
        assert look[0, 5] == CLASS_ID["truck"]


def test_looks_that_agree_become_one_box_weighted_by_confidence():
    one = found([0, 0, 100, 100, 0.6, CAR])
    other = found([10, 0, 110, 100, 0.2, CAR])
    fused = pseudo_label.fuse([one, other])
    assert fused.shape == (1, 6)
    assert fused[0] == pytest.approx([2.5, 0, 102.5, 100, 0.4, CAR])


def test_the_class_most_confidence_stands_behind_wins():
    looks = [found([0, 0, 100, 100, 0.5, BUS]), *[found([0, 0, 100, 100, 0.4, CAR])] * 2]
    assert pseudo_label.fuse(looks)[0, 5] == CAR


def test_an_object_one_look_of_four_saw_scores_a_quarter():
    nothing = found()
    fused = pseudo_label.fuse([nothing, found([0, 0, 10, 10, 0.8, CAR]), nothing, nothing])
    assert fused[0, 4] == pytest.approx(0.2)


def test_nothing_seen_by_any_look_gives_no_box():
    assert pseudo_label.fuse([found(), found()]).shape == (0, 6)
    assert pseudo_label.with_riders(found()).shape == (0, 6)


def test_a_rider_and_the_machine_share_one_box_and_a_walker_keeps_their_own():
    machine = [10, 20, 30, 50, 0.5, MOTORCYCLE]
    rider = [12, 5, 28, 40, 0.9, PERSON]
    walker = [60, 5, 75, 40, 0.9, PERSON]
    joined = pseudo_label.with_riders(found(machine, rider, walker))
    assert joined[:, :4].tolist() == [[10, 5, 30, 50], [60, 5, 75, 40]]
    assert joined[:, 5].tolist() == [MOTORCYCLE, PERSON]


def test_a_label_row_is_the_share_of_the_picture_with_what_lies_outside_cut_off():
    rows = pseudo_label.yolo_rows(found([-20, 10, 20, 30, 0.9, CAR]), width=100, height=50)
    assert rows == f"{CAR} 0.100000 0.400000 0.200000 0.400000\n"


def test_a_picture_without_objects_gets_no_rows():
    assert pseudo_label.yolo_rows(found(), width=100, height=50) == ""
