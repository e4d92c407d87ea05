"""Events as Arrow columns, named and typed as the store's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from pipeline.types import NS_PER_S, Coverage, Crossing, Event, Movement, event_id

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

_INSTANT: Final = pa.timestamp("ns", "UTC")

_CROSSINGS: Final = pa.schema(
    {
        "camera": pa.string(),
        "captured_at": _INSTANT,
        "line": pa.string(),
        "direction": pa.string(),
        "track": pa.int64(),
        "revision": pa.uint32(),
        "stated_id": pa.string(),
        "class": pa.string(),
        "frame": pa.int64(),
        "confidence_permille": pa.uint16(),
        "speed_kmh": pa.float32(),
        "run": pa.string(),
    }
)
_MOVEMENTS: Final = pa.schema(
    {
        "camera": pa.string(),
        "exited_at": _INSTANT,
        "from_line": pa.string(),
        "to_line": pa.string(),
        "entered_at": _INSTANT,
        "track": pa.int64(),
        "revision": pa.uint32(),
        "stated_id": pa.string(),
        "class": pa.string(),
        "stitched": pa.bool_(),
        "run": pa.string(),
    }
)
_COVERAGE: Final = pa.schema(
    {
        "camera": pa.string(),
        # Seconds since the epoch: the engine's DateTime is 32 bits wide.
        "minute": pa.uint32(),
        "observed_us": pa.uint32(),
        "frames_seen": pa.uint32(),
        "frames_processed": pa.uint32(),
        "frames_dropped": pa.uint32(),
        "reason": pa.string(),
        "revision": pa.uint32(),
        "run": pa.string(),
    }
)


def tables(events: Iterable[Event]) -> dict[str, pa.Table]:
    """`events` sorted into one table per kind, by the name of the stored table; kinds without events are left out."""
    sorted_events: dict[type, list[Any]] = {}
    for event in events:
        sorted_events.setdefault(type(event), []).append(event)
    return {
        name: _table(sorted_events[kind], row, schema)
        for kind, (name, row, schema) in _STORED.items()
        if kind in sorted_events
    }


def _table(events: Sequence[Any], row: Callable[[Any], tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*map(row, events), strict=True)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _crossing(e: Crossing) -> tuple[Any, ...]:
    digest = event_id(e.camera, e.line, e.direction, e.captured_at_ns, e.track, e.revision)
    return (
        e.camera, e.captured_at_ns, e.line, e.direction, e.track, e.revision, _stated(e.event_id, digest),
        e.vehicle_class, e.frame, round(e.confidence * 1000), e.speed_kmh, e.run,
    )  # fmt: skip


def _movement(e: Movement) -> tuple[Any, ...]:
    digest = event_id(
        "movement", e.camera, e.from_line, e.to_line, e.entered_at_ns, e.exited_at_ns, e.track, e.revision
    )
    return (
        e.camera, e.exited_at_ns, e.from_line, e.to_line, e.entered_at_ns, e.track, e.revision,
        _stated(e.event_id, digest), e.vehicle_class, e.stitched, e.run,
    )  # fmt: skip


def _stated(given: str, digest: str) -> str:
    """The store computes an id that is the digest of its event, and keeps only another."""
    return "" if given == digest else given


def _coverage(e: Coverage) -> tuple[Any, ...]:
    return (
        e.camera, e.minute_ns // NS_PER_S, round(e.observed_s * US_PER_S), e.frames_seen, e.frames_processed,
        e.frames_dropped, e.reason, e.revision, e.run,
    )  # fmt: skip


_STORED: Final[Mapping[type, tuple[str, Callable[[Any], tuple[Any, ...]], pa.Schema]]] = {
    Crossing: ("crossing_events", _crossing, _CROSSINGS),
    Movement: ("movement_events", _movement, _MOVEMENTS),
    Coverage: ("coverage_stored", _coverage, _COVERAGE),
}
