"""`simpang eval` as a user runs it, on a simulated junction and with detectors whose faults are known."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import supervision as sv

from pipeline.detect import ModelInfo, region_of
from pipeline.detect.region import cropped
from pipeline.source.simulated import Scenario, SimulatedJunction
from pipeline.types import VEHICLE_CLASSES, Image, Region
from tests.commands.conftest import Simpang
from tests.detect.regions import seen_in

URL = "sim:?seed=3&seconds=10&fps=5&size=320x180&flow=3000"
"""Small, since only the boxes matter here."""


class Oracle:
    """Knows every picture of the junction and its boxes; `worsen` makes of a perfect detector a worse one."""

    concurrency = 1

    def __init__(self, boxes: dict[int, sv.Detections], worsen: Callable[[sv.Detections], sv.Detections]) -> None:
        self._boxes, self._worsen = boxes, worsen
        self.info = ModelInfo("oracle", Path("oracle.xml"), "cpu", "a fake", VEHICLE_CLASSES, None, "0" * 64)

    def detect(self, images: Sequence[Image]) -> list[sv.Detections]:
        return [
            self._worsen(self._boxes.get(zlib.crc32(np.ascontiguousarray(image)), sv.Detections.empty()))
            for image in images
        ]


@pytest.fixture(scope="module")
def boxes() -> dict[int, sv.Detections]:
    junction = SimulatedJunction(Scenario.from_url(URL))
    region = region_of(junction.lines, junction.size)
    known = {}
    for frame, found in junction.with_truth():
        for part in (region, Region.whole(junction.size)):
            known[zlib.crc32(np.ascontiguousarray(cropped(frame.image, part)))] = seen_in(found, part)
    return known


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, boxes: dict[int, sv.Detections]) -> Callable[[Any], None]:
    """Give the command the oracle with this fault."""

    def put(worsen: Callable[[sv.Detections], sv.Detections]) -> None:
        @contextmanager
        def announced(_: object) -> Iterator[Oracle]:
            yield Oracle(boxes, worsen)

        monkeypatch.setattr("pipeline.commands.evaluate.announced_detector", announced)

    return put


def perfect(found: sv.Detections) -> sv.Detections:
    return found


def blind_to_motorcycles(found: sv.Detections) -> sv.Detections:
    return found[found.class_id != VEHICLE_CLASSES.index("motorcycle")]  # type: ignore[return-value]


def sees_cars_only(found: sv.Detections) -> sv.Detections:
    return sv.Detections(found.xyxy, None, found.confidence, np.ones(len(found), int))


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"clips": {URL: None}}))
    return path


def test_a_simulated_clip_needs_no_folder_of_clips(simpang: Simpang, use: Any, truth: Path) -> None:
    use(perfect)
    outcome = simpang("eval", truth, "--format", "json")
    assert outcome.status == 0
    result = json.loads(outcome.out)
    assert result["overall"]["recall"] >= 0.9
    assert (result["model"], result["model_digest"]) == ("oracle", "0" * 64)
    assert {"wape", "precision", "recall", "geh", "effectiveness"} <= result["classes"]["motorcycle"].keys()


def test_the_table_has_every_measure_of_every_class(simpang: Simpang, use: Any, truth: Path) -> None:
    use(perfect)
    lines = simpang("eval", truth).out.splitlines()
    head = next(line for line in lines if "WAPE" in line)
    assert [name in head for name in ("GEH", "effectiveness", "precision", "recall")] == [True] * 4
    assert any(line.startswith("motorcycle ") for line in lines)


def test_a_model_that_is_worse_than_the_baseline_ends_with_status_1_and_a_sentence_for_each_measure(
    simpang: Simpang, use: Any, truth: Path, tmp_path: Path
) -> None:
    use(perfect)
    assert simpang("eval", truth, "--save-baseline", tmp_path / "b.json").status == 0
    same = simpang("eval", truth, "--baseline", tmp_path / "b.json")
    assert (same.status, same.sentence) == (0, "as good as the baseline, to within 1 vehicle")
    use(blind_to_motorcycles)
    worse = simpang("eval", truth, "--baseline", tmp_path / "b.json", "--format", "json")
    assert worse.status == 1
    assert "recall of motorcycles was" in worse.err
    assert json.loads(worse.out)["baseline"]["worse"]


def test_a_model_that_is_better_than_the_baseline_says_so_and_can_be_recorded(
    simpang: Simpang, use: Any, truth: Path, tmp_path: Path
) -> None:
    use(blind_to_motorcycles)
    simpang("eval", truth, "--save-baseline", tmp_path / "b.json")
    use(perfect)
    better = simpang("eval", truth, "--baseline", tmp_path / "b.json", "--save-baseline", tmp_path / "b.json")
    assert (better.status, better.sentence) == (0, "better than the baseline; record it with --save-baseline")
    use(blind_to_motorcycles)
    assert simpang("eval", truth, "--baseline", tmp_path / "b.json").status == 1


def test_a_baseline_of_another_truth_is_refused_before_anything_is_counted(
    simpang: Simpang, use: Any, truth: Path, tmp_path: Path
) -> None:
    use(perfect)
    simpang("eval", truth, "--save-baseline", tmp_path / "b.json")
    truth.write_text(json.dumps({"clips": {URL.replace("seed=3", "seed=4"): None}}))
    outcome = simpang("eval", truth, "--baseline", tmp_path / "b.json")
    assert outcome.status == 2
    assert "recorded for another truth" in outcome.sentence


def test_a_baseline_in_a_folder_that_is_not_there_is_refused_before_anything_is_counted(
    simpang: Simpang, truth: Path, tmp_path: Path
) -> None:
    outcome = simpang("eval", truth, "--save-baseline", tmp_path / "no" / "b.json")
    assert outcome.status == 2
    assert "there is no folder" in outcome.sentence


def test_every_wrong_count_is_shown_with_its_cause_and_its_pictures(
    simpang: Simpang, use: Any, truth: Path, tmp_path: Path
) -> None:
    use(blind_to_motorcycles)
    folder = tmp_path / "wrong"
    outcome = simpang("eval", truth, "--wrong", folder, "--format", "json")
    assert outcome.status == 0
    overall = json.loads(outcome.out)["overall"]
    mistakes = json.loads((folder / "index.json").read_text())["mistakes"]
    assert len(mistakes) == overall["missed"] + overall["class_wrong"] + overall["false"] > 0
    missed = [m for m in mistakes if m["kind"] == "missed" and m["vehicle_class"] == "motorcycle"]
    assert {m["finding"]["cause"] for m in missed} == {"not detected"}
    assert "not detected" in outcome.err
    page = (folder / "index.html").read_text()
    assert page.count("data:image/jpeg;base64,") == len(mistakes)
    assert 'src="http' not in page
    for mistake in mistakes:
        strip = cv2.imread(str(folder / mistake["strip"]))
        assert strip.shape[1] >= 3 * 480


def test_a_wrong_class_is_shown_as_such(simpang: Simpang, use: Any, truth: Path, tmp_path: Path) -> None:
    use(sees_cars_only)
    simpang("eval", truth, "--wrong", tmp_path / "wrong")
    mistakes = json.loads((tmp_path / "wrong" / "index.json").read_text())["mistakes"]
    wrong = [m for m in mistakes if m["finding"]["cause"] == "wrong class"]
    assert wrong
    assert {m["counted_as"] for m in wrong} == {"car"}


def test_a_page_without_mistakes_says_so(simpang: Simpang, use: Any, tmp_path: Path) -> None:
    use(perfect)
    truth = tmp_path / "empty.json"
    truth.write_text(json.dumps({"clips": {"sim:?seconds=2&fps=5&size=320x180&flow=0": None}}))
    assert simpang("eval", truth, "--wrong", tmp_path / "wrong").status == 0
    assert "Nothing: every vehicle was counted" in (tmp_path / "wrong" / "index.html").read_text()


def test_a_truth_without_clips_is_refused(simpang: Simpang, tmp_path: Path) -> None:
    truth = tmp_path / "none.json"
    truth.write_text(json.dumps({"clips": {}}))
    outcome = simpang("eval", truth)
    assert (outcome.status, "names no clip" in outcome.sentence) == (2, True)
