"""Entry and exit make a movement, also over a broken track."""

from dataclasses import replace

import numpy as np

from pipeline.count.movements import MovementPairer
from pipeline.types import CountingLine, Crossing
from tests.count.scenes import Actor, every, hidden, play, straight, through, to_ns

NORTH_IN = CountingLine("U-in", (100, 200), (200, 200), role="entry", approach="U")
NORTH_OUT = CountingLine("U-out", (400, 200), (250, 200), role="exit", approach="U")
SOUTH_OUT = CountingLine("S-out", (100, 500), (200, 500), role="exit", approach="S")
LINES = [NORTH_IN, NORTH_OUT, SOUTH_OUT]
AT_10_FPS = every(0.1, 10)
THROUGH = straight((150, 100), (0, 80))


def crossing(line: str, direction: str, vehicle: int, at_s: float) -> Crossing:
    return Crossing("id", "cam-1", line, direction, "car", to_ns(at_s), 0, vehicle, 0.9, None, 0, "")


def test_a_vehicle_that_goes_in_and_out_makes_one_movement():
    movement = play([Actor(THROUGH, "motorcycle")], LINES, AT_10_FPS).movements
    assert [(m.from_line, m.to_line, m.vehicle_class, m.stitched) for m in movement] == [
        ("U-in", "S-out", "motorcycle", False)
    ]
    assert (movement[0].entered_at_ns, movement[0].exited_at_ns) == (to_ns(1.25), to_ns(5.0))


def test_a_u_turn_out_of_the_same_arm_is_a_movement():
    path = through((0, 150, 100), (2, 150, 300), (4, 300, 300), (6, 300, 100))
    outcome = play([Actor(path)], LINES, AT_10_FPS)
    assert [(m.from_line, m.to_line) for m in outcome.movements] == [("U-in", "U-out")]


def test_a_track_that_breaks_inside_the_junction_is_stitched():
    outcome = play([Actor(hidden(THROUGH, (2.0, 4.6)))], LINES, AT_10_FPS)
    assert [(m.from_line, m.to_line, m.stitched) for m in outcome.movements] == [("U-in", "S-out", True)]
    assert len({c.track for c in outcome.crossings}) == 1


def test_a_fragment_that_begins_beside_the_expected_place_is_another_vehicle():
    first = Actor(straight((150, 100), (0, 80), last_s=2.0))
    other = Actor(straight((190, -100), (0, 80), first_s=4.4))
    assert play([first, other], LINES, AT_10_FPS).movements == ()


def test_a_fragment_of_another_kind_is_another_vehicle():
    first = Actor(straight((150, 100), (0, 80), last_s=2.0), "car")
    other = Actor(straight((150, 100), (0, 80), first_s=4.4), "motorcycle")
    assert play([first, other], LINES, AT_10_FPS).movements == ()


def test_a_fragment_that_drives_the_other_way_is_another_vehicle():
    first = Actor(straight((150, 100), (0, 60), last_s=2.0))
    other = Actor(straight((150, 620), (0, -90), first_s=4.4))
    outcome = play([first, other], LINES, AT_10_FPS)
    assert outcome.movements == ()
    assert len({c.track for c in outcome.crossings}) == 2


def test_a_fragment_after_too_long_is_another_vehicle():
    parked = Actor(hidden(through((0, 150, 100), (3, 150, 300), (12, 150, 300), (15, 150, 600)), (4.0, 9.0)))
    assert play([parked], LINES, every(0.1, 15)).movements == ()


def test_a_vehicle_hidden_while_it_waits_keeps_its_entry():
    parked = Actor(hidden(through((0, 150, 100), (3, 150, 300), (9, 150, 300), (12, 150, 600)), (4.0, 7.0)))
    outcome = play([parked], LINES, every(0.1, 12))
    assert [(m.from_line, m.to_line, m.stitched) for m in outcome.movements] == [("U-in", "S-out", True)]


def test_an_entry_and_an_exit_of_different_vehicles_make_no_movement():
    entering = Actor(through((0, 150, 100), (2, 150, 300), (10, 150, 300)))
    leaving = Actor(straight((150, 420), (0, 80)))
    outcome = play([entering, leaving], LINES, AT_10_FPS)
    assert (len(outcome.crossings), outcome.movements) == (2, ())


def test_a_vehicle_that_backs_out_over_its_entry_has_not_entered():
    pairer = MovementPairer(LINES)
    assert pairer.cross(crossing("U-in", "forward", 1, 1), fragment=1) is None
    assert pairer.cross(crossing("U-in", "backward", 1, 2), fragment=1) is None
    assert pairer.cross(crossing("S-out", "forward", 1, 3), fragment=1) is None


def test_one_entry_makes_at_most_one_movement():
    pairer = MovementPairer(LINES)
    pairer.cross(crossing("U-in", "forward", 1, 1), fragment=1)
    assert pairer.cross(crossing("S-out", "forward", 1, 3), fragment=1) is not None
    assert pairer.cross(crossing("S-out", "forward", 1, 4), fragment=1) is None


def test_a_movement_has_the_class_the_vehicle_has_when_it_leaves():
    pairer = MovementPairer(LINES)
    pairer.cross(crossing("U-in", "forward", 1, 1), fragment=1)
    movement = pairer.cross(replace(crossing("S-out", "forward", 1, 3), vehicle_class="truck"), fragment=1)
    assert movement is not None and movement.vehicle_class == "truck"


def test_a_forgotten_vehicle_leaves_no_entry_behind():
    pairer = MovementPairer(LINES)
    pairer.cross(crossing("U-in", "forward", 1, 1), fragment=1)
    pairer.forget(1)
    assert len(pairer) == 0


def test_trembling_boxes_at_25_frames_a_second_are_stitched():
    rng = np.random.default_rng(3)
    stitched = []
    for _ in range(8):
        tremble = iter(rng.normal(0, 2.5, (1000, 2)).tolist())

        def path(at_s, tremble=tremble):
            x, y = THROUGH(at_s)
            dx, dy = next(tremble)
            return None if 2.0 <= at_s < 4.6 else (x + dx, y + dy)

        stitched += [movement.stitched for movement in play([Actor(path)], LINES, every(0.04, 8)).movements]
    assert stitched == [True] * 8
