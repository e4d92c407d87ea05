from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import orjson
import pytest

from pipeline.sink import columns, decoding
from pipeline.sink.events import EventDecodeError, decode, encode
from pipeline.sink.registrations import CameraRegistration, Record
from pipeline.types import VEHICLE_CLASSES, Coverage, Crossing, Event, Movement
from tests.sink.events import at_ns, crossing, minute, movement

FROZEN = Path(__file__).parent / "frozen"
TEXTS = ("a", "é🛵", 'q"\\', "\n\t\0", '"speed_kmh":', "x" * 4096)
EVENTS: list[Event] = [crossing(1.5), dataclasses.replace(crossing(2), speed_kmh=31.5), movement(3), minute(4, 59.25)]


def one_by_one(lines: list[bytes]) -> tuple[list[Record], dict[int, str]]:
    records, faults = [], {}
    for number, line in enumerate(lines):
        try:
            records.append(decode(line))
        except EventDecodeError as error:
            faults[number] = str(error)
    return records, faults


def assert_as_one_by_one(lines: list[bytes]) -> None:
    """Rows, registrations and reasons are those that each line gives by itself."""
    records, faults = one_by_one(lines)
    found = decoding.decode_lines(lines)
    assert found.faults == faults
    assert [record for _, record in found.registrations] == [r for r in records if isinstance(r, CameraRegistration)]
    wanted = columns.tables(r for r in records if isinstance(r, Crossing | Movement | Coverage))
    assert found.tables.keys() == wanted.keys()
    for name, table in found.tables.items():
        order = [(column, "ascending") for column in wanted[name].column_names]
        assert table.schema == wanted[name].schema
        assert table.sort_by(order).equals(wanted[name].sort_by(order))


def goes_the_short_way(line: bytes, event: Event) -> bool:
    return decoding._parsed(type(event), [line]) is not None


def any_event(rng: random.Random) -> Event:
    text, second = rng.choice(TEXTS), rng.uniform(0, 1e8)
    match rng.randrange(3):
        case 0:
            made: Event = crossing(second, line=text, track=rng.randrange(-(2**63), 2**63), camera=rng.choice(TEXTS))
            given = rng.choice([made.event_id, text])  # type: ignore[union-attr]
            return dataclasses.replace(
                made,  # type: ignore[type-var]
                event_id=given,
                vehicle_class=rng.choice(VEHICLE_CLASSES),
                confidence=rng.choice([0, 1, 0.0005, 0.0015, rng.random()]),
                speed_kmh=rng.choice([None, 0, rng.uniform(0, 200), 1e300]),
                revision=rng.randrange(2**31),
            )
        case 1:
            return dataclasses.replace(movement(second, from_line=text), stitched=rng.random() < 0.5)
        case _:
            return dataclasses.replace(
                minute(rng.randrange(10**6), rng.choice([0, 60, 5e-7, 1.5e-6, rng.uniform(0, 60)])),
                reason=rng.choice(["", text]),
            )


def test_columns_hold_what_each_line_holds_by_itself() -> None:
    rng = random.Random(11)
    for _ in range(40):
        events = [any_event(rng) for _ in range(rng.randrange(1, 60))]
        lines = [encode(event) for event in events]
        assert all(map(goes_the_short_way, lines, events))
        assert_as_one_by_one(lines)


def test_everything_in_one_batch_is_sorted_and_numbered_as_it_lies_there() -> None:
    camera = CameraRegistration("grogot-1", "Simpang Tapis", "Tanah Grogot", "Asia/Makassar")
    older = [line for path in sorted(FROZEN.glob("*.jsonl")) for line in path.read_bytes().splitlines()]
    older = [line for line in older if b'"kind":"lines"' not in line and b'"kind":"run"' not in line]
    lines = [encode(EVENTS[0]), b"", b"{", *older, encode(camera), encode(EVENTS[2]), b'{"v":99}', encode(EVENTS[3])]
    found = decoding.decode_lines(lines)
    assert list(found.faults) == [1, 2, len(lines) - 2]
    assert found.registrations[-1] == (len(lines) - 4, camera)
    assert_as_one_by_one(lines)
    assert decoding.decode_lines([]) == decoding.Decoded({}, [], {})


VALUES = [
    b"null", b"true", b"false", b"0", b"-0", b"-1", b"1", b"1.0", b"1.5", b"1e2", b"61", b"01", b"+1", b".5", b"1.",
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"2147483647", b"2147483648", b"4102444799999999999",
    b"4102444800000000000", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809",
    b"123456789012345678901234567890", b"60000000000", b"60000000001", b'""', b'"a"', b'"forward"', b'"car"', b'"1"',
    b'"tractor"', b'"\xff"', b'"\xed\xa0\x80"', b'"\\ud800"', b'"\\udc00"', b'"\\u0000"', b'"\\x"', b'"\t"', b'"\x00"',
    b'"' + b"x" * 4097 + b'"', b'"' + "é".encode() * 4096 + b'"', b"[]", b'["a"]', b"{}", b'{"a":1}', b"", b"'a'",
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_the_short_way_takes_no_value_that_the_long_way_refuses(event: Event) -> None:
    sound = encode(event)
    body = orjson.loads(sound)
    for name in body:
        before = b'"%s":%s' % (name.encode(), orjson.dumps(body[name]))
        assert sound.count(before) == 1
        for value in VALUES:
            assert_as_one_by_one([sound, sound.replace(before, b'"%s":%s' % (name.encode(), value)), sound])
        for changed in (
            sound.replace(before + b",", b"").replace(b"," + before, b""),  # it is missing
            sound.replace(before, before + b"," + before),  # it comes twice
            sound.replace(before, before.replace(b":", b" : ")),
            sound.replace(before, before + b',"more":null'),
        ):
            assert_as_one_by_one([sound, changed, sound])


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_the_short_way_takes_no_line_that_the_long_way_refuses(event: Event) -> None:
    sound = encode(event)
    for end in (b" ", b"\n", b"\r\n", b"\x00", b"\x0c", b"x", b"}", b"]", b",", sound, b"\n" + sound, b"//", b"{}"):
        assert_as_one_by_one([sound, sound + end, sound])
    for length in range(len(sound)):
        assert_as_one_by_one([sound, sound[:length], sound])
    half = len(sound) // 2
    assert_as_one_by_one([sound[:half], sound[half:], sound + b"\n" + sound[:half]])


def test_random_damage_is_found_as_it_is_one_by_one() -> None:
    rng = random.Random(3)
    for _ in range(1500):
        line = bytearray(encode(any_event(rng)))
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(line))
            line[at : at + rng.randrange(2)] = rng.choice([b"", b'"', b",", b"0", b"9", b"\\", b"e", b"}", b"\xc3"])
        assert_as_one_by_one([encode(crossing(1)), bytes(line), encode(movement(2)), encode(minute(3))])


def test_one_fault_leaves_the_others_of_its_kind() -> None:
    sound = [encode(crossing(second)) for second in range(20)]
    unsound = encode(crossing(99)).replace(b'"forward"', b'"left"')
    found = decoding.decode_lines([*sound[:7], unsound, *sound[7:]])
    assert list(found.faults) == [7]
    assert "direction must be one of" in found.faults[7]
    assert len(found.tables["crossing_events"]) == 20
    assert found.tables["crossing_events"]["captured_at"].cast("int64").to_pylist() == [at_ns(s) for s in range(20)]
