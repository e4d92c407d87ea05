"""Paints frames: background, shadows, signals, vehicles, then light, rain and the sensor's noise."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from pipeline.source.simulated.camera import Floats, Pinhole
from pipeline.source.simulated.layout import ARMS, KERB_M, STOP_M, arms
from pipeline.source.simulated.scenario import Scenario
from pipeline.source.simulated.scenery import paint_background
from pipeline.source.simulated.traffic import Signals
from pipeline.source.simulated.view import View
from pipeline.types import Image

_DUSK: Final = (0.42, 0.34, 0.32)
"""How much of the daylight's blue, green and red is left at dusk."""
_SHADOW: Final = {("day", "clear"): 120, ("day", "rain"): 185, ("dusk", "clear"): 190, ("dusk", "rain"): 200}
"""Brightness of the ground in shadow, 255 = no shadow."""


class Renderer:
    """Draws one scenario; holds the background, the noise and nothing that grows."""

    def __init__(self, scenario: Scenario, camera: Pinhole) -> None:
        self._scenario, self._camera = scenario, camera
        rng = np.random.default_rng([scenario.seed, 41])
        self._rng = rng
        azimuth, elevation = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0.6, 1.1))
        self._sun = np.array(
            [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)]
        )
        self._lit = np.array(_DUSK if scenario.light == "dusk" else (1.0, 1.0, 1.0))
        if scenario.weather == "rain":
            self._lit = self._lit * (0.86, 0.83, 0.8)
        self._background = self._light_up(paint_background(scenario, camera))
        self._halo = self._make_halo()
        shape = (scenario.height + 64, scenario.width + 64, 3)
        grain = rng.normal(0, 1.0, shape).astype(np.float32)
        grain = 0.75 * grain + 0.65 * rng.normal(0, 1.0, (*shape[:2], 1)).astype(np.float32)
        strength = scenario.noise * (1.5 if scenario.light == "dusk" else 1.0)
        self._brighter = np.clip(grain * strength, 0, 255).astype(np.uint8)
        self._darker = np.clip(-grain * strength, 0, 255).astype(np.uint8)

    def restart(self) -> None:
        """Draw noise and rain from their beginning again, so that every pass shows the same pictures."""
        self._rng = np.random.default_rng([self._scenario.seed, 43])

    def _light_up(self, image: Image) -> Image:
        lit = image * self._lit
        if self._scenario.light == "dusk":
            lit = self._street_lamps(lit)
        if self._scenario.weather == "rain":
            haze = np.linspace(0.45, 0.0, image.shape[0])[:, None, None]
            lit = lit * (1 - haze) + haze * 170 * self._lit
        return np.clip(lit, 0, 255).astype(np.uint8)

    def _street_lamps(self, image: Floats) -> Floats:
        pools = np.zeros(image.shape[:2], np.float32)
        for arm in arms(self._scenario.legs):
            for distance in (16.0, 42.0):
                out = np.array(ARMS[arm])
                spot = out * distance + np.array([out[1], -out[0]]) * (KERB_M - 1)
                ring = np.array(
                    [[spot[0] + 9 * np.cos(a), spot[1] + 9 * np.sin(a), 0] for a in np.arange(24) * np.pi / 12]
                )
                pixels, depth = self._camera.project(ring)
                if depth.min() > 2:
                    cv2.fillConvexPoly(pools, np.rint(pixels).astype(np.int32), 1.0, cv2.LINE_AA)
        pools = cv2.GaussianBlur(pools, (0, 0), image.shape[1] / 30)
        return np.asarray(image * (1 + pools[:, :, None] * (0.35, 0.65, 0.85)))

    @staticmethod
    def _make_halo(size: int = 64) -> Image:
        y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
        return np.asarray(np.clip(1 - np.hypot(x, y), 0, 1) ** 2.2 * 255).astype(np.uint8)

    def render(self, view: View, signals: Signals) -> Image:
        """One picture, (height, width, 3) uint8 BGR, of the vehicles in `view`."""
        image = self._shaded_ground(view)
        if self._scenario.light == "dusk":
            self._beams(image, view)
        self._vehicles(image, view)
        self._signal_heads(image, signals)
        if self._scenario.light == "dusk" or self._scenario.weather == "rain":
            self._lamps(image, view)
        if self._scenario.weather == "rain":
            self._rain(image)
        if self._scenario.width >= 960:
            image = cv2.GaussianBlur(image, (3, 3), 0.6)
        return self._sensor(image)

    def _shaded_ground(self, view: View) -> Image:
        shade = np.full(self._background.shape[:2], 255, np.uint8)
        dark = _SHADOW[self._scenario.light, self._scenario.weather]
        sunny = self._scenario.light == "day" and self._scenario.weather == "clear"
        slide = -self._sun[:2] / self._sun[2] if sunny else np.zeros(2)
        for vehicle, pose in zip(view.vehicles, view.poses, strict=True):
            body = vehicle.body
            half, wide = body.length_m / 2, body.width_m / 2
            local = np.array([[a * half, b * wide] for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]) * (
                1.0 if sunny else 1.06
            )
            turn = np.array([[pose[2], pose[3]], [-pose[3], pose[2]]])
            foot = local @ turn + pose[:2]
            cast = np.concatenate([foot, (local * 0.9) @ turn + pose[:2] + slide * body.height_m])
            pixels, _ = self._camera.project(np.concatenate([cast, np.zeros((8, 1))], axis=1))
            hull = cv2.convexHull(np.clip(pixels, -16000, 16000).astype(np.float32))
            cv2.fillConvexPoly(shade, np.rint(hull * 16).astype(np.int32), dark, cv2.LINE_8, 4)
        radius = max(1, self._scenario.width // 400)
        shade = cv2.blur(shade, (2 * radius + 1, 2 * radius + 1))
        return np.asarray(cv2.multiply(self._background, cv2.cvtColor(shade, cv2.COLOR_GRAY2BGR), scale=1 / 255))

    def _vehicles(self, image: Image, view: View) -> None:
        for index, vehicle in enumerate(view.vehicles):
            begin, end = view.starts[index], view.starts[index + 1]
            body, pose = vehicle.body, view.poses[index]
            pixels, depths = view.pixels[begin:end], view.depths[begin:end]
            corners = pixels[body.faces]
            following = np.roll(corners, -1, axis=1)
            area = (corners[:, :, 0] * following[:, :, 1] - following[:, :, 0] * corners[:, :, 1]).sum(axis=1)
            faces = np.flatnonzero(area < -0.2)
            nearness = depths - 1.0 * body.vertices[:, 2]
            of_face = nearness[body.faces].mean(axis=1)
            count = int(body.solid.max()) + 1
            of_solid = np.bincount(body.solid, of_face, count) / np.bincount(body.solid, minlength=count)
            order = np.lexsort((body.layer[faces], -of_solid[body.solid[faces]]))
            faces = faces[order]
            normals = body.normals[faces]
            turned = np.stack([normals[:, 0] * pose[2] - normals[:, 1] * pose[3],
                               normals[:, 0] * pose[3] + normals[:, 1] * pose[2], normals[:, 2]], axis=1)  # fmt: skip
            light = 0.62 + 0.18 * turned[:, 2] + 0.38 * np.maximum(0, turned @ self._sun)
            colours = np.clip(body.colours[faces] * light[:, None] * self._lit + 3, 0, 255).tolist()
            if self._scenario.weather == "rain":
                fog = min(0.35, float(depths.mean()) / 200)
                colours = (np.array(colours) * (1 - fog) + fog * 170 * self._lit).tolist()
            polygons = np.rint(corners[faces] * 16).astype(np.int32)
            for polygon, colour in zip(polygons, colours, strict=True):
                cv2.fillConvexPoly(image, polygon, colour, cv2.LINE_AA, 4)

    def _signal_heads(self, image: Image, signals: Signals) -> None:
        for arm in arms(self._scenario.legs):
            out = np.array(ARMS[arm])
            spot = out * (STOP_M + 0.3) + np.array([out[1], -out[0]]) * (KERB_M + 0.6)
            foot, depth = self._camera.project(
                np.array([[*spot, 0.0], [*spot, 3.4], [*spot, 3.1], [*spot, 2.7], [*spot, 2.3]])
            )
            per_m = self._camera.focal_px / float(depth[0])
            cv2.line(
                image,
                tuple(map(int, foot[0])),
                tuple(map(int, foot[1])),
                tuple(60 * self._lit),
                max(1, round(0.14 * per_m)),
                cv2.LINE_AA,
            )
            wide = max(1, round(0.22 * per_m))
            cv2.rectangle(
                image,
                (int(foot[1][0]) - wide, int(foot[1][1])),
                (int(foot[1][0]) + wide, int(foot[4][1]) + wide),
                tuple(30 * self._lit + 6),
                -1,
            )
            if arm == "S":  # its lamps look away from the camera
                continue
            shows = 2 if signals.green == arm else 1 if signals.yellow == arm else 0
            for lamp, colour in enumerate(((60, 60, 255), (50, 200, 255), (120, 255, 80))):
                tone = colour if lamp == shows else tuple(0.18 * np.array(colour))
                cv2.circle(image, tuple(map(int, foot[2 + lamp])), max(1, round(0.13 * per_m)), tone, -1, cv2.LINE_AA)

    def _beams(self, image: Image, view: View) -> None:
        glow = np.zeros((image.shape[0] // 4, image.shape[1] // 4), np.uint8)
        for vehicle, pose in zip(view.vehicles, view.poses, strict=True):
            if not (vehicle.body.lamps[:, 3] > 0).any():
                continue
            nose, wide = vehicle.body.length_m / 2, vehicle.body.width_m / 2
            local = np.array([[nose, -wide], [nose + 7, -wide - 1.3], [nose + 7, wide + 1.3], [nose, wide]])
            turn = np.array([[pose[2], pose[3]], [-pose[3], pose[2]]])
            pixels, depth = self._camera.project(np.concatenate([local @ turn + pose[:2], np.zeros((4, 1))], axis=1))
            if depth.min() > 1:
                cv2.fillConvexPoly(glow, np.rint(pixels / 4).astype(np.int32), 46, cv2.LINE_AA)
        glow = cv2.resize(cv2.blur(glow, (9, 9)), (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
        cv2.add(image, cv2.merge([cv2.multiply(glow, 0.75), glow, glow]), dst=image)

    def _lamps(self, image: Image, view: View) -> None:
        for index, vehicle in enumerate(view.vehicles):
            pose = view.poses[index]
            for x, y, z, kind in vehicle.body.lamps:
                spot = np.array([[pose[0] + x * pose[2] - y * pose[3], pose[1] + x * pose[3] + y * pose[2], z]])
                towards = (self._camera.position[:2] - spot[0, :2]) @ pose[2:] * kind
                if towards <= 0:
                    continue
                pixel, depth = self._camera.project(spot)
                facing = float(towards / np.linalg.norm(self._camera.position[:2] - spot[0, :2]))
                colour = (200, 235, 255) if kind > 0 else (40, 40, 255)
                size = (0.55 if kind > 0 else 0.3 + 0.12 * vehicle.braking) * (0.4 + 0.6 * facing)
                self._add_halo(image, pixel[0], size * self._camera.focal_px / float(depth[0]), colour)

    def _add_halo(self, image: Image, centre: Floats, radius: float, colour: tuple[int, int, int]) -> None:
        r = max(2, round(radius))
        x0, y0 = round(float(centre[0])) - r, round(float(centre[1])) - r
        if x0 < 0 or y0 < 0 or x0 + 2 * r > image.shape[1] or y0 + 2 * r > image.shape[0]:
            return
        halo = cv2.resize(self._halo, (2 * r, 2 * r), interpolation=cv2.INTER_AREA)
        part = image[y0 : y0 + 2 * r, x0 : x0 + 2 * r]
        coloured = cv2.merge([cv2.multiply(halo, c / 255) for c in colour])
        cv2.add(part, coloured, dst=part)

    def _rain(self, image: Image) -> None:
        h, w = image.shape[:2]
        streaks = np.zeros((h // 2, w // 2), np.uint8)
        count = w * h // 6000
        starts = self._rng.integers((0, 0), (w // 2, h // 2), (count, 2))
        lengths = self._rng.integers(h // 60, h // 25, count)
        for (x, y), length in zip(starts.tolist(), lengths.tolist(), strict=True):
            cv2.line(streaks, (x, y), (x - length // 6, y + length), 34, 1)
        streaks = cv2.resize(streaks, (w, h), interpolation=cv2.INTER_LINEAR)
        cv2.add(image, cv2.cvtColor(streaks, cv2.COLOR_GRAY2BGR), dst=image)

    def _sensor(self, image: Image) -> Image:
        h, w = image.shape[:2]
        if self._scenario.noise:
            (x, y), (u, v) = self._rng.integers(0, 64, (2, 2)).tolist()
            image = cv2.add(image, self._brighter[y : y + h, x : x + w])
            image = cv2.subtract(image, self._darker[v : v + h, u : u + w])
        if self._scenario.jpeg_quality is not None:
            _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self._scenario.jpeg_quality])
            image = cv2.imdecode(packed, cv2.IMREAD_COLOR)
        return np.asarray(image, dtype=np.uint8)
