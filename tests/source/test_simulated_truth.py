"""The simulated junction's truth: exact, and the same as what anyone can work out from the boxes."""

from collections import Counter, defaultdict

import pytest

from pipeline.source.simulated import Scenario, SimulatedJunction
from pipeline.source.simulated.truth import Truth
from pipeline.types import CountingLine

SMALL = {"width": 640, "height": 360}


@pytest.fixture(scope="module", params=[(1, 4), (2, 3)], ids=["4 legs", "3 legs"])
def junction(request: pytest.FixtureRequest) -> SimulatedJunction:
    seed, legs = request.param
    mix = (0.5, 0.2, 0.08, 0.14, 0.08)
    return SimulatedJunction(Scenario(seed=seed, legs=legs, duration_s=90, fps=5, flow_vph=2400, mix=mix, **SMALL))


@pytest.fixture(scope="module")
def truth(junction: SimulatedJunction) -> Truth:
    return junction.truth()


def right_of(line: CountingLine, point: tuple[float, float]) -> bool:
    (x1, y1), (x2, y2) = line.start, line.end
    return (x2 - x1) * (point[1] - y1) - (y2 - y1) * (point[0] - x1) > 0


def counted_from_boxes(junction: SimulatedJunction) -> Counter[tuple[int, str, str, int]]:
    """(vehicle, line, direction, frame) by the side of both segments' ends: written without the code under test."""
    counted: Counter[tuple[int, str, str, int]] = Counter()
    before: dict[int, tuple[float, float]] = {}
    for seq, _, boxes in junction.boxes_only():
        assert boxes.tracker_id is not None
        now = {}
        for (x0, y0, x1, y1), vehicle in zip(boxes.xyxy.tolist(), boxes.tracker_id.tolist(), strict=True):
            now[vehicle] = point = ((x0 + x1) / 2, y0 + 0.75 * (y1 - y0))
            old = before.get(vehicle)
            if old is None or old == point:
                continue
            path = CountingLine("path", old, point)
            for line in junction.lines:
                if right_of(line, old) != right_of(line, point) and right_of(path, line.start) != right_of(
                    path, line.end
                ):
                    direction = "forward" if right_of(line, point) else "backward"
                    counted[vehicle, line.name, direction, seq] += 1
        before = now
    return counted


def test_every_vehicle_enters_once_and_leaves_once_and_always_forwards(truth: Truth) -> None:
    ways = defaultdict(list)
    for crossing in truth.crossings:
        ways[crossing.vehicle].append(crossing.line)
    assert len(ways) > 40
    assert {crossing.direction for crossing in truth.crossings} == {"forward"}
    for lines in ways.values():
        assert [line.partition("-")[2] for line in lines] in (["in"], ["out"], ["in", "out"])


def test_the_truth_is_what_the_boxes_of_all_frames_show(junction: SimulatedJunction, truth: Truth) -> None:
    stated = Counter((c.vehicle, c.line, c.direction, c.frame) for c in truth.crossings)
    assert counted_from_boxes(junction) == stated


def test_no_line_is_missed_between_the_edges_of_the_footage(junction: SimulatedJunction, truth: Truth) -> None:
    """Whoever is seen to enter well before the end leaves, and whoever leaves well after the start had entered."""
    seen = defaultdict(set)
    for crossing in truth.crossings:
        seen[crossing.vehicle].add(crossing.line.partition("-")[2])
    start, end = junction.started_at_ns, junction.started_at_ns + int(junction.duration_s * 1e9)
    for crossing in truth.crossings:
        if start + 25e9 < crossing.captured_at_ns < end - 25e9:
            assert seen[crossing.vehicle] == {"in", "out"}


def test_movements_are_the_vehicles_whose_entry_and_exit_both_lie_in_the_footage(truth: Truth) -> None:
    crossings = {(c.vehicle, c.line): c for c in truth.crossings}
    complete = {v for v, n in Counter(c.vehicle for c in truth.crossings).items() if n == 2}
    assert {m.vehicle for m in truth.movements} == complete
    assert len(truth.movements) == len(complete) > 20
    for movement in truth.movements:
        entry, leaving = crossings[movement.vehicle, movement.from_line], crossings[movement.vehicle, movement.to_line]
        assert movement.entered_at_ns == entry.captured_at_ns < leaving.captured_at_ns == movement.exited_at_ns
        assert movement.from_line[0] != movement.to_line[0]
        assert movement.vehicle_class == entry.vehicle_class


def test_crossings_lie_between_the_two_frames_around_them(junction: SimulatedJunction, truth: Truth) -> None:
    at = junction.scenario.captured_at_ns
    for crossing in truth.crossings:
        assert at(crossing.frame - 1) <= crossing.captured_at_ns <= at(crossing.frame)
        assert 0 <= crossing.visible <= 1
        assert 1 <= crossing.frame < junction.frame_count_estimate


def test_counts_add_up_to_the_crossings(truth: Truth) -> None:
    assert sum(truth.counts().values()) == len(truth.crossings)
    one = truth.crossings[0]
    same = [c for c in truth.crossings if (c.line, c.vehicle_class) == (one.line, one.vehicle_class)]
    assert truth.counts()[one.line, "forward", one.vehicle_class] == len(same)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (640, 360), (800, 600), (720, 360)])
def test_lines_are_named_by_arm_and_lie_in_the_picture(width: int, height: int) -> None:
    for seed in range(25):
        for legs in (3, 4):
            junction = SimulatedJunction(Scenario(seed=seed, legs=legs, width=width, height=height))
            expected = {f"{arm}-{way}" for arm in ("UTSB" if legs == 4 else "UTS") for way in ("in", "out")}
            assert {line.name for line in junction.lines} == expected
            for line in junction.lines:
                assert line.approach == line.name[0]
                assert line.role == {"in": "entry", "out": "exit"}[line.name[2:]]
                for x, y in (line.start, line.end):
                    assert 0.01 * width < x < 0.99 * width
                    assert 0.02 * height < y < 0.98 * height
