from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipeline.runtime.detection import AHEAD, Detection
from pipeline.types import NS_PER_S, Frame, Region
from tests.runtime.fakes import PixelDetector, car_at

WHOLE = Region.whole((200, 100))
TICK_NS = NS_PER_S // 10


def frame(seq: int, position: int, camera: str = "a") -> Frame:
    return Frame(camera, seq, seq * TICK_NS, car_at(position))


@pytest.fixture
def detection() -> Iterator[Detection]:
    detection = Detection(PixelDetector(), lambda: None)  # type: ignore[arg-type]
    yield detection
    detection.close()


def taken(detection: Detection) -> list[tuple[str, int, list[float]]]:
    """(camera, seq, middles of the boxes) of every frame in flight."""
    results = [detection.take() for _ in range(len(detection))]
    return [(frame.camera, frame.seq, boxes.xyxy[:, [0, 2]].mean(axis=1).tolist()) for frame, boxes in results]


def test_a_still_frame_takes_over_the_boxes_of_its_own_camera_and_is_not_detected(detection: Detection) -> None:
    cars = {"a": 50, "b": 120}
    for seq in range(3):
        detection.start([(frame(seq, cars[camera], camera), WHOLE) for camera in cars])
    assert taken(detection) == [(camera, seq, [cars[camera]]) for seq in range(3) for camera in cars]
    assert (detection.batches, detection.frames) == (1, 2)


def test_moved_and_still_frames_of_one_batch_come_back_in_order(detection: Detection) -> None:
    positions = [50, 50, 80, 80, 50]
    detection.start([(frame(seq, position), WHOLE) for seq, position in enumerate(positions)])
    assert [middle for _, _, (middle,) in taken(detection)] == positions
    assert detection.frames == 3


def test_what_moves_outside_the_region_does_not_matter(detection: Detection) -> None:
    left = Region(0, 0, 100, 100)
    detection.start([(frame(seq, position), left) for seq, position in enumerate([150, 170, 190, 60])])
    assert [middles for *_, middles in taken(detection)] == [[], [], [], [60]]
    assert detection.frames == 2


def test_a_camera_that_comes_back_after_it_was_forgotten_is_looked_at(detection: Detection) -> None:
    detection.start([(frame(0, 50), WHOLE)])
    detection.forget("a")
    detection.start([(frame(1, 50), WHOLE)])
    assert len(taken(detection)) == detection.frames == 2


def test_still_frames_take_no_room_of_the_detector(detection: Detection) -> None:
    detection.start([(frame(0, 50), WHOLE)])
    for seq in range(1, 8):
        detection.start([(frame(seq, 50), WHOLE)])
    assert detection.has_room
    assert detection.cameras == {"a"} and len(detection) == 8


def test_two_batches_wait_for_a_detector_so_that_it_is_never_idle(detection: Detection) -> None:
    given = 0
    while detection.has_room:
        detection.start([(frame(given, 20 + 10 * given), WHOLE)])
        given += 1
    assert given == PixelDetector().concurrency + AHEAD
    taken(detection)
    assert detection.has_room


def test_a_gap_in_the_stream_ends_what_is_taken_over(detection: Detection) -> None:
    detection.start([(frame(0, 50), WHOLE)])
    detection.start([(replace(frame(1, 50), captured_at_ns=2 * NS_PER_S), WHOLE)])
    assert len(taken(detection)) == detection.frames == 2


def test_small_batches_leave_a_detector_room_and_still_frames_are_no_work() -> None:
    detector = PixelDetector(concurrency=3)
    detector.may_detect.clear()
    detection = Detection(detector, lambda: None, max_batch=4)  # type: ignore[arg-type]
    assert detection.busy == 0
    detection.start([(frame(0, 50), WHOLE)])
    assert detection.busy == 1 / 8, "one of two batches of four"
    detection.start([(frame(1, 50), WHOLE)])
    assert detection.busy == 1 / 8
    detection.start([(frame(seq, 20 * seq), WHOLE) for seq in range(2, 6)])
    assert detection.busy == 5 / 8
    for seq in range(6, 9):
        detection.start([(frame(seq, 20 * seq), WHOLE)] * 4)
    assert detection.busy == 1
    detector.may_detect.set()
    taken(detection)
    assert detection.busy == 0
    detection.close()
