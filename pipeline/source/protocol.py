"""What every source of pictures looks like to the rest of Simpang."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from pipeline.types import Frame


@dataclass(slots=True)
class SourceStats:
    """What a source met so far; it grows while the source is read."""

    frames_seen: int = 0
    """Pictures inside the asked-for part, delivered or not."""
    passed_over: int = 0
    """Of these, pictures left out because fewer a second are looked at."""
    duplicates: int = 0
    """Pictures left out because they repeat the one before or because their timestamp does not advance."""
    damaged: int = 0
    """Packets that could not be read or decoded whole."""
    truncated: bool = False
    """True once the source ended before the length it states, or could not be read to its end."""


@runtime_checkable
class FrameSource(Protocol):
    """An iterator of `Frame` in rising capture time, all of one camera and one size.

    One thread reads and closes it. Iteration ends where the pictures do; what was wrong with them is then in `warnings`
    and `stats`.
    """

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels of every frame."""
        ...

    @property
    def fps(self) -> float | None:
        """Nominal average pictures per second; None where the source does not say."""
        ...

    @property
    def duration_s(self) -> float | None:
        """Seconds that will be delivered according to what the source states; None where it does not say."""
        ...

    @property
    def frame_count_estimate(self) -> int | None:
        """How many pictures that is, for showing progress."""
        ...

    @property
    def started_at_ns(self) -> int:
        """Capture time of the source's very first picture, nanoseconds since the epoch, UTC."""
        ...

    @property
    def stats(self) -> SourceStats:
        """Counts of what was met so far."""
        ...

    @property
    def warnings(self) -> list[str]:
        """Whole sentences on damage and truncation met so far, for the caller to show."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...

    def __next__(self) -> Frame: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def close(self) -> None:
        """Let go of the file or connection; iteration ends."""
        ...
