"""A vehicle that is found only when it is past a line came over it; whatever else begins there did not."""

import pytest

from pipeline.count import CameraCounter
from pipeline.count.recount import recount
from pipeline.types import NS_PER_S, CountingLine
from tests.count.scenes import Actor, detections_of, every, play, straight, to_ns

LEVEL = CountingLine("level", (0, 300), (600, 300))
FOUND_S = 3.25


def over_at_3_s(speed_px_per_s: float = 80.0, *, found_s: float = FOUND_S, x: float = 300.0, **actor) -> Actor:
    return Actor(straight((x, 300 - 3 * speed_px_per_s), (0, speed_px_per_s), first_s=found_s), **actor)


@pytest.mark.parametrize("interval_s", [0.2, 0.1, 0.04])
def test_a_vehicle_that_is_found_just_beyond_the_line_came_over_it(interval_s):
    (crossing,) = play([over_at_3_s()], [LEVEL], every(interval_s, 6)).crossings
    assert (crossing.direction, crossing.vehicle_class) == ("forward", "car")
    assert crossing.captured_at_ns == pytest.approx(to_ns(3.0), abs=0.1 * NS_PER_S)
    assert crossing.frame == pytest.approx(3.0 / interval_s, abs=1)


def test_two_that_are_found_side_by_side_both_came_over_it():
    pair = [over_at_3_s(x=250, vehicle_class="motorcycle"), over_at_3_s(x=300, vehicle_class="motorcycle")]
    assert play(pair, [LEVEL], every(0.1, 6)).directions == ["forward", "forward"]


@pytest.mark.parametrize(
    ("late", "why"),
    [
        (over_at_3_s(found_s=3.6), "it was unseen for longer than a detector misses a vehicle"),
        (over_at_3_s(300, found_s=3.3), "more than its own size beyond: it may have turned in"),
        (over_at_3_s(30), "it hardly moves"),
        (Actor(straight((300, 310), (0, 0), first_s=3.0)), "it stands"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_that_may_have_been_nowhere_else_did_not(late, why):
    assert play([late], [LEVEL], every(0.1, 6)).directions == [], why


def test_one_that_begins_beside_another_vehicle_is_of_that_one():
    bus = Actor(straight((300, 60), (0, 80)), "bus", (120, 160))
    box_of_it = over_at_3_s(x=330)
    assert play([bus, box_of_it], [LEVEL], every(0.1, 6)).counted == [("level", "forward", "bus")]


def test_before_the_footage_began_nobody_watched():
    times_s = [at_s for at_s in every(0.1, 6) if at_s >= 2.6]
    assert play([over_at_3_s()], [LEVEL], times_s).directions == []


def test_in_a_gap_of_the_footage_nobody_watched():
    times_s = [at_s for at_s in every(0.1, 6) if not 1.5 < at_s < 2.8]
    assert play([over_at_3_s()], [LEVEL], times_s).directions == []


def test_its_path_begins_where_it_came_from():
    counter = CameraCounter("cam-1", [], keep_paths=True)
    late = over_at_3_s()
    paths = [
        path
        for index, at_s in enumerate(every(0.1, 9))
        for path in counter.update(index, to_ns(at_s), detections_of([late] if at_s < 4 else [], at_s)).paths
    ]
    assert [crossing.direction for crossing in recount(paths, [LEVEL])] == ["forward"]
