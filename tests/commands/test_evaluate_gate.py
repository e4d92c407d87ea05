"""The regression gate: the shipped detector counts simulated scenes, and real clips where they are, as on record."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision as sv

from benchmarks.accuracy_tables import REAL, SIMULATED, Case
from pipeline.__main__ import main
from pipeline.count import CameraCounter, CountUpdate
from pipeline.report.accuracy import CountedClip, evaluate, load_truths
from pipeline.report.accuracy_baseline import Verdict, compare, load_baseline
from pipeline.types import VEHICLE_CLASSES

FOLDER = Path(__file__).parents[1] / "baselines"
SHARED_TRUTH = Path(__file__).parents[3] / "shared/data/truth.json"
MOTORCYCLE = VEHICLE_CLASSES.index("motorcycle")

RERECORD = "if this is meant, record new baselines with `make baselines`"


def gate(case: Case) -> list[str]:
    """The command that compares with what is on record."""
    return ["eval", *map(str, case.found), "--baseline", str(case.baseline), "--device", "cpu"]


@dataclass
class Recording:
    """What the command said, and what its detector saw, frame by frame."""

    status: int = -1
    said: str = ""
    frames: dict[str, list[tuple[int, int, sv.Detections, int]]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def recording() -> Recording:
    """`simpang eval` run once on the simulated scenes."""
    result = Recording()

    class RecordingCounter(CameraCounter):
        def __init__(self, camera: str, lines: Any) -> None:
            super().__init__(camera, lines)
            self._frames = result.frames.setdefault(camera, [])

        def update(
            self, frame_seq: int, captured_at_ns: int, detections: sv.Detections, lost_before: int = 0
        ) -> CountUpdate:
            self._frames.append((frame_seq, captured_at_ns, detections, lost_before))
            return super().update(frame_seq, captured_at_ns, detections, lost_before)

    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        patch.setattr("pipeline.commands.evaluate.CameraCounter", RecordingCounter)
        result.status = main(gate(SIMULATED))
    result.said = said.getvalue()
    return result


def judged_with(recording: Recording, worsen: Callable[[sv.Detections], sv.Detections]) -> Verdict:
    """The verdict on a detector that sees what the shipped one saw, made worse."""
    truth = load_truths(SIMULATED.found)
    counted = {}
    for clip in truth.clips:
        counter = CameraCounter(clip.name, [line.line for line in clip.lines])
        frames = recording.frames[clip.name]
        updates = [counter.update(seq, at_ns, worsen(found), lost) for seq, at_ns, found, lost in frames]
        crossings = [crossing for update in [*updates, counter.finish()] for crossing in update.crossings]
        counted[clip.name] = CountedClip(crossings, len(frames), (frames[-1][1] - frames[0][1]) / 1e9)
    return compare(load_baseline(SIMULATED.baseline, truth.digest), evaluate(truth, counted))


def test_the_shipped_detector_counts_simulated_scenes_no_worse_than_on_record(recording: Recording) -> None:
    assert recording.status == 0, f"{recording.said}\n{RERECORD}"


def test_the_same_detections_pass_the_gate_again(recording: Recording) -> None:
    assert judged_with(recording, lambda found: found).worse == ()


def test_a_detector_that_misses_the_smaller_motorcycles_is_stopped(recording: Recording) -> None:
    areas = np.concatenate(
        [found.area[found.class_id == MOTORCYCLE] for frames in recording.frames.values() for _, _, found, _ in frames]
    )
    smallest = float(np.median(areas))

    def worsen(found: sv.Detections) -> sv.Detections:
        return found[(found.class_id != MOTORCYCLE) | (found.area > smallest)]  # type: ignore[return-value]

    assert any("motorcycles" in sentence for sentence in judged_with(recording, worsen).worse)


def test_a_detector_that_takes_trucks_and_motorcycles_for_cars_is_stopped(recording: Recording) -> None:
    def worsen(found: sv.Detections) -> sv.Detections:
        return sv.Detections(found.xyxy, None, found.confidence, np.ones(len(found), int))

    verdict = judged_with(recording, worsen)
    assert any(sentence.startswith("WAPE of all vehicles") for sentence in verdict.worse)


def test_a_detector_that_is_unsure_of_everything_is_stopped(recording: Recording) -> None:
    def worsen(found: sv.Detections) -> sv.Detections:
        confidence = np.asarray(found.confidence) * 0.4
        return sv.Detections(found.xyxy, None, confidence, found.class_id)[confidence >= 0.1]  # type: ignore[return-value]

    assert any(sentence.startswith("recall of all vehicles") for sentence in judged_with(recording, worsen).worse)


@pytest.mark.skipif(not REAL.truths[0].exists(), reason="the hand-counted clips are not beside the project")
def test_the_shipped_detector_counts_real_clips_no_worse_than_on_record(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(gate(REAL))
    assert status == 0, f"{capsys.readouterr().err}\n{RERECORD}"
