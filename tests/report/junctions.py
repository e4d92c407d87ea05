"""A store with known traffic at a four-arm junction, to write reports of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pipeline.sink.store import Store
from pipeline.types import NS_PER_S, CountingLine, Coverage, Crossing, Event, Movement, event_id

CAMERA: Final = "grogot-sudirman-1"
RUN: Final = "run-a"
ARMS: Final = ("U", "T", "S", "B")
T0_S: Final = 1_780_272_000
"""2026-06-01 00:00:00 UTC, a Monday, 08:00 in Makassar."""

LINES: Final = tuple(
    CountingLine(f"{arm}-{way}", (10.0 * i, 5.0 * j), (10.0 * i + 8, 5.0 * j), role=role, approach=arm)  # type: ignore[arg-type]
    for i, arm in enumerate(ARMS)
    for j, (way, role) in enumerate((("in", "entry"), ("out", "exit")))
)


def passage(
    second: float, entry: str, exit_: str | None, vehicle_class: str, track: int, camera: str = CAMERA
) -> Iterator[Event]:
    """A vehicle that enters `second` after T0 by arm `entry` and leaves 5 s later by `exit_`, or is lost inside."""
    entered_ns = (T0_S * NS_PER_S) + round(second * NS_PER_S)
    exited_ns = entered_ns + 5 * NS_PER_S
    yield _crossing(f"{entry}-in", entered_ns, vehicle_class, track, camera)
    if exit_ is not None:
        yield _crossing(f"{exit_}-out", exited_ns, vehicle_class, track, camera)
        yield Movement(
            event_id=event_id(camera, entry, exit_, exited_ns, track),
            camera=camera,
            from_line=f"{entry}-in",
            to_line=f"{exit_}-out",
            vehicle_class=vehicle_class,
            entered_at_ns=entered_ns,
            exited_at_ns=exited_ns,
            track=track,
            stitched=False,
            revision=0,
            run=RUN,
        )


def _crossing(line: str, captured_at_ns: int, vehicle_class: str, track: int, camera: str) -> Crossing:
    return Crossing(
        event_id=event_id(camera, line, captured_at_ns, track),
        camera=camera,
        line=line,
        direction="forward",
        vehicle_class=vehicle_class,
        captured_at_ns=captured_at_ns,
        frame=0,
        track=track,
        confidence=0.8,
        speed_kmh=None,
        revision=0,
        run=RUN,
    )


def watched(minutes: Iterable[int], camera: str = CAMERA, reason: str = "") -> Iterator[Event]:
    """Whole minutes after T0 that were observed."""
    return (Coverage(camera, (T0_S + 60 * number) * NS_PER_S, 60.0, 600, 600, 0, reason, 0, RUN) for number in minutes)


def register(store: Store, camera: str = CAMERA) -> None:
    store.register_camera(camera, name="Perempatan Jl. Jenderal Sudirman", district="Tanah Grogot")
    store.register_lines(camera, LINES, run=RUN)


def fill_morning(store: Store, camera: str = CAMERA) -> None:
    """Seven quarters from 08:00: traffic in all; the sixth was seen for 10 of its minutes, the fifth not at all.

    In quarter k (0-based), 10 (k + 1) motorcycles go from north straight on, k + 1 cars turn left from north to east, a
    truck turns right from south to east, and a bus enters from the west and is lost.
    """
    register(store, camera)
    events: list[Event] = []
    track = 0
    for quarter in range(7):
        if quarter == 4:
            continue
        vehicles = [
            *[("U", "S", "motorcycle")] * (10 * (quarter + 1)),
            *[("U", "T", "car")] * (quarter + 1),
            ("S", "T", "truck"),
            ("B", None, "bus"),
        ]
        for entry, exit_, vehicle_class in vehicles:
            track += 1
            events += passage(900 * quarter + track % 500 + 10, entry, exit_, vehicle_class, track, camera)
    events += watched([*range(60), *range(75, 85), *range(90, 105)], camera)
    store.insert(events)
    store.settle()
