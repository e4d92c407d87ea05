"""Each cause of a wrong count, provoked on purpose and counted by the real counter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import supervision as sv

from pipeline.count import Tracker, TrackerSettings, TrackerStep
from pipeline.report.accuracy_causes import Mistake, explain
from pipeline.report.accuracy_evidence import WatchedCounter
from pipeline.report.accuracy_measures import CountedClip, judge_line
from pipeline.report.accuracy_truth import FrameRange, TrueCount, TruthLine, Window
from pipeline.report.accuracy_wrong import cause_rows, cause_table
from pipeline.types import CountingLine
from tests.count.scenes import Actor, detections_of, every, hidden, straight, through, to_ns

LINE = CountingLine("A", (0.0, 200.0), (400.0, 200.0))
"""Forward is downwards."""
FPS, UNTIL_S = 20, 6.0
DOWN = straight((200.0, 50.0), (0.0, 100.0))
"""Touches the line from frame 28 to 36, its reference point passes it at 1.5 s, frame 30."""
WINDOW = FrameRange(28, 36)


class BlindAfter(Tracker):
    """Sees nothing from some time on."""

    def __init__(self, second: float) -> None:
        super().__init__()
        self._until_ns = to_ns(second)

    def update(self, captured_at_ns: int, detections: sv.Detections) -> TrackerStep:
        return super().update(captured_at_ns, detections if captured_at_ns < self._until_ns else sv.Detections.empty())


def truth(vehicle_class: str = "car", *windows: FrameRange | None, count: int = 1) -> TruthLine:
    given = windows or (WINDOW,) * count
    return TruthLine(
        LINE, (TrueCount("forward", vehicle_class, count),), tuple(Window(window, (0,)) for window in given), ()
    )


NO_TRUTH = TruthLine(LINE, (), (), ())


def mistakes_of(actors: Sequence[Actor], true: TruthLine, tracker: Tracker | None = None) -> list[Mistake]:
    counter = WatchedCounter("cam-1", [LINE], tracker=tracker)
    times = every(1 / FPS, UNTIL_S)
    crossings = []
    for seq, at_s in enumerate(times):
        crossings += counter.update(seq, to_ns(at_s), detections_of(actors, at_s)).crossings
    crossings += counter.finish().crossings
    line = judge_line("x.mp4", true, CountedClip(crossings, len(times), UNTIL_S))
    return explain(line, counter.evidence())


def only(mistakes: list[Mistake]) -> Mistake:
    assert len(mistakes) == 1, mistakes
    return mistakes[0]


def test_a_vehicle_that_is_counted_rightly_is_no_mistake() -> None:
    assert mistakes_of([Actor(DOWN)], truth()) == []


def test_a_vehicle_without_detections_at_the_line_was_not_detected() -> None:
    mistake = only(mistakes_of([Actor(hidden(DOWN, (1.2, 9.0)))], truth()))
    assert (mistake.kind, mistake.finding.cause) == ("missed", "not detected")
    assert "0 of its 9 frames" in mistake.finding.why


def test_a_vehicle_with_weak_detections_only_was_not_detected_and_their_confidence_is_told() -> None:
    mistake = only(mistakes_of([Actor(DOWN, confidence=0.15)], truth()))
    assert mistake.finding.cause == "not detected"
    assert "0.15" in mistake.finding.why
    assert mistake.finding.xyxy is not None


def test_the_detections_of_a_vehicle_that_was_counted_are_no_evidence_for_its_neighbour() -> None:
    mistake = only(mistakes_of([Actor(DOWN)], truth(count=2)))
    assert (mistake.finding.cause, mistake.finding.vehicles) == ("not detected", ())


def test_what_waits_on_the_line_is_no_evidence_for_a_vehicle_that_passes() -> None:
    waiting = Actor(straight((80.0, 190.0), (0.0, 0.0)))
    assert only(mistakes_of([waiting], truth())).finding.cause == "not detected"


def test_detections_that_the_tracker_never_believes_are_a_track_lost() -> None:
    tracker = Tracker(TrackerSettings(confirm_hits=10_000))
    mistake = only(mistakes_of([Actor(DOWN)], truth(), tracker))
    assert (mistake.finding.cause, mistake.finding.vehicles) == ("track lost", ())
    assert "never tracked" in mistake.finding.why


def test_a_track_that_ends_before_the_line_while_detections_go_on_is_a_track_lost() -> None:
    mistake = only(mistakes_of([Actor(DOWN)], truth(), BlindAfter(1.45)))
    assert mistake.finding.cause == "track lost"
    assert "before the line" in mistake.finding.why
    assert len(mistake.finding.vehicles) == 1


def test_a_track_before_the_line_and_another_one_after_it_are_an_id_switch() -> None:
    # The box of a motorcycle in front becomes that of the lorry behind: too far, too large and another class.
    front = Actor(straight((60.0, 50.0), (0.0, 100.0), last_s=1.49), "motorcycle", (30.0, 40.0))
    rest = Actor(straight((330.0, 52.0), (0.0, 100.0), first_s=1.5), "truck", (130.0, 110.0))
    mistake = only(mistakes_of([front, rest], truth("truck")))
    assert mistake.finding.cause == "id switch"
    assert len(mistake.finding.vehicles) == 2


def test_a_vehicle_counted_under_another_class_is_told_with_what_its_detections_say() -> None:
    mistake = only(mistakes_of([Actor(DOWN, "car")], truth("motorcycle")))
    assert (mistake.kind, mistake.vehicle_class, mistake.counted_as) == ("class wrong", "motorcycle", "car")
    assert mistake.finding.cause == "wrong class"
    assert "its detections say car" in mistake.finding.why


def test_a_vehicle_whose_counted_point_passes_beyond_the_end_of_the_line_is_the_rules_miss() -> None:
    mistake = only(mistakes_of([Actor(straight((415.0, 50.0), (0.0, 100.0)))], truth()))
    assert (mistake.kind, mistake.finding.cause) == ("missed", "crossing rule")
    assert "beyond the line's end" in mistake.finding.why


def test_a_vehicle_whose_counted_point_stops_before_the_line_is_the_rules_miss() -> None:
    stopping = through((0, 200, 50), (1.45, 200, 195), (6, 200, 195))
    mistake = only(mistakes_of([Actor(stopping)], truth("car", FrameRange(28, 119))))
    assert mistake.finding.cause == "crossing rule"
    assert "stays before it" in mistake.finding.why


def test_a_vehicle_that_comes_back_is_the_rules_false_count_and_then_a_double_one() -> None:
    turning_back = through((0, 200, 50), (2.0, 200, 260), (3.5, 200, 100))
    found = mistakes_of([Actor(turning_back)], NO_TRUTH)
    assert [(m.kind, m.direction, m.finding.cause) for m in found] == [
        ("false", "forward", "crossing rule"),
        ("false", "backward", "double count"),
    ]


def test_a_track_that_passes_at_the_end_of_the_line_is_the_rules_false_count() -> None:
    mistake = only(mistakes_of([Actor(straight((390.0, 50.0), (0.0, 100.0)))], NO_TRUTH))
    assert mistake.finding.cause == "crossing rule"
    assert "from the line's end" in mistake.finding.why


def test_a_track_that_crosses_where_no_vehicle_does_is_a_false_detection() -> None:
    mistake = only(mistakes_of([Actor(DOWN, confidence=0.5)], NO_TRUTH))
    assert (mistake.kind, mistake.finding.cause) == ("false", "false detection")
    assert "confidence 0.50" in mistake.finding.why


def test_a_second_box_on_a_counted_vehicle_is_a_double_count() -> None:
    second = Actor(straight((226.0, 50.0), (0.0, 100.0)))
    mistake = only(mistakes_of([Actor(DOWN), second], truth()))
    assert (mistake.kind, mistake.finding.cause) == ("false", "double count")
    assert len(mistake.finding.vehicles) == 2


def test_a_way_put_together_from_two_vehicles_is_an_id_switch() -> None:
    # One leaves the picture's sight before the line, another comes into it beyond the line where the first would be.
    path = hidden(DOWN, (1.2, 1.9))
    mistake = only(mistakes_of([Actor(path)], NO_TRUTH))
    assert (mistake.kind, mistake.finding.cause) == ("false", "id switch")


def test_a_vehicle_without_a_window_has_an_unknown_cause() -> None:
    line = TruthLine(LINE, (TrueCount("forward", "car", 1),), (Window(None, (0,)),), ())
    mistake = only(mistakes_of([], line))
    assert (mistake.finding.cause, mistake.frame) == ("unknown", None)


def test_causes_are_summed_with_the_most_frequent_first() -> None:
    nothing = mistakes_of([], truth("motorcycle", count=2))
    mistakes = [*mistakes_of([Actor(DOWN, "car")], truth("motorcycle")), *nothing]
    assert cause_rows(mistakes) == [["not detected", 2, 0, 0, 2, 2], ["wrong class", 0, 1, 0, 1, 1]]
    assert "not detected" in cause_table(mistakes)


@pytest.mark.parametrize("seconds", [0.0, 2.5])
def test_frames_around_a_time_are_even_in_time_and_within_the_clip(seconds: float) -> None:
    counter = WatchedCounter("cam-1", [LINE])
    for seq, at_s in enumerate(every(1 / FPS, 3.0)):
        counter.update(seq, to_ns(at_s), sv.Detections.empty())
    frames = counter.evidence().frames_around(seconds * FPS, 1.0, 6)
    assert frames == sorted(set(frames))
    assert min(frames) == max(0, round((seconds - 1) * FPS))
    assert max(frames) == min(60, round((seconds + 1) * FPS))
    assert np.diff(frames).max() <= 8
