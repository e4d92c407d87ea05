"""A small town with known counts: cameras at junctions, some days of traffic, holes in what was observed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from pipeline.sink.store import Store
from pipeline.types import NS_PER_S, CountingLine, Coverage, Crossing, Direction, Event, Movement, event_id

ZONE = ZoneInfo("Asia/Makassar")
SUDIRMAN, MAKAM, KUARO = "grogot-sudirman-1", "grogot-makam-1", "kuaro-1"
NAMES = {
    SUDIRMAN: ("Perempatan Jl. Jenderal Sudirman", "Tanah Grogot"),
    MAKAM: ("Simpang tiga Makam Pahlawan", "Tanah Grogot"),
    KUARO: ("Simpang Kuaro", "Kuaro"),
}
ARMS = {SUDIRMAN: "UTSB", MAKAM: "UTS", KUARO: "UTS"}
SHARES = {"motorcycle": 0.72, "car": 0.19, "truck": 0.06, "bus": 0.01, "bicycle": 0.02}
RUN = "run-a"


def local_s(text: str) -> int:
    """`2026-06-01 08:00` in Makassar as seconds since the epoch."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp())


def lines(camera: str) -> list[CountingLine]:
    """An entry and an exit line for each arm, on a picture of 1280x720."""
    places = {"U": (500, 150), "T": (1000, 360), "S": (760, 600), "B": (240, 360)}
    return [
        CountingLine(
            f"{arm}-{word}",
            (float(places[arm][0] + shift), float(places[arm][1])),
            (float(places[arm][0] + shift + 110), float(places[arm][1] + 10)),
            role=role,
            approach=arm,
        )
        for arm in ARMS[camera]
        for word, role, shift in (("in", "entry", 0), ("out", "exit", 130))
    ]


def flow_per_minute(second_of_day: int) -> float:
    """Vehicles a minute over all arms: two peaks, and a quiet night."""
    hour = second_of_day / 3600
    peaks = 9 * math.exp(-((hour - 7.3) ** 2) / 1.6) + 11 * math.exp(-((hour - 16.8) ** 2) / 3)
    return 0.3 + peaks + 5 * math.exp(-((hour - 12) ** 2) / 14)


def vehicle(camera: str, second: float, arms: tuple[str, str], class_: str, track: int) -> Iterator[Event]:
    """One vehicle that enters at `second` from one arm and leaves by the other: two crossings and a movement."""
    entered_ns, exited_ns = round(second * NS_PER_S), round((second + 6) * NS_PER_S)
    entry, exit_ = f"{arms[0]}-in", f"{arms[1]}-out"
    for line, direction, at_ns in ((entry, "forward", entered_ns), (exit_, "backward", exited_ns)):
        yield crossing(camera, line, direction, class_, at_ns, track)  # type: ignore[arg-type]
    yield Movement(
        event_id(camera, entry, exit_, exited_ns, track),
        camera,
        entry,
        exit_,
        class_,
        entered_ns,
        exited_ns,
        track,
        False,
        0,
        RUN,
    )


def crossing(camera: str, line: str, direction: Direction, class_: str, at_ns: int, track: int) -> Crossing:
    id_ = event_id(camera, line, direction, at_ns, track)
    return Crossing(id_, camera, line, direction, class_, at_ns, at_ns // 10**8, track, 0.8, None, 0, RUN)


def minute(camera: str, minute_s: int, observed_s: float = 60.0, reason: str = "", dropped: int = 0) -> Coverage:
    seen = round(observed_s * 10)
    return Coverage(camera, minute_s * NS_PER_S, observed_s, seen, seen - dropped, dropped, reason, 0, RUN)


def has_hole(at_s: int) -> bool:
    """Whether nothing is observed then: from 12:30 to 13:30 of each second day."""
    day, second_of_day = divmod(at_s + 8 * 3600, 86400)
    return bool(day % 2) and 45000 <= second_of_day < 48600


def traffic(camera: str, from_s: int, to_s: int, *, scale: float = 1.0, seed: int = 1) -> Iterator[Event]:
    """Minute by minute; nothing is observed from 12:30 to 13:30 of each second day, and 20 s a minute from 22:00 on."""
    chance = random.Random(f"{camera}{seed}")
    track = 0
    for minute_s in range(from_s, to_s, 60):
        second_of_day = (minute_s + 8 * 3600) % 86400
        if has_hole(minute_s):
            yield minute(camera, minute_s, 0.0, "disconnected")
            continue
        late = second_of_day >= 22 * 3600
        yield minute(camera, minute_s, 40.0 if late else 60.0, "overload" if late else "", 25 if late else 0)
        # Days differ: the pages compare them.
        expected = flow_per_minute(second_of_day) * scale * (0.8 + 0.08 * (minute_s // 86400 % 5))
        for _ in range(int(expected) + (chance.random() < expected % 1)):
            track += 1
            entry = chance.choices(ARMS[camera], weights=(5, 3, 4, 2)[: len(ARMS[camera])])[0]
            exit_ = chance.choice([arm for arm in ARMS[camera] if arm != entry])
            class_ = chance.choices(list(SHARES), weights=list(SHARES.values()))[0]
            yield from vehicle(camera, minute_s + chance.random() * 50, (entry, exit_), class_, track)


def register(store: Store, camera: str) -> None:
    name, district = NAMES[camera]
    store.register_camera(camera, name=name, district=district)
    store.register_lines(camera, lines(camera), run=RUN)
    store.register_run(RUN, camera=camera, revision=0, model="simpang-n")


def build(store: Store, from_s: int, to_s: int, *, scale: float = 1.0) -> None:
    """The whole town from `from_s` to `to_s`."""
    for share, camera in zip((1.0, 0.6, 0.35), NAMES, strict=True):
        register(store, camera)
        store.insert(list(traffic(camera, from_s, to_s, scale=scale * share)))
