import numpy as np
import pytest

from pipeline.runtime.batcher import Batcher
from pipeline.types import Frame


def frame(camera: str, seq: int, size: tuple[int, int] = (64, 36)) -> Frame:
    return Frame(camera, seq, seq, np.zeros((size[1], size[0], 3), np.uint8))


def names(batch: tuple[Frame, ...]) -> list[tuple[str, int]]:
    return [(f.camera, f.seq) for f in batch]


def test_a_batch_is_ready_when_full_or_when_its_oldest_frame_has_waited_long_enough() -> None:
    batcher = Batcher(max_batch=3, max_wait_s=0.02)
    assert batcher.ready_in_s(0.0) is None
    batcher.offer(frame("a", 0), 0.0)
    batcher.offer(frame("b", 0), 0.01)
    assert batcher.next_batch(0.015) == ()
    assert batcher.ready_in_s(0.015) == pytest.approx(0.005)
    assert names(batcher.next_batch(0.02)) == [("a", 0), ("b", 0)]
    for camera in "abc":
        batcher.offer(frame(camera, 1), 0.03)
    assert len(batcher.next_batch(0.03)) == 3


def test_cameras_take_turns_however_much_one_of_them_sends() -> None:
    batcher = Batcher(per_camera=100)
    for seq in range(100):
        batcher.offer(frame("loud", seq), 0.0)
    served = []
    for seq in range(10):
        batcher.offer(frame("quiet", seq), 0.0)
        served += names(batcher.next_batch(1.0))
        served += names(batcher.next_batch(1.0))
    assert sum(camera == "quiet" for camera, _ in served) == 10


def test_frames_of_a_camera_leave_in_order_and_the_oldest_is_dropped_when_too_many_wait() -> None:
    batcher = Batcher(per_camera=3)
    for seq in range(5):
        batcher.offer(frame("a", seq), 0.0)
    assert batcher.take_drops() == [("a", 0), ("a", 1)]
    assert batcher.take_drops() == []
    assert [batcher.next_batch(1.0)[0].seq for _ in range(3)] == [2, 3, 4]


def test_a_batch_holds_pictures_of_one_size_and_the_other_size_is_next() -> None:
    batcher = Batcher(max_batch=4, max_wait_s=0.02)
    batcher.offer(frame("a", 0), 0.0)
    batcher.offer(frame("wide", 0, (128, 36)), 0.001)
    batcher.offer(frame("b", 0), 0.002)
    assert names(batcher.next_batch(0.1)) == [("a", 0), ("b", 0)]
    assert names(batcher.next_batch(0.1)) == [("wide", 0)]


def test_a_batch_is_filled_with_second_frames_where_there_are_few_cameras() -> None:
    batcher = Batcher(max_batch=4, max_wait_s=0.02)
    for seq in range(2):
        for camera in "ab":
            batcher.offer(frame(camera, seq), 0.0)
    assert names(batcher.next_batch(0.0)) == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


def test_the_frames_of_a_forgotten_camera_are_gone() -> None:
    batcher = Batcher()
    batcher.offer(frame("a", 0), 0.0)
    batcher.forget("a")
    assert len(batcher) == 0
    assert batcher.next_batch(1.0) == ()
