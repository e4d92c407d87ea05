"""What a worker tells the store beside events: which cameras there are, on which lines a run counts, what a run is.

They travel like events, in the same outbox and topic and before the events that need them, so that a worker needs no
connection to the store. Giving one again changes nothing; of one camera, the newest word holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pipeline.sink.coefficients import DEFAULT_FACILITY, DEFAULT_PCU_VERSION
from pipeline.types import CountingLine, Event


@dataclass(frozen=True, slots=True)
class CameraRegistration:
    """What a camera is."""

    camera: str
    name: str
    district: str
    timezone: str
    """IANA name; sets the camera's local days."""
    facility: str = DEFAULT_FACILITY
    pcu_version: str = DEFAULT_PCU_VERSION
    """Both together choose the camera's coefficients."""


@dataclass(frozen=True, slots=True)
class LinesRegistration:
    """On which lines a run counts, so that a line without a vehicle has a count of 0 and not none."""

    camera: str
    run: str
    lines: tuple[CountingLine, ...]


@dataclass(frozen=True, slots=True)
class RunRegistration:
    """Where the numbers of a run come from."""

    camera: str
    run: str
    revision: int
    source: str
    """The footage or feed as people know it, without a password."""
    model: str
    model_digest: str
    device: str
    program_version: str
    footage_from_ns: int | None
    footage_to_ns: int | None


Registration: TypeAlias = CameraRegistration | LinesRegistration | RunRegistration
Record: TypeAlias = Event | Registration
"""What the outbox and the bus carry."""
