import threading
import time

import pytest

from pipeline.count import CameraCounter, CountUpdate
from pipeline.runtime.footage import BURST, BURSTS_WAITING, FootageJob, count_footage
from pipeline.types import CountingLine, Frame
from tests.runtime.fakes import PixelDetector, ScriptedSource

LINE = CountingLine("mid", (100, 100), (100, 0))
"""Walking up the picture, the right-hand side is to the right: a car that moves right crosses forward."""


def make_job(camera: str, positions: range, error: Exception | None = None) -> FootageJob:
    return FootageJob(ScriptedSource(camera, positions, error), CameraCounter(camera, (LINE,)), (LINE,), camera)


def test_frames_are_counted_in_order_although_detections_finish_out_of_order() -> None:
    job = make_job("a", range(50, 150, 5))
    seen: list[int] = []

    def observe(job: FootageJob, frame: Frame | None, update: CountUpdate) -> None:
        if frame is not None:
            seen.append(frame.seq)

    count_footage([job], PixelDetector(), observe=observe)
    assert seen == list(range(20))
    assert [(c.line, c.direction, c.vehicle_class) for c in job.crossings] == [("mid", "forward", "car")]
    assert job.frames == 20
    assert job.duration_s == pytest.approx(1.9)


def test_several_sources_are_counted_each_by_its_own_counter() -> None:
    jobs = [make_job("a", range(50, 150, 5)), make_job("b", range(150, 50, -5)), make_job("c", range(20, 80, 5))]
    count_footage(jobs, PixelDetector())
    assert [[c.direction for c in job.crossings] for job in jobs] == [["forward"], ["backward"], []]
    assert {c.camera for job in jobs for c in job.crossings} == {"a", "b"}


def test_every_source_is_closed_and_no_thread_is_left() -> None:
    before = threading.active_count()
    jobs = [make_job(name, range(50, 150, 5)) for name in "abcd"]
    count_footage(jobs, PixelDetector())
    assert all(job.source.closed for job in jobs)  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_an_error_of_the_source_reaches_the_caller_after_the_frames_before_it() -> None:
    before = threading.active_count()
    job = make_job("a", range(50, 150, 5), OSError("link lost"))
    with pytest.raises(OSError, match="link lost"):
        count_footage([job], PixelDetector())
    assert job.frames == 20
    assert threading.active_count() == before


def test_an_error_of_the_detector_reaches_the_caller_and_ends_the_readers() -> None:
    before = threading.active_count()
    job = make_job("a", range(50, 150, 5))
    with pytest.raises(RuntimeError, match="out of memory"):
        count_footage([job], PixelDetector(error=RuntimeError("out of memory")))
    assert threading.active_count() == before


def test_a_slow_counter_makes_the_reader_wait_instead_of_filling_memory() -> None:
    job = make_job("a", range(0, 200))
    ahead: list[int] = []

    def observe(job: FootageJob, frame: Frame | None, update: CountUpdate) -> None:
        if frame is not None and frame.seq < 20:
            time.sleep(0.01)
            ahead.append(job.source.delivered - frame.seq)  # type: ignore[attr-defined]

    detector = PixelDetector(concurrency=2)
    count_footage([job], detector, observe=observe)
    assert max(ahead) <= (BURSTS_WAITING + 2) * BURST
    assert job.frames == 200


def test_events_are_not_kept_when_the_observer_takes_them() -> None:
    job = make_job("a", range(50, 150, 5))
    taken: list[str] = []
    count_footage(
        [job],
        PixelDetector(),
        observe=lambda job, frame, update: taken.extend(c.line for c in update.crossings),
        keep_events=False,
    )
    assert taken == ["mid"]
    assert job.crossings == []
    assert job.coverage == []


def test_frames_in_which_nothing_moves_are_counted_with_the_boxes_of_the_frame_before() -> None:
    detector = PixelDetector()
    looked_at: list[int] = []
    detect = detector.detect
    detector.detect = lambda images: looked_at.append(len(images)) or detect(images)  # type: ignore[func-returns-value, method-assign, return-value]
    moving, standing, leaving = [72, 80, 88], [96] * 12, [104, 112, 120, 128]
    job = make_job("a", [*moving, *standing, *leaving])  # type: ignore[arg-type]
    count_footage([job], detector)
    assert job.frames == 19
    assert sum(looked_at) == 19 - job.still == len(moving) + 2 + len(leaving)
    assert [c.direction for c in job.crossings] == ["forward"]


def test_the_whole_picture_is_looked_at_where_that_is_asked_for() -> None:
    """A car that is only seen far from the line: outside the region, inside the picture."""
    seen: dict[bool, list[int]] = {}
    for whole in (False, True):
        job = make_job("a", range(140, 196, 8))
        job.whole_picture = whole
        boxes: list[int] = []
        detector = PixelDetector()
        detect = detector.detect

        def noted(images, detect=detect, boxes=boxes):  # type: ignore[no-untyped-def]
            found = detect(images)
            boxes.extend(len(detections) for detections in found)
            return found

        detector.detect = noted  # type: ignore[method-assign]
        count_footage([job], detector)
        seen[whole] = boxes
    assert not any(seen[False]) and all(seen[True]) and len(seen[True]) == 7
