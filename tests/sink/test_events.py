from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path

import pytest

from pipeline.sink.events import VERSION, EventDecodeError, camera_of, decode, encode
from pipeline.sink.registrations import CameraRegistration, LinesRegistration, Record, RunRegistration
from pipeline.types import VEHICLE_CLASSES
from tests.sink.events import at_ns, crossing, line, minute, movement

FROZEN = Path(__file__).parent / "frozen"

REGISTRATIONS: list[Record] = [
    CameraRegistration("grogot-1", "Simpang Tapis", "Tanah Grogot", "Asia/Makassar"),
    LinesRegistration("grogot-1", "run-a", (line("U-in", "entry"), line("S-out", "exit"))),
    LinesRegistration("grogot-1", "run-b", ()),
    RunRegistration("grogot-1", "run-a", 0, "clip.mp4", "simpang-n", "0f", "cpu", "0.1.0", at_ns(0), None),
]
EXAMPLES: list[Record] = [
    *REGISTRATIONS,
    crossing(1.5),
    dataclasses.replace(crossing(2), speed_kmh=31.5),
    movement(3),
    minute(4, 59.25, reason="gap"),
]


@pytest.mark.parametrize("event", EXAMPLES)
def test_an_event_comes_back_as_it_was(event: Record) -> None:
    assert decode(encode(event)) == event


def test_any_sound_event_comes_back_as_it_was() -> None:
    rng = random.Random(7)
    for _ in range(500):
        event = dataclasses.replace(
            crossing(rng.uniform(0, 1e8), track=rng.randrange(-(2**63), 2**63)),
            line="".join(chr(rng.choice([10, 34, 92, 0x41, 0xE9, 0x1F6F5])) for _ in range(rng.randrange(1, 9))),
            vehicle_class=rng.choice(VEHICLE_CLASSES),
            confidence=rng.random(),
            speed_kmh=rng.choice([None, rng.uniform(0, 200)]),
        )
        line = encode(event)
        assert b"\n" not in line
        assert decode(line) == event


def test_an_event_is_an_object_with_version_and_kind_and_integer_times() -> None:
    body = json.loads(encode(crossing(1.5)))
    assert (body["v"], body["kind"], body["captured_at_ns"]) == (3, "crossing", at_ns(1.5))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"v": 4}, "version 4"),
        ({"v": 0}, "version 0"),
        ({"v": None}, "version None"),
        ({"v": True}, "version True"),
        ({"kind": "parking"}, "kind 'parking' is none of crossing, movement, coverage"),
        ({"kind": ["crossing"]}, "is none of"),
        ({"speed": 3}, "unknown speed"),
        ({"camera": ""}, "camera must be a text"),
        ({"camera": 7}, "camera must be a text"),
        ({"run": "r" * 4097}, "run must be a text of 1 to 4096 characters"),
        ({"direction": "left"}, "direction must be one of forward, backward"),
        ({"direction": ["forward"]}, "direction must be one of"),
        ({"vehicle_class": "tractor"}, "vehicle_class must be one of motorcycle"),
        ({"captured_at_ns": 1.5}, "captured_at_ns must be integer nanoseconds"),
        ({"captured_at_ns": True}, "captured_at_ns must be integer nanoseconds"),
        ({"captured_at_ns": -1}, "captured_at_ns must be integer nanoseconds"),
        ({"captured_at_ns": 2**63}, "captured_at_ns must be integer nanoseconds"),
        ({"confidence": 1.01}, "confidence must be a number from 0 to 1"),
        ({"confidence": "0.5"}, "confidence must be a number from 0 to 1"),
        ({"confidence": float("nan")}, "not JSON"),
        ({"speed_kmh": float("inf")}, "not JSON"),
        ({"speed_kmh": "fast"}, "speed_kmh must be a number or null"),
        ({"revision": -1}, "revision must be an integer from 0"),
        ({"frame": 2**64}, "frame must be a 64-bit integer"),
    ],
)
def test_an_unsound_event_is_refused_with_the_reason(change: dict[str, object], reason: str) -> None:
    body = json.loads(encode(crossing(1))) | change
    with pytest.raises(EventDecodeError, match=reason):
        decode(json.dumps(body).encode())


@pytest.mark.parametrize("event", EXAMPLES)
def test_every_field_must_be_there(event: Record) -> None:
    body = json.loads(encode(event))
    for name in [name for name in body if name not in ("v", "kind")]:
        without = {key: value for key, value in body.items() if key != name}
        with pytest.raises(EventDecodeError, match=f"lacks {name}"):
            decode(json.dumps(without).encode())


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"7", b"\xff\xfe", b"null", b"[" * 100_000])
def test_what_is_not_an_object_is_refused(line: bytes) -> None:
    with pytest.raises(EventDecodeError, match="JSON"):
        decode(line)


def test_coverage_must_begin_with_its_minute() -> None:
    with pytest.raises(ValueError, match="minute_ns must be the start of a minute"):
        encode(dataclasses.replace(minute(0), minute_ns=at_ns(1)))


@pytest.mark.parametrize("observed_s", [-0.1, 60.1, float("nan")])
def test_coverage_observes_from_none_to_all_of_a_minute(observed_s: float) -> None:
    with pytest.raises(ValueError, match="observed_s must be seconds from 0 to 60"):
        encode(minute(0, observed_s))


VERSION_1 = [
    crossing(1.5),
    dataclasses.replace(
        crossing(2, line="jalan-é", direction="backward", vehicle_class="bicycle"),
        speed_kmh=31.5,
    ),
    movement(30),
    minute(0, 59.25, reason="gap"),
    minute(1),
]


def test_what_version_1_wrote_still_says_the_same() -> None:
    # The file is frozen: it was written by the program when 1 was its version.
    assert [decode(row) for row in (FROZEN / "events_v1.jsonl").read_bytes().splitlines()] == VERSION_1


CAMERA_OF_VERSION_2 = CameraRegistration(
    "grogot-1",
    "Perempatan Jl. Jenderal Sudirman",
    "Tanah Grogot",
    "Asia/Makassar",
    facility="signalised_protected",
    pcu_version="PKJI 2023",
)


def test_a_camera_of_version_2_has_the_coefficients_that_it_had_then() -> None:
    found = [decode(row) for row in (FROZEN / "events_v2.jsonl").read_bytes().splitlines()]
    assert found[0] == crossing(1.5)
    assert found[1] == CAMERA_OF_VERSION_2
    assert [type(record) for record in found[2:]] == [LinesRegistration, RunRegistration]


def test_every_version_before_this_one_has_a_frozen_sample() -> None:
    assert {path.name for path in FROZEN.iterdir()} == {f"events_v{older}.jsonl" for older in range(1, VERSION)}


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("U-in", "not a counting line"),
        ([{"name": "U-in"}], "not a counting line"),
        ([{"name": "a", "start": [0, 0], "end": [0, 0], "role": "count", "approach": None}], "zero length"),
        ([{"name": "a", "start": [0, 0], "end": [1], "role": "count", "approach": None}], "must be counting lines"),
        ([{"name": "a", "start": [0, 0], "end": [1, 1], "role": "door", "approach": None}], "must be counting lines"),
    ],
)
def test_registered_lines_are_checked(lines: object, reason: str) -> None:
    body = json.loads(encode(LinesRegistration("grogot-1", "run-a", ()))) | {"lines": lines}
    with pytest.raises(EventDecodeError, match=reason):
        decode(json.dumps(body).encode())


@pytest.mark.parametrize("record", EXAMPLES)
def test_the_camera_can_be_told_without_decoding(record: Record) -> None:
    assert camera_of(encode(record)) == record.camera


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"camera":7}', b"{}"])
def test_a_damaged_record_has_no_camera(damaged: bytes) -> None:
    assert camera_of(damaged) is None
