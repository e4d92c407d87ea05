"""The event codec: one event is one line of JSON, the same in the outbox and on the wire.

    {"v": 1, "kind": "crossing", "event_id": "...", "camera": "...", ...}

The fields are those of `pipeline.types`, times are integer nanoseconds since the Unix epoch, UTC. Decoding is strict:
what is missing, unknown or of the wrong type is refused with the reason.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Final, TypeAlias

from pipeline.errors import PipelineError
from pipeline.sink.event_file import EventFileWriter
from pipeline.types import DIRECTIONS, NS_PER_S, VEHICLE_CLASSES, Coverage, Crossing, Event, Movement

__all__ = ["EventDecodeError", "EventFileWriter", "check", "decode", "encode"]

VERSION: Final = 1

NS_PER_MINUTE: Final = 60 * NS_PER_S
LATEST_NS: Final = 4_102_444_800 * NS_PER_S
"""2100-01-01, the first instant the store does not take."""

_KINDS: Final[Mapping[str, type[Crossing | Movement | Coverage]]] = {
    "crossing": Crossing,
    "movement": Movement,
    "coverage": Coverage,
}
_NAMES: Final = {cls: kind for kind, cls in _KINDS.items()}
_FIELDS: Final = {cls: tuple(f.name for f in fields(cls)) for cls in _KINDS.values()}

_Check: TypeAlias = Callable[[Any], bool]


class EventDecodeError(PipelineError):
    """A line is not an event that this version understands; the message says why."""


def encode(event: Event) -> bytes:
    """`event` as one line of UTF-8 JSON without the newline; raises ValueError where `check` finds fault."""
    fault = check(event)
    if fault is not None:
        raise ValueError(fault)
    cls = type(event)
    body: dict[str, Any] = {"v": VERSION, "kind": _NAMES[cls]}
    body.update((name, getattr(event, name)) for name in _FIELDS[cls])
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def decode(line: bytes) -> Event:
    """The event in `line`; raises EventDecodeError with the reason."""
    try:
        body = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise EventDecodeError(f"an event must be one JSON object, but this is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise EventDecodeError(f"an event must be a JSON object, not {type(body).__name__}")
    version = body.pop("v", None)
    if type(version) is not int or version != VERSION:
        raise EventDecodeError(f"event version {version!r} is not {VERSION}, the one this program reads")
    kind = body.pop("kind", None)
    cls = _KINDS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise EventDecodeError(f"event kind {kind!r} is none of {', '.join(_KINDS)}")
    missing = [name for name in _FIELDS[cls] if name not in body]
    if missing:
        raise EventDecodeError(f"{kind} lacks {', '.join(missing)}")
    unknown = sorted(set(body) - set(_FIELDS[cls]))
    if unknown:
        raise EventDecodeError(f"{kind} has unknown {', '.join(unknown)}")
    event = cls(**body)
    fault = check(event)
    if fault is not None:
        raise EventDecodeError(fault)
    return event


def check(event: Event) -> str | None:
    """What is wrong with a field of `event`, or None."""
    for name, wanted, holds in _CHECKS[type(event)]:
        value = getattr(event, name)
        if not holds(value):
            return f"{_NAMES[type(event)]}.{name} must be {wanted}, not {value!r}"
    return None


def _is_text(value: Any) -> bool:
    return type(value) is str and value != ""


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _is_instant(value: Any) -> bool:
    return type(value) is int and 0 <= value < LATEST_NS


def _is_real(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


_TEXT: Final = ("a text that is not empty", _is_text)
_COUNT: Final = ("an integer from 0 below 2^31", _is_count)
_INTEGER: Final = ("a 64-bit integer", lambda value: type(value) is int and -(2**63) <= value < 2**63)
_INSTANT: Final = ("integer nanoseconds from 1970 to 2099", _is_instant)
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
        ("reason", "a text", lambda value: type(value) is str),
        ("revision", *_COUNT),
        ("run", *_TEXT),
    ),
}
