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
    """(N,) intersection over union of each box with `other`, (4,) or (N, 4)."""
    shared = _area(np.maximum(xyxy[:, :2], other[..., :2]), np.minimum(xyxy[:, 2:], other[..., 2:]))
    both = _area(xyxy[:, :2], xyxy[:, 2:]) + _area(other[..., :2], other[..., 2:]) - shared
    return np.asarray(shared / np.maximum(both, 1e-9), np.float64)


def _area(low: Boxes, high: Boxes) -> npt.NDArray[np.float32]:
    return np.asarray(np.clip(high - low, 0, None).prod(axis=-1))
