"""Vehicles cut out of one picture and pasted into another: what a lorry looks like from afar, at a camera never seen.

Labelled cameras hold hundreds of cars to a lorry, and most labelled lorries are photographs from close by, so the
network takes whatever is far away for a car. Here a vehicle on the road gives its place to one that was cut out of
another picture, brought to the size that it would have there. Cars are pasted too: a seam must not tell a lorry.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from models.classes import CLASS_ID, CLASSES
from models.data import Boxes, LabelledPicture, areas, intersections
from models.night import Image

SIZE_OF_A_CAR: Final = {
    "truck": (1.15, 1.9),
    "bus": (1.3, 2.1),
    "car": (0.9, 1.1),
    "motorcycle": (0.5, 0.7),
}
"""Square root of the area in the picture, by that of a car in the same place: least and most."""
CHANCE: Final = {"truck": 0.5, "bus": 0.12, "car": 0.28, "motorcycle": 0.1}
SMALLEST_PX: Final = 40
"""Sides of what is cut out: a vehicle is pasted smaller than it was, never enlarged."""
MOST_CUTOUTS: Final = 400
"""Of one class."""
REPLACED: Final = 0.35
"""Of the cars of a picture, how many give their place."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """A vehicle without its surroundings."""

    image: Image
    """(height, width, 3) uint8, BGR: its box."""
    opacity: npt.NDArray[np.float32]
    """(height, width) 0 to 1."""
    class_name: str


def cutouts(pictures: Iterable[LabelledPicture], rng: random.Random) -> dict[str, list[Cutout]]:
    """Cut out what is large enough and stands free; by class name, at most `MOST_CUTOUTS` of each, drawn evenly."""
    found: dict[str, list[Cutout]] = {name: [] for name in CHANCE}
    seen = dict.fromkeys(CHANCE, 0)
    for picture in pictures:
        for index in np.flatnonzero(_stands_free(picture.boxes)):
            name = CLASSES[picture.class_ids[index]]
            if name not in found:
                continue
            seen[name] += 1
            place = len(found[name]) if len(found[name]) < MOST_CUTOUTS else rng.randrange(seen[name])
            if place >= MOST_CUTOUTS:
                continue
            cutout = _cut_out(picture.image, picture.boxes[index], name)
            if cutout is not None:
                found[name][place : place + 1] = [cutout]
    return found


def _stands_free(boxes: Boxes) -> npt.NDArray[np.bool_]:
    """(N,) whether at most a tenth of a box lies under others."""
    if len(boxes) == 0:
        return np.zeros(0, dtype=bool)
    covered = intersections(boxes, boxes) / np.maximum(areas(boxes), 1e-9)[:, None]
    np.fill_diagonal(covered, 0)
    return np.asarray(covered.max(axis=1) <= 0.1)


def _cut_out(image: Image, box: npt.NDArray[np.float64], class_name: str) -> Cutout | None:
    """Separate a vehicle from what is behind it (GrabCut); None where it is too small or no clear shape is found."""
    x1, y1, x2, y2 = (round(value) for value in box)
    if min(x2 - x1, y2 - y1) < SMALLEST_PX * (0.5 if class_name == "motorcycle" else 1):
        return None
    margin = max(6, (x2 - x1) // 6)
    height, width = image.shape[:2]
    left, top, right, bottom = (
        max(0, x1 - margin),
        max(0, y1 - margin),
        min(width, x2 + margin),
        min(height, y2 + margin),
    )
    scale = min(1.0, 160 / max(right - left, bottom - top))
    part = cv2.resize(image[top:bottom, left:right], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    inner = tuple(round(value * scale) for value in (x1 - left, y1 - top, x2 - x1, y2 - y1))
    if inner[2] >= part.shape[1] or inner[3] >= part.shape[0] or min(inner[2:]) < 8:
        return None
    mask = np.zeros(part.shape[:2], dtype=np.uint8)
    cv2.setRNGSeed(0)
    cv2.grabCut(part, mask, inner, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_RECT)
    solid = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    x, y, w, h = inner
    solid = solid[y : y + h, x : x + w]
    if not 0.5 <= solid.mean() <= 0.97:
        return None
    opacity = cv2.GaussianBlur(solid.astype(np.float32), (0, 0), 0.7)
    return Cutout(np.ascontiguousarray(part[y : y + h, x : x + w]), opacity, class_name)


def pasted(
    pictures: Iterable[LabelledPicture], choice: dict[str, Sequence[Cutout]], rng: random.Random
) -> Iterator[LabelledPicture]:
    """The pictures with some of their cars replaced by cut-out vehicles; those where none can be are left out."""
    for picture in pictures:
        changed = _with_pasted(picture, choice, rng)
        if changed is not None:
            yield changed


def _with_pasted(
    picture: LabelledPicture, choice: dict[str, Sequence[Cutout]], rng: random.Random
) -> LabelledPicture | None:
    cars = [box for box, number in zip(picture.boxes, picture.class_ids, strict=True) if number == CLASS_ID["car"]]
    names = [name for name in CHANCE if choice.get(name)]
    if not cars or not names:
        return None
    chosen = [box for box in cars if rng.random() < REPLACED] or [rng.choice(cars)]
    image, boxes, class_ids = picture.image.copy(), picture.boxes, picture.class_ids
    # Far ones first: a near vehicle hides what is behind it.
    for car in sorted(chosen, key=lambda box: float(box[3])):
        name = rng.choices(names, [CHANCE[name] for name in names])[0]
        cutout = rng.choice(choice[name])
        box = _place(car, cutout, rng)
        if box is None or _hides_nearer(box, car, boxes):
            continue
        box = _paste(image, cutout, box, rng)
        if box is None:
            continue
        hidden = intersections(boxes, box[None])[:, 0] / np.maximum(areas(boxes), 1e-9)
        boxes = np.vstack([boxes[hidden < 0.6], box])
        class_ids = np.append(class_ids[hidden < 0.6], CLASS_ID[name])
    if boxes is picture.boxes:
        return None
    return replace(picture, name=f"{picture.name}-pasted", image=image, boxes=boxes, class_ids=class_ids)


def _place(car: npt.NDArray[np.float64], cutout: Cutout, rng: random.Random) -> npt.NDArray[np.float64] | None:
    """(4,) xyxy on the road where the car stands; None where the cutout is too coarse for that size."""
    height, width = cutout.image.shape[:2]
    size_px = math.sqrt((car[2] - car[0]) * (car[3] - car[1])) * rng.uniform(*SIZE_OF_A_CAR[cutout.class_name])
    scale = size_px / math.sqrt(height * width)
    if scale > 1.15 or size_px < 8:
        return None
    middle = (car[0] + car[2]) / 2 + rng.uniform(-0.15, 0.15) * (car[2] - car[0])
    bottom = car[3] + rng.uniform(0.0, 0.08) * (car[3] - car[1])
    return np.array([middle - width * scale / 2, bottom - height * scale, middle + width * scale / 2, bottom])


def _hides_nearer(box: npt.NDArray[np.float64], car: npt.NDArray[np.float64], boxes: Boxes) -> bool:
    """Whether it would lie on a vehicle in front of it, or leave most of the car in sight."""
    if (
        intersections(car[None], box[None])[0, 0] < 0.6 * areas(car[None])[0]
        and areas(box[None])[0] > areas(car[None])[0]
    ):
        return True
    nearer = boxes[boxes[:, 3] > box[3] + 1]
    nearer = nearer[~(nearer == car).all(axis=1)]
    if len(nearer) == 0:
        return False
    return bool((intersections(nearer, box[None])[:, 0] / np.maximum(areas(nearer), 1e-9)).max() > 0.15)


def _paste(
    image: Image, cutout: Cutout, box: npt.NDArray[np.float64], rng: random.Random
) -> npt.NDArray[np.float64] | None:
    """Draw into `image` in place, in its light, with a shadow; returns the visible box, None where most is outside."""
    height, width = image.shape[:2]
    x1, y1 = round(float(box[0])), round(float(box[1]))
    w, h = max(4, round(float(box[2] - box[0]))), max(4, round(float(box[3] - box[1])))
    left, top, right, bottom = max(0, x1), max(0, y1), min(width, x1 + w), min(height, y1 + h)
    if (right - left) * (bottom - top) < 0.6 * w * h or right <= left or bottom <= top:
        return None
    picture = cv2.resize(cutout.image, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32)
    opacity = cv2.resize(cutout.opacity, (w, h), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        picture, opacity = picture[:, ::-1], opacity[:, ::-1]
    around = image[top:bottom, left:right].astype(np.float32)
    # Half-way to the light of the place: a white lorry stays brighter than a black one.
    light = (float(around.mean()) + 30) / (float(picture.mean()) + 30)
    picture = np.clip(picture * math.sqrt(light) * rng.uniform(0.85, 1.15), 0, 255)
    _shade(image, (x1 + w / 2, y1 + h), (w * 0.55, max(2.0, h * 0.08)))
    around = image[top:bottom, left:right].astype(np.float32)
    window = (slice(top - y1, bottom - y1), slice(left - x1, right - x1))
    alpha = opacity[window][..., None]
    image[top:bottom, left:right] = (alpha * picture[window] + (1 - alpha) * around).astype(np.uint8)
    return np.array([left, top, right, bottom], dtype=np.float64)


def _shade(image: Image, middle: tuple[float, float], reach: tuple[float, float]) -> None:
    """Darken a soft ellipse of the road in place."""
    height, width = image.shape[:2]
    left, top = max(0, math.floor(middle[0] - 1.5 * reach[0])), max(0, math.floor(middle[1] - 1.5 * reach[1]))
    right, bottom = (
        min(width, math.ceil(middle[0] + 1.5 * reach[0])),
        min(height, math.ceil(middle[1] + 1.5 * reach[1])),
    )
    if right <= left or bottom <= top:
        return
    y, x = np.mgrid[top:bottom, left:right]
    distance = np.hypot((x - middle[0]) / reach[0], (y - middle[1]) / reach[1])
    light = 1 - 0.45 * np.clip(1.5 - distance, 0, 1)
    image[top:bottom, left:right] = (image[top:bottom, left:right] * light[..., None]).astype(np.uint8)
