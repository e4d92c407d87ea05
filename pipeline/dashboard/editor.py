"""The line editor's work: a still of the camera, checks of lines, and saving them into the site file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import cv2

from pipeline.config import CameraConfig, LineConfig, SiteConfig
from pipeline.dashboard.site_text import replace_lines
from pipeline.errors import InputError, StorageError
from pipeline.source import open_source
from pipeline.source.live_open import open_live
from pipeline.source.url import scheme_of
from pipeline.types import Frame, PathSample

STILL_QUALITY = 85
_RECORDED = ("file", "sim")


class Observing(Protocol):
    """How far looking at a camera's traffic is."""

    @property
    def phase(self) -> str:
        """`none`, `running`, `ready` or `failed`."""
        ...

    @property
    def share(self) -> float:
        """0 to 1 of a running one."""
        ...

    @property
    def message(self) -> str:
        """Why one failed."""
        ...


class Observer(Protocol):
    """Finds the paths of a camera's vehicles, outside of this process. Threads share it."""

    def begin(self, camera: str, url: str, fps: float, transport: Literal["tcp", "udp"]) -> None:
        """Begin to look. Raises InputError where another camera is being looked at."""
        ...

    def cancel(self) -> None:
        """Stop looking."""
        ...

    def state(self, camera: str) -> Observing:
        """How far it is."""
        ...

    def sample(self, camera: str) -> PathSample | None:
        """What was seen last."""
        ...


class LineEditor:
    """Edits the lines of one site file; with `writable=False` it only shows and checks them. Threads may share it."""

    def __init__(
        self,
        path: Path,
        load: Callable[[Path], SiteConfig],
        *,
        writable: bool,
        observer: Observer | None = None,
        saved: Callable[[], None] = lambda: None,
    ) -> None:
        """`load` reads a site file and raises InputError; it is the only one who sees the environment.

        Without an `observer` lines are neither suggested nor tried. `saved` is called once lines stand in the file.
        """
        self._path = path
        self._load = load
        self._observer = observer
        self._saved = saved
        self.writable = writable
        self.token = secrets.token_urlsafe(24)
        """What a page must send along to write; only our own pages can read it."""

    def camera(self, camera_id: str) -> dict[str, Any]:
        """The camera's lines in the file, and the digest that `save` wants back. Raises InputError."""
        camera = self._load(self._path).find_camera(camera_id)
        return {
            "id": camera.id,
            "name": camera.name,
            "lines": [line.model_dump(mode="json") for line in camera.line],
            "digest": self._digest(),
            "writable": self.writable,
            "token": self.token if self.writable else None,
            "has_picture": camera.url is not None,
            "observes": self._observer is not None and self.writable,
        }

    def observe(self, camera_id: str) -> None:
        """Begin to find the paths of the camera's vehicles. Raises InputError where that cannot be."""
        camera = self._load(self._path).find_camera(camera_id)
        if self._observer is None or camera.url is None:
            raise InputError(f"camera {camera_id!r} cannot be observed from here")
        self._observer.begin(camera.id, camera.url, camera.fps, camera.transport)

    def stop_observing(self) -> None:
        """End what `observe` began."""
        if self._observer is not None:
            self._observer.cancel()

    def observing(self, camera_id: str) -> dict[str, Any]:
        """How far observing is, and how much was observed. Raises InputError where there is no such camera."""
        camera = self._load(self._path).find_camera(camera_id)
        if self._observer is None:
            return {"phase": "none", "share": 0.0, "message": "", "sample": None}
        state, sample = self._observer.state(camera.id), self._observer.sample(camera.id)
        seen = None if sample is None else {"vehicles": len(sample.paths), "duration_s": round(sample.duration_s)}
        return {"phase": state.phase, "share": round(state.share, 3), "message": state.message, "sample": seen}

    def sample(self, camera_id: str) -> PathSample | None:
        """The paths of the camera's vehicles as last observed."""
        return (
            None if self._observer is None else self._observer.sample(self._load(self._path).find_camera(camera_id).id)
        )

    def still(self, camera_id: str) -> bytes:
        """The camera's first picture as JPEG, at its own size.

        Raises InputError where the camera has no `url` or it cannot be read, FeedError where it gives no picture now.
        """
        frame = _first_frame(self._load(self._path).find_camera(camera_id))
        done, data = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, STILL_QUALITY])
        if not done:
            raise StorageError(f"could not encode the picture of camera {camera_id}")
        return bytes(data.tobytes())

    def save(
        self, camera_id: str, lines: Sequence[LineConfig], names_before: Sequence[str | None], digest: str
    ) -> None:
        """Put `lines` into the site file in place of the camera's; comments and everything else stay.

        `names_before` says under which name each line stands in the file now (None: it is new). Raises InputError
        where the file has changed since `digest` was read, or would not be a valid site file; StorageError where it
        cannot be written. The file is replaced whole or not at all.
        """
        if not self.writable:
            raise InputError("lines cannot be saved: the dashboard was started without --edit")
        self._load(self._path).find_camera(camera_id)
        if digest != self._digest():
            raise InputError(f"{self._path.name} was changed by somebody else meanwhile; load the page again")
        # As it is read: Windows' Notepad puts a mark before what it saves.
        text = replace_lines(self._path.read_text(encoding="utf-8-sig"), camera_id, lines, names_before)
        fresh = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            fresh.write_text(text, encoding="utf-8")
            fresh.chmod(self._path.stat().st_mode & 0o777)
            self._load(fresh)
            os.replace(fresh, self._path)  # noqa: PTH105 - named for what it does: atomic
        except OSError as error:
            raise StorageError(
                f"cannot write {self._path.name}: {error.strerror}; check the space and permissions of its directory"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
        self._saved()

    def _digest(self) -> str:
        try:
            return hashlib.sha256(self._path.read_bytes()).hexdigest()
        except OSError as error:
            raise InputError(f"cannot read the site file {self._path.name}: {error.strerror}") from error


def _first_frame(camera: CameraConfig) -> Frame:
    if camera.url is None:
        raise InputError(f"camera {camera.id!r} has no url in the site file, so there is no picture to draw on")
    if scheme_of(camera.url) in _RECORDED:
        with open_source(camera.url, camera=camera.id, start_at_ns=0) as source:
            for frame in source:
                return frame
        raise InputError(f"the footage of camera {camera.id!r} holds no picture")
    feed = open_live(camera.url, camera=camera.id, fps=camera.fps, transport=camera.transport)
    # The connection closes with the iterator, which nobody else holds.
    return next(feed.frames())
