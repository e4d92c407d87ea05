import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.detect import PIXEL_BUDGET
from pipeline.errors import InputError, StorageError
from pipeline.runtime.batcher import WAITING_PER_CAMERA
from pipeline.runtime.detail import DETAILS, FULL_DETAIL, LASTING, SETTLING_S
from pipeline.runtime.messages import CameraSpec, Orders
from pipeline.runtime.worker import GOVERN_S, Worker
from pipeline.sink.outbox import Outbox
from pipeline.sink.registrations import LinesRegistration, Record, RunRegistration
from pipeline.types import NS_PER_S, CountingLine, Coverage, Crossing
from tests.runtime.fakes import PixelDetector
from tests.runtime.live_fakes import START_NS, TICK_NS, Hands, spec, step_until

DRIVE = range(20, 180, 8)
BESIDE_THE_LINE = (60, 100)
BESIDE_ANOTHER = (200, 60)
"""Sizes of what is looked at of a picture, around the line of `spec` and of `with_another_line`."""


class Clock:
    now_ns = START_NS

    def __call__(self) -> int:
        return self.now_ns


class Bench:
    """A worker with hand-played cameras."""

    def __init__(self, directory: Path, detector: PixelDetector | None = None) -> None:
        self.hands, self.clock, self.detector = Hands(), Clock(), detector or PixelDetector()
        self.outbox = Outbox(directory / "outbox.sqlite")
        self.lines_fit = True
        self.worker = Worker(
            self.detector,  # type: ignore[arg-type]
            self.outbox,
            check_lines=self.check_lines,
            open_feed=self.hands,
            now_ns=self.clock,
        )

    def check_lines(self, lines: tuple[CountingLine, ...], size: tuple[int, int]) -> None:
        if not self.lines_fit:
            raise InputError(f"line {lines[0].name!r} leaves the picture")

    def analysed(self) -> int:
        return sum(camera.analysed for camera in self.worker.status().cameras)

    def state(self, camera: str) -> str:
        return next(status.state for status in self.worker.status().cameras if status.camera == camera)

    def records(self) -> list[Record]:
        return [record for _, record in self.outbox.pending(10_000)]


def with_another_line(camera: str) -> CameraSpec:
    return replace(spec(camera), lines=(CountingLine("long", (0.0, 50.0), (200.0, 50.0)),))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.worker.stop()
    bench.outbox.close()


def test_a_crossing_of_each_camera_is_in_the_outbox_after_what_the_store_must_know_of_it(bench: Bench) -> None:
    bench.worker.set_cameras([spec("a"), spec("b")])
    for feed in bench.hands.feeds.values():
        for position in DRIVE:
            feed.show(position)
            seen = bench.analysed()
            step_until(bench.worker, lambda seen=seen: bench.analysed() > seen)  # type: ignore[misc]
        feed.lose("ended")
    bench.worker.stop()
    records = bench.records()
    crossings = [record for record in records if isinstance(record, Crossing)]
    assert sorted(crossing.camera for crossing in crossings) == ["a", "b"]
    assert {crossing.line for crossing in crossings} == {"mid"}
    runs = [record.run for record in records if isinstance(record, RunRegistration)]
    lines = [record.run for record in records if isinstance(record, LinesRegistration)]
    assert sorted(runs) == sorted(lines) == sorted({crossing.run for crossing in crossings})
    kinds = [type(record) for record in records]
    assert max(i for i, kind in enumerate(kinds) if kind is RunRegistration) < kinds.index(Crossing)


def test_a_camera_is_decoded_where_the_site_file_says(bench: Bench) -> None:
    bench.worker.set_cameras([spec("a"), replace(spec("b"), decode="auto")])
    assert bench.hands.decoded_on == {"a": "cpu", "b": "auto"}


def test_a_lost_camera_says_why_and_the_others_go_on(bench: Bench) -> None:
    bench.worker.set_cameras([spec("a"), spec("b")])
    a, b = bench.hands.feeds["a"], bench.hands.feeds["b"]
    a.show(20)
    b.show(20)
    step_until(bench.worker, lambda: bench.analysed() == 2)
    a.lose("unauthorised")
    step_until(bench.worker, lambda: bench.state("a") == "unauthorised")
    b.show(28)
    step_until(bench.worker, lambda: bench.analysed() == 3)
    assert bench.state("b") == "live"


def test_a_camera_that_sends_another_size_says_so_until_it_sends_the_first_again(bench: Bench) -> None:
    bench.worker.set_cameras([spec("a")])
    feed = bench.hands.feeds["a"]

    def message() -> str:
        return bench.worker.status().cameras[0].message

    for size, wanted in (((200, 100), ""), ((400, 300), "400 x 300 now, scaled to 200 x 100"), ((200, 100), "")):
        feed.stats.size, analysed = size, bench.analysed()
        feed.show(20)
        step_until(bench.worker, lambda before=analysed: bench.analysed() > before)
        assert wanted in message()
        assert bool(wanted) == bool(message())
        assert bench.state("a") == "live"


def test_coverage_of_an_outage_is_delivered_during_the_outage(bench: Bench) -> None:
    bench.worker.set_cameras([spec("a")])
    bench.hands.feeds["a"].show(*[20] * 2)
    step_until(bench.worker, lambda: bench.analysed() == 2)
    bench.hands.feeds["a"].lose("stalled")
    step_until(bench.worker, lambda: bench.state("a") == "stalled")

    def minutes() -> list[Coverage]:
        return [record for record in bench.records() if isinstance(record, Coverage) and record.reason == "stalled"]

    for second in range(1, 200):
        bench.clock.now_ns = START_NS + second * NS_PER_S
        bench.worker.step(time.monotonic() + second)
    whole = [minute for minute in minutes() if minute.minute_ns > START_NS]
    assert [(minute.minute_ns - START_NS) // NS_PER_S for minute in whole if minute.observed_s == 0][:2] == [60, 120]
    assert [minute.observed_s for minute in whole] == [0, 0]


def test_a_camera_whose_lines_leave_its_picture_is_misconfigured_and_counts_nothing(bench: Bench) -> None:
    bench.lines_fit = False
    bench.worker.set_cameras([spec("a")])
    bench.hands.feeds["a"].show(20)
    step_until(bench.worker, lambda: bench.state("a") == "misconfigured")
    (status,) = bench.worker.status().cameras
    assert "leaves the picture" in status.message
    assert status.analysed == 0


def test_a_reload_leaves_unchanged_cameras_alone(bench: Bench) -> None:
    bench.worker.set_cameras([spec("a"), spec("b")])
    a, b = bench.hands.feeds["a"], bench.hands.feeds["b"]
    a.show(20)
    step_until(bench.worker, lambda: bench.analysed() == 1)
    bench.worker.set_cameras([spec("a"), spec("b", fps=5), spec("c")])
    assert bench.hands.feeds["a"] is a
    assert bench.hands.feeds["b"] is not b
    assert sorted(status.camera for status in bench.worker.status().cameras) == ["a", "b", "c"]
    bench.worker.set_cameras([spec("a")])
    assert [status.camera for status in bench.worker.status().cameras] == ["a"]
    assert bench.analysed() == 1


def test_what_the_device_cannot_take_is_dropped_and_counted(bench: Bench) -> None:
    bench.worker.set_cameras([spec("a")])
    feed = bench.hands.feeds["a"]
    feed.show(*[20] * 40)
    while feed.stats.pictures < 40:
        pass
    step_until(bench.worker, lambda: bench.analysed() + bench.worker.status().cameras[0].dropped == 40)
    assert bench.analysed() <= WAITING_PER_CAMERA + 1


def overload(bench: Bench) -> None:
    """Camera a sends much more than can be taken, in as many periods as make an overload."""
    feed = bench.hands.feeds["a"]
    feed.show(20)
    step_until(bench.worker, lambda: bench.analysed() == 1)
    began_s = time.monotonic() + 2 * GOVERN_S
    bench.worker.step(began_s)
    for period in range(1, LASTING + 1):
        feed.show(*[20] * 40)
        while feed.stats.pictures < 1 + 40 * period:
            pass
        bench.worker.step(began_s + SETTLING_S + 2 * period * GOVERN_S)


def test_a_network_of_one_input_size_cannot_look_less_closely_so_that_cameras_send_less(tmp_path: Path) -> None:
    detector = PixelDetector()
    detector.info = replace(detector.info, input_size=(640, 640))
    bench = Bench(tmp_path, detector)
    bench.worker.set_cameras([spec("a")])
    overload(bench)
    status = bench.worker.status()
    bench.worker.stop()
    bench.outbox.close()
    assert status.detail == FULL_DETAIL and status.share < 1
    assert bench.hands.feeds["a"].fps < 10.0


def test_a_device_that_is_behind_looks_less_closely_before_cameras_send_less(bench: Bench) -> None:
    bench.worker.set_cameras([spec("a")])
    feed = bench.hands.feeds["a"]
    overload(bench)
    assert bench.worker.status().detail in DETAILS[1:]
    step_until(bench.worker, lambda: bench.detector.pixel_budget < PIXEL_BUDGET)
    assert bench.detector.pixel_budget == round(PIXEL_BUDGET * bench.worker.status().detail)
    assert bench.detector.prepared[-1] == ({BESIDE_THE_LINE}, bench.detector.pixel_budget)
    assert feed.fps == 10.0


def test_the_busy_share_is_what_runs_of_what_can_run_at_once(bench: Bench) -> None:
    bench.worker.set_cameras([spec("a")])
    bench.detector.may_detect.clear()
    bench.hands.feeds["a"].show(20)
    began_s = time.monotonic()
    while not bench.worker.status().batches:
        bench.worker.step(began_s)
    bench.worker.step(began_s + 10)
    assert bench.worker.status().busy_s == pytest.approx(5.0), "one of two, besides the one that prepares"
    bench.detector.may_detect.set()
    while not bench.analysed():
        bench.worker.step(began_s + 10)
    bench.worker.step(began_s + 30)
    assert bench.worker.status().busy_s == pytest.approx(5.0)


def test_what_is_dropped_while_the_detector_is_made_ready_is_not_taken_for_an_overload(bench: Bench) -> None:
    bench.worker.set_cameras([spec("a"), with_another_line("b")])
    a, b = bench.hands.feeds["a"], bench.hands.feeds["b"]
    a.show(20)
    step_until(bench.worker, lambda: bench.analysed() == 1)
    bench.detector.may_prepare.clear()
    b.show(20)
    step_until(bench.worker, lambda: len(bench.detector.prepared) == 2)
    for period in range(1, 3 * LASTING):
        a.show(*[20] * 40)
        while a.stats.pictures < 1 + 40 * period:
            pass
        bench.worker.step(time.monotonic() + 2 * period * GOVERN_S)
    assert bench.worker.status().detail == FULL_DETAIL
    bench.detector.may_prepare.set()


def test_a_camera_that_joins_keeps_no_other_waiting_while_its_network_is_made_ready(bench: Bench) -> None:
    bench.worker.set_cameras([spec("a")])
    bench.hands.feeds["a"].show(20)
    step_until(bench.worker, lambda: bench.analysed() == 1)
    bench.detector.may_prepare.clear()
    bench.worker.set_cameras([spec("a"), with_another_line("b")])
    bench.hands.feeds["b"].show(20)
    step_until(bench.worker, lambda: len(bench.detector.prepared) == 2)
    assert bench.detector.prepared[-1] == ({BESIDE_THE_LINE, BESIDE_ANOTHER}, PIXEL_BUDGET)
    bench.hands.feeds["a"].show(28)
    step_until(bench.worker, lambda: bench.analysed() == 2)
    bench.detector.may_prepare.set()
    step_until(bench.worker, lambda: bench.analysed() == 3)


def test_a_stopped_worker_has_no_thread_left_that_handles_pictures_also_of_cameras_that_are_gone(
    bench: Bench,
) -> None:
    bench.worker.set_cameras([spec("gone"), spec("here")])
    for feed in bench.hands.feeds.values():
        feed.ends_after_s = 0.5
        feed.show(20)
    step_until(bench.worker, lambda: bench.analysed() == 2)
    bench.worker.set_cameras([spec("here")])
    assert {"capture-gone", "capture-here"} <= {thread.name for thread in threading.enumerate()}
    bench.worker.stop()
    assert not [
        thread.name for thread in threading.enumerate() if thread.name.startswith(("capture", "detect", "prep"))
    ]


def test_nothing_more_is_counted_while_the_outbox_takes_nothing_and_nothing_is_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    append = bench.outbox.append
    full = True

    def refuse(records: list[Record]) -> None:
        if full:
            raise StorageError("the disk is full")
        append(records)

    monkeypatch.setattr(bench.outbox, "append", refuse)
    bench.worker.set_cameras([spec("a")])
    bench.hands.feeds["a"].show(20)
    for _ in range(3):
        bench.worker.step(0.0)
    assert bench.analysed() == 0
    assert caplog.text.count("counting waits") == 1
    full = False
    step_until(bench.worker, lambda: bench.analysed() == 1)
    assert sum(isinstance(record, RunRegistration) for record in bench.records()) == 1


def test_a_picture_that_another_host_may_have_counted_is_not_counted(bench: Bench) -> None:
    ours = replace(spec("a"), since_ns=START_NS + 2 * TICK_NS)
    bench.worker.obey(Orders((ours,), number=5, until_ns=START_NS + 4 * TICK_NS))
    assert bench.worker.status().obeyed == 5
    feed = bench.hands.feeds["a"]
    for picture, counted in enumerate((0, 0, 1, 2, 3)):
        feed.show(74 + 7 * picture)
        step_until(bench.worker, lambda of=counted: bench.analysed() == of)  # type: ignore[misc]
    feed.show(109, 116)
    step_until(bench.worker, lambda: feed.stats.pictures == 7)
    bench.worker.stop()
    assert bench.analysed() == 3, "the pictures at 2, 3 and 4 ticks"


def test_a_worker_that_is_told_nothing_new_reads_its_cameras_no_longer_than_they_are_its_own(bench: Bench) -> None:
    orders = Orders((spec("a"),), until_ns=START_NS + NS_PER_S)
    bench.worker.obey(orders)
    assert [camera.camera for camera in bench.worker.status().cameras] == ["a"]
    bench.clock.now_ns = START_NS + NS_PER_S + 1
    bench.worker.obey(orders)
    assert bench.worker.status().cameras == ()
    bench.worker.obey(Orders((replace(spec("a"), since_ns=bench.clock.now_ns),), until_ns=START_NS + 9 * NS_PER_S))
    assert [camera.camera for camera in bench.worker.status().cameras] == ["a"]
