"""Entry and exit crossings of one vehicle make a movement through the junction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.types import CountingLine, Crossing, Movement, event_id


@dataclass(frozen=True, slots=True)
class _Entry:
    crossing: Crossing
    fragment: int


class MovementPairer:
    """Remembers by which line each vehicle entered.

    A vehicle enters by crossing an entry line forward and leaves by crossing an exit line forward; crossing its entry
    line backward again takes the entry back. State: one entry per vehicle inside the junction; it goes when the vehicle
    leaves, and with `forget` when its tracks are over.
    """

    def __init__(self, lines: Sequence[CountingLine]) -> None:
        self._roles = {line.name: line.role for line in lines}
        self._entries: dict[int, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def cross(self, crossing: Crossing, fragment: int) -> Movement | None:
        """Take one vehicle's crossings in order of time; `fragment` is the tracker's track that made it."""
        role = self._roles[crossing.line]
        if role == "entry" and crossing.direction == "forward":
            self._entries[crossing.track] = _Entry(crossing, fragment)
        elif role == "entry":
            entry = self._entries.get(crossing.track)
            if entry is not None and entry.crossing.line == crossing.line:
                del self._entries[crossing.track]
        elif role == "exit" and crossing.direction == "forward":
            entry = self._entries.pop(crossing.track, None)
            if entry is not None:
                return _movement(entry, crossing, stitched=fragment != entry.fragment)
        return None

    def forget(self, vehicle: int) -> None:
        """The vehicle will not be seen again."""
        self._entries.pop(vehicle, None)


def _movement(entry: _Entry, leaving: Crossing, *, stitched: bool) -> Movement:
    return Movement(
        event_id=event_id(
            "movement",
            leaving.camera,
            entry.crossing.line,
            leaving.line,
            entry.crossing.captured_at_ns,
            leaving.captured_at_ns,
            leaving.track,
            leaving.revision,
        ),
        camera=leaving.camera,
        from_line=entry.crossing.line,
        to_line=leaving.line,
        vehicle_class=leaving.vehicle_class,
        entered_at_ns=entry.crossing.captured_at_ns,
        exited_at_ns=leaving.captured_at_ns,
        track=leaving.track,
        stitched=stitched,
        revision=leaving.revision,
        run=leaving.run,
    )
