"""Daylight traffic as a camera sees it at night: dark, tinted, and with the lamps of every vehicle blooming.

At night a camera shows less of vehicles than of their lamps: halos larger than the vehicle, light thrown on the road in
front of it, colours that the sensor makes of a saturated lamp. Labelled night footage is rare; boxes of vehicles in
daylight say where its lamps would be.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from models.classes import CLASS_ID

Image = npt.NDArray[np.uint8]
"""(height, width, 3) uint8, BGR."""
Boxes = npt.NDArray[np.floating]
"""(N, 4) left, top, right, bottom in pixels."""

HALOS: Final = ((255, 250, 240), (255, 235, 200), (255, 160, 130), (215, 235, 255))
"""What sensors make of a head lamp, BGR: white, bluish white, blue, warm."""
STREET_LIGHTS: Final = ((1.0, 1.0, 1.0), (0.45, 0.8, 1.15), (0.7, 0.95, 1.1), (1.15, 1.0, 0.85))
"""Tints, BGR: none, sodium, warm and cold white."""
REAR: Final = (60, 50, 255)
SMALLEST_PX: Final = 6.0
"""A box of fewer pixels gets no lamps; they would be all one sees."""

LARGEST_PX: Final = 160.0
"""Lamps do not grow with a lorry."""


@dataclass(frozen=True, slots=True)
class Lamp:
    """One lamp in a picture; lengths in pixels."""

    x: float
    y: float
    radius: float
    bgr: tuple[int, int, int]


def low_light(image: Image, gain: float, noise: float, seed: int) -> Image:
    """Darken to `gain`, shadows more than lamps; tint as lamps do; add sensor noise of `noise` grey levels."""
    rng = np.random.default_rng(seed)
    scaled = np.power(image.astype(np.float32) / 255, 1.0 + 0.6 * (1 - gain)) * gain * 255
    scaled *= 1 + rng.uniform(-0.12, 0.12, size=3).astype(np.float32)
    scaled += rng.standard_normal(image.shape[:2], dtype=np.float32)[..., None] * noise
    return np.asarray(np.clip(scaled, 0, 255), dtype=np.uint8)


def night(image: Image, boxes: Boxes, class_ids: Sequence[int], rng: random.Random) -> Image:
    """A night version of a labelled daylight picture, of the same shape; vehicles stay in their boxes.

    Whether vehicles come or go, the colour of a halo and how far it blooms are drawn once a picture: they belong to the
    camera.
    """
    dark = low_light(image, rng.uniform(0.2, 0.7), rng.uniform(2.0, 9.0), rng.randrange(2**32))
    dark = dark * np.array(rng.choice(STREET_LIGHTS), np.float32)
    coming, bloom, halo = rng.choice((0.1, 0.5, 0.9)), rng.uniform(0.6, 3.0), rng.choice(HALOS)
    lit = [
        (box, lamps_of(box, class_id, halo if rng.random() < coming else REAR, bloom, rng))
        for box, class_id in zip(boxes, class_ids, strict=True)
        if class_id not in (CLASS_ID["person"], CLASS_ID["bicycle"])
        and min(box[2] - box[0], box[3] - box[1]) > SMALLEST_PX
    ]
    glow = np.zeros(image.shape, np.float32)
    beam = rng.uniform(0.1, 0.6)
    for box, lamps in lit:
        if lamps[0].bgr != REAR:
            width = float(box[2] - box[0])
            _shine(glow, (box[0] + box[2]) / 2, box[3] + 0.3 * width, (0.3 * width, 0.4 * width), halo, beam)
        for lamp in lamps:
            _shine(glow, lamp.x, lamp.y, (lamp.radius, lamp.radius), lamp.bgr, 1.0)
            cv2.circle(glow, (round(lamp.x), round(lamp.y)), round(lamp.radius / 2), (255.0, 255.0, 255.0), -1)
    return np.asarray(np.clip(dark + glow, 0, 255), dtype=np.uint8)


def lamps_of(
    box: Boxes, class_id: int, bgr: tuple[int, int, int], bloom: float, rng: random.Random
) -> tuple[Lamp, ...]:
    """The lamps of one vehicle: two of a car, bus or truck, one of a motorcycle, low in its (4,) `box`."""
    left, top, right, bottom = (float(side) for side in box)
    width, height = right - left, bottom - top
    size = min(width, height, LARGEST_PX)
    if class_id == CLASS_ID["motorcycle"]:
        radius = max(1.0, 0.1 * size * bloom * (0.6 if bgr == REAR else 1.0))
        return (Lamp(left + rng.uniform(0.35, 0.65) * width, top + rng.uniform(0.5, 0.68) * height, radius, bgr),)
    radius = max(1.0, 0.09 * size * bloom * (0.5 if bgr == REAR else 1.0))
    y = top + rng.uniform(0.6, 0.8) * height
    apart, middle = rng.uniform(0.3, 0.75) * width, left + rng.uniform(0.42, 0.58) * width
    return tuple(Lamp(middle + side * apart / 2, y, radius, bgr) for side in (-1, 1))


def _shine(
    glow: npt.NDArray[np.float32],
    x: float,
    y: float,
    radii: tuple[float, float],
    bgr: tuple[int, int, int],
    strength: float,
) -> None:
    """Add light around (x, y) that falls off as a Gaussian of `radii` (across, down)."""
    rows, columns = glow.shape[:2]
    left, right = max(0, int(x - 3 * radii[0])), min(columns, int(x + 3 * radii[0]) + 2)
    top, bottom = max(0, int(y - 3 * radii[1])), min(rows, int(y + 3 * radii[1]) + 2)
    if top >= bottom or left >= right:
        return
    down, across = np.ogrid[top:bottom, left:right]
    distance = ((down - y) / radii[1]) ** 2 + ((across - x) / radii[0]) ** 2
    light = strength * np.exp(-0.5 * distance.astype(np.float32))
    glow[top:bottom, left:right] += light[..., None] * np.array(bgr, np.float32)
