"""Scaling of pictures and of single planes, the same wherever a network's input is made."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]


def scale_into(pixels: Bytes, out: Bytes) -> None:
    """Scale (height, width) or (height, width, 3) uint8 to the size of `out` and write it there."""
    height, width = out.shape[:2]
    if pixels.shape == out.shape:
        out[:] = pixels
        return
    cv2.resize(halved_to_within_two(pixels, width), (width, height), dst=out, interpolation=cv2.INTER_LINEAR)


def halved_to_within_two(pixels: Bytes, width: int) -> Bytes:
    """`pixels` averaged 2 x 2 until a shrink to `width` is at most twofold, as far as the sides are even.

    Bilinear sampling looks at 2 x 2 pixels only and would skip over thin, distant riders when it shrinks by more;
    OpenCV's area interpolation is as good but ten times slower at any factor but 2.
    """
    while pixels.shape[1] > 2 * width and pixels.shape[0] % 2 == 0 and pixels.shape[1] % 2 == 0:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), np.uint8)
    return pixels
