"""One way to open whatever a camera's `url` names."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

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
    device = scheme == "file" and local_path(url).is_char_device()
    if scheme in _NETWORK or device:
        return CameraFeed(url, camera=camera, fps=fps, transport=transport, decode=decode, stall_s=stall_s, wait=wait)
    if scheme not in ("file", "sim"):
        raise InputError(
            f"camera {camera!r} cannot be read from {redact(url)}: {scheme}: is not supported; "
            "give rtsp://, http(s)://, a device such as /dev/video0, a recording or sim:"
        )
    if scheme == "file" and not local_path(url).is_file():
        raise InputError(f"camera {camera!r}: there is no file or device {url}; check its url")
    return ReplayFeed(url, camera=camera, fps=fps, wait=wait)
