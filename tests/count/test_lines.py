"""Sides, directions and ends of lines, against exact geometry."""

import numpy as np
import pytest

from pipeline.count import LineCrossingDetector, LineGeometry
from pipeline.count.lines import Passage
from pipeline.types import CountingLine
from tests.count.scenes import Actor, every, play, straight, to_ns

CASES = [
    ((0, 100), (200, 100), (0, 50)),  # drawn to the right: forward is down
    ((200, 100), (0, 100), (0, -50)),  # drawn to the left: forward is up
    ((100, 0), (100, 200), (-50, 0)),  # drawn down: forward is left
    ((100, 200), (100, 0), (50, 0)),  # drawn up: forward is right
    ((0, 0), (200, 200), (-50, 50)),  # a falling diagonal: forward is down and left
    ((0, 200), (200, 0), (50, 50)),  # a rising diagonal: forward is down and right
]


@pytest.mark.parametrize(("start", "end", "velocity"), CASES)
def test_forward_is_to_the_right_of_someone_walking_from_start_to_end(start, end, velocity):
    line = CountingLine("line", start, end)
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)

    def cross(sign: int) -> list[str]:
        way = (sign * velocity[0], sign * velocity[1])
        begin = (middle[0] - 1.03 * way[0], middle[1] - 1.03 * way[1])
        return play([Actor(straight(begin, way), size=(12, 10))], [line], every(0.1, 3)).directions

    assert (cross(1), cross(-1)) == (["forward"], ["backward"])


def test_side_is_a_signed_distance_and_along_runs_from_zero_to_one():
    geometry = LineGeometry([CountingLine("a", (0, 100), (200, 100)), CountingLine("b", (50, 0), (50, 40))])
    side_px, along, distance_px = geometry.measure(np.array([[50.0, 130.0], [20.0, 10.0]]))
    assert side_px == pytest.approx(np.array([[30, 0], [-90, 30]]))
    assert along == pytest.approx(np.array([[0.25, 3.25], [0.1, 0.25]]))
    assert distance_px == pytest.approx(np.array([[30, 90], [90, 30]]))


def advance(detector: LineCrossingDetector, second: int, *points: tuple[float, float]) -> list[Passage]:
    """One position each second at (along in px, side in px) of a line 100 px long, with a margin of 10 px."""
    geometry = LineGeometry([CountingLine("line", (0, 0), (100, 0))])
    passages = []
    for offset, point in enumerate(points):
        position = geometry.locate(np.array([point]), np.array([10.0]), to_ns(second + offset), second + offset)[0]
        passages += detector.advance(position)
    return passages


def test_a_return_before_the_margin_takes_a_change_of_side_back():
    detector = LineCrossingDetector()
    assert advance(detector, 0, (50, -20), (50, 3), (50, -3), (50, 2), (50, -30), (50, -40)) == []
    assert detector.finish() == []


def test_a_passage_is_certain_beyond_the_margin_and_not_before():
    detector = LineCrossingDetector()
    assert advance(detector, 0, (50, -20), (50, 5)) == []
    (passage,) = advance(detector, 2, (50, 11))
    assert (passage.direction, passage.captured_at_ns, passage.frame) == ("forward", to_ns(0.8), 1)
    assert advance(detector, 3, (50, 30)) == []


def test_a_path_that_ends_on_a_line_it_has_crossed_has_not_crossed_back():
    detector = LineCrossingDetector()
    assert [passage.direction for passage in advance(detector, 0, (50, -20), (50, 12))] == ["forward"]
    assert advance(detector, 2, (50, 3), (50, -4), (50, -2)) == []
    assert detector.finish() == []
    assert [passage.direction for passage in advance(detector, 5, (50, -30))] == ["backward"]  # it goes on after all


def test_a_path_that_ends_just_beyond_a_line_has_crossed_it():
    detector = LineCrossingDetector()
    assert advance(detector, 0, (50, -20), (50, 3)) == []
    assert [passage.direction for passage in detector.finish()] == ["forward"]


def test_a_vehicle_that_turns_along_the_line_is_clear_of_it_beyond_its_end():
    detector = LineCrossingDetector()
    assert advance(detector, 0, (80, -20), (90, 5), (105, 5)) == []
    assert [passage.direction for passage in advance(detector, 3, (112, 5))] == ["forward"]


def test_going_round_the_end_of_a_line_and_back_through_it_counts_once():
    detector = LineCrossingDetector()
    assert advance(detector, 0, (140, -20), (120, 20)) == []
    assert [passage.direction for passage in advance(detector, 2, (60, -20))] == ["backward"]


def test_being_clear_of_a_later_line_makes_the_passage_of_an_earlier_one_certain():
    geometry = LineGeometry([CountingLine("first", (0, 0), (100, 0)), CountingLine("second", (50, 100), (50, -100))])
    detector, passages = LineCrossingDetector(), []
    for second, point in enumerate([(90.0, -20.0), (70.0, 5.0), (40.0, 6.0), (30.0, 7.0)]):
        passages += detector.advance(geometry.locate(np.array([point]), np.array([15.0]), to_ns(second), second)[0])
    assert [passage.line for passage in passages] == [0, 1]


def exact_crossing(line: CountingLine, begin, velocity, until_s: float) -> tuple[str, float] | None:
    """Direction and second at which a point on a straight path cuts a segment: Cramer's rule, independent of ours."""
    (x1, y1), (x2, y2) = line.start, line.end
    system = np.array([[velocity[0], x1 - x2], [velocity[1], y1 - y2]])
    at_s, share = np.linalg.solve(system, np.array([x1 - begin[0], y1 - begin[1]]))
    if not (0 < at_s < until_s and 0 <= share <= 1):
        return None
    turn = (x2 - x1) * velocity[1] - (y2 - y1) * velocity[0]
    return ("forward" if turn > 0 else "backward"), float(at_s)


@pytest.mark.parametrize("fps", [2.5, 5, 10, 25])
def test_straight_paths_at_random_are_counted_exactly_where_geometry_says(fps):
    rng = np.random.default_rng(17)
    compared = 0
    for _ in range(4):
        ends = [[(float(x), float(y)) for x, y in rng.uniform(100, 500, (2, 2))] for _ in range(20)]
        lines = [CountingLine(f"line {index}", start, end) for index, (start, end) in enumerate(ends)]
        begin, heading = rng.uniform(150, 450, 2), rng.uniform(0, 2 * np.pi)
        velocity = rng.uniform(50, 120) * np.array([np.cos(heading), np.sin(heading)])
        begin = begin - 2 * velocity
        outcome = play([Actor(straight(tuple(begin), tuple(velocity)), size=(30, 30))], lines, every(1 / fps, 4))
        counted = {c.line: (c.direction, c.captured_at_ns) for c in outcome.crossings}
        exact = {line.name: exact_crossing(line, begin, velocity, 4) for line in lines}
        assert counted == {
            name: (case[0], pytest.approx(to_ns(case[1]), abs=2_000_000)) for name, case in exact.items() if case
        }
        assert len(outcome.crossings) == len(counted)
        compared += len(counted)
    assert compared > 15
