"""Many encoded records at once: events become columns of the store without an object each.

A loader spends most of its time on decoding, so what every program of this version writes goes a short way: Arrow's
parser reads the lines of one kind into typed columns, and the limits of `events.check` are held against whole columns.
Where it finds fault with any of them, all lines of that kind go the long way, one by one through `events.decode`, as do
older versions and registrations. The short way refuses more than the long one and never less, so that what is loaded,
and with what reason the rest is refused, does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json

from pipeline.sink import columns
from pipeline.sink.events import (
    HEADS,
    LATEST_NS,
    LONGEST_TEXT,
    MOST_COUNT,
    NS_PER_MINUTE,
    EventDecodeError,
    decode,
)
from pipeline.sink.registrations import Record, Registration
from pipeline.types import DIRECTIONS, VEHICLE_CLASSES, Coverage, Crossing, Event, Movement

_LARGEST_BLOCK: Final = 1 << 30

_Check: TypeAlias = Callable[[pa.ChunkedArray], bool]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a batch of lines holds; each line is in one of the three."""

    tables: Mapping[str, pa.Table]
    """Events, by the name of the stored table, as `columns.tables` makes them; their order means nothing."""
    registrations: Sequence[tuple[int, Registration]]
    """With the number of its line, in order."""
    faults: Mapping[int, str]
    """Why a line cannot be decoded, by its number, in order."""


def decode_lines(lines: Sequence[bytes]) -> Decoded:
    """Sort and decode `lines`; never raises for what is in them."""
    numbers: dict[type[Event], list[int]] = {kind: [] for kind in _HEADS.values()}
    rest: list[int] = []
    for number, line in enumerate(lines):
        kind = _HEADS.get(line[: line.find(b",", _SECOND_FIELD) + 1])
        (rest if kind is None else numbers[kind]).append(number)
    fields: dict[type[Event], pa.Table] = {}
    for kind, of_kind in numbers.items():
        table = _parsed(kind, [lines[number] for number in of_kind]) if of_kind else None
        if table is None:
            rest.extend(of_kind)
        else:
            fields[kind] = table
    events: list[Event] = []
    registrations: list[tuple[int, Registration]] = []
    faults: dict[int, str] = {}
    for number in sorted(rest):
        try:
            record: Record = decode(lines[number])
        except EventDecodeError as error:
            faults[number] = str(error)
        else:
            if isinstance(record, Crossing | Movement | Coverage):
                events.append(record)
            else:
                registrations.append((number, record))
    return Decoded(_joined(columns.stored(fields), columns.tables(events)), registrations, faults)


def _joined(*parts: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    found: dict[str, list[pa.Table]] = {}
    for part in parts:
        for name, table in part.items():
            found.setdefault(name, []).append(table)
    return {name: pa.concat_tables(several) for name, several in found.items()}


def _parsed(kind: type[Event], lines: Sequence[bytes]) -> pa.Table | None:
    """The `FIELDS` of `lines`, which begin with the head of `kind`; None where one of them may not be sound."""
    text = b"\n".join(lines)
    try:
        table = json.read_json(
            pa.BufferReader(text),
            read_options=json.ReadOptions(use_threads=False, block_size=min(len(text) + 1, _LARGEST_BLOCK)),
            parse_options=json.ParseOptions(explicit_schema=_SCHEMAS[kind], unexpected_field_behavior="error"),
        )
        table.validate(full=True)  # texts that are not UTF-8
    except pa.ArrowInvalid:
        return None
    # A row is a line: none holds two, and what the parser takes for null is not a field that is missing.
    if len(table) != len(lines) or any(text.count(b'"%s":' % name.encode()) != len(lines) for name in _NULLABLE[kind]):
        return None
    sound = all(
        (name in _NULLABLE[kind] or not table[name].null_count) and holds(table[name])
        for name, holds in _CHECKS[kind].items()
    )
    return table.select(columns.FIELDS[kind].names) if sound else None


def _between(least: float, most: float) -> _Check:
    def holds(values: pa.ChunkedArray) -> bool:
        found = pc.min_max(values).as_py()
        return bool(least <= found["min"] and found["max"] <= most)

    return holds


def _finite_between(least: float, most: float) -> _Check:
    between = _between(least, most)
    # The parser knows NaN, which is neither below nor above anything.
    return lambda values: _finite(values) and between(values)


def _finite(values: pa.ChunkedArray) -> bool:
    return pc.all(pc.is_finite(values), min_count=0).as_py() is not False


def _text(least: int) -> _Check:
    between = _between(least, LONGEST_TEXT)
    return lambda values: between(pc.utf8_length(values))


def _one_of(known: Sequence[str]) -> _Check:
    allowed = frozenset(known)
    return lambda values: allowed.issuperset(pc.unique(values).to_pylist())


def _minute(values: pa.ChunkedArray) -> bool:
    whole = pc.multiply(pc.divide(values, NS_PER_MINUTE), NS_PER_MINUTE)
    return _INSTANT(values) and bool(pc.all(pc.equal(whole, values)).as_py())


def _any(_: pa.ChunkedArray) -> bool:
    return True


_INSTANT: Final = _between(0, LATEST_NS - 1)
_COUNT: Final = _between(0, MOST_COUNT)

_CHECKS: Final[Mapping[type[Event], Mapping[str, _Check]]] = {
    Crossing: {
        "event_id": _text(1),
        "camera": _text(1),
        "line": _text(1),
        "direction": _one_of(DIRECTIONS),
        "vehicle_class": _one_of(VEHICLE_CLASSES),
        "captured_at_ns": _INSTANT,
        "frame": _any,
        "track": _any,
        "confidence": _finite_between(0, 1),
        "speed_kmh": _finite,
        "revision": _COUNT,
        "run": _text(1),
    },
    Movement: {
        "event_id": _text(1),
        "camera": _text(1),
        "from_line": _text(1),
        "to_line": _text(1),
        "vehicle_class": _one_of(VEHICLE_CLASSES),
        "entered_at_ns": _INSTANT,
        "exited_at_ns": _INSTANT,
        "track": _any,
        "stitched": _any,
        "revision": _COUNT,
        "run": _text(1),
    },
    Coverage: {
        "camera": _text(1),
        "minute_ns": _minute,
        "observed_s": _finite_between(0, 60),
        "frames_seen": _COUNT,
        "frames_processed": _COUNT,
        "frames_dropped": _COUNT,
        "reason": _text(0),
        "revision": _COUNT,
        "run": _text(1),
    },
}
_NULLABLE: Final[Mapping[type[Event], frozenset[str]]] = {
    Crossing: frozenset({"speed_kmh"}),
    Movement: frozenset(),
    Coverage: frozenset(),
}
_HEADS: Final[Mapping[bytes, type[Event]]] = {HEADS[kind]: kind for kind in columns.FIELDS}
_SECOND_FIELD: Final = HEADS[Crossing].index(b",") + 1
_SCHEMAS: Final = {
    kind: pa.schema([pa.field("v", pa.int64()), pa.field("kind", pa.string()), *fields])
    for kind, fields in columns.FIELDS.items()
}
