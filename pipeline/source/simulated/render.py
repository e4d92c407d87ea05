"""Paints frames: background, shadows, signals, vehicles, then lamps, rain and the sensor's noise."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.source.simulated.camera import Floats, Pinhole
from pipeline.source.simulated.layout import ARMS, KERB_M, arms
from pipeline.source.simulated.lights import Lamps, add_glow, signal_heads
from pipeline.source.simulated.paint import Light, painted
from pipeline.source.simulated.scenario import Scenario
from pipeline.source.simulated.scenery import paint_background
from pipeline.source.simulated.traffic import Signals
from pipeline.source.simulated.view import View, inside, to_world
from pipeline.types import Image

_LEFT_OF_DAYLIGHT: Final = {"day": (1.0, 1.0, 1.0), "dusk": (0.46, 0.37, 0.34), "night": (0.17, 0.15, 0.15)}
"""How much of the daylight's blue, green and red is left."""
_NOISE_GAIN: Final = {"day": 1.0, "dusk": 1.5, "night": 2.0}
_STREET_LAMPS: Final = {"dusk": (0.35, 0.65, 0.85), "night": (0.9, 1.7, 2.2)}
"""How much brighter than the rest the ground under a street lamp is, in blue, green and red."""
_SHADOW: Final = {
    ("day", "clear"): 118,
    ("day", "rain"): 180,
    ("dusk", "clear"): 185,
    ("dusk", "rain"): 195,
    ("night", "clear"): 205,
    ("night", "rain"): 210,
}
"""Brightness of the ground in shadow, 255 = no shadow."""
_SHIFT_PX: Final = 64
"""The noise is one sheet larger than the picture by this much, laid on at another place in every frame."""
_LIMIT_PX: Final = 16_000


class Renderer:
    """Draws one scenario; holds the background, the noise and nothing that grows."""

    def __init__(self, scenario: Scenario, camera: Pinhole) -> None:
        self._scenario, self._camera = scenario, camera
        self._dark, self._wet = scenario.light != "day", scenario.weather == "rain"
        rng = np.random.default_rng([scenario.seed, 41])
        self._light = self._make_light(rng)
        self._background = self._light_up(paint_background(scenario, camera))
        strength = scenario.noise * _NOISE_GAIN[scenario.light]
        sheet = self._noise_sheet(rng) * strength
        self._brighter = np.clip(sheet, 0, 255).astype(np.uint8)
        self._darker = np.clip(-sheet, 0, 255).astype(np.uint8)
        self._rng = np.random.default_rng([scenario.seed, 43])

    def _make_light(self, rng: np.random.Generator) -> Light:
        azimuth, elevation = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0.6, 1.15))
        flat = np.cos(elevation)
        sun = np.array([np.cos(azimuth) * flat, np.sin(azimuth) * flat, np.sin(elevation)])
        tint = np.array(_LEFT_OF_DAYLIGHT[self._scenario.light]) * float(rng.uniform(0.92, 1.15))
        return Light(sun, tint * (0.88, 0.85, 0.82) if self._wet else tint, 1.0 if self._wet else 0.25)

    def _noise_sheet(self, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        shape = (self._scenario.height + _SHIFT_PX, self._scenario.width + _SHIFT_PX)
        grey = rng.standard_normal((*shape, 1), dtype=np.float32)
        colour = rng.standard_normal((*shape, 3), dtype=np.float32)
        return np.asarray(np.float32(0.75) * grey + np.float32(0.65) * colour)

    def _light_up(self, image: Image) -> Image:
        lit = image.astype(np.float32) * self._light.tint.astype(np.float32)
        if self._dark:
            lit *= self._street_lamps()
        rows = image.shape[0]
        haze = np.linspace(0.45 if self._wet else 0.12, 0.0, rows, dtype=np.float32)[:, None, None]
        lit += haze * (np.float32(self._light.haze_level) * self._light.tint.astype(np.float32) - lit)
        return cv2.GaussianBlur(np.clip(lit, 0, 255).astype(np.uint8), (3, 3), 0).astype(np.uint8)

    def _street_lamps(self) -> npt.NDArray[np.float32]:
        """Factors (H, W, 3): warm pools of light under the lamps of every arm."""
        height, width = self._background_shape
        pools = np.zeros((height, width), np.float32)
        turn = np.arange(24) * np.pi / 12
        for arm in arms(self._scenario.legs):
            out = np.array(ARMS[arm])
            for distance in (16.0, 42.0):
                spot = out * distance + np.array([out[1], -out[0]]) * (KERB_M - 1)
                ring = np.stack([spot[0] + 9 * np.cos(turn), spot[1] + 9 * np.sin(turn), 0 * turn], axis=1)
                pixels, depth = self._camera.project(ring)
                if depth.min() > 2:
                    cv2.fillConvexPoly(pools, np.rint(pixels).astype(np.int32), (1.0,))
        blurred = cv2.GaussianBlur(pools, (0, 0), width / 30)[:, :, None]
        return np.asarray(1 + blurred * _STREET_LAMPS[self._scenario.light], dtype=np.float32)

    @property
    def _background_shape(self) -> tuple[int, int]:
        return self._scenario.height, self._scenario.width

    def render(self, view: View, signals: Signals) -> Image:
        """One picture, (height, width, 3) uint8 BGR, of the vehicles in `view`."""
        height, width = self._background_shape
        image = self._shaded_ground(view)
        lamps = Lamps.of(view, self._camera) if self._dark or self._wet else None
        if lamps is not None:
            add_glow(image, view, lamps, self._camera, wet=self._wet, dark=self._dark)
        heads = signal_heads(self._scenario.legs, self._camera, signals, self._light.tint)
        for vehicle in painted(view, self._light, width, height):
            while heads and heads[-1].distance_m > view.distances[vehicle.index]:
                heads.pop().draw(image)
            vehicle.draw(image)
            if lamps is not None:
                lamps.draw(image, vehicle.index)
        while heads:
            heads.pop().draw(image)
        if self._wet:
            self._rain(image)
        return self._sensor(image)

    def _shaded_ground(self, view: View) -> Image:
        """The background under the vehicles' shadows; painted at half the size, which also softens the edges."""
        height, width = self._background_shape
        shade = np.full((height // 2, width // 2), 255, np.uint8)
        dark = _SHADOW[self._scenario.light, self._scenario.weather]
        shown = np.flatnonzero(inside(view, width * 2, height * 2))
        if len(shown):
            outlines = self._shadow_outlines(view, shown) / 2
            for points in outlines.astype(np.float32):
                hull = cv2.convexHull(points)
                cv2.fillConvexPoly(shade, np.rint(hull * 16).astype(np.int32), (dark,), cv2.LINE_8, 4)
            soft = max(1, width // 800)
            shade = np.asarray(cv2.blur(shade, (2 * soft + 1, 2 * soft + 1)), np.uint8)
        full = cv2.resize(shade, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(
            cv2.multiply(self._background, cv2.cvtColor(full, cv2.COLOR_GRAY2BGR), scale=1 / 255), np.uint8
        )

    def _shadow_outlines(self, view: View, shown: npt.NDArray[np.intp]) -> Floats:
        """(M, 8, 2) pixels: the footprint of each vehicle and the same moved by the shadow of its top."""
        size = np.array([(v.body.length_m, v.body.width_m, v.body.height_m) for v in (view.vehicles[i] for i in shown)])
        corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
        foot = np.zeros((len(shown), 4, 3))
        foot[:, :, :2] = corners * size[:, None, :2] * 1.04
        ground = to_world(np.repeat(view.poses[shown], 4, axis=0), foot.reshape(-1, 3)).reshape(-1, 4, 3)
        top = ground.copy()
        if not (self._dark or self._wet):
            sun = self._light.sun
            top[:, :, :2] -= (sun[:2] / sun[2]) * size[:, None, 2:] * 0.92
        pixels, _ = self._camera.project(np.concatenate([ground, top], axis=1).reshape(-1, 3))
        return np.clip(pixels, -_LIMIT_PX, _LIMIT_PX).reshape(-1, 8, 2)

    def _rain(self, image: Image) -> None:
        height, width = self._background_shape
        streaks = np.zeros((height // 2, width // 2), np.uint8)
        count = 100 + width * height // 12_000
        at = self._rng.integers((0, 0), (width // 2, height // 2), (count, 2))
        length = self._rng.integers(max(2, height // 70), max(4, height // 28), count)
        ends = at + np.stack([-length // 6, length], axis=1)
        cv2.polylines(streaks, list(np.stack([at, ends], axis=1).astype(np.int32)), False, (30,), 1)
        full = cv2.resize(streaks, (width, height), interpolation=cv2.INTER_LINEAR)
        cv2.add(image, cv2.cvtColor(full, cv2.COLOR_GRAY2BGR), dst=image)

    def _sensor(self, image: Image) -> Image:
        height, width = self._background_shape
        if self._scenario.noise:
            (x, y), (u, v) = self._rng.integers(0, _SHIFT_PX, (2, 2)).tolist()
            cv2.add(image, self._brighter[y : y + height, x : x + width], dst=image)
            cv2.subtract(image, self._darker[v : v + height, u : u + width], dst=image)
        if self._scenario.jpeg_quality is None:
            return image
        _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self._scenario.jpeg_quality])
        return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), dtype=np.uint8)
