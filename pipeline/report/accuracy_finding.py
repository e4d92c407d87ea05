"""The causes of wrong counts, and one cause found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

Cause = Literal[
    "not detected",
    "track lost",
    "id switch",
    "wrong class",
    "crossing rule",
    "false detection",
    "double count",
    "unknown",
]

CAUSES: Final[dict[Cause, str]] = {
    "not detected": "the detector has no box of it, or only weak ones, for most of its time on the line",
    "track lost": "detected, but the tracker did not follow it over the line",
    "id switch": "one track before the line and another beyond it, or a track that hops between vehicles",
    "wrong class": "counted under another class",
    "crossing rule": "detected and tracked, but its path was wrongly taken for a crossing, or for none",
    "false detection": "a track where no vehicle crosses",
    "double count": "a vehicle that was counted already",
    "unknown": "the truth does not say when it crossed",
}
assert set(CAUSES) == set(get_args(Cause))


@dataclass(frozen=True, slots=True)
class Finding:
    """Why one count is wrong."""

    cause: Cause
    why: str
    """What was seen that tells so, in words."""
    vehicles: tuple[int, ...] = ()
    """Numbers of the tracks that it is about."""
    xyxy: tuple[float, float, float, float] | None = None
    """A box of it at the line, pixels of the source frame, where it was seen there."""
