"""The live pictures that workers of this machine keep for people who look, where the site file allows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

FRESH_S: Final = 10.0
"""An older picture is of a camera that is dark, and not shown."""


class LivePictures:
    """One JPEG a camera in a directory, each replaced by its worker every second."""

    def __init__(self, directory: Path, *, now_s: Callable[[], float] = time.time) -> None:
        self._directory, self._now_s = directory, now_s

    def cameras(self) -> list[str]:
        """The cameras of which there is a picture now."""
        return sorted(path.stem for path in self._directory.glob("*.jpg") if self._is_fresh(path))

    def picture(self, camera: str) -> bytes | None:
        """The camera's picture as JPEG; None where there is none, or none of now."""
        path = self._directory / f"{camera}.jpg"
        if path.parent != self._directory:
            return None
        try:
            return path.read_bytes() if self._is_fresh(path) else None
        except OSError:
            return None

    def _is_fresh(self, path: Path) -> bool:
        try:
            return self._now_s() - path.stat().st_mtime < FRESH_S
        except OSError:
            # It may go at any time: its camera was removed.
            return False
