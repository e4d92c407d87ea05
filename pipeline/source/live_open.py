"""One way to open whatever a camera's `url` names."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pipeline.errors import InputError
from pipeline.source.hardware import Decode
from pipeline.source.live import STALL_S, CameraFeed, LiveFeed, Transport
from pipeline.source.live_replay import ReplayFeed
from pipeline.source.url import local_path, redact, scheme_of

_NETWORK: Final = ("rtsp", "rtsps", "http", "https")


def open_live(
    url: str,
    *,
    camera: str,
    fps: float,
    transport: Transport = "tcp",
    decode: Decode = "cpu",
    stall_s: float = STALL_S,
    wait: Callable[[float], object] = time.sleep,
) -> LiveFeed:
    """The feed of an rtsp(s)://, http(s):// or V4L2 (`/dev/video0`) camera, or a recording or `sim:` played as one.

    Nothing is connected to yet. Raises InputError where `url` can never be a camera.
    """
    scheme = scheme_of(url)
    if scheme in _NETWORK and not _names_host(url):
        raise InputError(
            f"camera {camera!r}: {redact(url)} names no host and port; in user name and password write "
            "%2F for /, %3F for ?, %23 for #, %40 for @ and %25 for %"
        )
    mode = _mode_of(local_path(url)) if scheme == "file" else 0
    if scheme in _NETWORK or stat.S_ISCHR(mode):
        return CameraFeed(url, camera=camera, fps=fps, transport=transport, decode=decode, stall_s=stall_s, wait=wait)
    if scheme not in ("file", "sim"):
        raise InputError(
            f"camera {camera!r} cannot be read from {redact(url)}: {scheme}: is not supported; "
            "give rtsp://, http(s)://, a device such as /dev/video0, a recording or sim:"
        )
    if scheme == "file" and not stat.S_ISREG(mode):
        raise InputError(f"camera {camera!r}: there is no file or device {redact(url)}; check its url")
    return ReplayFeed(url, camera=camera, fps=fps, wait=wait)


def _names_host(url: str) -> bool:
    """Whether there is a host, and a port that is one; what is wrong with it is not told, it may be of a password."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and not parts.netloc.endswith(":")
    except ValueError:
        return False


def _mode_of(path: Path) -> int:
    """What a path names, as `stat` says; 0 where it is nothing that can be looked at."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0
