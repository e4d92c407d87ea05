"""Decoding a live camera's video on a graphics card, where there is one (NVDEC, through FFmpeg)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal, TypeAlias

import av
from av.codec import Codec
from av.codec.hwaccel import HWAccel

Decode: TypeAlias = Literal["cpu", "auto"]
"""Where pictures are decoded; `auto`: on a graphics card, where there is one that can."""

_DEVICE: Final = "cuda"
_USUAL: Final = "h264"


def accelerator(decode: Decode) -> HWAccel | None:
    """What to open a video with, None for the CPU.

    What the card cannot decode, another codec or too large a picture, FFmpeg then decodes on the CPU.
    """
    if decode == "cpu" or not has_hardware():
        return None
    return HWAccel(_DEVICE, allow_software_fallback=True)


@lru_cache(maxsize=1)
def has_hardware() -> bool:
    """Whether there is a card that decodes video; asked once for each process."""
    try:
        HWAccel(_DEVICE).create(Codec(_USUAL, "r"))
    except (av.error.FFmpegError, NotImplementedError):
        # Of FFmpeg: no card, or no driver for it. Of PyAV: it was built without.
        return False
    return True
