"""State is bounded: what is kept of vehicles goes when they are gone."""

import pickle

import numpy as np
import supervision as sv

from pipeline.count import CameraCounter
from pipeline.types import NS_PER_S, VEHICLE_CLASSES, CountingLine
from tests.count.scenes import START_NS

LINES = [
    CountingLine("in", (0, 200), (1000, 200), role="entry"),
    CountingLine("out", (0, 400), (1000, 400), role="exit"),
]
FPS = 10


def traffic(frames: int, *, seed: int = 5):
    """Vehicles enter at the top at random and drive down; detections fail, false ones appear, classes flip."""
    rng = np.random.default_rng(seed)
    lanes = np.arange(50, 1000, 80)
    places = np.zeros((0, 3))  # x, y, speed
    for index in range(frames):
        places[:, 1] += places[:, 2] / FPS
        places = places[places[:, 1] < 600]
        if rng.random() < 0.08:
            places = np.vstack((places, (rng.choice(lanes), 0, rng.uniform(60, 140))))
        seen = places[rng.random(len(places)) > 0.1, :2]
        points = np.vstack((seen, rng.uniform(0, 600, (rng.poisson(0.2), 2))))
        corners = np.hstack((points - 15, points + 15)) + rng.normal(0, 1, (len(points), 4))
        confidence = rng.uniform(0.3, 0.9, len(points)).astype(np.float32)
        classes = rng.integers(0, len(VEHICLE_CLASSES), len(points))
        detections = sv.Detections(corners.astype(np.float32), confidence=confidence, class_id=classes)
        yield index, START_NS + index * NS_PER_S // FPS, detections


def test_ten_thousand_frames_of_traffic_leave_the_state_as_small_as_a_thousand():
    counter, sizes, crossings, movements = CameraCounter("cam-1", LINES), [], 0, 0
    for index, captured_at_ns, detections in traffic(10_000):
        update = counter.update(index, captured_at_ns, detections)
        crossings += len(update.crossings)
        movements += len(update.movements)
        if index % 100 == 99:
            sizes.append(len(pickle.dumps(counter)))
    assert crossings > 1000 and movements > 500
    assert max(sizes[10:]) < 1.5 * max(sizes[:10])


def test_an_empty_road_leaves_nothing_of_the_vehicles_that_were():
    counter = CameraCounter("cam-1", LINES)
    for index, captured_at_ns, detections in traffic(300):
        counter.update(index, captured_at_ns, detections)
    for index in range(300, 360):
        counter.update(index, START_NS + index * NS_PER_S // FPS, sv.Detections.empty())
    assert counter.vehicles_held == 0


def test_nothing_is_left_after_the_end():
    counter = CameraCounter("cam-1", LINES)
    for index, captured_at_ns, detections in traffic(300):
        counter.update(index, captured_at_ns, detections)
    counter.finish()
    assert counter.vehicles_held == 0


def test_vehicles_that_entered_and_never_left_are_forgotten_over_gaps_in_the_footage():
    counter, sizes, seq, at_ns = CameraCounter("cam-1", LINES), [], 0, START_NS
    for _ in range(60):
        for step in range(6):
            box = np.array([[500, 150 + 20 * step, 540, 190 + 20 * step]], np.float32)
            detections = sv.Detections(box, confidence=np.array([0.9]), class_id=np.array([1]))
            counter.update(seq, at_ns, detections)
            seq, at_ns = seq + 1, at_ns + NS_PER_S // FPS
        at_ns += 6 * NS_PER_S
        sizes.append(len(pickle.dumps(counter)))
    assert max(sizes[30:]) <= max(sizes[:30]) + 200
