"""Tracks: who keeps which id, and for how long."""

import numpy as np
import pytest
import supervision as sv

from pipeline.count import CameraCounter, Tracker, TrackerSettings
from pipeline.count.association import assign
from pipeline.count.kalman import MotionNoise, initiate, predict, to_cxcywh, to_xyxy, update
from pipeline.types import VEHICLE_CLASSES, CountingLine
from tests.count.scenes import START_NS, Actor, detections_of, every, play, straight, through, to_ns

NOISE = MotionNoise()


def boxes(*rows: tuple[float, float, float, float], confidence: float = 0.9, name: str = "car") -> sv.Detections:
    return sv.Detections(
        np.array(rows, np.float32).reshape(-1, 4),
        confidence=np.full(len(rows), confidence, np.float32),
        class_id=np.full(len(rows), VEHICLE_CLASSES.index(name)),
    )


def ids_over_time(tracker: Tracker, actors: list[Actor], times_s: list[float]) -> list[list[int]]:
    """Per frame, the ids in the order of the actors that are seen."""
    ids = []
    for at_s in times_s:
        step = tracker.update(to_ns(at_s), detections_of(actors, at_s))
        ids.append(step.track[np.argsort(step.detection)].tolist())
    return ids


def test_weak_detections_need_more_sightings_to_make_a_track():
    tracker = Tracker()
    detections = boxes((100, 100, 140, 140), confidence=0.3)
    confirmed = [tracker.update(to_ns(i * 0.1), detections).confirmed.tolist() for i in range(3)]
    assert confirmed == [[False], [False], [True]]


def test_a_box_seen_once_does_not_become_the_vehicle_that_comes_after_it():
    tracker = Tracker()
    tracker.update(to_ns(0.0), boxes((600, 300, 640, 380), name="motorcycle"))
    for index in range(1, 10):
        tracker.update(to_ns(index * 0.04), boxes())
    step = tracker.update(to_ns(0.4), boxes((400, 100, 440, 180), name="motorcycle"))
    assert step.track.tolist() == [2]


@pytest.mark.parametrize("interval_s", [0.04, 0.1, 0.2, 0.4])
def test_a_small_fast_motorcycle_whose_boxes_do_not_overlap_keeps_its_id(interval_s):
    racer = Actor(straight((0, 200), (220, 30)), "motorcycle", (20, 40))
    assert ids_over_time(Tracker(), [racer], every(interval_s, 3)) == [[1]] * len(every(interval_s, 3))


@pytest.mark.parametrize("interval_s", [0.04, 0.1, 0.2])
def test_motorcycles_in_a_pack_keep_their_ids(interval_s):
    pack = [Actor(straight((26 * n, 20 * (n % 2)), (10 + 2 * n, 120)), "motorcycle", (24, 50)) for n in range(5)]
    assert ids_over_time(Tracker(), pack, every(interval_s, 3)) == [[1, 2, 3, 4, 5]] * len(every(interval_s, 3))


def test_vehicles_that_pass_each_other_in_opposite_directions_keep_their_ids():
    pair = [Actor(straight((100, 200), (150, 0))), Actor(straight((500, 210), (-150, 0)))]
    assert ids_over_time(Tracker(), pair, every(0.1, 3)) == [[1, 2]] * 31


def test_an_id_survives_a_change_of_class():
    flipping = Actor(straight((100, 200), (80, 0)), lambda at_s: "car" if round(at_s * 10) % 3 else "motorcycle")
    assert ids_over_time(Tracker(), [flipping], every(0.1, 3)) == [[1]] * 31


def test_a_new_track_does_not_take_the_box_of_a_settled_one():
    tracker = Tracker()
    for index in range(5):
        tracker.update(to_ns(index * 0.2), boxes((100 + 20 * index, 100, 140 + 20 * index, 140)))
    step = tracker.update(to_ns(1.0), boxes((200, 100, 240, 140), (250, 100, 290, 140)))
    assert step.track.tolist() == [1, 2]
    step = tracker.update(to_ns(1.2), boxes((227, 100, 267, 140)))
    assert step.track.tolist() == [1]


@pytest.mark.parametrize(("own", "other"), [("motorcycle", "car"), ("truck", "bus")])
def test_of_two_equally_near_boxes_a_track_takes_the_one_of_its_class(own, other):
    tracker = Tracker()
    for index in range(3):
        tracker.update(to_ns(index * 0.1), boxes((100, 100, 140, 140), name=own))
    both = sv.Detections.merge([boxes((92, 100, 132, 140), name=other), boxes((108, 100, 148, 140), name=own)])
    step = tracker.update(to_ns(0.3), both)
    assert step.detection[step.track == 1].tolist() == [1]


def test_weak_boxes_keep_a_track_and_do_not_start_one():
    tracker = Tracker()
    for index, confidence in enumerate([0.9, 0.9, 0.15, 0.15]):
        step = tracker.update(to_ns(index * 0.1), boxes((100, 100, 140, 140), confidence=confidence))
    assert step.track.tolist() == [1]
    assert len(Tracker().update(START_NS, boxes((0, 0, 40, 40), confidence=0.15)).track) == 0


def test_a_weak_box_away_from_the_expected_place_is_not_taken():
    tracker = Tracker()
    for index in range(3):
        tracker.update(to_ns(index * 0.1), boxes((100, 100, 140, 140)))
    assert len(tracker.update(to_ns(1.2), boxes((140, 140, 180, 180), confidence=0.15)).track) == 0


def test_the_same_vehicle_found_as_two_classes_is_one_track():
    tracker = Tracker()
    for index in range(4):
        twice = sv.Detections.merge(
            [boxes((100, 100, 160, 140)), boxes((102, 99, 161, 141), confidence=0.6, name="truck")]
        )
        step = tracker.update(to_ns(index * 0.1), twice)
    assert step.track.tolist() == [1]


def test_a_motorcycle_found_with_and_without_its_rider_is_one_track():
    tracker = Tracker()
    for index in range(4):
        whole = boxes((100, 100, 130, 170), name="motorcycle")
        part = boxes((103, 130, 128, 170), confidence=0.5, name="motorcycle")
        step = tracker.update(to_ns(index * 0.1), sv.Detections.merge([whole, part]))
    assert step.track.tolist() == [1]


def test_a_second_box_that_comes_later_and_moves_with_the_vehicle_does_not_count():
    line = CountingLine("line", (0, 300), (600, 300))
    whole = Actor(straight((300, 100), (0, 80)), "motorcycle", (30, 70))
    beside_then_inside = through((2.3, 316, 284), (2.4, 308, 292), (2.5, 302, 300), (2.8, 302, 324))
    part = Actor(beside_then_inside, "motorcycle", (26, 44), confidence=0.5)
    assert len(play([whole, part], [line], every(0.1, 5)).crossings) == 1


def test_a_motorcycle_in_front_of_a_truck_is_a_track_of_its_own():
    tracker = Tracker()
    for index in range(4):
        both = sv.Detections.merge(
            [boxes((100, 100, 180, 170), name="truck"), boxes((110, 110, 160, 170), name="motorcycle")]
        )
        step = tracker.update(to_ns(index * 0.1), both)
    assert step.track.tolist() == [1, 2]


def test_a_track_is_confirmed_by_its_second_box():
    tracker = Tracker()
    confirmed = [tracker.update(to_ns(i * 0.1), boxes((100, 100, 140, 140))).confirmed.tolist() for i in range(2)]
    assert confirmed == [[False], [True]]


def test_a_lost_track_comes_back_within_its_patience_and_not_after():
    for pause_s, expected in ((TrackerSettings().lost_s - 0.1, [1]), (TrackerSettings().lost_s + 0.2, [2])):
        tracker = Tracker()
        for index in range(5):
            tracker.update(to_ns(index * 0.1), boxes((100, 100, 140, 140)))
        assert tracker.update(to_ns(0.4 + pause_s), boxes((101, 100, 141, 140))).track.tolist() == expected


def test_an_ended_track_is_reported_once_and_forgotten():
    tracker = Tracker()
    for index in range(5):
        tracker.update(to_ns(index * 0.1), boxes((100, 100, 140, 140)))
    ended = [tracker.update(to_ns(0.5 + index * 0.1), boxes()).ended for index in range(40)]
    assert [ids for ids in ended if ids] == [(1,)]
    assert len(tracker) == 0


def test_a_class_that_is_none_of_ours_is_refused():
    with pytest.raises(ValueError, match="class_id must be 0 to 4, got 7 to 7"):
        Tracker().update(START_NS, sv.Detections(np.zeros((1, 4), np.float32), class_id=np.array([7])))


def test_a_tracker_given_to_a_counter_is_the_one_used():
    strict = Tracker(TrackerSettings(high_confidence=0.95))
    counter = CameraCounter("cam-1", [CountingLine("line", (0, 0), (1, 1))], tracker=strict)
    counter.update(0, START_NS, boxes((0, 0, 40, 40)))
    assert counter.vehicles_held == 0


def test_what_is_tracked_carries_the_class_by_vote():
    counter = CameraCounter("cam-1", [])
    for index, name in enumerate(["bus", "bus", "bus", "truck"]):
        tracked = counter.update(index, to_ns(index * 0.1), boxes((0, 0, 90, 60), name=name)).tracked
    assert tracked.class_id is not None and tracked.tracker_id is not None
    assert ([VEHICLE_CLASSES[i] for i in tracked.class_id], tracked.tracker_id.tolist()) == (["bus"], [1])


def test_a_turning_vehicle_keeps_its_id_at_five_frames_a_second():
    turn = through((0, 100, 300), (2, 300, 300), (2.6, 350, 280), (3.2, 370, 230), (5, 370, 50))
    outcome = play([Actor(turn)], [CountingLine("a", (200, 0), (200, 400)), CountingLine("b", (300, 100), (500, 100))],
                   every(0.2, 5))  # fmt: skip
    assert [crossing.track for crossing in outcome.crossings] == [1, 1]


def test_two_short_steps_predict_the_same_as_one_long_step():
    start = update(
        predict(initiate(to_cxcywh([[0, 0, 40, 40]]), NOISE), 0.1, NOISE), to_cxcywh([[9, 0, 49, 40]]), NOISE
    )
    once, twice = predict(start, 0.7, NOISE), predict(predict(start, 0.3, NOISE), 0.4, NOISE)
    assert twice.moments[..., :2] == pytest.approx(once.moments[..., :2])


def test_the_filter_agrees_with_the_textbook_matrices():
    box, moved, dt_s = to_cxcywh([[0, 0, 40, 40]]), to_cxcywh([[12, 5, 52, 45]]), 0.2
    state = update(predict(initiate(box, NOISE), dt_s, NOISE), moved, NOISE)
    spread = (NOISE.position * 40) ** 2 + NOISE.floor_px**2
    transition = np.array([[1, dt_s], [0, 1]])
    density = (NOISE.acceleration * 40) ** 2
    process = density * np.array([[dt_s**3 / 3, dt_s**2 / 2], [dt_s**2 / 2, dt_s]])
    covariance = transition @ np.diag([spread, (NOISE.initial_speed * 40) ** 2]) @ transition.T + process
    gain = covariance[:, 0] / (covariance[0, 0] + spread)
    mean = np.array([20.0, 0.0]) + gain * (moved[0, 0] - 20)
    after = covariance - np.outer(gain, covariance[0])
    assert [state.position[0, 0], state.velocity[0, 0]] == pytest.approx(mean)
    assert state.moments[2:, 0, 0] == pytest.approx([after[0, 0], after[0, 1], after[1, 1]])


def test_boxes_survive_the_way_to_centre_and_extent_and_back():
    corners = np.array([[3.0, 4.0, 30.0, 60.0], [0.0, 0.0, 5.0, 9.0]])
    assert to_xyxy(to_cxcywh(corners)) == pytest.approx(corners)


def test_a_pair_that_costs_as_much_as_leaving_it_apart_is_left_apart():
    rows, columns = assign(np.array([[1.0, 3.0], [2.0, 9.0]]), most=9.0)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 1), (1, 0)]
    rows, columns = assign(np.array([[1.0, np.inf], [2.0, 9.0]]), most=9.0)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 0)]
