"""Everything that stands still around the junction. Painted once per recording, from far to near."""

from __future__ import annotations

from functools import partial
from typing import Final

import cv2
import numpy as np

from pipeline.source.simulated.camera import Floats, Pinhole
from pipeline.source.simulated.ground import Span, paint_ground
from pipeline.source.simulated.layout import KERB_M
from pipeline.source.simulated.scenario import Scenario
from pipeline.types import Image

_WALLS: Final = ((190, 205, 210), (160, 185, 200), (200, 195, 180), (150, 170, 150), (175, 175, 205), (120, 150, 175))
_ROOFS: Final = ((70, 80, 150), (90, 95, 110), (110, 110, 105), (60, 70, 120), (70, 75, 85))
_SHUTTERS: Final = ((60, 60, 60), (110, 90, 70), (80, 110, 130), (90, 110, 90))
_SIGNS: Final = ((40, 40, 180), (170, 90, 30), (50, 150, 60), (40, 190, 220), (200, 200, 200))
_FLOOR_M: Final = 3.4
_LIMIT_PX: Final = 16_000


def paint_background(scenario: Scenario, camera: Pinhole) -> Image:
    """The empty junction by day, (height, width, 3) uint8 BGR."""
    rng = np.random.default_rng([scenario.seed, 37])
    image = np.ascontiguousarray(paint_ground(scenario, camera, rng))
    scenery = _Scenery(image, camera, rng)
    scenery.horizon()
    pieces = [(y[0], partial(scenery.building, x, y, floors)) for x, y, floors in _plots(scenario.legs, rng)]
    pieces += [(y, partial(scenery.tree, x, y, height)) for x, y, height in _tree_places(scenario.legs, rng)]
    for _, paint in sorted(pieces, key=lambda piece: -piece[0]):
        paint()
    return image


def _plots(legs: int, rng: np.random.Generator) -> list[tuple[Span, Span, int]]:
    """Ground plans (x, y) and floors of the houses: rows along the cross street and along the northern arm."""
    plots: list[tuple[Span, Span, int]] = []
    for side in (-1, 1):
        x = KERB_M + 5.0
        while x < 75:
            width, front = float(rng.uniform(6, 12)), KERB_M + 4.5 + float(rng.uniform(0, 3))
            span = (x, x + width) if side > 0 else (-x - width, -x)
            plots.append((span, (front, front + 9.0), int(rng.integers(1, 4)) if x > 12 else int(rng.integers(1, 3))))
            x += width + float(rng.uniform(0.2, 2.5))
        y = 26.0
        while y < 84:
            depth, off = float(rng.uniform(7, 12)), KERB_M + 3.5 + float(rng.uniform(0, 2))
            span = (off, off + 10) if side > 0 else (-off - 10, -off)
            plots.append((span, (y, y + depth), int(rng.integers(1, 3))))
            y += depth + float(rng.uniform(0.3, 3.0))
    if legs == 3:  # the closed side has houses facing the junction
        plots += [((-28.0, -14.0), (y, y + 7.5), 1) for y in (-9.0, -0.8)]
    return plots


def _tree_places(legs: int, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    places = []
    for _ in range(12):
        x = float(rng.uniform(11, 62)) * float(rng.choice([-1, 1]))
        places.append((x, float(rng.uniform(10.6, 11.8)), float(rng.uniform(3.5, 6.5))))
    for _ in range(8):
        x = (KERB_M + float(rng.uniform(1.8, 3.2))) * float(rng.choice([-1, 1]))
        places.append((x, float(rng.uniform(24, 80)), float(rng.uniform(4, 7))))
    if legs == 3:
        places += [(float(rng.uniform(-13, -11)), float(rng.uniform(-8, 8)), 3.5) for _ in range(2)]
    return places


class _Scenery:
    def __init__(self, image: Image, camera: Pinhole, rng: np.random.Generator) -> None:
        self._image, self._camera, self._rng = image, camera, rng

    def horizon(self) -> None:
        """Sky, hills, and a belt of trees that ends every road."""
        camera, rng = self._camera, self._rng
        pitch = float(np.arcsin(-camera.rotation[2, 2]))
        rows = int(np.clip(camera.height / 2 - camera.focal_px * np.tan(pitch) + 1, 0, camera.height))
        if rows:
            cloud = cv2.resize(
                rng.standard_normal((3, 9), dtype=np.float32), (camera.width, rows), interpolation=cv2.INTER_CUBIC
            )
            sky = 222 + np.asarray(cloud, np.float32)[:, :, None] * (7, 8, 9)
            self._image[:rows] = np.clip(sky, 0, 255).astype(np.uint8)
        belts = (
            (400.0, 700.0, 26.0, (128, 140, 128)),
            (200.0, 400.0, 15.0, (88, 118, 100)),
            (95.0, 230.0, 7.5, (52, 92, 70)),
        )
        for distance, half, height, colour in belts:
            for x in np.arange(-half, half, height * 0.55).tolist():
                top = height * float(rng.uniform(0.55, 1.0))
                tone = np.array(colour) * float(rng.uniform(0.85, 1.12))
                self._blob(x, distance, top, height * 0.6, tone)

    def _blob(self, x: float, y: float, top: float, half: float, tone: Floats) -> None:
        pixels, depth = self._camera.project(np.array([[x, y, 0.0], [x, y, top]]))
        if depth.min() < 2:
            return
        radius = half * self._camera.focal_px / float(depth[0])
        (u, foot), (_, head) = pixels
        lowest, highest = int(foot + 2), int(head + radius * 0.7)
        colour = tuple(map(float, np.clip(tone, 0, 255)))
        cv2.ellipse(
            self._image, (int(u), highest), (int(radius) + 1, int(radius * 0.7) + 1), 0, 0, 360, colour, -1, cv2.LINE_AA
        )
        cv2.rectangle(self._image, (int(u - radius), highest), (int(u + radius), max(highest, lowest)), colour, -1)

    def _face(self, corners: list[tuple[float, float, float]], colour: Floats) -> None:
        pixels, depth = self._camera.project(np.array(corners))
        if (depth > 1.0).all():
            polygon = np.rint(np.clip(pixels, -_LIMIT_PX, _LIMIT_PX) * 16).astype(np.int32)
            cv2.fillConvexPoly(self._image, polygon, tuple(map(float, colour)), cv2.LINE_AA, 4)

    def _front(self, x: Span, y: float, z: Span, colour: Floats) -> None:
        self._face([(x[0], y, z[0]), (x[1], y, z[0]), (x[1], y, z[1]), (x[0], y, z[1])], colour)

    def _flank(self, x: float, y: Span, z: Span, colour: Floats) -> None:
        self._face([(x, y[0], z[0]), (x, y[1], z[0]), (x, y[1], z[1]), (x, y[0], z[1])], colour)

    def _box(self, x: Span, y: Span, z: Span, wall: Floats, roof: Floats) -> float:
        """A box seen from the south and above; returns the x of the flank that faces the camera."""
        flank = x[1] if x[1] < self._camera.position[0] else x[0]
        self._front(x, y[0], z, wall)
        self._flank(flank, y, z, wall * 0.78)
        self._face([(x[0], y[0], z[1]), (x[1], y[0], z[1]), (x[1], y[1], z[1]), (x[0], y[1], z[1])], roof)
        return flank

    def _one_of(self, colours: tuple[tuple[int, int, int], ...]) -> Floats:
        return np.array(colours[int(self._rng.integers(len(colours)))], dtype=float) * float(
            self._rng.uniform(0.8, 1.0)
        )

    def building(self, x: Span, y: Span, floors: int) -> None:
        """A shop house: shutters below, windows above, often a sign."""
        wall, roof, glass = self._one_of(_WALLS), self._one_of(_ROOFS), np.array([74.0, 66.0, 58.0])
        flank = self._box(x, y, (0.0, _FLOOR_M * floors), wall, roof)
        outer = flank + (0.02 if flank == x[1] else -0.02)
        for floor in range(floors):
            z = (floor * _FLOOR_M + (0.15 if floor == 0 else 1.0), floor * _FLOOR_M + 2.6)
            for left in np.arange(x[0] + 0.5, x[1] - 1.6, 2.6).tolist():
                self._front((left, left + 1.8), y[0] - 0.02, z, self._one_of(_SHUTTERS) if floor == 0 else glass)
            for near in np.arange(y[0] + 0.8, y[1] - 1.6, 2.8).tolist():
                self._flank(outer, (near, near + 1.4), (z[0] + 0.4, z[1]), glass * 0.9)
        if self._rng.random() < 0.7:
            sign = self._one_of(_SIGNS)
            self._box((x[0] + 0.3, x[1] - 0.3), (y[0] - 1.1, y[0]), (2.75, 3.3), sign, sign * 0.85)

    def tree(self, x: float, y: float, height: float) -> None:
        """A trunk under a crown of leaves, brighter at the top."""
        rng, camera = self._rng, self._camera
        pixels, depth = camera.project(np.array([[x, y, 0.0], [x, y, height * 0.55], [x, y, height * 0.75]]))
        if depth.min() < 3:
            return
        per_m = camera.focal_px / float(depth[0])
        (foot, fork, crown) = [(int(u), int(v)) for u, v in pixels]
        cv2.line(self._image, foot, fork, (45, 60, 80), max(1, round(0.3 * per_m)), cv2.LINE_AA)
        green = np.array([45.0, 92.0, 68.0]) * float(rng.uniform(0.7, 1.1))
        for dx, dy in rng.normal(0, height * 0.15 * per_m, (40, 2)).tolist():
            centre = (int(crown[0] + dx), int(crown[1] + 0.8 * dy))
            tone = green * (0.9 - 0.9 * dy / (height * per_m)) * float(rng.uniform(0.8, 1.15))
            radius = max(1, int(height * 0.08 * per_m))
            cv2.circle(self._image, centre, radius, tuple(map(float, np.clip(tone, 0, 255))), -1, cv2.LINE_AA)
