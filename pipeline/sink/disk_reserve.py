"""Space on a disk that is kept for the moment when the disk is full."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


class DiskReserve:
    """A file of `size_bytes` that holds nothing: giving it up makes room for the writes that make more room.

    Best effort: a disk that is full already gives none, and `renew` tries again.
    """

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path, self._size_bytes = path, size_bytes

    def renew(self) -> None:
        """Take the space where it is not taken and can be had."""
        with contextlib.suppress(OSError):
            if self._path.exists() and self._path.stat().st_size >= self._size_bytes:
                return
            try:
                with self._path.open("wb") as file:
                    if hasattr(os, "posix_fallocate"):
                        os.posix_fallocate(file.fileno(), 0, self._size_bytes)
                    else:
                        file.write(bytes(self._size_bytes))
            except OSError:
                self.release()

    def release(self) -> None:
        """Give the space up."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
