"""Which detection belongs to which track: costs, gates and the optimal assignment.

The cost of a pair is twice its negative log-likelihood under the track's prediction (squared Mahalanobis distance of
the centres plus the log of the innovation's volume), plus terms for a changed shape and a changed class. Unlike IoU it
says something of boxes that do not overlap, which is the rule for a motorcycle at 5 frames a second; and the volume
term keeps a new track, whose uncertainty reaches everywhere, from taking the detection of a settled one.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from pipeline.count.kalman import Floats, KalmanState, MotionNoise, box_size, measurement_variance, to_xyxy
from pipeline.types import VEHICLE_CLASSES

Ints = npt.NDArray[np.intp]

_TWO_WHEELERS: Final = frozenset({"motorcycle", "bicycle"})
SAME_KIND_FLIP: Final = 1.0
OTHER_KIND_FLIP: Final = 4.0
SHAPE_VARIANCE: Final = 0.35**2
"""Of the log of width or height from one frame to the next: occlusion and the picture's edge change shapes."""
MOST_SHAPE_COST: Final = 10.0
"""For each of width and height: the edge of the picture cuts one of them, rarely both."""
FORGIVING_IOU: Final = 0.3


def class_flip_costs() -> Floats:
    """(C, C) cost of a track of one class taking a detection of another: soft, because detectors flip."""
    two_wheeled = np.array([name in _TWO_WHEELERS for name in VEHICLE_CLASSES])
    costs = np.where(two_wheeled[:, None] == two_wheeled[None, :], SAME_KIND_FLIP, OTHER_KIND_FLIP)
    np.fill_diagonal(costs, 0.0)
    return costs


def iou_matrix(a_xyxy: Floats, b_xyxy: Floats) -> Floats:
    """(N, 4) and (M, 4) corners -> (N, M) intersection over union."""
    low = np.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])
    high = np.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    overlap = np.maximum(high - low, 0.0)
    intersection = overlap[..., 0] * overlap[..., 1]
    area_a = (a_xyxy[:, 2] - a_xyxy[:, 0]) * (a_xyxy[:, 3] - a_xyxy[:, 1])
    area_b = (b_xyxy[:, 2] - b_xyxy[:, 0]) * (b_xyxy[:, 3] - b_xyxy[:, 1])
    union = area_a[:, None] + area_b[None, :] - intersection
    return np.asarray(intersection / np.maximum(union, 1e-9), np.float64)


def pair_costs(
    tracks: KalmanState,
    track_class: Ints,
    boxes: Floats,
    box_class: Ints,
    *,
    noise: MotionNoise,
    flip_costs: Floats,
    gate: float,
    reach_px: Floats,
) -> Floats:
    """(N, M) cost of every predicted track with every detected box (M, 4); infinite where a pair is impossible.

    A pair is possible where the box's centre is within `reach_px` (N,) of the predicted one, and either the squared
    Mahalanobis distance is at most `gate` or the boxes overlap (then a badly fitted box is forgiven its distance).
    """
    size = box_size(tracks.position)
    variance = tracks.var_position[:, :2] + measurement_variance(tracks.position, noise)[:, :2]
    offset = boxes[None, :, :2] - tracks.position[:, None, :2]
    distance = (offset**2 / variance[:, None, :]).sum(axis=2)
    overlapping = iou_matrix(to_xyxy(tracks.position), to_xyxy(boxes)) >= FORGIVING_IOU
    near = (offset**2).sum(axis=2) <= reach_px[:, None] ** 2
    volume = np.log(variance.prod(axis=1) / size**4) - 4 * np.log(noise.position)
    ratio = np.log(np.maximum(boxes[None, :, 2:], 1.0) / np.maximum(tracks.position[:, None, 2:], 1.0))
    shape = np.minimum(ratio**2 / SHAPE_VARIANCE, MOST_SHAPE_COST).sum(axis=2)
    cost = np.minimum(distance, gate) + volume[:, None] + shape + flip_costs[track_class[:, None], box_class[None, :]]
    cost[~near | ((distance > gate) & ~overlapping)] = np.inf
    return np.asarray(cost, np.float64)


def assign(costs: Floats, most: float) -> tuple[Ints, Ints]:
    """Rows and columns of the assignment of least total cost, where leaving a pair apart costs `most`."""
    if not costs.size:
        nothing = np.zeros(0, np.intp)
        return nothing, nothing
    rows, columns = linear_sum_assignment(np.minimum(costs, most))
    kept = costs[rows, columns] < most
    return rows[kept], columns[kept]
