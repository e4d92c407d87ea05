"""A simulated junction as a clip of a truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.report import accuracy_simulated
from pipeline.report.accuracy import evaluate, load_truths
from pipeline.report.accuracy_geometry import overlap, touches
from pipeline.report.accuracy_measures import CountedClip
from pipeline.report.accuracy_truth import Truth
from pipeline.report.accuracy_truth_file import load_truth
from pipeline.source.simulated import Scenario, SimulatedJunction
from pipeline.types import CountingLine, Crossing

URL = "sim:?seed=3&seconds=25&size=640x360&flow=2400"


def write(path: Path, clips: dict[str, object]) -> Path:
    path.write_text(json.dumps({"clips": clips}))
    return path


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return load_truth(write(tmp_path_factory.mktemp("truth") / "t.json", {URL: None}))


@pytest.fixture(scope="module")
def crossings() -> list[Crossing]:
    """What a perfect counter finds."""
    found = SimulatedJunction(Scenario.from_url(URL)).truth().crossings
    return [
        Crossing(str(i), URL, c.line, c.direction, c.vehicle_class, c.captured_at_ns, c.frame, i, 1.0, None, 0, "")
        for i, c in enumerate(found)
    ]


def test_a_perfect_count_of_a_simulated_clip_is_perfect(truth: Truth, crossings: list[Crossing]) -> None:
    score = evaluate(truth, {URL: CountedClip(crossings, 250, 24.9)}).overall
    assert (score.wape, score.precision, score.recall) == (0, 1, 1)
    assert score.true > 5
    assert score.hits + score.neutral == len(crossings)


def test_every_clear_crossing_has_a_window_in_which_its_box_touches_the_line(
    truth: Truth, crossings: list[Crossing]
) -> None:
    windows = [w for line in truth.clips[0].lines for w in line.windows]
    straddling = [s for line in truth.clips[0].lines for s in line.straddling]
    assert all(w.frames is not None and w.frames.first > 0 and (w.frames.last or 0) < 249 for w in windows)
    for crossing in crossings:
        ranges = [w.frames for w in windows if w.frames] + straddling
        assert any(frames.distance(crossing.frame) == 0 for frames in ranges)


def test_a_hidden_vehicle_is_neither_right_nor_wrong(
    monkeypatch: pytest.MonkeyPatch, truth: Truth, crossings: list[Crossing]
) -> None:
    monkeypatch.setattr(accuracy_simulated, "LEAST_VISIBLE", 1.01)  # as if everything were hidden
    clip = accuracy_simulated.simulated_clip(URL)
    assert [line.counts for line in clip.lines] == [()] * len(truth.clips[0].lines)
    score = evaluate(Truth((clip,)), {URL: CountedClip(crossings, 250, 24.9)}).overall
    assert (score.neutral, score.false, score.true) == (len(crossings), 0, 0)


def test_the_digest_tells_truths_apart_and_is_the_same_for_the_same_truth(tmp_path: Path, truth: Truth) -> None:
    again = load_truth(write(tmp_path / "a.json", {URL: None}))
    other = load_truth(write(tmp_path / "b.json", {URL.replace("seed=3", "seed=4"): None}))
    assert again.digest == truth.digest
    assert other.digest != truth.digest


@pytest.mark.parametrize(
    ("clips", "complaint"),
    [
        ({URL: {"size": [10, 10], "lines": {}}}, "of its own: give null"),
        ({"x.mp4": None}, "give the size of the clip and its lines"),
        ({"sim:?sead=3": None}, "unknown key 'sead'"),
    ],
)
def test_a_clip_that_is_half_simulated_is_refused(tmp_path: Path, clips: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        load_truth(write(tmp_path / "t.json", clips))


def a_line() -> dict[str, object]:
    return {"points": [[0, 5], [9, 5]], "counts": [{"direction": "forward", "class": "car", "count": 1}]}


def test_two_files_may_have_different_lines_of_one_clip(tmp_path: Path) -> None:
    one = write(tmp_path / "1.json", {"x.mp4": {"size": [10, 10], "lines": {"A": a_line()}}})
    two = write(tmp_path / "2.json", {"x.mp4": {"size": [10, 10], "lines": {"B": a_line()}}, URL: None})
    truth = load_truths([one, two])
    assert [clip.name for clip in truth.clips] == ["x.mp4", URL]
    assert [line.line.name for line in truth.clips[0].lines] == ["A", "B"]


@pytest.mark.parametrize(
    ("size", "line", "complaint"), [([10, 10], "A", "line A of clip x.mp4"), ([20, 20], "B", "but .10, 10.")]
)
def test_files_that_contradict_each_other_are_refused(
    tmp_path: Path, size: list[int], line: str, complaint: str
) -> None:
    one = write(tmp_path / "1.json", {"x.mp4": {"size": [10, 10], "lines": {"A": a_line()}}})
    two = write(tmp_path / "2.json", {"x.mp4": {"size": size, "lines": {line: a_line()}}})
    with pytest.raises(InputError, match=complaint):
        load_truths([one, two])


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((40, 40, 60, 60), True),
        ((40, 10, 60, 49), False),
        ((40, 10, 60, 50), True),
        ((101, 40, 120, 60), False),
        ((-20, 40, 0, 60), True),
    ],
)
def test_a_box_touches_a_line_between_its_ends_only(box: tuple[float, ...], expected: bool) -> None:
    line = CountingLine("A", (0, 50), (100, 50))
    assert touches(np.array([box], np.float32), line).tolist() == [expected]


def test_a_box_beside_a_slanting_line_does_not_touch_it() -> None:
    line = CountingLine("A", (0, 0), (100, 100))
    boxes = np.array([[60, 10, 90, 40], [40, 30, 60, 70], [0, 0, 100, 100]], np.float32)
    assert touches(boxes, line).tolist() == [False, True, True]


def test_overlap_is_shared_area_over_joint_area() -> None:
    one = np.array([[0, 0, 10, 10]], np.float32)
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]], np.float32)
    assert overlap(one, others)[0].tolist() == pytest.approx([1, 1 / 3, 0])
