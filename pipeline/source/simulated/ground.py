"""The ground of the junction seen from above: grass, pavement, asphalt and what is painted on it."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.source.simulated.camera import Floats, Pinhole
from pipeline.source.simulated.layout import ARMS, HALF_MEDIAN_M, KERB_M, LANE_M, STOP_M, arms
from pipeline.source.simulated.scenario import Scenario
from pipeline.types import Image

WEST_M, EAST_M, SOUTH_M, NORTH_M = -80.0, 80.0, -45.0, 90.0
_CORNER_M: Final = 5.0
_PAINT: Final = (196, 202, 203)
_ROAD_END_M: Final = 95.0
_OVERSAMPLING: Final = 2

Span = tuple[float, float]
Colour = tuple[float, float, float]
Map = npt.NDArray[np.float32]


class GroundMap:
    """An upright map of the ground, `scale` pixels a metre, north up."""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.shape = (round((NORTH_M - SOUTH_M) * scale), round((EAST_M - WEST_M) * scale))

    def pixels(self, points: Floats) -> npt.NDArray[np.int32]:
        """Ground points (N, 2) in metres to sixteenths of a pixel."""
        shifted = np.stack([points[:, 0] - WEST_M, NORTH_M - points[:, 1]], axis=1)
        return np.rint(shifted * self.scale * 16).astype(np.int32)

    def fill(self, image: Image, corners: Floats, colour: Colour | float) -> None:
        """Fill a convex polygon (N, 2), metres."""
        tone = colour if isinstance(colour, tuple) else (colour,)
        cv2.fillConvexPoly(image, self.pixels(corners), tone, cv2.LINE_AA, 4)

    def to_ground(self) -> Floats:
        """Homography (3, 3) from map pixels to metres."""
        return np.array([[1 / self.scale, 0, WEST_M], [0, -1 / self.scale, NORTH_M], [0, 0, 1.0]])


def on_arm(arm: str, along: Span, across: Span) -> Floats:
    """Rectangle (4, 2): `along` metres out from the middle, `across` metres to the right of someone looking out.

    Traffic keeps left, so the carriageway that leads in lies at positive, the one that leads out at negative `across`.
    """
    out = np.array(ARMS[arm])
    right = np.array([out[1], -out[0]])
    return np.array([out * a + right * c for a, c in ((along[0], across[0]), (along[1], across[0]),
                                                      (along[1], across[1]), (along[0], across[1]))])  # fmt: skip


def paint_ground(scenario: Scenario, camera: Pinhole, rng: np.random.Generator) -> Image:
    """The ground through the camera, (height, width, 3) uint8 BGR; above the horizon it repeats what is far away."""
    ground = GroundMap(float(np.clip(20 * scenario.width / 1280, 6, 20)))
    image = _surfaces(ground, scenario, rng)
    _wear(ground, image, rng)
    _markings(ground, image, scenario.legs)
    grow = np.diag([_OVERSAMPLING, _OVERSAMPLING, 1.0])
    size = (scenario.width * _OVERSAMPLING, scenario.height * _OVERSAMPLING)
    homography = grow @ camera.ground_to_image() @ ground.to_ground()
    large = cv2.warpPerspective(image, homography, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(large, (scenario.width, scenario.height), interpolation=cv2.INTER_AREA), np.uint8)


def _bumps(ground: GroundMap, rng: np.random.Generator, size_m: float) -> Map:
    """Smooth noise over the whole map with bumps of about `size_m`, deviation about 1."""
    cells = (max(2, round((NORTH_M - SOUTH_M) / size_m)), max(2, round((EAST_M - WEST_M) / size_m)))
    coarse = rng.standard_normal(cells, dtype=np.float32)
    large = cv2.resize(coarse, (ground.shape[1], ground.shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, dtype=np.float32)


def _surfaces(ground: GroundMap, scenario: Scenario, rng: np.random.Generator) -> Image:
    patches, blotches = _bumps(ground, rng, 6.0), _bumps(ground, rng, 0.9)
    grain = rng.standard_normal(ground.shape, dtype=np.float32)
    relief = patches * 5 + blotches * 4 + grain * 5
    grass = rng.choice([(58, 98, 88), (66, 104, 102), (86, 118, 130)])
    image = _tinted(relief * 1.6, 1.0, grass)
    tones: tuple[tuple[float, float, Colour], ...] = (
        (2.6, float(rng.uniform(125, 165)), (0.95, 1.0, 1.03)),  # pavement
        (0.25, 185.0, (1.0, 1.0, 1.0)),  # kerb
        (0.0, float(rng.uniform(88, 142)), (1.02, 1.0, 0.98)),  # asphalt
    )
    for widen, tone, tint in tones:
        surface = _tinted(relief, tone, tint)
        cv2.copyTo(surface, _road_mask(ground, scenario.legs, widen), image)
    return image


def _tinted(relief: Map, tone: float, tint: Colour | Floats) -> Image:
    """`relief` around the colour `tone * tint`, (H, W, 3) uint8."""
    planes = [cv2.convertScaleAbs(relief + np.float32(tone * channel), alpha=1.0) for channel in map(float, tint)]
    return np.asarray(cv2.merge(planes), np.uint8)


def _road_mask(ground: GroundMap, legs: int, widen: float) -> Image:
    """255 on the roads widened by `widen` metres, with rounded corners."""
    mask = np.zeros(ground.shape, np.uint8)
    half, present = KERB_M + widen, arms(legs)
    for arm in present:
        ground.fill(mask, on_arm(arm, (0.0, _ROAD_END_M), (-half, half)), 255.0)
    radius = _CORNER_M - widen
    for a, b in (("U", "T"), ("T", "S"), ("S", "B"), ("B", "U")):
        if a not in present or b not in present:
            continue
        diagonal = np.array(ARMS[a]) + np.array(ARMS[b])
        near, far = diagonal * (half - 0.1), diagonal * (half + radius)
        ground.fill(mask, np.array([near, (far[0], near[1]), far, (near[0], far[1])]), 255.0)
        centre = ground.pixels(far[None])[0]
        axes = round(radius * ground.scale * 16)
        cv2.circle(mask, (int(centre[0]), int(centre[1])), axes, (0,), -1, cv2.LINE_AA, 4)
    return mask


def _wear(ground: GroundMap, image: Image, rng: np.random.Generator) -> None:
    """Wheel tracks, repairs and oil stains on the asphalt."""
    stains = np.zeros(ground.shape, np.uint8)
    for _ in range(30):
        x, y = rng.uniform(-45, 45, 2)
        if min(abs(x), abs(y)) > KERB_M - 2.0:
            continue
        centre = ground.pixels(np.array([[x, y]]))[0] // 16
        axes = (round(float(rng.uniform(0.3, 1.4)) * ground.scale), round(float(rng.uniform(0.2, 0.7)) * ground.scale))
        turn, depth = float(rng.uniform(0, 180)), float(rng.uniform(10, 45))
        cv2.ellipse(stains, (int(centre[0]), int(centre[1])), axes, turn, 0, 360, (depth,), -1)
    stains = np.asarray(cv2.blur(stains, (7, 7)), np.uint8)
    cv2.subtract(image, cv2.cvtColor(stains, cv2.COLOR_GRAY2BGR), dst=image)


def _markings(ground: GroundMap, image: Image, legs: int) -> None:
    edge, lane_line = HALF_MEDIAN_M + 2 * LANE_M, HALF_MEDIAN_M + LANE_M

    def put(arm: str, along: Span, across: Span, colour: Colour = _PAINT) -> None:
        ground.fill(image, on_arm(arm, along, across), colour)

    for arm in arms(legs):
        put(arm, (STOP_M + 0.6, _ROAD_END_M), (-HALF_MEDIAN_M, HALF_MEDIAN_M), (140, 146, 147))
        for number, begin in enumerate(np.arange(STOP_M + 0.6, _ROAD_END_M, 1.5).tolist()):
            tone = (205, 207, 206) if number % 2 else (52, 52, 52)
            put(arm, (begin, begin + 1.5), (-HALF_MEDIAN_M, -HALF_MEDIAN_M + 0.2), tone)
            put(arm, (begin, begin + 1.5), (HALF_MEDIAN_M - 0.2, HALF_MEDIAN_M), tone)
        for side in (-1.0, 1.0):
            put(arm, (STOP_M, STOP_M + 18), (side * lane_line - 0.06, side * lane_line + 0.06))
            for begin in np.arange(STOP_M + 21, _ROAD_END_M, 8.0).tolist():
                put(arm, (begin, begin + 3.0), (side * lane_line - 0.06, side * lane_line + 0.06))
            put(arm, (STOP_M, _ROAD_END_M), (side * edge - 0.06, side * edge + 0.06))
        put(arm, (STOP_M, STOP_M + 0.35), (HALF_MEDIAN_M, edge))
        for across in np.arange(-edge + 0.3, edge - 0.3, 1.0).tolist():
            put(arm, (STOP_M - 4.2, STOP_M - 1.2), (across, across + 0.5))
