"""Small builders of events: one camera, minutes counted from a quarter of an hour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa

from pipeline.sink.store import Store
from pipeline.types import NS_PER_S, CountingLine, Coverage, Crossing, Direction, Event, Movement, event_id

CAMERA = "grogot-1"
T0_S = 1_780_272_000
"""2026-06-01 00:00:00 UTC, which is 08:00 in Makassar."""
MINUTE_NS = 60 * NS_PER_S


class BusMessage(NamedTuple):
    """A message as a loader is given it, of no client."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


def at_ns(second: float) -> int:
    """`second` after T0 as nanoseconds since the epoch."""
    return T0_S * NS_PER_S + round(second * NS_PER_S)


def line(name: str = "U-in", role: str = "count") -> CountingLine:
    return CountingLine(name, (0.0, 10.0), (100.0, 10.0), role=role)  # type: ignore[arg-type]


def crossing(
    second: float,
    *,
    camera: str = CAMERA,
    line: str = "U-in",
    direction: Direction = "forward",
    vehicle_class: str = "motorcycle",
    track: int = 1,
    revision: int = 0,
    run: str = "run-a",
) -> Crossing:
    captured_at_ns = at_ns(second)
    return Crossing(
        event_id=event_id(camera, line, direction, captured_at_ns, track, revision),
        camera=camera,
        line=line,
        direction=direction,
        vehicle_class=vehicle_class,
        captured_at_ns=captured_at_ns,
        frame=int(second * 10),
        track=track,
        confidence=0.75,
        speed_kmh=None,
        revision=revision,
        run=run,
    )


def movement(
    second: float,
    *,
    from_line: str = "U-in",
    to_line: str = "S-out",
    vehicle_class: str = "motorcycle",
    revision: int = 0,
    run: str = "run-a",
) -> Movement:
    """A vehicle that left the junction at `second`."""
    return Movement(
        event_id=event_id(CAMERA, from_line, to_line, at_ns(second), revision),
        camera=CAMERA,
        from_line=from_line,
        to_line=to_line,
        vehicle_class=vehicle_class,
        entered_at_ns=at_ns(second - 5),
        exited_at_ns=at_ns(second),
        track=1,
        stitched=False,
        revision=revision,
        run=run,
    )


def minute(
    number: int,
    observed_s: float = 60.0,
    *,
    camera: str = CAMERA,
    reason: str = "",
    revision: int = 0,
    run: str = "run-a",
) -> Coverage:
    return Coverage(camera, at_ns(60 * number), observed_s, 600, 600, 0, reason, revision, run)


def minutes(numbers: Iterable[int], *, revision: int = 0, run: str = "run-a") -> Iterator[Event]:
    """Whole minutes."""
    return (minute(number, revision=revision, run=run) for number in numbers)


def rows(table: pa.Table) -> list[tuple[object, ...]]:
    """`table` as a list of tuples."""
    return [tuple(row.values()) for row in table.to_pylist()]


def counts(store: Store, view: str = "counts_15m", where: str = "1") -> list[tuple[object, ...]]:
    """(bin in minutes after T0, count, observed_s, status) of motorcycles going forward over U-in."""
    return rows(
        store.query(
            f"SELECT intDiv(toInt64(toUnixTimestamp(bin_start)) - {T0_S}, 60) AS minute, count, observed_s, status "
            f"FROM {view} WHERE line = 'U-in' AND direction = 'forward' AND class = 'motorcycle' AND {where} "
            "ORDER BY bin_start"
        )
    )
