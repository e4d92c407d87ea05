import json
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

import models
from pipeline.detect import Detector, load_detector
from pipeline.source.simulated import Scenario, SimulatedJunction
from pipeline.types import VEHICLE_CLASSES, Frame


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector(None, "cpu")


@pytest.fixture(scope="module")
def junction() -> list[tuple[Frame, sv.Detections]]:
    """Pictures of a simulated junction with the boxes of the vehicles that are near and in full view."""
    scenario = Scenario.from_url("sim:?seed=4&seconds=20&size=1280x720")
    pictures = []
    for frame, truth in SimulatedJunction(scenario).sampled(40):
        side = np.sqrt(truth.box_area)
        pictures.append((frame, truth[(side > 40) & (truth.data["visible"] > 0.8)]))
    return pictures


def test_the_shipped_model_is_whole_and_tells_every_vehicle_class(detector: Detector) -> None:
    folder = Path(models.__path__[0])
    manifest = json.loads((folder / "manifest.json").read_text())
    (default,) = [entry for entry in manifest["models"] if entry.get("default")]
    assert detector.info.name == default["name"]
    assert detector.info.classes == VEHICLE_CLASSES
    assert detector.info.path.relative_to(folder).as_posix() in default["files"]


def test_the_input_size_is_open_until_the_first_picture() -> None:
    with load_detector(None, "cpu") as fresh:
        assert fresh.info.input_size is None
        fresh.detect([np.zeros((480, 640, 3), np.uint8)])
        assert fresh.info.input_size == (640, 480)


def test_it_finds_and_names_near_vehicles(detector: Detector, junction: list[tuple[Frame, sv.Detections]]) -> None:
    vehicles = found = named = 0
    for frame, truth in junction:
        (seen,) = detector.detect([frame.image])
        seen = seen[np.asarray(seen.confidence) > 0.25]
        vehicles += len(truth)
        if len(seen) and len(truth):
            overlap = sv.box_iou_batch(truth.xyxy, seen.xyxy)
            hit = overlap.max(axis=1) > 0.5
            found += int(hit.sum())
            named += int((np.asarray(truth.class_id) == np.asarray(seen.class_id)[overlap.argmax(axis=1)])[hit].sum())
    assert vehicles > 20
    assert found >= 0.8 * vehicles
    assert named >= 0.8 * found


def test_many_pictures_at_once_give_what_each_gives_alone(
    detector: Detector, junction: list[tuple[Frame, sv.Detections]]
) -> None:
    images = [frame.image for frame, _ in junction]
    for together, image in zip(detector.detect(images), images, strict=True):
        (alone,) = detector.detect([image])
        np.testing.assert_allclose(together.xyxy, alone.xyxy, atol=0.5)
        np.testing.assert_array_equal(together.class_id, alone.class_id)
