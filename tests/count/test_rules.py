"""One scene for each rule that keeps detectors' and cameras' flaws out of the counts; each breaks without its rule."""

import numpy as np
import pytest
import supervision as sv

from pipeline.count import Tracker
from pipeline.count.parts import restore_size
from pipeline.types import CountingLine
from tests.count.scenes import Actor, Path, every, hidden, play, straight, to_ns

LEVEL = CountingLine("level", (0, 300), (600, 300))
Spans = list[tuple[float, float]]
RIDER_AND_MACHINE = (26.0, 60.0)


def part(whole: Path, size: tuple[float, float], above_px: float, *, spans: Spans, **rest) -> Actor:
    """A part of a vehicle, found during some spans; `above_px` from the whole's reference point to its own."""

    def path(at_s):
        place = whole(at_s)
        if place is None or not any(low <= at_s < high for low, high in spans):
            return None
        return place[0], place[1] - above_px

    return Actor(path, size=size, **rest)


@pytest.mark.parametrize("interval_s", [0.2, 0.1, 0.04])
def test_a_rider_and_a_machine_found_apart_around_the_line_are_one_motorcycle(interval_s):
    way, spans = straight((300, 100), (0, 80)), [(2.3, 2.9), (3.3, 3.7)]
    whole = Actor(hidden(way, *spans), "motorcycle", RIDER_AND_MACHINE)
    rider = part(way, (26, 36), 18, spans=spans, vehicle_class="bicycle", confidence=0.6)
    machine = part(way, (26, 33), -6.75, spans=spans, vehicle_class="motorcycle", confidence=0.7)
    assert play([whole, machine, rider], [LEVEL], every(interval_s, 5)).counted == [("level", "forward", "motorcycle")]


def test_a_vehicle_whose_lower_half_is_hidden_just_past_the_line_does_not_jump_back():
    way, spans = straight((300, 200), (0, 40)), [(2.95, 3.5)]
    whole = Actor(hidden(way, *spans), "car", (80, 100))
    upper = part(way, (80, 55), 33.75, spans=spans)
    assert play([whole, upper], [LEVEL], every(0.1, 5)).directions == ["forward"]


def test_a_part_is_made_whole_from_the_edge_that_is_where_it_was_expected():
    expected = np.array([[100.0, 100.0, 40.0, 80.0]] * 3)
    found = np.array([[101.0, 80.0, 40.0, 40.0], [100.0, 119.0, 40.0, 40.0], [100.0, 100.0, 40.0, 76.0]])
    whole, is_part = restore_size(expected, found)
    assert whole.tolist() == [[101.0, 100.0, 40.0, 80.0], [100.0, 99.0, 40.0, 80.0], [100.0, 100.0, 40.0, 76.0]]
    assert is_part.tolist() == [True, True, False]


def test_what_lasts_is_no_part():
    tracker, corners = Tracker(), [(100, 100, 140, 180)] * 5 + [(100, 140, 140, 180)] * 15
    heights = []
    for index, box in enumerate(corners):
        seen = sv.Detections(np.array([box], np.float32), confidence=np.array([0.9]), class_id=np.array([1]))
        heights += tracker.update(to_ns(index * 0.1), seen).boxes[:, 3].tolist()
    assert heights[5:12] == pytest.approx([80] * 7, abs=8)
    assert heights[-1] == 40


def test_a_vehicle_that_is_lost_does_not_go_on_as_one_behind_it_that_comes_the_other_way():
    line = CountingLine("upright", (420, 0), (420, 400))
    lost = Actor(straight((500, 200), (-100, 0), last_s=1.0), "motorcycle", (40, 50))
    other = Actor(straight((300, 206), (90, 0), first_s=1.4), "motorcycle", (40, 50))
    outcome = play([lost, other], [line], every(0.2, 4))
    assert len({crossing.track for crossing in outcome.crossings}) == len(outcome.crossings)


def test_the_frame_of_a_crossing_that_nobody_saw_is_interpolated():
    path = hidden(straight((300, 101), (0, 80)), (2.0, 3.2))
    assert [crossing.frame for crossing in play([Actor(path)], [LEVEL], every(0.1, 6)).crossings] == [25]


def test_a_vehicle_that_stands_hidden_does_not_go_on_as_one_that_comes_out_beside_it():
    line = CountingLine("upright", (330, 0), (330, 400))
    standing = Actor(straight((300, 200), (0, 0), last_s=2.0), "motorcycle", (44, 40))
    passing = Actor(straight((220, 236), (50, 0), first_s=2.7), "motorcycle", (44, 40))
    assert play([standing, passing], [line], every(0.1, 5)).directions == []


def test_what_is_only_ever_found_weakly_does_not_count():
    def path(at_s):
        return 300, 100 + 80 * at_s

    faint = Actor(hidden(path, (0.0, 0.05)), confidence=0.13)
    once = Actor(hidden(path, (0.05, 9.0)), confidence=0.3)
    sure = Actor(straight((100, 100), (0, 80)), confidence=0.3)
    crossings = play([faint, once, sure], [LEVEL], every(0.1, 5)).crossings
    assert [round(crossing.confidence, 2) for crossing in crossings] == [0.3]
