"""The label files shipped with the recipe can be read, lie inside their pictures, and are what their page says."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from models.classes import CLASSES

LABELS = Path(__file__).parents[2] / "models" / "labels"
FILES = sorted((LABELS / "medan").glob("*.txt"))


def rows(path, columns):
    return np.array([line.split() for line in path.read_text().splitlines()], dtype=float).reshape(-1, columns)


def test_every_labelled_box_lies_in_its_picture_and_has_a_known_class():
    assert FILES
    for path in FILES:
        found = rows(path, 5)
        assert np.isin(found[:, 0], range(len(CLASSES))).all(), path.name
        low, high = found[:, 1:3] - found[:, 3:5] / 2, found[:, 1:3] + found[:, 3:5] / 2
        assert (found[:, 3:5] > 0).all(), path.name
        assert low.min(initial=0) >= -1e-5, path.name
        assert high.max(initial=1) <= 1 + 1e-5, path.name


def test_no_object_is_labelled_twice():
    for path in FILES:
        found = rows(path, 5)
        low, high = found[:, 1:3] - found[:, 3:5] / 2, found[:, 1:3] + found[:, 3:5] / 2
        size = np.clip(np.minimum(high[:, None], high) - np.maximum(low[:, None], low), 0, None)
        overlap, area = size.prod(axis=2), (high - low).prod(axis=1)
        iou = overlap / (area[:, None] + area - overlap)
        assert np.triu(iou, k=1).max(initial=0) < 0.75, path.name


def test_every_ignore_region_is_a_rectangle_of_a_labelled_picture():
    regions = sorted((LABELS / "medan" / "ignore").glob("*.txt"))
    assert {path.name for path in regions} <= {path.name for path in FILES}
    for path in regions:
        x1, y1, x2, y2 = rows(path, 4).T
        assert ((x1 >= 0) & (x1 < x2) & (x2 <= 1) & (y1 >= 0) & (y1 < y2) & (y2 <= 1)).all(), path.name


@pytest.mark.parametrize("name", CLASSES)
def test_the_page_states_how_many_boxes_of_a_class_there_are(name):
    counted = Counter(int(row[0]) for path in FILES for row in rows(path, 5))
    stated = re.search(rf"^\| {name} \| (\d+) \|$", (LABELS / "README.md").read_text(), re.MULTILINE)
    assert stated is not None
    assert int(stated.group(1)) == counted[CLASSES.index(name)]


def test_each_mended_class_of_road_traffic_is_known_and_said_once():
    lines = [line.split() for line in (LABELS / "road_traffic.txt").read_text().splitlines()]
    assert lines
    assert all(len(line) == 3 and int(line[1]) >= 0 and line[2] in CLASSES for line in lines)
    assert len({(picture, row) for picture, row, _ in lines}) == len(lines)
