"""What a live worker does when its outbox is full: refuse what is new, count it, and say so in the coverage.

A live camera cannot wait. When a crossing could not be kept, its minute was not observed as far as the counts go: the
coverage of that minute is delivered with 0 observed seconds, so that its bins are NULL and not too small. For that the
coverage of a minute is held back until nothing of the minute can come any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from pipeline.errors import StorageError
from pipeline.sink.outbox import Outbox
from pipeline.sink.registrations import Record, Registration
from pipeline.types import NS_PER_S, Coverage, Crossing, Movement

MINUTE_NS: Final = 60 * NS_PER_S
SETTLE_NS: Final = 15 * NS_PER_S
"""A crossing comes out so long after it happened at most, in time of capture: the counter lets a vehicle stand on a
line for ten seconds, bridges four seconds out of sight, and votes on the class for one."""

REFUSED: Final = "refused"
"""The reason of a minute whose crossings the outbox could not take."""


class LiveIntake:
    """Puts the records of one worker's cameras into `outbox`, which is bounded, and keeps the coverage true.

    State per camera: the coverage that is held back (a minute or two), and the minutes of which something was refused
    and whose coverage is yet to come. Both go away with the coverage of a later minute, or with `finish`.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._unregistered: list[Registration] = []
        self._held: dict[str, list[Coverage]] = {}
        self._holes: dict[str, set[int]] = {}
        self.last_refusal: StorageError | None = None
        """Why the outbox last refused something; None while it takes everything."""

    def register(self, registrations: Iterable[Registration]) -> None:
        """Announce cameras, lines and runs; while the outbox is full they wait here and go before the next events."""
        self._unregistered.extend(registrations)
        self._put(())

    def accept(self, camera: str, captured_at_ns: int, events: Sequence[Crossing | Movement | Coverage]) -> int:
        """Take what the counter made of the frame of `camera` captured at `captured_at_ns`.

        Returns how many events were refused; all others are durable when this returns, but for coverage that is held
        back.
        """
        vehicles = [event for event in events if not isinstance(event, Coverage)]
        held = self._held.setdefault(camera, [])
        held.extend(event for event in events if isinstance(event, Coverage))
        settled = [each for each in held if captured_at_ns >= each.minute_ns + MINUTE_NS + SETTLE_NS]
        refused = self._accept_vehicles(camera, vehicles)
        if settled:
            self._held[camera] = [each for each in held if each not in settled]
            refused += self._accept_coverage(camera, settled)
        return refused

    def finish(self, camera: str) -> int:
        """The feed of `camera` has ended: nothing is held back any more. Returns how many events were refused."""
        return self._accept_coverage(camera, self._held.pop(camera, []))

    def _accept_vehicles(self, camera: str, vehicles: Sequence[Crossing | Movement]) -> int:
        if not vehicles or self._put(vehicles):
            return 0
        self._holes.setdefault(camera, set()).update(map(_minute_ns, vehicles))
        return len(vehicles)

    def _accept_coverage(self, camera: str, minutes: Sequence[Coverage]) -> int:
        holes = self._holes.get(camera, set())
        told = [replace(each, observed_s=0.0, reason=REFUSED) if each.minute_ns in holes else each for each in minutes]
        if not told:
            return 0
        # Coverage that is refused itself leaves its minute without any, which is as true: nobody says it was observed.
        refused = 0 if self._put(told) else len(told)
        latest_ns = max(each.minute_ns for each in told)
        remaining = {minute_ns for minute_ns in holes if minute_ns > latest_ns}
        if remaining:
            self._holes[camera] = remaining
        else:
            self._holes.pop(camera, None)
        return refused

    def _put(self, events: Sequence[Crossing | Movement | Coverage]) -> bool:
        records: list[Record] = [*self._unregistered, *events]
        try:
            self._outbox.append(records)
        except StorageError as error:
            self.last_refusal = error
            return False
        self._unregistered.clear()
        self.last_refusal = None
        return True


def _minute_ns(vehicle: Crossing | Movement) -> int:
    at_ns = vehicle.captured_at_ns if isinstance(vehicle, Crossing) else vehicle.exited_at_ns
    return at_ns - at_ns % MINUTE_NS
