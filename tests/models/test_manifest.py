"""The shipped weights are the ones the manifest describes."""

from __future__ import annotations

import pytest
import yaml

from models import manifest
from models.classes import CLASSES
from pipeline.types import VEHICLE_CLASSES

MODELS = manifest.read()["models"]


def test_every_file_has_the_digest_in_the_manifest():
    for model in MODELS:
        assert model["files"] == manifest.digests(manifest.FOLDER, model["name"])


def test_one_model_is_the_default():
    assert [model["default"] for model in MODELS].count(True) == 1


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model["name"])
def test_a_model_detects_the_vehicle_classes_then_persons(model):
    assert tuple(model["classes"]) == (*VEHICLE_CLASSES, "person") == CLASSES
    metadata = yaml.safe_load((manifest.FOLDER / model["name"] / "metadata.yaml").read_text())
    assert tuple(metadata["names"][index] for index in range(len(CLASSES))) == CLASSES


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model["name"])
def test_the_manifest_states_licence_data_and_scores_of_every_network(model):
    assert model["licence"] == "AGPL-3.0-only"
    assert all(row["licence"] and row["images"] > 0 for row in model["data"])
    for result in model["scores"].values():
        assert result["pictures"] > 0
        assert set(result) == {"pictures", "int8", "float", "COCO YOLO11n"}
        for network in ("int8", "float", "COCO YOLO11n"):
            assert set(result[network]) == set(CLASSES)


def test_the_model_card_shows_the_scores_of_the_manifest():
    card = (manifest.FOLDER / "README.md").read_text(encoding="utf-8")
    assert manifest.with_tables(card, MODELS[0]) == card


def test_the_tables_change_with_the_scores():
    card = (manifest.FOLDER / "README.md").read_text(encoding="utf-8")
    model = manifest.read()["models"][0]
    next(iter(model["scores"].values()))["int8"]["car"]["ap50"] = -1.0
    assert manifest.with_tables(card, model) != card


def test_the_row_of_all_vehicles_adds_up_those_that_were_found():
    scores = {
        "motorcycle": {"labelled": 8, "ap50": 0.5, "recall": 0.75, "precision": 0.6},  # 6 right of 10
        "car": {"labelled": 2, "ap50": 0.5, "recall": 0.5, "precision": 0.5},  # 1 right of 2
        "person": {"labelled": 9, "ap50": 0.5, "recall": 0.0, "precision": None},
    }
    nobody = {"labelled": 0, "ap50": None, "recall": None, "precision": None}
    result = {"pictures": 1, "int8": {name: scores.get(name, nobody) for name in CLASSES}}
    table = manifest.tables({"classes": CLASSES, "scores": {"here": result}, "data": []})
    assert f"| **vehicles** | 10 | - / {7 / 10:.2f} / {7 / 12:.2f} |" in table.splitlines()


def test_a_card_without_a_place_for_tables_is_refused():
    with pytest.raises(ValueError, match="must hold"):
        manifest.with_tables("# no marks here", MODELS[0])
