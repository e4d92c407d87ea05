"""Boxes and lines: which boxes touch a line, and how much boxes overlap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.types import CountingLine

Boxes = npt.NDArray[np.float32]
"""(N, 4) x1, y1, x2, y2 in pixels of the source frame."""


def touches(xyxy: Boxes, line: CountingLine) -> npt.NDArray[np.bool_]:
    """(N,) whether each box and the line between its ends have a point in common.

    The slab method (Kay and Kajiya 1986): the line is inside a box where it is between both pairs of sides.
    """
    start = np.asarray(line.start, np.float64)
    way = np.asarray(line.end, np.float64) - start
    # A way of 0 along an axis gives -inf and inf between the sides, and twice the same sign of it outside.
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (xyxy[:, :2] - start) / way, (xyxy[:, 2:] - start) / way
    enters = np.nan_to_num(np.minimum(low, high), nan=-np.inf).max(axis=1, initial=0.0)
    leaves = np.nan_to_num(np.maximum(low, high), nan=np.inf).min(axis=1, initial=1.0)
    return np.asarray(enters <= leaves)


def overlap(xyxy: Boxes, other: Boxes) -> npt.NDArray[np.float64]:
    """(N, M) intersection over union of each box (N, 4) with each other (M, 4)."""
    one, two = xyxy[:, None], other[None]
    shared = _area(np.maximum(one[..., :2], two[..., :2]), np.minimum(one[..., 2:], two[..., 2:]))
    both = _area(one[..., :2], one[..., 2:]) + _area(two[..., :2], two[..., 2:]) - shared
    return np.asarray(shared / np.maximum(both, 1e-9), np.float64)


def _area(low: Boxes, high: Boxes) -> npt.NDArray[np.float32]:
    return np.asarray(np.clip(high - low, 0, None).prod(axis=-1))
