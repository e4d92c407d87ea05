"""Boxes that show a part of a vehicle are given the vehicle's own size again.

A detector boxes what it recognises: for a moment a rider and the machine apart, or the half of a car that another one
does not hide. The place of such a box would jump by half a vehicle, over the line and back.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.count.kalman import Floats

WHOLE: Final = 0.75
"""A box that keeps so large a share of the expected width and height is whole, only badly fitted."""
LEAST_PART: Final = 0.4
"""A smaller share is more likely what is left of a box around two vehicles."""
SAME_EDGE: Final = 0.25
"""How far from where it was expected an edge may be, as a share of the expected width or height, to be kept."""


def restore_size(expected: Floats, found: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Boxes of the expected size for those that show a part of what was expected.

    Both (M, 4) centre x, centre y, width, height. Along an axis on which the box lost a good part of its length, the
    edge that is where it was expected is kept and the other put back. Returns the boxes, and (M,) which
    were changed.
    """
    share = found[:, 2:] / np.maximum(expected[:, 2:], 1.0)
    lost = (share < WHOLE) & (share > LEAST_PART)
    if not lost.any():
        return found, np.zeros(len(found), np.bool_)
    half_expected, half_found = expected[:, 2:] / 2, found[:, 2:] / 2
    apart = found[:, :2] - expected[:, :2]
    low = np.abs(apart - half_found + half_expected)
    high = np.abs(apart + half_found - half_expected)
    near = SAME_EDGE * expected[:, 2:]
    keep_low = lost & (low < near) & (low < high / 2)
    keep_high = lost & (high < near) & (high < low / 2)
    restored = found.copy()
    restored[:, :2] += (keep_low.astype(np.float64) - keep_high) * (half_expected - half_found)
    kept = keep_low | keep_high
    restored[:, 2:] = np.where(kept, expected[:, 2:], found[:, 2:])
    return restored, np.asarray(kept.any(axis=1))
