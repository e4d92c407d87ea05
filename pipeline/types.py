"""The types that travel between Simpang's rooms.

Pixels stop at `detect`; after that only the small records below move. Times are integer nanoseconds since the Unix
epoch, UTC, and are the time of capture. Coordinates are pixels of the source frame, x to the right, y down.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Direction: TypeAlias = Literal["forward", "backward"]
LineRole: TypeAlias = Literal["entry", "exit", "count"]
Point: TypeAlias = tuple[float, float]
Image: TypeAlias = npt.NDArray[np.uint8]

VEHICLE_CLASSES: Final = ("motorcycle", "car", "bus", "truck", "bicycle")
"""The classes Simpang counts; `class_id` in a `sv.Detections` is an index into this tuple."""

DIRECTIONS: Final[tuple[Direction, Direction]] = ("forward", "backward")

NS_PER_S: Final = 1_000_000_000

ID_SEPARATOR: Final = "\x1f"
ID_DIGITS: Final = 32
"""`event_id` in its parts, for code that makes many at once; the store's SQL does the same."""


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of a picture, in its pixels."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def whole(cls, size: tuple[int, int]) -> Region:
        """All of a picture of `size` (width, height)."""
        return cls(0, 0, *size)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height


class Picture(Protocol):
    """A decoded picture that becomes BGR where it is looked at, and only as large as it is wanted there.

    Any number of threads may read it at once. Nothing is kept: each call converts anew.
    """

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        ...

    @property
    def luma(self) -> Image:
        """(height, width) uint8, the brightness as the camera coded it; nothing is copied."""
        ...

    def to_image(self) -> Image:
        """(height, width, 3) uint8, BGR, of the picture's own size."""
        ...

    def scaled(self, size: tuple[int, int]) -> Image:
        """(height, width, 3) uint8, BGR, of `size` (width, height)."""
        ...

    def part(self, region: Region) -> Picture:
        """What lies in `region`, at even x and y and inside the picture; nothing is copied."""
        ...


Pixels: TypeAlias = Image | Picture
"""A picture as an array (height, width, 3) uint8, BGR, or as one that can be turned into it."""


def size_of(pixels: Pixels) -> tuple[int, int]:
    """(width, height) of a picture in pixels."""
    return (pixels.shape[1], pixels.shape[0]) if isinstance(pixels, np.ndarray) else pixels.size


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of one camera."""

    camera: str
    seq: int
    """0-based index in the stream as decoded; frames that were left out keep their number."""
    captured_at_ns: int
    pixels: Pixels = field(repr=False)
    """The picture as it came; what a detector takes."""
    lost_before: int = 0
    """Frames between the previous delivered one and this that were duplicates or could not be decoded."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return size_of(self.pixels)

    @property
    def image(self) -> Image:
        """(height, width, 3) uint8, BGR, the source's own size; a decoded picture is converted at each access."""
        return self.pixels if isinstance(self.pixels, np.ndarray) else self.pixels.to_image()


@dataclass(frozen=True, slots=True)
class CountingLine:
    """A line on the picture at which vehicles are counted.

    `forward` is a crossing to the right-hand side of someone walking from `start` to `end` in image coordinates.
    """

    name: str
    start: Point
    end: Point
    role: LineRole = "count"
    approach: str | None = None
    """The arm of the junction, U, S, T or B (north, south, east, west in Indonesian), where known."""

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise ValueError(f"line {self.name!r} has zero length: both ends are {self.start}")


@dataclass(frozen=True, slots=True)
class Crossing:
    """One vehicle crossed one line once."""

    event_id: str
    camera: str
    line: str
    direction: Direction
    vehicle_class: str
    captured_at_ns: int
    """Interpolated between the two frames around the crossing."""
    frame: int
    """`Frame.seq` of the first frame on the far side."""
    track: int
    confidence: float
    """Mean detection confidence of the track's winning class, 0 to 1."""
    speed_kmh: float | None
    """None where the camera is not calibrated."""
    revision: int
    run: str


@dataclass(frozen=True, slots=True)
class Movement:
    """One vehicle from its entry line to its exit line."""

    event_id: str
    camera: str
    from_line: str
    to_line: str
    vehicle_class: str
    entered_at_ns: int
    exited_at_ns: int
    track: int
    stitched: bool
    """True where the path was put together from fragments of more than one track."""
    revision: int
    run: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of one minute of one camera was really observed."""

    camera: str
    minute_ns: int
    """Start of the minute."""
    observed_s: float
    """0 to 60."""
    frames_seen: int
    frames_processed: int
    frames_dropped: int
    reason: str
    """Why the minute is not whole: `` (it is), `edge` (footage begins or ends in it), `gap`, `damaged`, `overload`, and
    for live cameras `disconnected` and `stalled` (connected, but silent)."""
    revision: int
    run: str


Event: TypeAlias = Crossing | Movement | Coverage


@dataclass(frozen=True, slots=True, eq=False)
class VehiclePath:
    """The way of one vehicle through the picture, whichever lines lay there."""

    vehicle: int
    vehicle_class: str
    captured_at_ns: npt.NDArray[np.int64]
    """(N,), rising."""
    points: npt.NDArray[np.float32]
    """(N, 2) pixels: the point of the vehicle that crosses lines."""
    size_px: npt.NDArray[np.float32]
    """(N,) sqrt(width * height) of its box."""

    def __len__(self) -> int:
        return len(self.captured_at_ns)


@dataclass(frozen=True, slots=True, eq=False)
class PathSample:
    """The paths of all vehicles in a piece of footage of one camera; lines can be tried on it without its pictures."""

    camera: str
    picture_size: tuple[int, int]
    """(width, height) in pixels."""
    from_ns: int
    """Capture time of the first picture."""
    duration_s: float
    paths: tuple[VehiclePath, ...] = field(repr=False)


def event_id(*parts: str | int) -> str:
    """A deterministic id: the first `ID_DIGITS` hexadecimal digits of SHA-256 over the parts.

    The same crossing delivered twice has the same id, so the store can keep one row of it.
    """
    return hashlib.sha256(ID_SEPARATOR.join(map(str, parts)).encode()).hexdigest()[:ID_DIGITS]
