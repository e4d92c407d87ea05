from __future__ import annotations

import dataclasses
import json
import random

import pytest

from pipeline.sink.events import EventDecodeError, decode, encode
from pipeline.types import VEHICLE_CLASSES, Event
from tests.sink.events import at_ns, crossing, minute, movement

EXAMPLES = [
    crossing(1.5),
    dataclasses.replace(crossing(2), speed_kmh=31.5),
    movement(3),
    minute(4, 59.25, reason="gap"),
]


@pytest.mark.parametrize("event", EXAMPLES)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
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
    assert (body["v"], body["kind"], body["captured_at_ns"]) == (1, "crossing", at_ns(1.5))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"v": 2}, "version 2"),
        ({"v": None}, "version None"),
        ({"v": True}, "version True"),
        ({"kind": "parking"}, "kind 'parking' is none of crossing, movement, coverage"),
        ({"kind": ["crossing"]}, "is none of"),
        ({"speed": 3}, "unknown speed"),
        ({"camera": ""}, "camera must be a text"),
        ({"camera": 7}, "camera must be a text"),
        ({"direction": "left"}, "direction must be one of forward, backward"),
        ({"direction": ["forward"]}, "direction must be one of"),
        ({"vehicle_class": "tractor"}, "vehicle_class must be one of motorcycle"),
        ({"captured_at_ns": 1.5}, "captured_at_ns must be integer nanoseconds"),
        ({"captured_at_ns": True}, "captured_at_ns must be integer nanoseconds"),
        ({"captured_at_ns": -1}, "captured_at_ns must be integer nanoseconds"),
        ({"captured_at_ns": 2**63}, "captured_at_ns must be integer nanoseconds"),
        ({"confidence": 1.01}, "confidence must be a number from 0 to 1"),
        ({"confidence": "0.5"}, "confidence must be a number from 0 to 1"),
        ({"confidence": float("nan")}, "confidence must be a number from 0 to 1"),
        ({"speed_kmh": float("inf")}, "speed_kmh must be a number or null"),
        ({"revision": -1}, "revision must be an integer from 0"),
        ({"frame": 2**64}, "frame must be a 64-bit integer"),
    ],
)
def test_an_unsound_event_is_refused_with_the_reason(change: dict[str, object], reason: str) -> None:
    body = json.loads(encode(crossing(1))) | change
    with pytest.raises(EventDecodeError, match=reason):
        decode(json.dumps(body).encode())


@pytest.mark.parametrize("event", EXAMPLES)
def test_every_field_must_be_there(event: Event) -> None:
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
