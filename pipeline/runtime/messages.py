"""What processes of the pool tell one another. All of it is picklable and small; no picture is among it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.sink.coefficients import DEFAULT_FACILITY, DEFAULT_PCU_VERSION
from pipeline.source.hardware import Decode
from pipeline.source.live import Transport
from pipeline.source.live_clock import ClockQuality
from pipeline.types import CountingLine

LineCheck = Callable[[tuple[CountingLine, ...], tuple[int, int]], None]
"""Raises InputError where a line cannot count on a picture of (width, height) pixels."""


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """One live camera, as the site file has it. Two equal ones are the same camera, left alone by a reload."""

    camera: str
    url: str
    """With its password: never shown."""
    fps: float
    lines: tuple[CountingLine, ...]
    transport: Transport = "tcp"
    decode: Decode = "cpu"
    name: str = ""
    district: str = ""
    timezone: str = "Asia/Makassar"
    facility: str = DEFAULT_FACILITY
    pcu_version: str = DEFAULT_PCU_VERSION
    picture: Path | None = None
    """Where a picture with boxes and lines is kept for people who look, once a second; None: nowhere."""
    since_ns: int = 0
    """Pictures captured before are not counted: another host may have read the camera then."""

    def __repr__(self) -> str:
        return f"CameraSpec({self.camera!r})"


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is to read from now on."""

    cameras: tuple[CameraSpec, ...]
    number: int = 0
    """Of the `Share` that they follow; the worker's status says which one it has obeyed."""
    until_ns: int | None = None
    """Pictures captured later are not counted: another host may read the cameras then. None for no end."""


@dataclass(frozen=True, slots=True)
class Share:
    """The cameras of the site that are this host's, said by the membership process again and again."""

    number: int
    """Another one whenever a camera came or went."""
    since_ns: dict[str, int]
    """By camera: since when it is ours."""
    until_ns: int
    """Till when they are surely ours, unless it is said again."""
    message: str
    """Why the group cannot be reached now, else empty."""


@dataclass(frozen=True, slots=True)
class Obeyed:
    """To the membership process: no worker reads a camera any more that the share of this number has not."""

    number: int


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What a worker is started with."""

    name: str
    orders: Orders
    model: str | None
    device: str
    cores: tuple[int, ...]
    """CPU cores it may run on, so that workers do not fight over them; empty for all."""
    outbox: Path
    check_lines: LineCheck
    log_json: bool = False
    """Whether to log JSON, one object a line."""


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """How one camera stands. Counts are since its worker started and only grow."""

    camera: str
    state: str
    """`live`, `connecting`, `misconfigured`, a `FeedError.state`, or `isolated`."""
    message: str
    """One sentence where it is not live, else empty."""
    clock: ClockQuality | None
    pictures: int
    """Decoded."""
    analysed: int
    dropped: int
    """Wanted, and not analysed because the device was behind."""
    damaged: int
    connects: int
    crossings: int
    latency_counts: tuple[int, ...]
    """Frames by the time from capture to counted: one number for each of `LATENCY_BOUNDS_S`, and those beyond."""
    latency_sum_s: float


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker's heartbeat."""

    cameras: tuple[CameraStatus, ...]
    pid: int
    device: str
    model: str
    batches: int
    frames: int
    busy_s: float
    """Seconds so far in which the device had all the work it can take; half of that for half as long."""
    uptime_s: float
    share: float
    """Of the configured fps that the device can keep up with: 1, or less when overloaded."""
    detail: float
    """Of the network's input pixels that a picture may have: 1, or less where more does not fit."""
    outbox_depth: int
    obeyed: int = 0
    """`Orders.number` of the last orders that were carried out."""


@dataclass(frozen=True, slots=True)
class LoaderStatus:
    """The loader's heartbeat."""

    depth: int
    """Records that wait in all outboxes together."""
    lag_s: float
    """For how long there have been some, that is since when there were none."""
    loaded: int
    message: str
    """Why nothing can be loaded now, else empty."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A process ends because what it was given cannot work; starting it again would not help."""

    message: str
    exit_status: int


LATENCY_BOUNDS_S = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0, 5.0)
