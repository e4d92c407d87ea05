"""From FFmpeg's decoded pictures to the arrays that the rest of Simpang works on."""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame

from pipeline.types import Image


def to_bgr(picture: VideoFrame, size: tuple[int, int]) -> Image:
    """The picture as (height, width, 3) uint8 BGR of `size`, turned upright; a view of FFmpeg's buffer where it can be.

    A picture whose own size differs (a stream that changes its resolution) is scaled to `size`. One thread: converting
    takes a third of a millisecond, and handing it out to others takes longer.
    """
    quarter_turns = round(picture.rotation / 90) % 4
    width, height = size if quarter_turns % 2 == 0 else size[::-1]
    bgr = picture.reformat(width=width, height=height, format="bgr24", threads=1)
    plane = bgr.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
    image = rows[:, : width * 3].reshape(height, width, 3)
    return np.ascontiguousarray(np.rot90(image, quarter_turns)) if quarter_turns else image


def upright_size(picture: VideoFrame) -> tuple[int, int]:
    """(width, height) in pixels after the turn that the orientation mark asks for."""
    turned = round(picture.rotation / 90) % 2 == 1
    return (picture.height, picture.width) if turned else (picture.width, picture.height)
