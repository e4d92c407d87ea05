"""The line editor's work: a still of the camera, checks of lines, and saving them into the site file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2

from pipeline.config import CameraConfig, LineConfig, SiteConfig
from pipeline.dashboard.site_text import replace_lines
from pipeline.errors import InputError, StorageError
from pipeline.source import open_source
from pipeline.source.live_open import open_live
from pipeline.source.url import scheme_of
from pipeline.types import Frame

STILL_QUALITY = 85
_RECORDED = ("file", "sim")


class LineEditor:
    """Edits the lines of one site file; with `writable=False` it only shows and checks them. Threads may share it."""

    def __init__(self, path: Path, load: Callable[[Path], SiteConfig], *, writable: bool) -> None:
        """`load` reads a site file and raises InputError; it is the only one who sees the environment."""
        self._path = path
        self._load = load
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
        }

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
        text = replace_lines(self._path.read_text(encoding="utf-8"), camera_id, lines, names_before)
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
