"""Cameras whose lines change their names and roles, with known counts, and what the store's views say of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.dashboard.periods import HOUR_S
from pipeline.sink.store import EmbeddedStore
from pipeline.types import DIRECTIONS, VEHICLE_CLASSES
from tests.sink.events import T0_S, crossing, line, minute

CAMERAS = ("a-1", "b-1", "c-1")
MIDNIGHT_S = T0_S - 8 * HOUR_S
BEFORE, WRONG, RENAMED = 0, 1, 3
"""Days: before there were entry lines, with an exit that is called an entry, and one that a replay named otherwise."""
LENGTH = 270
"""Minutes from 08:00 that are observed on a day."""


@contextmanager
def changed_store(path: Path) -> Iterator[EmbeddedStore]:
    """A new store in which all of it has happened at every camera."""
    with EmbeddedStore(path) as opened:
        for camera in CAMERAS:
            _happen(opened, camera)
        yield opened


def _happen(store: EmbeddedStore, camera: str) -> None:
    """Some days on which the lines' names and roles change, with vehicles that go backward and lost minutes."""
    chance = random.Random(camera)
    store.register_camera(camera)

    def run(day: int, roles: dict[str, str], *, revision: int = 0, first: int = 0) -> None:
        name = f"{camera}-{day}-{revision}-{first}"
        store.register_lines(camera, [line(each, role) for each, role in roles.items()], run=name)
        lost = set() if revision else {100 * each for each in range(3) if chance.random() < 0.5}
        numbers = [24 * 60 * day + number for number in range(first, LENGTH) if number not in lost]
        store.insert([minute(number, camera=camera, revision=revision, run=name) for number in numbers])
        store.insert(
            [
                crossing(
                    60 * chance.choice(numbers) + chance.random() * 59,
                    camera=camera,
                    line=chance.choice(list(roles)),
                    direction=chance.choices(DIRECTIONS, weights=(3, 1))[0],
                    vehicle_class=chance.choice(VEHICLE_CLASSES),
                    track=track,
                    revision=revision,
                    run=name,
                )
                for track in range(300)
            ]
        )

    arms = {"U-in": "entry", "T-in": "entry", "S-out": "exit"}
    run(BEFORE, {"a": "count", "b": "count"})
    run(WRONG, arms | {"S-out": "entry", "B-in": "entry"})
    run(2, arms)
    # B-in is missed until then, and belongs to the day all the same.
    run(2, {"B-in": "entry"}, first=60)
    run(RENAMED, arms)
    renamed = {"U-in": "entry", "north": "entry", "S-out": "exit"}
    run(RENAMED, renamed, revision=1)
    run(RENAMED + 7, renamed)
    run(BEFORE + 7, arms)


def of_view(store: EmbeddedStore, camera: str) -> list[dict[str, Any]]:
    return store.query(  # type: ignore[no-any-return]
        "SELECT toInt64(toUnixTimestamp(bin_start)) AS start_s, vehicles, smp, complete "
        "FROM camera_volumes_15m WHERE camera = {camera:String} ORDER BY start_s",
        {"camera": camera},
    ).to_pylist()
