"""Whether a picture still shows what the last analysed one showed, so that its boxes still hold. Pure."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from pipeline.types import NS_PER_S, Image, Pixels

HALVINGS: Final = 3
"""Brightness is compared in cells of 2 ** HALVINGS pixels a side: their mean has an eighth of a pixel's noise, and a
vehicle too small for one is too small to be found."""

LEAST_CHANGE: Final = 4
"""Levels of 255 by which a cell may differ without anything having moved. A vehicle that stands out by more than 32
levels changes a cell by more as soon as its edge has moved by one pixel; compression alone seldom does."""

NOISE_FACTOR: Final = 6.5
"""A cell may also differ by so many times the picture's mean difference: of thousands of cells with normal noise one
reaches five times the mean, and none this."""

MOST_CHANGE: Final = 6
"""However noisy the camera: what changes more has moved. A noisier camera is always looked at."""

NOISE_RISE: Final = 1.005
"""The learnt noise falls at once and rises by this factor a picture, so that traffic is not taken for noise."""

LONGEST_NS: Final = NS_PER_S
"""After so long a picture is looked at in any case."""


class Stillness:
    """Compares the pictures of one camera, in order, with the last one that had to be looked at.

    While nothing moves a detector would find again what it found, so its boxes can be used again; a vehicle that stands
    on a line stays in view of the tracker. Because the comparison is with the picture whose boxes are used, slow motion
    adds up until it is seen. Holds one small picture.

    In doubt a picture is looked at: in rain, in the glow of headlights, while an exposure is adjusted, at a key picture
    that redraws the scene.
    """

    def __init__(self) -> None:
        self._seen: Image | None = None
        self._seen_at_ns = 0
        self._noise = LEAST_CHANGE / NOISE_FACTOR

    def holds(self, pixels: Pixels, captured_at_ns: int) -> bool:
        """Whether nothing has moved since the last picture for which this was False.

        `pixels` is what the detector would be shown, the same part of each picture; a picture of another size is looked
        at. The last few pixels at the right and bottom that fill no cell are not compared.
        """
        cells = _cells(pixels)
        seen = self._seen
        if seen is not None and seen.shape == cells.shape and self._seen_at_ns <= captured_at_ns:
            change = cv2.absdiff(seen, cells)
            if (
                change.max() <= self._allowed_after(float(change.mean()))
                and captured_at_ns - self._seen_at_ns < LONGEST_NS
            ):
                return True
        self._seen, self._seen_at_ns = cells, captured_at_ns
        return False

    def _allowed_after(self, mean_change: float) -> float:
        """By how much a cell may differ, now that the mean over the picture is known too."""
        self._noise = max(LEAST_CHANGE / NOISE_FACTOR, min(self._noise * NOISE_RISE, mean_change))
        return min(NOISE_FACTOR * self._noise, MOST_CHANGE)


def _cells(pixels: Pixels) -> Image:
    """The mean brightness of each cell, (rows, columns) uint8: a chain of 2 x 2 means, OpenCV's one fast average."""
    luma = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY) if isinstance(pixels, np.ndarray) else pixels.luma
    for _ in range(HALVINGS):
        rows, columns = luma.shape[0] // 2, luma.shape[1] // 2
        luma = cv2.resize(luma[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(luma, np.uint8)
