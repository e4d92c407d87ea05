"""Lines tried on kept paths count what the counter counts, and suggested lines count what really happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache

import numpy as np
import pytest

from pipeline.count import CameraCounter
from pipeline.count.paths import MOST_STILL_NS, PathKeeper
from pipeline.count.recount import recount
from pipeline.count.stitch import TrackEnd
from pipeline.count.suggest import suggest_lines
from pipeline.source.simulated import Scenario, SimulatedJunction
from pipeline.types import NS_PER_S, CountingLine, PathSample, VehiclePath
from tests.count.test_simulated_junction import Flaws, count, recording

FLAWS = Flaws(lost_frames=0.05, missed=0.1, jitter=0.03)


def paths_of(frames: Iterable, lines: tuple[CountingLine, ...] = ()) -> tuple[VehiclePath, ...]:
    counter = CameraCounter("sim-1", lines, keep_paths=True)
    updates = [counter.update(seq, captured_at_ns, boxes) for seq, captured_at_ns, boxes in frames]
    updates.append(counter.finish())
    return tuple(path for update in updates for path in update.paths)


def tally(crossings: Iterable) -> Counter[tuple[str, str, str]]:
    return Counter((c.line, c.direction, c.vehicle_class) for c in crossings)


@pytest.mark.parametrize("flaws", [Flaws(), FLAWS], ids=repr)
@pytest.mark.parametrize(("seed", "legs"), [(1, 4), (2, 3)])
def test_lines_tried_on_paths_count_what_the_counter_counts_on_the_footage(seed, legs, flaws):
    frames, lines, _ = recording(seed, legs, 10.0)
    crossings, _ = count(flaws.apply(frames), lines)
    # The paths are of a counter without lines: what a person draws later must not be needed before.
    assert tally(recount(paths_of(flaws.apply(frames)), lines)) == tally(crossings)


def test_without_being_asked_the_counter_keeps_no_path():
    frames, lines, _ = recording(1, 4, 10.0)
    counter = CameraCounter("sim-1", lines)
    assert not any(counter.update(seq, at_ns, boxes).paths for seq, at_ns, boxes in frames)
    assert counter.finish().paths == ()


def test_a_vehicle_that_waits_adds_one_point_a_second():
    keeper = PathKeeper()
    for tenth in range(600):
        keeper.add(TrackEnd(tenth * NS_PER_S // 10, 100.0 + tenth % 2, 50.0, 0.0, 0.0, 40.0, 0))
    path = keeper.path(1, "car")
    assert len(path) <= 61 * NS_PER_S // MOST_STILL_NS
    assert path.captured_at_ns[-1] == 599 * NS_PER_S // 10


@cache
def sample(seed: int, legs: int, flaws: Flaws) -> tuple[PathSample, SimulatedJunction]:
    junction = SimulatedJunction(Scenario(seed=seed, legs=legs, fps=10.0, duration_s=150.0))
    paths = paths_of(flaws.apply(junction.boxes_only()))
    return PathSample("sim-1", junction.size, junction.started_at_ns, junction.duration_s, paths), junction


def heading(line: CountingLine) -> np.ndarray:
    run = np.array(line.end) - line.start
    return run / np.hypot(*run)


@pytest.mark.parametrize(("seed", "legs", "flaws"), [(1, 4, Flaws()), (3, 3, Flaws()), (8, 4, FLAWS)], ids=repr)
def test_each_arm_gets_an_entry_and_an_exit_that_count_what_happened_there(seed, legs, flaws):
    observed, junction = sample(seed, legs, flaws)
    suggested = suggest_lines(observed)
    true = Counter(crossing.line for crossing in junction.truth().crossings)
    found = Counter(c.line for c in recount(observed.paths, suggested) if c.direction == "forward")
    assert len(suggested) == len(junction.lines)
    wrong = 0
    taken: set[str] = set()
    for line in junction.lines:
        alike = [other for other in suggested if other.role == line.role and heading(other) @ heading(line) > 0.3]
        middle = (np.array(line.start) + line.end) / 2
        nearest = min(alike, key=lambda other: np.hypot(*((np.array(other.start) + other.end) / 2 - middle)))
        taken.add(nearest.name)
        wrong += abs(found[nearest.name] - true[line.name])
    assert len(taken) == len(junction.lines), "two arms share a line"
    # The true lines lie elsewhere: who waits between both when the recording begins or ends passes one.
    assert wrong / true.total() <= 0.12
    assert {line.name.rsplit("-", 1)[0] for line in suggested} == {f"arm-{number + 1}" for number in range(legs)}


def straight(vehicle: int, x: float, down: bool) -> VehiclePath:
    y = np.linspace(10, 710, 60) if down else np.linspace(710, 10, 60)
    at_ns = (np.arange(60) * 0.1 * NS_PER_S + vehicle * 3 * NS_PER_S).astype(np.int64) + 5 * NS_PER_S
    return VehiclePath(
        vehicle, "car", at_ns, np.column_stack((np.full(60, x), y)).astype(np.float32), np.full(60, 40, np.float32)
    )


def test_a_road_on_which_nobody_turns_gets_one_line_for_each_direction():
    paths = [straight(number, 300.0 + 4 * (number % 5), True) for number in range(10)]
    paths += [straight(number, 800.0 + 4 * (number % 5), False) for number in range(10, 20)]
    suggested = suggest_lines(PathSample("a", (1280, 720), 0, 90.0, tuple(paths)))
    found = Counter((c.line, c.direction) for c in recount(paths, suggested))
    assert [line.role for line in suggested] == ["count", "count"]
    assert sorted(found.values()) == [10, 10]
    assert {direction for _, direction in found} == {"forward"}
    for line in suggested:
        assert 30 < abs(line.end[0] - line.start[0]) < 150, "as wide as the flow"
        assert line.start[1] == line.end[1], "across the flow"


def test_nothing_is_suggested_where_hardly_anything_was_seen():
    assert suggest_lines(PathSample("a", (1280, 720), 0, 60.0, ())) == ()
    few = tuple(straight(number, 300.0, True) for number in range(3))
    assert suggest_lines(PathSample("a", (1280, 720), 0, 60.0, few)) == ()


@pytest.mark.parametrize("seed", [1, 5])
def test_a_line_keeps_out_of_the_opposite_carriageway_where_both_look_close_together(seed):
    # The arms at the sides of the picture are seen along the ground: their carriageways are a car's height apart.
    observed, _ = sample(seed, 4, Flaws())
    found = Counter((c.line, c.direction) for c in recount(observed.paths, suggest_lines(observed)))
    for (line, direction), crossings in found.items():
        if direction == "forward":
            assert found[line, "backward"] <= 0.05 * crossings, line


def short(vehicle: int, x: float, top: float, bottom: float) -> VehiclePath:
    y = np.linspace(top, bottom, 40)
    at_ns = (np.arange(40) * 0.1 * NS_PER_S + vehicle % 100 * 3 * NS_PER_S).astype(np.int64) + 5 * NS_PER_S
    points = np.column_stack((np.full(40, x), y)).astype(np.float32)
    return VehiclePath(vehicle, "car", at_ns, points, np.full(40, 40, np.float32))


def test_where_tracks_break_a_short_piece_of_road_still_gets_one_line():
    # Eight of ten are seen all the way; the others only on either half of it, as different vehicles.
    paths = [short(number, 300.0 + 33 * number, 200, 520) for number in range(8)]
    for number in (8, 9):
        paths += [short(number, 300.0 + 33 * number, 200, 350), short(number + 100, 300.0 + 33 * number, 365, 520)]
    (line,) = suggest_lines(PathSample("a", (1280, 720), 0, 90.0, tuple(paths)))
    assert line.role == "count"
