"""The codec: one event or registration is one line of JSON, the same in the outbox and on the bus.

    {"v": 3, "kind": "crossing", "event_id": "...", "camera": "...", ...}

The fields are those of `pipeline.types` and `pipeline.sink.registrations`, times are integer nanoseconds since the Unix
epoch, UTC. Decoding is strict: what is missing, unknown or of the wrong type is refused with the reason. How the
schema may change is written in docs/delivery.md; every version of it that was ever written can be read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Final, TypeAlias

import orjson

from pipeline.errors import PipelineError
from pipeline.sink.coefficients import DEFAULT_FACILITY, DEFAULT_PCU_VERSION
from pipeline.sink.registrations import CameraRegistration, LinesRegistration, Record, RunRegistration
from pipeline.types import DIRECTIONS, NS_PER_S, VEHICLE_CLASSES, CountingLine, Coverage, Crossing, Movement

VERSION: Final = 3
"""1: crossing, movement, coverage. 2: also the registrations. 3: a camera's coefficients."""

NS_PER_MINUTE: Final = 60 * NS_PER_S
LATEST_NS: Final = 4_102_444_800 * NS_PER_S
"""2100-01-01, the first instant the store does not take."""
LONGEST_TEXT: Final = 4096
"""So that a record is never too large for a message of the bus."""
MOST_COUNT: Final = 2**31 - 1

_Body: TypeAlias = dict[str, Any]

_KINDS: Final[Mapping[str, type[Any]]] = {
    "crossing": Crossing,
    "movement": Movement,
    "coverage": Coverage,
    "camera": CameraRegistration,
    "lines": LinesRegistration,
    "run": RunRegistration,
}
HEADS: Final = {cls: b'{"v":%d,"kind":"%s",' % (VERSION, kind.encode()) for kind, cls in _KINDS.items()}
"""How `encode` begins the line of each type."""
_NAMES: Final = {cls: kind for kind, cls in _KINDS.items()}
_FIELDS: Final = {cls: frozenset(f.name for f in fields(cls)) for cls in _KINDS.values()}

_DEFAULT_COEFFICIENTS: Final = {"facility": DEFAULT_FACILITY, "pcu_version": DEFAULT_PCU_VERSION}
_UPGRADES: Final[Mapping[int, Callable[[_Body], _Body]]] = {
    1: lambda body: body,  # version 2 only added kinds
    2: lambda body: body | _DEFAULT_COEFFICIENTS if body.get("kind") == "camera" else body,
}
"""From each older version of a body, without `v`, to the version after it."""

_Check: TypeAlias = Callable[[Any], bool]


class EventDecodeError(PipelineError):
    """A line is not a record that this version understands; the message says why."""


def encode(record: Record) -> bytes:
    """`record` as one line of UTF-8 JSON without the newline; raises ValueError where `check` finds fault."""
    fault = check(record)
    if fault is not None:
        raise ValueError(fault)
    return HEADS[type(record)] + orjson.dumps(record)[1:]


def decode(line: bytes) -> Record:
    """The record in `line`; raises EventDecodeError with the reason."""
    body = _object(line)
    version = body.pop("v", None)
    if type(version) is not int or not (version == VERSION or version in _UPGRADES):
        raise EventDecodeError(f"event version {version!r} is not {VERSION} or an older one that this program reads")
    for older in range(version, VERSION):
        body = _UPGRADES[older](body)
    kind = body.pop("kind", None)
    cls = _KINDS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise EventDecodeError(f"event kind {kind!r} is none of {', '.join(_KINDS)}")
    if body.keys() != _FIELDS[cls]:
        missing = [f.name for f in fields(cls) if f.name not in body]
        if missing:
            raise EventDecodeError(f"{kind} lacks {', '.join(missing)}")
        raise EventDecodeError(f"{kind} has unknown {', '.join(sorted(body.keys() - _FIELDS[cls]))}")
    if cls is LinesRegistration:
        body["lines"] = _lines(body["lines"])
    record: Record = cls(**body)
    fault = check(record)
    if fault is not None:
        raise EventDecodeError(fault)
    return record


def camera_of(line: bytes) -> str | None:
    """The camera that an encoded record is about, without looking at the rest; None where it does not say."""
    try:
        camera = _object(line).get("camera")
    except EventDecodeError:
        return None
    return camera if isinstance(camera, str) else None


def check(record: Record) -> str | None:
    """What is wrong with a field of `record`, or None."""
    for name, wanted, holds in _CHECKS[type(record)]:
        value = getattr(record, name)
        if not holds(value):
            return f"{_NAMES[type(record)]}.{name} must be {wanted}, not {value!r}"
    return None


def _object(line: bytes) -> _Body:
    try:
        body = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise EventDecodeError(f"an event must be one JSON object, but this is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise EventDecodeError(f"an event must be a JSON object, not {type(body).__name__}")
    return body


def _lines(value: Any) -> tuple[CountingLine, ...]:
    try:
        return tuple(
            CountingLine(**(line | {"start": tuple(line["start"]), "end": tuple(line["end"])})) for line in value
        )
    except (TypeError, KeyError, ValueError) as error:
        raise EventDecodeError(f"lines.lines holds what is not a counting line: {error}") from error


def _is_text(value: Any) -> bool:
    return type(value) is str and 0 < len(value) <= LONGEST_TEXT


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MOST_COUNT


def _is_instant(value: Any) -> bool:
    return type(value) is int and 0 <= value < LATEST_NS


def _is_real(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_point(value: Any) -> bool:
    return type(value) is tuple and len(value) == 2 and all(map(_is_real, value))


def _is_line(line: CountingLine) -> bool:
    return (
        _is_text(line.name)
        and _is_point(line.start)
        and _is_point(line.end)
        and line.role in ("entry", "exit", "count")
        and (line.approach is None or _is_text(line.approach))
    )


_TEXT: Final = (f"a text of 1 to {LONGEST_TEXT} characters", _is_text)
_ANY_TEXT: Final = (
    f"a text of at most {LONGEST_TEXT} characters",
    lambda value: type(value) is str and len(value) <= LONGEST_TEXT,
)
_COUNT: Final = ("an integer from 0 below 2^31", _is_count)
_INTEGER: Final = ("a 64-bit integer", lambda value: type(value) is int and -(2**63) <= value < 2**63)
_INSTANT: Final = ("integer nanoseconds from 1970 to 2099", _is_instant)
_INSTANT_OR_NULL: Final = ("integer nanoseconds or null", lambda value: value is None or _is_instant(value))
_CLASS: Final = (f"one of {', '.join(VEHICLE_CLASSES)}", lambda value: value in VEHICLE_CLASSES)

_CHECKS: Final[Mapping[type, tuple[tuple[str, str, _Check], ...]]] = {
    Crossing: (
        ("event_id", *_TEXT),
        ("camera", *_TEXT),
        ("line", *_TEXT),
        ("direction", f"one of {', '.join(DIRECTIONS)}", lambda value: value in DIRECTIONS),
        ("vehicle_class", *_CLASS),
        ("captured_at_ns", *_INSTANT),
        ("frame", *_INTEGER),
        ("track", *_INTEGER),
        ("confidence", "a number from 0 to 1", lambda value: _is_real(value) and 0 <= value <= 1),
        ("speed_kmh", "a number or null", lambda value: value is None or _is_real(value)),
        ("revision", *_COUNT),
        ("run", *_TEXT),
    ),
    Movement: (
        ("event_id", *_TEXT),
        ("camera", *_TEXT),
        ("from_line", *_TEXT),
        ("to_line", *_TEXT),
        ("vehicle_class", *_CLASS),
        ("entered_at_ns", *_INSTANT),
        ("exited_at_ns", *_INSTANT),
        ("track", *_INTEGER),
        ("stitched", "true or false", lambda value: type(value) is bool),
        ("revision", *_COUNT),
        ("run", *_TEXT),
    ),
    Coverage: (
        ("camera", *_TEXT),
        ("minute_ns", "the start of a minute", lambda value: _is_instant(value) and value % NS_PER_MINUTE == 0),
        ("observed_s", "seconds from 0 to 60", lambda value: _is_real(value) and 0 <= value <= 60),
        ("frames_seen", *_COUNT),
        ("frames_processed", *_COUNT),
        ("frames_dropped", *_COUNT),
        ("reason", *_ANY_TEXT),
        ("revision", *_COUNT),
        ("run", *_TEXT),
    ),
    CameraRegistration: (
        ("camera", *_TEXT),
        ("name", *_ANY_TEXT),
        ("district", *_ANY_TEXT),
        ("timezone", *_TEXT),
        ("facility", *_TEXT),
        ("pcu_version", *_TEXT),
    ),
    LinesRegistration: (
        ("camera", *_TEXT),
        ("run", *_TEXT),
        ("lines", "counting lines", lambda value: type(value) is tuple and all(map(_is_line, value))),
    ),
    RunRegistration: (
        ("camera", *_TEXT),
        ("run", *_TEXT),
        ("revision", *_COUNT),
        ("source", *_ANY_TEXT),
        ("model", *_ANY_TEXT),
        ("model_digest", *_ANY_TEXT),
        ("device", *_ANY_TEXT),
        ("program_version", *_ANY_TEXT),
        ("footage_from_ns", *_INSTANT_OR_NULL),
        ("footage_to_ns", *_INSTANT_OR_NULL),
    ),
}
