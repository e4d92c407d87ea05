"""Hand counts to judge a counter by: what is known of each clip, line and vehicle.

`accuracy_truth_file` reads them from files, `accuracy_simulated` takes them from a simulated junction.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from pipeline.types import VEHICLE_CLASSES, CountingLine, Direction

ANY_CLASS: Final = "vehicle"
"""The class of a vehicle whose class the reader could not tell; every class is right for it."""

SIMULATED: Final = "sim:"
"""How the name of a clip begins that is drawn rather than read from a file."""


def classes_of(label: str) -> frozenset[str]:
    """The classes that are right for a vehicle so labelled: a class, `vehicle` (any), or classes joined by `_or_`."""
    return frozenset(VEHICLE_CLASSES if label == ANY_CLASS else label.split("_or_"))


@dataclass(frozen=True, slots=True)
class TrueCount:
    """How many vehicles of one class crossed in one direction."""

    direction: Direction
    vehicle_class: str
    """As written: a class, `vehicle` (any class), or classes joined by `_or_`."""
    count: int

    @property
    def classes(self) -> frozenset[str]:
        """The classes that are right for these vehicles."""
        return classes_of(self.vehicle_class)


@dataclass(frozen=True, slots=True)
class FrameRange:
    """From `first` to `last`, both included, 0-based; `last` None is the clip's end."""

    first: int
    last: int | None

    def distance(self, frame: int) -> int:
        """Frames between `frame` and this range; 0 inside."""
        return max(self.first - frame, 0 if self.last is None else frame - self.last, 0)


@dataclass(frozen=True, slots=True)
class Window:
    """When one vehicle touched the line."""

    frames: FrameRange | None
    """None where the reader gave no window for this vehicle."""
    options: tuple[int, ...]
    """Indices into the line's `counts` to which this vehicle can belong."""


@dataclass(frozen=True, slots=True)
class TruthLine:
    """The hand counts at one line."""

    line: CountingLine
    counts: tuple[TrueCount, ...]
    windows: tuple[Window, ...]
    """At least one per counted vehicle."""
    straddling: tuple[FrameRange, ...]
    """Vehicles on the line when the clip begins or ends: to count them is neither right nor wrong."""


@dataclass(frozen=True, slots=True)
class TruthClip:
    """The hand counts of one clip."""

    name: str
    size: tuple[int, int]
    """(width, height) in pixels."""
    lines: tuple[TruthLine, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """The hand counts of one file, or of several put together."""

    clips: tuple[TruthClip, ...]

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal of all that is counted against; notes and the order of keys make no difference."""
        return hashlib.sha256(repr(self.clips).encode()).hexdigest()
