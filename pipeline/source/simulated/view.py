"""The scene as the camera sees it at one instant: projected solids, boxes, and how much of each vehicle is visible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import supervision as sv

from pipeline.source.simulated.camera import NEAR_M, Floats, Pinhole
from pipeline.source.simulated.traffic import Vehicle

MASK_WIDTH: Final = 480
"""Width of the picture in which occlusion is measured."""
_PIXEL_LIMIT: Final = 16_000
"""Projections are held within this many pixels of the picture, so that fixed-point drawing cannot overflow."""


@dataclass(frozen=True, slots=True)
class View:
    """All vehicles in front of the lens, from far to near."""

    vehicles: tuple[Vehicle, ...]
    poses: Floats
    """(N, 4) x, y in metres, cos and sin of the heading."""
    distances: Floats
    """(N,) metres along the view axis to the middle of the vehicle, falling."""
    starts: npt.NDArray[np.intp]
    """(N + 1,) vehicle i owns rows starts[i] to starts[i + 1] of `pixels`."""
    pixels: Floats
    """(V, 2) projected vertices."""
    depths: Floats
    """(V,) metres along the view axis."""
    xyxy: npt.NDArray[np.float32]
    """(N, 4) tight boxes, pixels, reaching beyond the picture where the vehicle does."""


def to_world(poses: Floats, local: Floats) -> Floats:
    """Turn and move `local` (N, 3), metres in the vehicle's frame, by one pose (N, 4) each."""
    x, y, cos, sin = poses.T
    forward, left = local[:, 0], local[:, 1]
    return np.stack([x + forward * cos - left * sin, y + forward * sin + left * cos, local[:, 2]], axis=1)


def look(vehicles: list[Vehicle], poses: Floats, camera: Pinhole) -> View:
    """Project the vehicles that are wholly in front of the camera."""
    middle = (np.pad(poses[:, :2], ((0, 0), (0, 1))) - camera.position) @ camera.rotation[2]
    reach = np.array([v.body.length_m for v in vehicles]) / 2
    shortened = reach * np.abs(poses[:, 2:] @ camera.rotation[2, :2])
    ahead = np.flatnonzero(middle - shortened > NEAR_M + 0.5)
    order = ahead[np.argsort(-middle[ahead], kind="stable")]
    kept = tuple(vehicles[i] for i in order)
    starts = np.concatenate([[0], np.cumsum([len(v.body.vertices) for v in kept])]).astype(np.intp)
    if not kept:
        empty = np.empty(0)
        return View((), np.empty((0, 4)), empty, starts, np.empty((0, 2)), empty, np.empty((0, 4), np.float32))
    local = np.concatenate([v.body.vertices for v in kept])
    pixels, depths = camera.project(to_world(np.repeat(poses[order], np.diff(starts), axis=0), local))
    np.clip(pixels, -_PIXEL_LIMIT, _PIXEL_LIMIT, out=pixels)
    low = np.minimum.reduceat(pixels, starts[:-1])
    high = np.maximum.reduceat(pixels, starts[:-1])
    xyxy = np.concatenate([low, high], axis=1).astype(np.float32)
    return View(kept, poses[order], middle[order], starts, pixels, depths, xyxy)


def inside(view: View, width: int, height: int) -> npt.NDArray[np.bool_]:
    """Which vehicles (N,) have at least a pixel in the picture."""
    clipped = clip(view.xyxy, width, height)
    return np.asarray(((clipped[:, 2:] - clipped[:, :2]) > 0.5).all(axis=1))


def clip(xyxy: npt.NDArray[np.float32], width: int, height: int) -> npt.NDArray[np.float32]:
    """Boxes (N, 4) cut at the picture's edge."""
    return np.clip(xyxy, np.float32(0), np.array([width, height, width, height], np.float32))


def visible_fractions(view: View, width: int, height: int) -> npt.NDArray[np.float32]:
    """Share of each vehicle's outline (N,) that is inside the picture and not behind a nearer vehicle, 0 to 1."""
    scale = min(1.0, MASK_WIDTH / width)
    mask = np.zeros((round(height * scale), round(width * scale)), np.int32)
    areas = np.ones(len(view.vehicles))
    scaled = (view.pixels * scale).astype(np.float32)
    for index in np.flatnonzero(inside(view, width, height)).tolist():
        hull = cv2.convexHull(scaled[view.starts[index] : view.starts[index + 1]])
        cv2.fillConvexPoly(mask, np.rint(hull * 16).astype(np.int32), index + 1, cv2.LINE_8, 4)
        # Filling takes the pixels on the outline too, half a pixel on average on each side of it.
        areas[index] = cv2.contourArea(hull) + cv2.arcLength(hull, True) / 2 + 1
    seen = np.bincount(mask.ravel(), minlength=len(areas) + 1)[1:]
    return np.minimum(1.0, seen / areas).astype(np.float32)


def detections(view: View, width: int, height: int) -> sv.Detections:
    """The truth of one frame: boxes clipped to the picture, classes, vehicle ids, and `data["visible"]`."""
    shown = inside(view, width, height)
    return sv.Detections(
        xyxy=clip(view.xyxy, width, height)[shown],
        confidence=np.ones(int(shown.sum()), np.float32),
        class_id=np.array([v.class_id for v in view.vehicles], dtype=int)[shown],
        tracker_id=np.array([v.id for v in view.vehicles], dtype=int)[shown],
        data={"visible": visible_fractions(view, width, height)[shown]},
    )
