from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.errors import StorageError
from pipeline.sink.intake import MINUTE_NS, REFUSED, LiveIntake
from pipeline.sink.outbox import LEAST_MAX_BYTES, Outbox
from pipeline.sink.registrations import CameraRegistration, Record
from pipeline.types import Coverage, Crossing, Movement
from tests.sink.events import CAMERA, at_ns, crossing, minute, movement

CAMERA_WORD = CameraRegistration(CAMERA, "", "", "Asia/Makassar")


class _Disk(Outbox):
    """An outbox whose disk can be told to be full."""

    full = False

    def append(self, records: object) -> None:
        if self.full:
            raise StorageError("the disk is full")
        super().append(records)  # type: ignore[arg-type]


@pytest.fixture
def disk(tmp_path: Path) -> _Disk:
    return _Disk(tmp_path / "outbox.db")


def kept(outbox: Outbox) -> list[Record]:
    return [record for _, record in outbox.pending(10_000)]


def coverage(outbox: Outbox) -> list[tuple[int, float, str]]:
    return [
        ((each.minute_ns - at_ns(0)) // MINUTE_NS, each.observed_s, each.reason)
        for each in kept(outbox)
        if isinstance(each, Coverage)
    ]


def feed(intake: LiveIntake, second: float, *events: Crossing | Movement | Coverage) -> int:
    return intake.accept(CAMERA, at_ns(second), events)


def test_vehicles_are_durable_at_once_and_coverage_when_its_minute_has_settled(disk: _Disk) -> None:
    intake = LiveIntake(disk)
    assert feed(intake, 59, crossing(58), movement(58)) == 0
    assert kept(disk) == [crossing(58), movement(58)]
    feed(intake, 60, minute(0))
    feed(intake, 74.9)
    assert coverage(disk) == []
    feed(intake, 75)
    assert coverage(disk) == [(0, 60.0, "")]


def test_a_minute_of_which_a_crossing_was_refused_was_not_observed(disk: _Disk) -> None:
    intake = LiveIntake(disk)
    disk.full = True
    assert feed(intake, 31, crossing(30)) == 1
    assert intake.last_refusal is not None
    disk.full = False
    assert feed(intake, 41, crossing(40)) == 0
    assert intake.last_refusal is None
    feed(intake, 60, minute(0))
    feed(intake, 120, minute(1))
    feed(intake, 140)
    assert coverage(disk) == [(0, 0.0, REFUSED), (1, 60.0, "")]


def test_a_late_crossing_that_is_refused_still_reaches_the_coverage_of_its_minute(disk: _Disk) -> None:
    intake = LiveIntake(disk)
    feed(intake, 60, minute(0))
    disk.full = True
    assert feed(intake, 70, crossing(59.5)) == 1
    disk.full = False
    feed(intake, 90)
    assert coverage(disk) == [(0, 0.0, REFUSED)]


def test_a_refused_movement_spoils_the_minute_in_which_it_ended(disk: _Disk) -> None:
    intake = LiveIntake(disk)
    disk.full = True
    feed(intake, 63, movement(62))
    disk.full = False
    feed(intake, 64, minute(0))
    feed(intake, 120, minute(1))
    assert intake.finish(CAMERA) == 0
    assert coverage(disk) == [(0, 60.0, ""), (1, 0.0, REFUSED)]


def test_refused_coverage_leaves_its_minute_without_any(disk: _Disk) -> None:
    intake = LiveIntake(disk)
    feed(intake, 60, minute(0))
    disk.full = True
    assert feed(intake, 80) == 1
    disk.full = False
    feed(intake, 120, minute(1))
    intake.finish(CAMERA)
    assert coverage(disk) == [(1, 60.0, "")]


def test_cameras_do_not_spoil_one_another(disk: _Disk) -> None:
    intake = LiveIntake(disk)
    disk.full = True
    intake.accept("other", at_ns(5), [crossing(4, camera="other")])
    disk.full = False
    intake.accept("other", at_ns(60), [minute(0, camera="other")])
    feed(intake, 60, minute(0))
    intake.finish(CAMERA)
    intake.finish("other")
    assert coverage(disk) == [(0, 60.0, ""), (0, 0.0, REFUSED)]


def test_registrations_wait_for_room_and_go_before_the_events(disk: _Disk) -> None:
    intake = LiveIntake(disk)
    disk.full = True
    intake.register([CAMERA_WORD])
    disk.full = False
    feed(intake, 2, crossing(1))
    assert kept(disk) == [CAMERA_WORD, crossing(1)]


def test_nothing_is_remembered_of_minutes_whose_coverage_went_out(disk: _Disk) -> None:
    intake = LiveIntake(disk)
    disk.full = True
    for number in range(200):
        feed(intake, 60 * number + 30, crossing(60 * number + 29))
        feed(intake, 60 * number + 60, minute(number))
    assert len(intake._held[CAMERA]) <= 2
    assert len(intake._holes[CAMERA]) <= 2
    intake.finish(CAMERA)
    assert not intake._held
    assert not intake._holes


def test_every_vehicle_of_an_observed_minute_was_kept_however_often_the_outbox_fills(tmp_path: Path) -> None:
    """A small outbox that drains now and then: what the coverage calls observed must hold every vehicle it had."""
    outbox = Outbox(tmp_path / "outbox.db", max_bytes=2 * LEAST_MAX_BYTES)
    intake = LiveIntake(outbox)
    offered: list[Crossing] = []
    stored: list[Record] = []

    def drain() -> None:
        waiting = outbox.pending(10_000)
        stored.extend(record for _, record in waiting)
        outbox.ack(waiting[-1][0])

    refused = 0
    for second in range(1, 60 * 40):
        vehicles: Sequence[Crossing] = [crossing(second - 0.5, track=second * 2 + each) for each in range(2)]
        offered.extend(vehicles)
        ended = [minute(second // 60 - 1)] if second % 60 == 0 else []
        refused += intake.accept(CAMERA, at_ns(second), [*vehicles, *ended])
        if second % 311 == 0:
            drain()
    intake.finish(CAMERA)
    drain()
    assert refused > 300
    assert outbox.stats().refused >= refused
    ids = {each.event_id for each in stored if isinstance(each, Crossing)}
    observed = {each.minute_ns for each in stored if isinstance(each, Coverage) and each.observed_s > 0}
    assert len(observed) > 5
    assert len(ids) < len(offered)
    for each in offered:
        if each.captured_at_ns - each.captured_at_ns % MINUTE_NS in observed:
            assert each.event_id in ids
