"""Paths of all vehicles in a piece of footage, found once so that lines can be drawn and tried on them.

That is heavy work beside counting. Where a page asks for it, it runs in a process of its own at the lowest priority,
one at a time; what it finds is a file per camera, and each new one replaces the one before.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, Literal

from pipeline.count import CameraCounter, CountUpdate
from pipeline.detect import Detector, load_detector
from pipeline.errors import InputError, PipelineError
from pipeline.runtime.child import ChildProcess, ignore
from pipeline.runtime.footage import FootageJob, count_footage
from pipeline.sink.path_file import read_paths, write_paths
from pipeline.source import FrameSource, open_source
from pipeline.source.live_open import open_live
from pipeline.source.live_slice import LiveSlice
from pipeline.source.simulated import SimulatedJunction
from pipeline.source.url import scheme_of
from pipeline.types import Frame, PathSample, VehiclePath

RECORDED_S: Final = 300.0
"""How much of recorded footage is looked at: some cycles of a signal."""
LIVE_S: Final = 120.0
"""And of a live camera, for which somebody waits as long."""
LOWEST_PRIORITY: Final = 19
DONE: Final = 1.0

Phase = Literal["none", "running", "ready", "failed"]
Transport = Literal["tcp", "udp"]


@dataclass(frozen=True, slots=True)
class Footage:
    """Where a camera's pictures come from."""

    camera: str
    url: str = ""
    fps: float = 10.0
    transport: Transport = "tcp"


@dataclass(frozen=True, slots=True)
class Observing:
    """How far looking at a camera is."""

    phase: Phase
    share: float = 0.0
    """0 to 1 of a running one."""
    message: str = ""
    """Why one failed."""


def observe_paths(
    source: FrameSource, camera: str, detector: Detector, *, tell: Callable[[int], None] = lambda frames: None
) -> PathSample:
    """The paths of all vehicles in `source`, looked for in the whole picture; closes it. `tell` hears of each frame.

    Raises what the source or the detector raises.
    """
    paths: list[VehiclePath] = []
    job = FootageJob(source, CameraCounter(camera, (), keep_paths=True), (), camera, whole_picture=True)

    def observe(job: FootageJob, frame: Frame | None, update: CountUpdate) -> None:
        paths.extend(update.paths)
        if frame is not None:
            tell(job.frames)

    size = source.size
    count_footage([job], detector, observe=observe, keep_events=False)
    return PathSample(camera, size, job.first_captured_at_ns or 0, job.duration_s, tuple(paths))


class PathObserver:
    """Looks at cameras on request and keeps what it saw, one file each in `directory`. Threads may share it."""

    def __init__(self, directory: Path, *, model: str | None = None, device: str = "auto") -> None:
        self._directory, self._model, self._device = directory, model, device
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._failures: dict[str, str] = {}
        """The last one of each camera; at most one per camera of the site file."""
        self._kept: tuple[Path, int, PathSample | None] | None = None
        """The sample read last, and its file's time of change: a line that is moved asks for it ten times a second."""

    def begin(self, camera: str, url: str, fps: float, transport: Transport) -> None:
        """Begin to look. Raises InputError where another camera is being looked at."""
        with self._lock:
            self._listen()
            if self._running is not None:
                raise InputError(f"camera {self._running.camera} is being observed; wait until that is done")
            self._failures.pop(camera, None)
            footage = Footage(camera, url, fps, transport)
            self._running = _Running(footage, self._file(camera), self._model, self._device)

    def cancel(self) -> None:
        """Stop looking, if anything is being looked at."""
        with self._lock:
            if self._running is not None:
                self._running.end()
                self._running = None

    def state(self, camera: str) -> Observing:
        """How far looking at `camera` is."""
        with self._lock:
            self._listen()
            if self._running is not None and self._running.camera == camera:
                return Observing("running", self._running.share)
            if camera in self._failures:
                return Observing("failed", message=self._failures[camera])
        return Observing("ready" if self._file(camera).exists() else "none")

    def sample(self, camera: str) -> PathSample | None:
        """What was seen last; None where nothing was. Raises StorageError where its file cannot be read."""
        path = self._file(camera)
        try:
            changed_ns = path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        with self._lock:
            if self._kept is None or self._kept[:2] != (path, changed_ns):
                self._kept = path, changed_ns, read_paths(path)
            return self._kept[2]

    def _file(self, camera: str) -> Path:
        return self._directory / f"{camera}.npz"

    def _listen(self) -> None:
        running = self._running
        if running is None or running.listen():
            return
        self._running = None
        if running.failure:
            self._failures[running.camera] = running.failure


class _Running:
    """The process that looks, as seen from outside."""

    def __init__(self, footage: Footage, file: Path, model: str | None, device: str) -> None:
        self._process = ChildProcess("observer", _look, footage, file, model, device)
        self.camera = footage.camera
        self.share = 0.0
        self.failure = ""

    def listen(self) -> bool:
        """Hear what it says; False once it has ended."""
        alive = self._process.is_alive()  # asked first, so that the last words of one that ended are heard
        for said in self._process.messages():
            if isinstance(said, str):
                self.failure = said
            elif isinstance(said, float):
                self.share = said
        if not alive and self.share < DONE and not self.failure:
            self.failure = "observing ended unexpectedly; see the dashboard's output"
        return alive

    def end(self) -> None:
        self._process.kill()
        self._process.join()


def _look(footage: Footage, file: Path, model: str | None, device: str, connection: Connection) -> None:
    """The process: says its share from 0 to 1, or a sentence that says why it failed."""
    ignore(signal.SIGINT)
    os.nice(LOWEST_PRIORITY)
    try:
        with _open(footage) as source, load_detector(model, device) as detector:
            total = source.frame_count_estimate or 0

            def tell(frames: int) -> None:
                if total and frames % 10 == 0:
                    connection.send(min(frames / total, 0.99 * DONE))

            write_paths(file, observe_paths(source, footage.camera, detector, tell=tell))
        connection.send(DONE)
    except PipelineError as error:
        connection.send(str(error))
    except BrokenPipeError:
        return  # whoever asked is gone


def _open(footage: Footage) -> FrameSource:
    scheme = scheme_of(footage.url)
    if scheme == "sim":
        source = open_source(footage.url, camera=footage.camera, start_at_ns=0)
        assert isinstance(source, SimulatedJunction)
        scenario = source.scenario
        return SimulatedJunction(replace(scenario, duration_s=min(scenario.duration_s, RECORDED_S)))
    if scheme == "file" and Path(footage.url.removeprefix("file:")).is_file():
        return open_source(footage.url, camera=footage.camera, start_at_ns=0, to_s=RECORDED_S)
    feed = open_live(footage.url, camera=footage.camera, fps=footage.fps, transport=footage.transport)
    return LiveSlice(feed, LIVE_S)
