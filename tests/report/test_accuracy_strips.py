"""The pictures of a wrong count."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import supervision as sv

from pipeline.report.accuracy_causes import Mistake
from pipeline.report.accuracy_evidence import Evidence, WatchedCounter
from pipeline.report.accuracy_finding import Finding
from pipeline.report.accuracy_strips import CAPTION_PX, LEAST_TILE_PX, StripPlan, draw_strips, plan_strip
from pipeline.report.accuracy_truth import FrameRange
from pipeline.types import NS_PER_S, CountingLine, Frame

SIZE = (1280, 720)
LINE = CountingLine("A", (100.0, 300.0), (1100.0, 300.0))
CAR_BLUE = (0xE9, 0xB4, 0x56)
"""BGR of the class car."""


def mistake(xyxy: tuple[float, float, float, float] | None, frame: float | None = 20.0) -> Mistake:
    finding = Finding("track lost", "", (), xyxy)
    return Mistake("x.mp4", "A", "missed", "forward", "car", None, FrameRange(18, 22), frame, finding)


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    counter = WatchedCounter("cam", [LINE])
    for seq in range(41):
        box = np.array([[600, 280, 660, 320]], np.float32)
        found = sv.Detections(box, confidence=np.array([0.8], np.float32), class_id=np.array([1]))
        counter.update(seq, seq * NS_PER_S // 10, found)
    return counter.evidence()


def frames() -> Iterator[Frame]:
    for seq in range(41):
        yield Frame("cam", seq, seq * NS_PER_S // 10, np.zeros((SIZE[1], SIZE[0], 3), np.uint8))


def planned(of: Mistake, evidence: Evidence) -> StripPlan:
    plan = plan_strip(of, LINE, SIZE, evidence)
    assert plan is not None
    return plan


def test_six_frames_are_shown_from_a_second_before_to_a_second_after(evidence: Evidence) -> None:
    assert planned(mistake((600, 280, 660, 320)), evidence).frames == (10, 14, 18, 22, 26, 30)


@pytest.mark.parametrize(
    "xyxy", [(600.0, 280.0, 660.0, 320.0), (0.0, 0.0, 30.0, 20.0), (1200.0, 600.0, 1280.0, 720.0), None]
)
def test_the_crop_holds_what_it_is_about_and_stays_inside_the_picture(
    evidence: Evidence, xyxy: tuple[float, float, float, float] | None
) -> None:
    x1, y1, x2, y2 = planned(mistake(xyxy), evidence).crop
    assert 0 <= x1 < x2 <= SIZE[0]
    assert 0 <= y1 < y2 <= SIZE[1]
    left, top, right, bottom = xyxy or (*LINE.start, *LINE.end)
    assert x1 <= left
    assert y1 <= top
    assert x2 >= right
    assert y2 >= bottom


def test_a_small_crop_is_enlarged_until_it_can_be_read_and_a_large_one_keeps_its_pixels(evidence: Evidence) -> None:
    plans = [planned(mistake(xyxy), evidence) for xyxy in ((600.0, 280.0, 660.0, 320.0), None)]
    (_, small), (plan, large) = draw_strips(frames(), plans, evidence)
    assert small.shape[1] == 3 * (LEAST_TILE_PX + 4)
    x1, y1, x2, y2 = plan.crop
    assert large.shape[1] == 3 * (x2 - x1 + 4)
    assert large.shape[0] > 2 * (y2 - y1 + CAPTION_PX)  # its letters are larger too


def test_detections_are_drawn_in_the_colour_of_their_class(evidence: Evidence) -> None:
    ((_, strip),) = draw_strips(frames(), [planned(mistake((600, 280, 660, 320)), evidence)], evidence)
    assert (strip == CAR_BLUE).all(axis=2).any()


def test_only_frames_up_to_the_last_one_needed_are_read(evidence: Evidence) -> None:
    reading = frames()
    list(draw_strips(reading, [planned(mistake((600, 280, 660, 320)), evidence)], evidence))
    assert next(reading).seq == 31


def test_a_mistake_of_unknown_time_has_no_pictures(evidence: Evidence) -> None:
    assert plan_strip(mistake(None, None), LINE, SIZE, evidence) is None
