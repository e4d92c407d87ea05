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


@dataclass(frozen=True, slots=True)
class View:
    """All vehicles in front of the lens, from far to near."""

    vehicles: tuple[Vehicle, ...]
    poses: Floats
    """(N, 4) x, y in metres, cos and sin of the heading."""
    starts: npt.NDArray[np.intp]
    """(N + 1,) vehicle i owns rows starts[i] to starts[i + 1] of `pixels`."""
    pixels: Floats
    """(V, 2) projected vertices."""
    depths: Floats
    """(V,) metres along the view axis."""
    xyxy: npt.NDArray[np.float32]
    """(N, 4) tight boxes, pixels, reaching beyond the picture where the vehicle does."""


def look(vehicles: list[Vehicle], poses: Floats, camera: Pinhole) -> View:
    """Project the vehicles that are in front of the camera."""
    keep = [(v, p) for v, p in zip(vehicles, poses, strict=True) if _in_front(v, p, camera)]
    keep.sort(key=lambda pair: -float((np.array([*pair[1][:2], 0.0]) - camera.position) @ camera.rotation[2]))
    kept = tuple(v for v, _ in keep)
    starts = np.concatenate([[0], np.cumsum([len(v.body.vertices) for v in kept])]).astype(np.intp)
    if not kept:
        return View((), np.empty((0, 4)), starts, np.empty((0, 2)), np.empty(0), np.empty((0, 4), np.float32))
    turned = np.stack([p for _, p in keep])
    local = np.concatenate([v.body.vertices for v in kept])
    each = np.repeat(turned, np.diff(starts), axis=0)
    world = np.stack([each[:, 0] + local[:, 0] * each[:, 2] - local[:, 1] * each[:, 3],
                      each[:, 1] + local[:, 0] * each[:, 3] + local[:, 1] * each[:, 2], local[:, 2]], axis=1)  # fmt: skip
    pixels, depths = camera.project(world)
    np.clip(pixels, -_PIXEL_LIMIT, _PIXEL_LIMIT, out=pixels)
    low = np.minimum.reduceat(pixels, starts[:-1])
    high = np.maximum.reduceat(pixels, starts[:-1])
    return View(kept, turned, starts, pixels, depths, np.concatenate([low, high], axis=1).astype(np.float32))


def _in_front(vehicle: Vehicle, pose: Floats, camera: Pinhole) -> bool:
    reach = vehicle.body.length_m / 2
    ends = np.array([[pose[0] + e * reach * pose[2], pose[1] + e * reach * pose[3], 0.5] for e in (-1, 1)])
    return bool((((ends - camera.position) @ camera.rotation[2]) > NEAR_M + 1.0).all())


def visible_fractions(view: View, width: int, height: int) -> npt.NDArray[np.float32]:
    """Share of each vehicle's outline (N,) that is inside the picture and not behind a nearer vehicle, 0 to 1."""
    scale = min(1.0, MASK_WIDTH / width)
    mask = np.zeros((round(height * scale), round(width * scale)), np.int32)
    areas = np.empty(len(view.vehicles))
    for index, (begin, end) in enumerate(zip(view.starts[:-1], view.starts[1:], strict=True)):
        hull = cv2.convexHull((view.pixels[begin:end] * scale).astype(np.float32))
        cv2.fillConvexPoly(mask, np.rint(hull * 16).astype(np.int32), index + 1, cv2.LINE_8, 4)
        alone = np.zeros(1)
        x, y, w, h = cv2.boundingRect(hull)
        alone_mask = np.zeros((min(h + 2, 4000), min(w + 2, 4000)), np.uint8)
        cv2.fillConvexPoly(alone_mask, np.rint((hull - (x - 1, y - 1)) * 16).astype(np.int32), 1, cv2.LINE_8, 4)
        alone = cv2.countNonZero(alone_mask)
        areas[index] = max(alone, 1)
    seen = np.bincount(mask.ravel(), minlength=len(areas) + 1)[1:]
    return np.minimum(1.0, seen / areas).astype(np.float32)


def detections(view: View, width: int, height: int) -> sv.Detections:
    """The truth of one frame: boxes clipped to the picture, classes, vehicle ids, and `data["visible"]`."""
    low, high = np.zeros(4, np.float32), np.array([width, height, width, height], np.float32)
    clipped = np.clip(view.xyxy, low, high)
    inside = (clipped[:, 2] - clipped[:, 0] > 0.5) & (clipped[:, 3] - clipped[:, 1] > 0.5)
    visible = visible_fractions(view, width, height) if len(view.vehicles) else np.empty(0, np.float32)
    return sv.Detections(
        xyxy=clipped[inside],
        confidence=np.ones(int(inside.sum()), np.float32),
        class_id=np.array([v.class_id for v in view.vehicles], dtype=int)[inside],
        tracker_id=np.array([v.id for v in view.vehicles], dtype=int)[inside],
        data={"visible": visible[inside]},
    )
