"""What links and nights do to a picture: the training augmentation `Degrade`.

Cameras of a town are watched over thin links and in poor light; training pictures are mostly clean daylight. Each
effect is drawn independently, at a strength between just visible and just readable.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from models.night import Boxes, Image, low_light, night

NIGHT, LOW_LIGHT, BLUR, SMALL, INTERLACED, COMPRESSED = 0.2, 0.15, 0.2, 0.2, 0.06, 0.5
"""How often each effect is applied."""


class Degrade:
    """An Ultralytics transform: degrades `labels["img"]`; boxes stay where they are.

    Args:
        seed: of the effects; equal seeds degrade an equal sequence of pictures equally.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def __call__(self, labels: dict[str, Any]) -> dict[str, Any]:
        """Degrade one picture of a data set."""
        image, instances = labels["img"], labels["instances"]
        instances.convert_bbox("xyxy")
        instances.denormalize(image.shape[1], image.shape[0])
        labels["img"] = self.degrade(image, instances.bboxes, labels["cls"].reshape(-1).astype(int).tolist())
        return labels

    def degrade(self, image: Image, boxes: Boxes, class_ids: Sequence[int]) -> Image:
        """A degraded copy, of the same shape; the light comes first, then the sensor's effects and the link's last.

        Args:
            image: the picture.
            boxes: (N, 4) of its vehicles, whose lamps are lit at night.
            class_ids: (N,) in `models.classes.CLASSES`.
        """
        rng = self._random
        if rng.random() < NIGHT:
            image = night(image, boxes, class_ids, rng)
        elif rng.random() < LOW_LIGHT:
            image = low_light(image, rng.uniform(0.25, 0.8), rng.uniform(2.0, 10.0), rng.randrange(2**32))
        if rng.random() < BLUR:
            image = blurred(image, rng.uniform(0.6, 1.6), rng.choice((0, 0, 3, 5)))
        if rng.random() < SMALL:
            image = small(image, rng.uniform(0.45, 0.85))
        if rng.random() < INTERLACED:
            image = interlaced(image, rng.randint(1, 4))
        if rng.random() < COMPRESSED:
            image = compressed(image, rng.randint(12, 70))
        return image


def blurred(image: Image, sigma: float, motion: int) -> Image:
    """Out of focus by `sigma` pixels and, where `motion` is not 0, smeared sideways over that many pixels."""
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.uint8)
    return np.asarray(cv2.blur(image, (motion, 1)), dtype=np.uint8) if motion else image


def small(image: Image, scale: float) -> Image:
    """As a camera of `scale` times the resolution would deliver it, enlarged again."""
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    reduced = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def interlaced(image: Image, shift: int) -> Image:
    """Every second row comes from a field in which everything stood `shift` pixels further left."""
    result = image.copy()
    result[1::2, : -shift or None] = image[1::2, shift:]
    return result


def compressed(image: Image, quality: int) -> Image:
    """JPEG with colour at half resolution, as video links have it; `quality` 1 to 100."""
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)
