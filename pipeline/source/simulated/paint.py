"""Paints vehicles as shaded polygons, from far to near."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.source.simulated.camera import Floats
from pipeline.source.simulated.view import View, inside
from pipeline.types import Image

_LIFT_M = 1.0
"""Of two solids at the same depth the higher one is painted later: the camera looks down."""
_SMALLEST_FACE_PX = 0.4
"""Faces smaller than this many square pixels are left out."""


@dataclass(frozen=True, slots=True)
class Light:
    """How the scene is lit."""

    sun: Floats
    """(3,) unit vector towards the sun."""
    tint: Floats
    """(3,) BGR share of daylight that is left."""
    haze: float
    """Share of grey per 200 m of air."""
    haze_level: float = 170.0


@dataclass(frozen=True, slots=True)
class Painted:
    """One vehicle's visible faces in painting order."""

    index: int
    """Index of the vehicle in the view."""
    polygons: np.ndarray[tuple[int, int, int], np.dtype[np.int32]]
    """(F, CORNERS, 2) sixteenths of a pixel."""
    colours: list[list[float]]

    def draw(self, image: Image) -> None:
        """Fill the faces on `image`."""
        for polygon, colour in zip(self.polygons, self.colours, strict=True):
            cv2.fillConvexPoly(image, polygon, colour, cv2.LINE_AA, 4)


def painted(view: View, light: Light, width: int, height: int) -> Iterator[Painted]:
    """The vehicles that reach into the picture, from far to near, ready to be drawn."""
    shown = np.flatnonzero(inside(view, width, height))
    if not len(shown):
        return
    bodies = [view.vehicles[i].body for i in shown]
    counts = np.array([len(b.faces) for b in bodies])
    owner = np.repeat(np.arange(len(shown)), counts)
    faces = np.concatenate([b.faces + view.starts[i] for b, i in zip(bodies, shown, strict=True)])
    corners = view.pixels[faces]
    facing = _signed_area(corners) < -_SMALLEST_FACE_PX
    height_m = np.concatenate([b.vertices[:, 2] for b in bodies])
    rows = np.concatenate([np.arange(view.starts[i], view.starts[i + 1]) for i in shown])
    nearness = np.zeros(len(view.depths))
    nearness[rows] = view.depths[rows] - _LIFT_M * height_m
    solid = np.concatenate([b.solid for b in bodies]) + owner * 64
    of_solid = np.bincount(solid, nearness[faces].mean(axis=1)) / np.maximum(np.bincount(solid), 1)
    layer = np.concatenate([b.layer for b in bodies])
    chosen = np.flatnonzero(facing)
    chosen = chosen[np.lexsort((layer[chosen], -of_solid[solid[chosen]], owner[chosen]))]
    owner = owner[chosen]
    normals = np.concatenate([b.normals for b in bodies])[chosen]
    colours = np.concatenate([b.colours for b in bodies])[chosen]
    shaded = _shade(colours, normals, view.poses[shown][owner], light)
    haze = np.minimum(0.4, light.haze * view.distances[shown][owner] / 200)[:, None]
    shaded = shaded * (1 - haze) + haze * light.haze_level * light.tint
    # A pixel's middle is half a pixel from its edge; drawing counts from middles, boxes from edges.
    polygons = np.rint(corners[chosen] * 16 - 8).astype(np.int32)
    tones = np.clip(shaded, 0, 255).tolist()
    ends = np.searchsorted(owner, np.arange(len(shown) + 1)).tolist()
    for number, index in enumerate(shown.tolist()):
        begin, end = ends[number], ends[number + 1]
        yield Painted(index, polygons[begin:end], tones[begin:end])


def _signed_area(corners: Floats) -> Floats:
    """Area of polygons (F, C, 2), negative where they face the camera (y is down)."""
    x, y = corners[:, :, 0], corners[:, :, 1]
    crossed = x[:, :-1] * y[:, 1:] - x[:, 1:] * y[:, :-1]
    return np.asarray((crossed.sum(axis=1) + x[:, -1] * y[:, 0] - x[:, 0] * y[:, -1]) / 2)


def _shade(colours: Floats, normals: Floats, poses: Floats, light: Light) -> Floats:
    """Lambertian shading under sun and sky."""
    cos, sin = poses[:, 2], poses[:, 3]
    east = normals[:, 0] * cos - normals[:, 1] * sin
    north = normals[:, 0] * sin + normals[:, 1] * cos
    sunlight = np.maximum(0, east * light.sun[0] + north * light.sun[1] + normals[:, 2] * light.sun[2])
    brightness = 0.60 + 0.16 * normals[:, 2] + 0.42 * sunlight
    return np.asarray(colours * brightness[:, None] * light.tint + 3)
