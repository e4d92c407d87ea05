"""Things that shine: traffic signals, headlights and tail lights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.source.simulated.camera import Floats, Pinhole
from pipeline.source.simulated.layout import ARMS, KERB_M, STOP_M, arms
from pipeline.source.simulated.traffic import Signals
from pipeline.source.simulated.view import View, to_world
from pipeline.types import Image

_RED_YELLOW_GREEN: Final = ((60, 60, 255), (50, 200, 255), (120, 255, 80))
_HEADLIGHT: Final = (205, 238, 255)
_TAIL_LIGHT: Final = (40, 40, 255)
_BEAM_M: Final = 7.0
_GLOW_SHRINK: Final = 4


def _halo(size: int) -> npt.NDArray[np.float32]:
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    return np.asarray(np.clip(1 - np.hypot(x, y), 0, 1) ** 2.2, dtype=np.float32)


_HALO: Final = _halo(64)


@dataclass(frozen=True, slots=True)
class SignalHead:
    """One arm's traffic light on its pole."""

    distance_m: float
    """Along the view axis, to be painted between the vehicles behind and before it."""
    foot_to_lamps: Floats
    """(5, 2) pixels: foot, top, then the red, yellow and green lamp."""
    px_per_m: float
    lit: int | None
    """Index of the lamp that shines; None where the lamps look away from the camera."""
    tint: Floats

    def draw(self, image: Image) -> None:
        """Paint pole, housing and lamps."""
        points = [(round(float(u)), round(float(v))) for u, v in self.foot_to_lamps]
        pole, housing = (tuple(map(float, tone * self.tint)) for tone in (75.0, 34.0))
        cv2.line(image, points[0], points[1], pole, max(1, round(0.14 * self.px_per_m)), cv2.LINE_AA)
        wide = max(1, round(0.22 * self.px_per_m))
        cv2.rectangle(
            image, (points[1][0] - wide, points[1][1]), (points[4][0] + wide, points[4][1] + wide), housing, -1
        )
        if self.lit is None:
            return
        for lamp, colour in enumerate(_RED_YELLOW_GREEN):
            tone = tuple(c * (1.0 if lamp == self.lit else 0.18) for c in colour)
            cv2.circle(image, points[2 + lamp], max(1, round(0.13 * self.px_per_m)), tone, -1, cv2.LINE_AA)


def signal_heads(legs: int, camera: Pinhole, signals: Signals, tint: Floats) -> list[SignalHead]:
    """The signals of every arm, the farthest last."""
    heads = []
    for arm in arms(legs):
        out = np.array(ARMS[arm])
        x, y = out * (STOP_M + 0.3) + np.array([out[1], -out[0]]) * (KERB_M + 0.6)
        pixels, depth = camera.project(np.array([(x, y, z) for z in (0.0, 3.4, 3.1, 2.7, 2.3)]))
        lit = 2 if signals.green == arm else 1 if signals.yellow == arm else 0
        distance = float(depth[0])
        heads.append(SignalHead(distance, pixels, camera.focal_px / distance, None if arm == "S" else lit, tint))
    return sorted(heads, key=lambda head: head.distance_m)


@dataclass(frozen=True, slots=True)
class Lamps:
    """All vehicles' lamps that shine towards the camera."""

    pixels: Floats
    """(L, 2)."""
    radius_px: Floats
    """(L,) of the halo."""
    head: npt.NDArray[np.bool_]
    """(L,) True for a headlight."""
    starts: npt.NDArray[np.intp]
    """(N + 1,) vehicle i of the view owns lamps starts[i] to starts[i + 1]."""

    @classmethod
    def of(cls, view: View, camera: Pinhole) -> Lamps:
        """Find them in a view."""
        counts = [len(v.body.lamps) for v in view.vehicles]
        if not counts:
            return cls(np.empty((0, 2)), np.empty(0), np.empty(0, bool), np.zeros(1, np.intp))
        lamps = np.concatenate([v.body.lamps for v in view.vehicles])
        poses = np.repeat(view.poses, counts, axis=0)
        world = to_world(poses, lamps[:, :3])
        pixels, depth = camera.project(world)
        line_of_sight = camera.position[:2] - world[:, :2]
        facing = (line_of_sight * poses[:, 2:]).sum(axis=1) * lamps[:, 3] / np.linalg.norm(line_of_sight, axis=1)
        head = lamps[:, 3] > 0
        braking = np.repeat([v.braking for v in view.vehicles], counts)
        size_m = np.where(head, 0.5, 0.26 + 0.14 * braking) * (0.4 + 0.6 * facing)
        radius = size_m * camera.focal_px / np.maximum(depth, 1.0)
        shines = (facing > 0) & (depth > 1)
        owner = np.repeat(np.arange(len(counts)), counts)[shines]
        starts = np.searchsorted(owner, np.arange(len(counts) + 1)).astype(np.intp)
        return cls(pixels[shines], radius[shines], head[shines], starts)

    def draw(self, image: Image, vehicle: int) -> None:
        """Add the halos of one vehicle."""
        for lamp in range(int(self.starts[vehicle]), int(self.starts[vehicle + 1])):
            _add_halo(
                image, self.pixels[lamp], float(self.radius_px[lamp]), _HEADLIGHT if self.head[lamp] else _TAIL_LIGHT
            )


def _add_halo(image: Image, centre: Floats, radius: float, colour: tuple[int, int, int]) -> None:
    r = max(2, round(radius))
    x0, y0 = round(float(centre[0])) - r, round(float(centre[1])) - r
    if x0 < 0 or y0 < 0 or x0 + 2 * r > image.shape[1] or y0 + 2 * r > image.shape[0]:
        return
    halo = cv2.resize(_HALO, (2 * r, 2 * r), interpolation=cv2.INTER_AREA)
    part = image[y0 : y0 + 2 * r, x0 : x0 + 2 * r]
    part[:] = np.minimum(255, part + halo[:, :, None] * np.array(colour, np.float32)).astype(np.uint8)


def add_glow(image: Image, view: View, lamps: Lamps, camera: Pinhole, *, wet: bool, dark: bool) -> None:
    """Add the light that headlights throw on the road, and what a wet road mirrors of all lamps."""
    height, width = image.shape[0] // _GLOW_SHRINK, image.shape[1] // _GLOW_SHRINK
    white, red = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    if dark:
        for pixels in _beams(view, camera):
            cv2.fillConvexPoly(white, np.rint(pixels / _GLOW_SHRINK).astype(np.int32), (46,), cv2.LINE_AA)
    if wet:
        for (u, v), radius, head in zip(
            lamps.pixels / _GLOW_SHRINK, lamps.radius_px / _GLOW_SHRINK, lamps.head, strict=True
        ):
            top, bottom = (round(float(u)), round(float(v))), (round(float(u)), round(float(v + radius * 6)))
            if abs(top[0]) < 4000 and abs(top[1]) < 4000:
                cv2.line(white if head else red, top, bottom, (40 if head else 60,), max(1, round(float(radius))))
    size = (image.shape[1], image.shape[0])
    white, red = (cv2.resize(cv2.blur(plane, (7, 7)), size, interpolation=cv2.INTER_LINEAR) for plane in (white, red))
    warm = cv2.convertScaleAbs(white, alpha=0.78)
    cv2.add(image, cv2.merge([warm, white, cv2.add(white, red)]), dst=image)


def _beams(view: View, camera: Pinhole) -> Floats:
    """(M, 4, 2) pixels: the patch of road before every vehicle with headlights."""
    lit = [i for i, v in enumerate(view.vehicles) if (v.body.lamps[:, 3] > 0).any()]
    if not lit:
        return np.empty((0, 4, 2))
    nose = np.array([view.vehicles[i].body.length_m / 2 for i in lit])
    wide = np.array([view.vehicles[i].body.width_m / 2 for i in lit])
    patch = np.zeros((len(lit), 4, 3))
    patch[:, :, 0] = nose[:, None] + np.array([0, _BEAM_M, _BEAM_M, 0])
    patch[:, :, 1] = np.stack([-wide, -wide - 1.3, wide + 1.3, wide], axis=1)
    pixels, depth = camera.project(to_world(np.repeat(view.poses[lit], 4, axis=0), patch.reshape(-1, 3)))
    ahead = (depth.reshape(-1, 4) > 1).all(axis=1)
    return np.clip(pixels.reshape(-1, 4, 2)[ahead], -16_000, 16_000)
