"""Everything that does not move: ground, markings, buildings, trees. Painted once per recording."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from pipeline.source.simulated.camera import Floats, Pinhole
from pipeline.source.simulated.layout import ARMS, HALF_MEDIAN_M, KERB_M, LANE_M, STOP_M, arms
from pipeline.source.simulated.scenario import Scenario
from pipeline.types import Image

_REACH_M: Final = 85.0
_CORNER_M: Final = 5.0
_WHITE: Final = (200, 205, 205)


def _noise(rng: np.random.Generator, size: int, cells: int) -> Floats:
    """Smooth noise (size, size), about -1 to 1, with `cells` bumps across."""
    coarse = rng.standard_normal((cells, cells)).astype(np.float32)
    return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC).astype(float)


class _Ground:
    """A map of the ground seen from above, `scale` pixels a metre, north up."""

    def __init__(self, scale: float, rng: np.random.Generator) -> None:
        self.scale, self.rng = scale, rng
        self.size = round(2 * _REACH_M * scale)
        self.image = np.zeros((self.size, self.size, 3), np.uint8)

    def at(self, points: Floats) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
        x, y = points[:, 0], points[:, 1]
        return np.rint(np.stack([x + _REACH_M, _REACH_M - y], axis=1) * self.scale * 16).astype(np.int32)

    def quad(
        self, arm: str, along: tuple[float, float], across: tuple[float, float], colour: tuple[int, int, int]
    ) -> None:
        """A rectangle on an arm: `along` metres out from the middle, `across` metres to the right looking outward."""
        out = np.array(ARMS[arm])
        right = np.array([out[1], -out[0]])
        corners = np.array(
            [
                out * a + right * c
                for a, c in ((along[0], across[0]), (along[1], across[0]), (along[1], across[1]), (along[0], across[1]))
            ]
        )
        cv2.fillConvexPoly(self.image, self.at(corners), colour, cv2.LINE_AA, 4)


def _road_mask(ground: _Ground, legs: int, widen: float) -> Image:
    half = KERB_M + widen
    plate = _Ground(ground.scale, ground.rng)
    for arm in arms(legs):
        plate.quad(arm, (0.0, _REACH_M), (-half, half), (255, 255, 255))
    mask = np.ascontiguousarray(plate.image[:, :, 0])
    present = arms(legs)
    for a, b in (("U", "T"), ("T", "S"), ("S", "B"), ("B", "U")):  # rounded kerbs at the corners
        if a in present and b in present:
            out = np.array(ARMS[a]) + np.array(ARMS[b])
            inner, radius = half, _CORNER_M - widen
            box = np.array([out * inner * 0.99, out * (inner + radius)])
            square = np.array([[box[i][0], box[j][1]] for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))])
            cv2.fillConvexPoly(mask, ground.at(square), 255, cv2.LINE_8, 4)
            centre = ground.at((out * (inner + radius))[None])[0]
            cv2.circle(mask, tuple(map(int, centre)), round(radius * ground.scale * 16), 0, -1, cv2.LINE_AA, 4)
    return mask


def _paint_ground(scenario: Scenario, rng: np.random.Generator) -> _Ground:
    scale = float(np.clip(20 * scenario.width / 1280, 8, 20))
    ground = _Ground(scale, rng)
    n = ground.size
    grass = np.array(rng.choice([(62, 105, 92), (70, 110, 105), (85, 120, 130)]), dtype=float)
    patch = _noise(rng, n, 40) * 9 + _noise(rng, n, 300) * 6
    ground.image[:] = np.clip(grass + patch[:, :, None] * (0.8, 1.0, 0.9), 0, 255).astype(np.uint8)
    pavement, kerb, road = (_road_mask(ground, scenario.legs, w) for w in (2.6, 0.25, 0.0))
    tone = float(rng.uniform(88, 118))
    fine = rng.normal(0, 5, (n, n))
    tiles = np.full((n, n), 140.0) + _noise(rng, n, 60) * 8 + fine
    asphalt = np.full((n, n), tone) + _noise(rng, n, 24) * 5 + _noise(rng, n, 160) * 4 + fine
    for mask, value, tint in (
        (pavement, tiles, (0.95, 1, 1.03)),
        (kerb, np.full((n, n), 185.0), (1, 1, 1)),
        (road, asphalt, (1.01, 1, 0.98)),
    ):
        chosen = mask > 127
        ground.image[chosen] = np.clip(value[chosen][:, None] * tint, 0, 255).astype(np.uint8)
    _paint_markings(ground, scenario.legs)
    for _ in range(14):  # old repairs and oil
        x, y = rng.uniform(-40, 40, 2)
        if min(abs(x), abs(y)) < KERB_M - 1.5:
            centre = ground.at(np.array([[x, y]]))[0]
            axes = (int(rng.uniform(0.4, 1.6) * scale * 16), int(rng.uniform(0.3, 0.8) * scale * 16))
            shade = ground.image.copy()
            cv2.ellipse(
                shade,
                (int(centre[0]) // 16, int(centre[1]) // 16),
                (axes[0] // 16, axes[1] // 16),
                float(rng.uniform(0, 180)),
                0,
                360,
                (70, 70, 72),
                -1,
            )
            cv2.addWeighted(shade, 0.4, ground.image, 0.6, 0, dst=ground.image)
    return ground


def _paint_markings(ground: _Ground, legs: int) -> None:
    worn = tuple(int(c * 0.95) for c in _WHITE)
    edge = HALF_MEDIAN_M + 2 * LANE_M
    for arm in arms(legs):
        ground.quad(arm, (STOP_M + 0.6, _REACH_M), (-HALF_MEDIAN_M, HALF_MEDIAN_M), (150, 155, 155))
        for start in np.arange(STOP_M + 0.6, _REACH_M, 2.0):  # black and white median kerb
            for side in (-1, 1):
                span = sorted((side * HALF_MEDIAN_M, side * (HALF_MEDIAN_M - 0.22)))
                tone = (215, 215, 215) if int(start / 2) % 2 else (45, 45, 45)
                ground.quad(arm, (start, start + 2.0), (span[0], span[1]), tone)
        for side in (-1, 1):
            lane_line = side * (HALF_MEDIAN_M + LANE_M)
            ground.quad(arm, (STOP_M, STOP_M + 18), (lane_line - 0.07, lane_line + 0.07), worn)
            for start in np.arange(STOP_M + 20, _REACH_M, 8.0):
                ground.quad(arm, (start, start + 3.5), (lane_line - 0.07, lane_line + 0.07), worn)
            ground.quad(arm, (STOP_M, _REACH_M), (side * edge - 0.06, side * edge + 0.06), worn)
        # Traffic coming in keeps left, which is the right-hand side looking outward... seen from the middle.
        ground.quad(arm, (STOP_M, STOP_M + 0.4), (HALF_MEDIAN_M, edge), _WHITE)
        for across in np.arange(-edge + 0.3, edge - 0.3, 1.0):
            ground.quad(arm, (STOP_M - 4.2, STOP_M - 1.2), (across, across + 0.5), worn)


class _Props:
    """Buildings and trees, far to near."""

    def __init__(self, image: Image, camera: Pinhole, rng: np.random.Generator) -> None:
        self.image, self.camera, self.rng = image, camera, rng

    def _face(self, corners: Floats, colour: Floats) -> None:
        pixels, depth = self.camera.project(corners)
        if (depth > 1.0).all():
            cv2.fillConvexPoly(
                self.image,
                np.rint(np.clip(pixels, -16000, 16000) * 16).astype(np.int32),
                tuple(map(float, colour)),
                cv2.LINE_AA,
                4,
            )

    def box(
        self, x: tuple[float, float], y: tuple[float, float], z: tuple[float, float], wall: Floats, roof: Floats
    ) -> None:
        (x0, x1), (y0, y1), (z0, z1) = x, y, z
        self._face(np.array([[x0, y0, z0], [x1, y0, z0], [x1, y0, z1], [x0, y0, z1]]), wall)
        side = x1 if x1 < self.camera.position[0] else x0
        self._face(np.array([[side, y0, z0], [side, y1, z0], [side, y1, z1], [side, y0, z1]]), wall * 0.8)
        self._face(np.array([[x0, y0, z1], [x1, y0, z1], [x1, y1, z1], [x0, y1, z1]]), roof)

    def building(self, x: tuple[float, float], y: tuple[float, float], floors: int) -> None:
        rng = self.rng
        wall = np.array(
            rng.choice([(190, 205, 210), (160, 185, 200), (200, 195, 180), (150, 170, 150), (175, 175, 205)])
        ) * float(rng.uniform(0.75, 1))
        roof = np.array(rng.choice([(70, 80, 150), (90, 95, 110), (110, 110, 105), (60, 70, 120)]), dtype=float)
        height = 3.4 * floors
        self.box(x, y, (0.0, height), wall, roof)
        for floor in range(floors):
            for left in np.arange(x[0] + 0.6, x[1] - 1.6, 2.6):
                low = floor * 3.4 + (0.2 if floor == 0 else 1.0)
                tone = (
                    np.array([70, 62, 55])
                    if floor
                    else np.array(rng.choice([(60, 60, 60), (120, 90, 60), (80, 110, 130)]))
                )
                self._face(
                    np.array(
                        [
                            [left, y[0] - 0.02, low],
                            [left + 1.7, y[0] - 0.02, low],
                            [left + 1.7, y[0] - 0.02, floor * 3.4 + 2.6],
                            [left, y[0] - 0.02, floor * 3.4 + 2.6],
                        ]
                    ),
                    tone.astype(float),
                )
        if rng.random() < 0.6:
            sign = np.array(rng.choice([(40, 40, 180), (170, 90, 30), (50, 150, 60), (40, 190, 220)]), dtype=float)
            self.box((x[0] + 0.3, x[1] - 0.3), (y[0] - 0.9, y[0]), (2.7, 3.3), sign, sign * 0.8)

    def tree(self, x: float, y: float, height: float) -> None:
        rng = self.rng
        foot, depth = self.camera.project(np.array([[x, y, 0.0], [x, y, height * 0.6], [x, y, height * 0.75]]))
        if depth.min() < 3:
            return
        per_m = self.camera.focal_px / float(depth[0])
        cv2.line(
            self.image,
            tuple(map(int, foot[0])),
            tuple(map(int, foot[1])),
            (45, 60, 80),
            max(1, round(0.3 * per_m)),
            cv2.LINE_AA,
        )
        green = np.array([45.0, 95.0, 70.0]) * float(rng.uniform(0.7, 1.1))
        for _ in range(26):
            dx, dy = rng.normal(0, height * 0.16 * per_m, 2)
            centre = (int(foot[2][0] + dx), int(foot[2][1] + dy * 0.8))
            tone = green * (0.85 - 0.35 * float(dy) / (height * 0.4 * per_m)) * float(rng.uniform(0.85, 1.15))
            cv2.circle(
                self.image,
                centre,
                max(1, int(height * 0.11 * per_m)),
                tuple(map(float, np.clip(tone, 0, 255))),
                -1,
                cv2.LINE_AA,
            )


def paint_background(scenario: Scenario, camera: Pinhole) -> Image:
    """The empty junction by day, (height, width, 3) uint8 BGR."""
    rng = np.random.default_rng([scenario.seed, 37])
    ground = _paint_ground(scenario, rng)
    to_ground = np.array([[1 / ground.scale, 0, -_REACH_M], [0, -1 / ground.scale, _REACH_M], [0, 0, 1]])
    homography = camera.ground_to_image() @ to_ground
    image = cv2.warpPerspective(ground.image, homography, (scenario.width, scenario.height), flags=cv2.INTER_AREA,
                                borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    _hide_sky(image, camera)
    props = _Props(np.ascontiguousarray(image), camera, rng)
    closed_west = scenario.legs == 3
    pieces: list[tuple[float, object]] = []
    for side in (-1, 1):
        x = KERB_M + 4.0
        while x < 70:
            width = float(rng.uniform(6, 11))
            front = KERB_M + 4.5 + float(rng.uniform(0, 2))
            span = (x, x + width) if side > 0 else (-x - width, -x)
            pieces.append((front, (span, (front, front + 9.0), int(rng.integers(1, 3)))))
            x += width + float(rng.uniform(0.3, 2.0))
        for y in np.arange(30, 80, 12.0):
            span = (KERB_M + 4, KERB_M + 13) if side > 0 else (-KERB_M - 13, -KERB_M - 4)
            pieces.append((float(y), (span, (float(y), float(y) + 10), int(rng.integers(1, 3)))))
    if closed_west:
        for y in (-9.0, 1.0):
            pieces.append((y, ((-27.0, -15.0), (y, y + 8.0), 1)))
    for _ in range(10):
        x, y = float(rng.uniform(11, 60)) * float(rng.choice([-1, 1])), float(rng.uniform(11.2, 12.2))
        pieces.append((y, (x, y, float(rng.uniform(3.5, 6)))))
    for y, piece in sorted(pieces, key=lambda p: -p[0]):
        if isinstance(piece[0], tuple):  # type: ignore[index]
            props.building(*piece)  # type: ignore[misc]
        else:
            props.tree(*piece)  # type: ignore[misc]
    return props.image


def _hide_sky(image: Image, camera: Pinhole) -> None:
    """Above the horizon: a bright tropical sky."""
    forward = camera.rotation[2]
    pitch = np.arcsin(-forward[2])
    horizon = camera.height / 2 - camera.focal_px * np.tan(pitch)
    rows = int(np.clip(horizon, 0, camera.height))
    if rows:
        fade = np.linspace(0, 1, rows)[:, None, None]
        image[:rows] = (225 - 15 * fade * np.ones(3)).astype(np.uint8)
