"""One camera's counting while its process is killed again and again, in made-up time: what is durable is a list."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from pipeline.detect import ModelInfo
from pipeline.runtime.live_camera import CHECKPOINT_NS, CLAIM_AFTER_NS, LiveCamera
from pipeline.runtime.messages import CameraSpec
from pipeline.sink.registrations import Record, RunRegistration
from pipeline.types import NS_PER_S, CountingLine, Coverage, Crossing, Frame

TICK_NS = NS_PER_S // 5
START_NS = 29_000_000 * 60 * NS_PER_S
LINE = CountingLine("mid", (0.0, 300.0), (640.0, 300.0))
SPEC = CameraSpec("a", "rtsp://user:geheim@camera/x", 5.0, (LINE,))
MODEL = ModelInfo("fake", Path("fake.xml"), "cpu", "a fake", ("car",), None, "0" * 64)
PICTURE = np.zeros((8, 8, 3), np.uint8)
STEP_PX, TOP_PX, SIDE_PX = 20, 100, 40
EVERY_TICKS = 13
LIFE_TICKS = 20
CROSSES_AT_TICK = (300 - TOP_PX - 0.75 * SIDE_PX) / STEP_PX
WARM_UP_NS = 3 * NS_PER_S
CERTAIN_NS = NS_PER_S
"""A car on the line in the very last pictures of a process that ends by itself has not crossed for certain."""


def cars(tick: int) -> sv.Detections:
    """A car starts every 2.6 s in one of four lanes and drives down over the line."""
    boxes = []
    for start in range(tick - tick % EVERY_TICKS - 2 * EVERY_TICKS, tick + 1, EVERY_TICKS):
        age = tick - start
        if 0 <= age < LIFE_TICKS:
            left, top = 50 + start // EVERY_TICKS % 4 * 150, TOP_PX + age * STEP_PX
            boxes.append([left, top, left + SIDE_PX, top + SIDE_PX])
    return sv.Detections(
        xyxy=np.array(boxes, np.float32).reshape(-1, 4),
        confidence=np.full(len(boxes), 0.9, np.float32),
        class_id=np.ones(len(boxes), int),
    )


def crossings_between(from_ns: int, to_ns: int) -> list[int]:
    """When cars cross, by the script."""
    ticks = range((from_ns - START_NS) // TICK_NS - LIFE_TICKS, (to_ns - START_NS) // TICK_NS + 1)
    at_ns = [START_NS + round((tick + CROSSES_AT_TICK) * TICK_NS) for tick in ticks if tick % EVERY_TICKS == 0]
    return [at for at in at_ns if from_ns <= at < to_ns]


def live(durable: list[Record], from_tick: int, to_tick: int, *, killed: bool) -> None:
    """A process that counts from one tick to another; killed, it leaves only what is durable."""
    camera = LiveCamera(SPEC, MODEL, START_NS + from_tick * TICK_NS)
    durable += camera.registrations()
    for tick in range(from_tick, to_tick):
        at_ns = START_NS + tick * TICK_NS
        durable += camera.count(Frame("a", tick, at_ns, PICTURE), cars(tick), at_ns + TICK_NS)
    if not killed:
        durable += camera.finish()


def claimed_s(durable: list[Record], run: str) -> float:
    """Of each minute what was claimed last, as the store keeps it."""
    minutes: dict[int, float] = {}
    for record in durable:
        if isinstance(record, Coverage) and record.run == run:
            minutes[record.minute_ns] = max(record.observed_s, minutes.get(record.minute_ns, 0.0))
    return sum(minutes.values())


@pytest.mark.parametrize("seed", range(3))
def test_every_crossing_of_the_claimed_seconds_is_counted_once_however_often_the_process_is_killed(seed: int) -> None:
    chance, durable, tick = random.Random(seed), list[Record](), 0
    for _ in range(20):
        until = tick + chance.randrange(5, 450)
        live(durable, tick, until, killed=True)
        tick = until + chance.randrange(5, 60)
    live(durable, tick, tick + 300, killed=False)

    crossings = [record for record in durable if isinstance(record, Crossing)]
    assert len({crossing.event_id for crossing in crossings}) == len(crossings)
    counted = sorted(crossing.captured_at_ns for crossing in crossings)
    judged = 0
    for run in (record for record in durable if isinstance(record, RunRegistration)):
        assert run.footage_from_ns is not None
        end_ns = run.footage_from_ns + round(claimed_s(durable, run.run) * NS_PER_S)
        for expected_ns in crossings_between(run.footage_from_ns + WARM_UP_NS, end_ns - CERTAIN_NS):
            judged += 1
            near = [at_ns for at_ns in counted if abs(at_ns - expected_ns) < NS_PER_S]
            assert len(near) == 1, f"{len(near)} crossings at {(expected_ns - START_NS) / NS_PER_S:.2f} s"
    assert judged > 100


def test_a_killed_process_takes_no_more_claimed_time_with_it_than_it_must() -> None:
    durable: list[Record] = []
    live(durable, 0, 600, killed=True)
    (run,) = [record.run for record in durable if isinstance(record, RunRegistration)]
    lost_s = 120 - claimed_s(durable, run)
    assert 0 < lost_s <= (CLAIM_AFTER_NS + CHECKPOINT_NS) / NS_PER_S + 0.5


def test_a_process_that_ends_by_itself_claims_everything() -> None:
    durable: list[Record] = []
    live(durable, 0, 600, killed=False)
    (run,) = [record.run for record in durable if isinstance(record, RunRegistration)]
    assert claimed_s(durable, run) == pytest.approx(120, abs=0.01)
    assert sum(isinstance(record, Crossing) for record in durable) == len(
        crossings_between(START_NS, START_NS + 120 * NS_PER_S)
    )


def test_the_store_is_not_told_the_password() -> None:
    (run,) = [r for r in LiveCamera(SPEC, MODEL, START_NS).registrations() if isinstance(r, RunRegistration)]
    assert run.source == "rtsp://***@camera/x"


def test_frames_left_out_because_of_overload_are_counted_as_dropped_once() -> None:
    camera = LiveCamera(SPEC, MODEL, START_NS)
    camera.count(Frame("a", 0, START_NS, PICTURE), cars(0), START_NS)
    camera.thin(3, START_NS + TICK_NS)
    camera.thin(3, START_NS + 2 * TICK_NS)
    camera.thin(5, START_NS + 3 * TICK_NS)
    camera.drop(START_NS + 4 * TICK_NS)
    assert camera.dropped == 6
    (coverage,) = [record for record in camera.finish() if isinstance(record, Coverage)]
    assert (coverage.frames_processed, coverage.frames_dropped) == (1, 6)
