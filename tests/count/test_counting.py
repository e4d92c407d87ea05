"""What counts as one crossing, on hand-made scenes."""

import pytest

from pipeline.types import NS_PER_S, CountingLine
from tests.count.scenes import START_NS, Actor, every, hidden, play, straight, through, to_ns

LEVEL = CountingLine("level", (0, 300), (600, 300))
AT_10_FPS = every(0.1, 8)
MOTORCYCLE = (24.0, 50.0)


def test_a_vehicle_moving_down_across_a_line_drawn_to_the_right_counts_forward_once():
    assert play([Actor(straight((300, 100), (0, 80)))], [LEVEL], AT_10_FPS).counted == [("level", "forward", "car")]


def test_a_vehicle_at_two_frames_a_second_jumps_over_the_line_and_counts():
    actor = Actor(straight((300, 60), (0, 160)), "motorcycle", MOTORCYCLE)
    assert play([actor], [LEVEL], every(0.5, 4)).counted == [("level", "forward", "motorcycle")]


def test_a_vehicle_not_detected_around_the_line_counts_once():
    path = hidden(straight((300, 100), (0, 80)), (2.0, 3.2))
    assert play([Actor(path)], [LEVEL], AT_10_FPS).directions == ["forward"]


def test_a_vehicle_trembling_on_the_line_counts_once():
    def path(at_s):
        approach = 100 + 100 * min(at_s, 2) + (100 * (at_s - 6) if at_s > 6 else 0)
        tremble = 4 * (-1) ** round(at_s * 10) if 2 <= at_s <= 6 else 0
        return 300, approach + tremble

    assert play([Actor(path)], [LEVEL], AT_10_FPS).directions == ["forward"]


def test_a_vehicle_that_stops_just_past_the_line_and_drives_on_counts_once():
    path = through((0, 300, 100), (2, 300, 303), (6, 300, 303), (8, 300, 500))
    assert play([Actor(path)], [LEVEL], AT_10_FPS).directions == ["forward"]


def test_a_vehicle_that_stops_just_past_the_line_and_reverses_does_not_count():
    path = through((0, 300, 100), (2, 300, 303), (5, 300, 303), (8, 300, 100))
    assert play([Actor(path)], [LEVEL], AT_10_FPS).directions == []


def test_a_vehicle_that_stands_just_past_the_line_for_long_is_counted_while_it_stands():
    path = through((0, 300, 100), (2, 300, 303), (30, 300, 303))
    outcome = play([Actor(path)], [LEVEL], every(0.1, 14), live=True)
    assert outcome.directions == ["forward"]
    assert outcome.crossings[0].captured_at_ns <= to_ns(2)


def test_a_u_turn_counts_once_in_each_direction():
    path = through((0, 200, 100), (3, 200, 400), (4, 300, 400), (7, 300, 100))
    assert play([Actor(path)], [LEVEL], AT_10_FPS).directions == ["forward", "backward"]


@pytest.mark.parametrize("interval_s", [0.2, 0.1, 0.04])
def test_parallel_motorcycles_side_by_side_keep_their_tracks(interval_s):
    left = Actor(straight((300, 100), (0, 120)), "motorcycle", MOTORCYCLE)
    right = Actor(straight((322, 110), (0, 118)), "motorcycle", MOTORCYCLE)
    lane = CountingLine("left lane", (0, 300), (311, 300))
    other = CountingLine("right lane", (311, 300), (600, 300))
    outcome = play([left, right], [lane, other], every(interval_s, 4))
    assert sorted(outcome.counted) == [("left lane", "forward", "motorcycle"), ("right lane", "forward", "motorcycle")]
    assert sorted(crossing.track for crossing in outcome.crossings) == [1, 2]


@pytest.mark.parametrize("interval_s", [0.04, 0.1, 0.2, 0.5])
def test_the_time_of_a_crossing_is_interpolated_between_frames(interval_s):
    crossing = play([Actor(straight((300, 100), (0, 80)))], [LEVEL], every(interval_s, 5)).crossings[0]
    assert crossing.captured_at_ns == pytest.approx(to_ns(2.5), abs=NS_PER_S // 1000)


def test_the_frame_of_a_crossing_is_the_first_on_the_far_side():
    crossing = play([Actor(straight((300, 101), (0, 80)))], [LEVEL], AT_10_FPS).crossings[0]
    assert crossing.frame == 25


def test_a_class_that_flips_near_the_line_does_not_change_the_count():
    flipping = Actor(straight((300, 100), (0, 80)), lambda at_s: "truck" if 2.3 < at_s < 2.9 else "bus")
    assert play([flipping], [LEVEL], AT_10_FPS).counted == [("level", "forward", "bus")]


@pytest.mark.parametrize(
    ("live", "clear_s", "counted_as"), [(True, 0.8, "truck"), (True, 2, "car"), (False, 2, "truck")]
)
def test_a_crossing_waits_for_its_class_to_become_clear_longer_where_nobody_waits_for_it(live, clear_s, counted_as):
    late = Actor(straight((300, 240), (0, 80)), lambda at_s: "car" if at_s < clear_s else "truck")
    assert play([late], [LEVEL], every(0.1, 6), live=live).counted == [("level", "forward", counted_as)]


def test_a_bicycle_that_pulls_off_from_among_motorcycles_is_counted_as_one():
    path = through((0, 300, 100), (2, 300, 280), (92, 300, 280), (98, 300, 520))
    bicycle = Actor(path, lambda at_s: "bicycle" if at_s > 93 else "motorcycle", MOTORCYCLE)
    assert play([bicycle], [LEVEL], every(0.1, 98)).counted == [("level", "forward", "bicycle")]


def test_stuttering_frames_do_not_break_a_track():
    gaps = [0.04, 0.04, 0.32, 0.04, 0.2, 0.04, 0.6, 0.04]
    times, at_s = [], 0.0
    while at_s < 5:
        times.append(at_s)
        at_s += gaps[len(times) % len(gaps)]
    fleet = [
        Actor(straight((200 + 60 * lane, 100 - 70 * lane), (0, 120)), "motorcycle", MOTORCYCLE) for lane in range(3)
    ]
    outcome = play(fleet, [LEVEL], times)
    assert outcome.directions == ["forward"] * 3
    assert sorted(crossing.track for crossing in outcome.crossings) == [1, 2, 3]


def test_a_vehicle_crossing_right_after_it_appears_counts():
    assert play([Actor(straight((300, 296), (0, 80)))], [LEVEL], AT_10_FPS).directions == ["forward"]


def test_a_vehicle_first_seen_beyond_the_line_does_not_count():
    assert play([Actor(straight((300, 304), (0, 80)))], [LEVEL], AT_10_FPS).directions == []


def test_a_box_seen_once_does_not_count():
    flicker = Actor(hidden(straight((300, 290), (0, 80)), (0.1, 9)))
    assert play([flicker], [LEVEL], AT_10_FPS).directions == []


def test_a_vehicle_that_goes_out_of_sight_just_past_the_line_counts():
    path = straight((300, 100), (0, 80), last_s=2.65)
    assert play([Actor(path)], [LEVEL], AT_10_FPS).directions == ["forward"]


def test_footage_that_ends_just_past_the_line_still_counts():
    assert play([Actor(straight((300, 100), (0, 80)))], [LEVEL], every(0.1, 2.6)).directions == ["forward"]


def test_a_crossing_is_emitted_within_two_seconds_while_the_vehicle_drives_on():
    outcome = play([Actor(straight((300, 100), (0, 80)))], [LEVEL], every(0.1, 4.4), live=True)
    assert outcome.directions == ["forward"]


def test_a_track_that_breaks_at_the_line_and_begins_anew_beyond_it_counts_once():
    before = Actor(straight((300, 100), (0, 80), last_s=2.3))
    after = Actor(straight((300, 100), (0, 80), first_s=5.0))
    outcome = play([before, after], [LEVEL], AT_10_FPS)
    assert outcome.directions == ["forward"]
    assert outcome.crossings[0].captured_at_ns == pytest.approx(to_ns(2.5), abs=NS_PER_S // 20)


def test_passing_beside_the_end_of_a_line_does_not_count():
    short = CountingLine("short", (0, 300), (280, 300))
    assert play([Actor(straight((284, 100), (0, 80)))], [short], AT_10_FPS).directions == []
    assert play([Actor(straight((276, 100), (0, 80)))], [short], AT_10_FPS).directions == ["forward"]


def test_a_vehicle_at_the_point_two_lines_share_counts_on_one_of_them():
    lines = [CountingLine("left", (0, 300), (300, 300)), CountingLine("right", (300, 300), (600, 300))]
    assert len(play([Actor(straight((300, 100), (0, 80)))], lines, AT_10_FPS).crossings) == 1


def test_time_that_does_not_increase_is_refused():
    with pytest.raises(ValueError, match="time must increase"):
        play([], [LEVEL], [0.0, 0.1, 0.1])


def test_the_same_footage_counted_twice_gives_identical_events():
    fleet = [Actor(straight((40 * lane, 20 * lane), (10, 90)), "motorcycle", MOTORCYCLE) for lane in range(8)]
    assert play(fleet, [LEVEL], AT_10_FPS) == play(fleet, [LEVEL], AT_10_FPS)


def test_event_ids_differ_between_vehicles_and_start_with_no_machine_state():
    outcome = play([Actor(straight((100 + 200 * n, 100), (0, 80))) for n in range(2)], [LEVEL], AT_10_FPS)
    assert len({crossing.event_id for crossing in outcome.crossings}) == 2
    assert all(crossing.captured_at_ns > START_NS for crossing in outcome.crossings)
