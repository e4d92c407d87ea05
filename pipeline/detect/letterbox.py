"""How a camera's picture is laid into a network's input, and back. Pure geometry and one resize."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.scaling import scale_into
from pipeline.types import Image, Pixels

PIXEL_BUDGET: Final = 640 * 640
"""Input pixels a picture may cost: as many as the square the YOLO family is trained on."""

ENOUGH_PIXELS: Final = 640 * 384
"""A picture of fewer pixels than this is blown up to it: as many as YOLO usually has of a camera's whole picture. One
of more is not shown in more pixels than it has, which gain no detail."""

STRIDE: Final = 32
"""Both sides of the input are multiples of this, the coarsest step of YOLO's feature maps."""

MAX_UPSCALE: Final = 2.0
"""Nothing is blown up further than this."""

PAD_VALUE: Final = 114
"""The grey that YOLO models are trained with around the picture."""


@lru_cache(maxsize=64)
def input_size_for(
    width: int, height: int, *, pixel_budget: int = PIXEL_BUDGET, stride: int = STRIDE
) -> tuple[int, int]:
    """(width, height) of the input that shows a `width` x `height` picture at the largest scale worth its cost.

    It has at most `pixel_budget` pixels. A picture of fewer than `PIXEL_BUDGET` gets only its share of the budget (but
    that of `ENOUGH_PIXELS` at least), so that a lower budget makes it cheaper too.

    A square input would spend 44 % of its pixels on the grey above and below a 16:9 picture.

    >>> input_size_for(1280, 720), input_size_for(640, 480)
    ((832, 480), (640, 480))
    """
    pixel_budget = pixel_budget * min(PIXEL_BUDGET, max(ENOUGH_PIXELS, width * height)) // PIXEL_BUDGET
    best: tuple[float, int, int, int] | None = None
    for columns in range(1, max(1, pixel_budget // stride**2) + 1):
        rows_wanted = -(-columns * height // width)
        rows_allowed = pixel_budget // (columns * stride**2)
        for rows in {max(1, min(count, rows_allowed)) for count in (rows_wanted, rows_wanted - 1)}:
            scale = min(columns * stride / width, rows * stride / height, MAX_UPSCALE)
            candidate = (scale, -columns * rows, columns * stride, rows * stride)
            best = candidate if best is None else max(best, candidate)
    assert best is not None
    return best[2], best[3]


@dataclass(frozen=True, slots=True)
class Letterbox:
    """The place of a source picture inside an input: scaled by one factor, centred, grey around it."""

    source_size: tuple[int, int]
    """(width, height) of the picture."""
    input_size: tuple[int, int]
    """(width, height) of the network's input."""

    @property
    def scale(self) -> float:
        """Input pixels per source pixel."""
        return min(self.input_size[0] / self.source_size[0], self.input_size[1] / self.source_size[1], MAX_UPSCALE)

    @property
    def inner_size(self) -> tuple[int, int]:
        """(width, height) of the scaled picture inside the input."""
        width, height = (
            max(1, min(round(side * self.scale), most))
            for side, most in zip(self.source_size, self.input_size, strict=True)
        )
        return width, height

    @property
    def offset(self) -> tuple[int, int]:
        """(x, y) of the scaled picture's top left corner in the input."""
        (width, height), (inner_width, inner_height) = self.input_size, self.inner_size
        return (width - inner_width) // 2, (height - inner_height) // 2

    def place(self, pixels: Pixels, canvas: Image) -> None:
        """Scale a picture into `canvas`, (input height, input width, 3) uint8 BGR; the border is left as it is."""
        (x, y), (width, height) = self.offset, self.inner_size
        inside = canvas[y : y + height, x : x + width]
        if isinstance(pixels, np.ndarray):
            scale_into(pixels, inside)
        else:
            inside[:] = pixels.scaled((width, height))

    def to_source(self, xyxy: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Boxes (N, 4) from input pixels to pixels of the source picture, clipped to it."""
        (x, y), (inner_width, inner_height), (width, height) = self.offset, self.inner_size, self.source_size
        shift = np.array([x, y, x, y], np.float32)
        factor = np.array([width / inner_width, height / inner_height] * 2, np.float32)
        limit = np.array([width, height, width, height], np.float32)
        moved = (xyxy - shift) * factor
        return np.clip(moved, np.float32(0), limit, out=moved)
