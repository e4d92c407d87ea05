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
DUPLICATE_IOU: Final = 0.6
LEAST_SPEED: Final = 1.0
"""Sizes a second; whoever is slower may roll or tremble either way."""
MOST_BACK: Final = 0.25
"""Box sizes that a moving vehicle may lie behind where it was last seen: boxes tremble, vehicles do not reverse."""
PART_IOU: Final = 0.3
PART_INSIDE: Final = 0.8
"""Share of the smaller box that lies in the larger."""


def class_flip_costs() -> Floats:
    """(C, C) cost of a track of one class taking a detection of another: soft, because detectors flip."""
    two_wheeled = is_two_wheeled()
    costs = np.where(two_wheeled[:, None] == two_wheeled[None, :], SAME_KIND_FLIP, OTHER_KIND_FLIP)
    np.fill_diagonal(costs, 0.0)
    return costs


def is_two_wheeled() -> npt.NDArray[np.bool_]:
    """(C,) by class."""
    return np.array([name in _TWO_WHEELERS for name in VEHICLE_CLASSES])


def overlap_matrices(a_xyxy: Floats, b_xyxy: Floats) -> tuple[Floats, Floats]:
    """(N, 4) and (M, 4) corners -> (N, M) intersection over union, and (N, M) intersection over the smaller box."""
    low = np.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])
    high = np.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    extent = np.maximum(high - low, 0.0)
    intersection = extent[..., 0] * extent[..., 1]
    area_a = ((a_xyxy[:, 2] - a_xyxy[:, 0]) * (a_xyxy[:, 3] - a_xyxy[:, 1]))[:, None]
    area_b = ((b_xyxy[:, 2] - b_xyxy[:, 0]) * (b_xyxy[:, 3] - b_xyxy[:, 1]))[None, :]
    iou = intersection / np.maximum(area_a + area_b - intersection, 1e-9)
    return iou, intersection / np.maximum(np.minimum(area_a, area_b), 1e-9)


def same_vehicle(a_xyxy: Floats, a_class: Ints, b_xyxy: Floats, b_class: Ints) -> npt.NDArray[np.bool_]:
    """(N, M) whether two boxes of one frame are of one vehicle: it was found as two classes, or once in part.

    The rider in one box and rider with machine in the other, or cab and lorry: the one lies in the other and is of the
    same kind. A motorcycle in front of a bus is not.
    """
    iou, inside = overlap_matrices(a_xyxy, b_xyxy)
    two_wheeled = is_two_wheeled()
    same_kind = two_wheeled[a_class][:, None] == two_wheeled[b_class][None, :]
    return np.asarray((iou >= DUPLICATE_IOU) | (same_kind & (iou >= PART_IOU) & (inside >= PART_INSIDE)), np.bool_)


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
    seen_at: Floats,
    settled: npt.NDArray[np.bool_],
) -> Floats:
    """(N, M) cost of every predicted track with every detected box (M, 4); infinite where a pair is impossible.

    A pair is possible where the box's centre is within `reach_px` (N,) of the predicted one, and either the squared
    Mahalanobis distance is at most `gate` or the boxes overlap (then a badly fitted box is forgiven its distance). A
    `settled` (N,) track that moves does not go back behind where it was last seen, `seen_at` (N, 2).
    """
    size = box_size(tracks.position)
    variance = tracks.var_position[:, :2] + measurement_variance(tracks.position, noise)[:, :2]
    squares = (boxes[:, :2] - tracks.position[:, None, :2]) ** 2
    distance = squares[..., 0] / variance[:, :1] + squares[..., 1] / variance[:, 1:]
    impossible = squares[..., 0] + squares[..., 1] > reach_px[:, None] ** 2
    impossible |= settled[:, None] & _reverses(tracks, boxes, seen_at, size)
    far = distance > gate
    if (far & ~impossible).any():
        iou, _ = overlap_matrices(to_xyxy(tracks.position), to_xyxy(boxes))
        far &= iou < FORGIVING_IOU
    volume = np.log(variance[:, 0] * variance[:, 1] / size**4) - 4 * np.log(noise.position)
    ratio = np.log(np.maximum(boxes[:, 2:], 1.0)) - np.log(np.maximum(tracks.position[:, None, 2:], 1.0))
    shape = np.minimum(ratio**2 * (1 / SHAPE_VARIANCE), MOST_SHAPE_COST)
    cost = np.minimum(distance, gate) + shape[..., 0] + shape[..., 1]
    cost += volume[:, None] + flip_costs[track_class[:, None], box_class]
    cost[impossible | far] = np.inf
    return np.asarray(cost, np.float64)


def _reverses(tracks: KalmanState, boxes: Floats, seen_at: Floats, size: Floats) -> npt.NDArray[np.bool_]:
    """(N, M) whether a pair would have a moving vehicle go backwards from where it was last seen (N, 2)."""
    velocity = tracks.velocity[:, :2]
    speed = np.sqrt((velocity**2).sum(axis=1))
    moving = speed > LEAST_SPEED * size
    step = boxes[:, :2] - seen_at[:, None]
    along = step[..., 0] * velocity[:, :1] + step[..., 1] * velocity[:, 1:]
    return np.asarray(moving[:, None] & (along < -(MOST_BACK * size * speed)[:, None]), np.bool_)


def assign(costs: Floats, most: float) -> tuple[Ints, Ints]:
    """Rows and columns of the assignment of least total cost, where leaving a pair apart costs `most`."""
    if not costs.size:
        nothing = np.zeros(0, np.intp)
        return nothing, nothing
    rows, columns = linear_sum_assignment(np.minimum(costs, most))
    kept = costs[rows, columns] < most
    return rows[kept], columns[kept]
