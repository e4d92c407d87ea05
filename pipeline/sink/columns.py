"""Events as Arrow columns, named and typed as the store's tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.types import ID_DIGITS, ID_SEPARATOR, NS_PER_S, Coverage, Crossing, Event, Movement

US_PER_S: Final = 1_000_000

SORTING_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "crossing_events": ("camera", "captured_at", "line", "direction", "track", "revision", "stated_id"),
    "movement_events": (
        "camera", "exited_at", "from_line", "to_line", "entered_at", "track", "revision", "stated_id",
    ),
    "coverage_stored": ("camera", "minute", "revision", "run"),
}  # fmt: skip
"""The columns that tell one stored row from another, as the schema has them."""

INSTANTS: Final[Mapping[str, str]] = {
    "crossing_events": "captured_at",
    "movement_events": "exited_at",
    "coverage_stored": "minute",
}
"""The column that dates a row, by table; by it the table is partitioned into months."""

FIELDS: Final[Mapping[type[Event], pa.Schema]] = {
    Crossing: pa.schema(
        {
            "event_id": pa.string(),
            "camera": pa.string(),
            "line": pa.string(),
            "direction": pa.string(),
            "vehicle_class": pa.string(),
            "captured_at_ns": pa.int64(),
            "frame": pa.int64(),
            "track": pa.int64(),
            "confidence": pa.float64(),
            "speed_kmh": pa.float64(),
            "revision": pa.int64(),
            "run": pa.string(),
        }
    ),
    Movement: pa.schema(
        {
            "event_id": pa.string(),
            "camera": pa.string(),
            "from_line": pa.string(),
            "to_line": pa.string(),
            "vehicle_class": pa.string(),
            "entered_at_ns": pa.int64(),
            "exited_at_ns": pa.int64(),
            "track": pa.int64(),
            "stitched": pa.bool_(),
            "revision": pa.int64(),
            "run": pa.string(),
        }
    ),
    Coverage: pa.schema(
        {
            "camera": pa.string(),
            "minute_ns": pa.int64(),
            "observed_s": pa.float64(),
            "frames_seen": pa.int64(),
            "frames_processed": pa.int64(),
            "frames_dropped": pa.int64(),
            "reason": pa.string(),
            "revision": pa.int64(),
            "run": pa.string(),
        }
    ),
}
"""The fields of each kind of event as columns, before they are brought into the store's form."""

_INSTANT: Final = pa.timestamp("ns", "UTC")


def tables(events: Iterable[Event]) -> dict[str, pa.Table]:
    """`events` sorted into one table per kind, by the name of the stored table; kinds without events are left out."""
    sorted_events: dict[type[Event], list[Any]] = {}
    for event in events:
        sorted_events.setdefault(type(event), []).append(event)
    return stored(
        {
            kind: pa.table([_values(of_kind, field) for field in FIELDS[kind]], FIELDS[kind])
            for kind, of_kind in sorted_events.items()
        }
    )


def _values(events: Sequence[Any], field: pa.Field) -> pa.Array:
    values = [getattr(event, field.name) for event in events]
    if pa.types.is_floating(field.type):
        # Arrow makes no number of a whole one that floating point does not hold exactly.
        values = [value if value is None else float(value) for value in values]
    return pa.array(values, field.type)


def stored(fields: Mapping[type[Event], pa.Table]) -> dict[str, pa.Table]:
    """Sound events, given as `FIELDS`, in the form of the store, by the name of the stored table."""
    return {_STORED[kind][0]: pa.table(_STORED[kind][1](table)) for kind, table in fields.items()}


def _crossing(t: pa.Table) -> dict[str, Any]:
    key = ("camera", "line", "direction", "captured_at_ns", "track", "revision")
    return {
        "camera": t["camera"],
        "captured_at": t["captured_at_ns"].cast(_INSTANT),
        "line": t["line"],
        "direction": t["direction"],
        "track": t["track"],
        "revision": t["revision"].cast(pa.uint32()),
        "stated_id": _stated(t["event_id"], *map(t.column, key)),
        "class": t["vehicle_class"],
        "frame": t["frame"],
        "confidence_permille": _rounded(t["confidence"], 1000).cast(pa.uint16()),
        "speed_kmh": t["speed_kmh"].cast(pa.float32()),
        "run": t["run"],
    }


def _movement(t: pa.Table) -> dict[str, Any]:
    key = ("camera", "from_line", "to_line", "entered_at_ns", "exited_at_ns", "track", "revision")
    return {
        "camera": t["camera"],
        "exited_at": t["exited_at_ns"].cast(_INSTANT),
        "from_line": t["from_line"],
        "to_line": t["to_line"],
        "entered_at": t["entered_at_ns"].cast(_INSTANT),
        "track": t["track"],
        "revision": t["revision"].cast(pa.uint32()),
        "stated_id": _stated(t["event_id"], pa.scalar("movement"), *map(t.column, key)),
        "class": t["vehicle_class"],
        "stitched": t["stitched"],
        "run": t["run"],
    }


def _coverage(t: pa.Table) -> dict[str, Any]:
    return {
        "camera": t["camera"],
        # Seconds since the epoch: the engine's DateTime is 32 bits wide.
        "minute": pc.divide(t["minute_ns"], NS_PER_S).cast(pa.uint32()),
        "observed_us": _rounded(t["observed_s"], US_PER_S).cast(pa.uint32()),
        "frames_seen": t["frames_seen"].cast(pa.uint32()),
        "frames_processed": t["frames_processed"].cast(pa.uint32()),
        "frames_dropped": t["frames_dropped"].cast(pa.uint32()),
        "reason": t["reason"],
        "revision": t["revision"].cast(pa.uint32()),
        "run": t["run"],
    }


def _rounded(values: pa.ChunkedArray, scale: int) -> pa.ChunkedArray:
    return pc.round(pc.multiply(values, float(scale)), round_mode="half_to_even")


def _stated(given: pa.ChunkedArray, *parts: pa.ChunkedArray) -> pa.ChunkedArray:
    """The store computes an id that is the digest of its event (`types.event_id`), and keeps only another."""
    texts = [part.cast(pa.string()) for part in parts]
    joined = pc.binary_join_element_wise(*texts, ID_SEPARATOR).cast(pa.binary()).to_pylist()
    sha256 = hashlib.sha256
    digests = pa.array([sha256(each).hexdigest()[:ID_DIGITS] for each in joined], pa.string())
    return pc.if_else(pc.equal(given, digests), "", given)


_STORED: Final[Mapping[type[Event], tuple[str, Callable[[pa.Table], dict[str, Any]]]]] = {
    Crossing: ("crossing_events", _crossing),
    Movement: ("movement_events", _movement),
    Coverage: ("coverage_stored", _coverage),
}
