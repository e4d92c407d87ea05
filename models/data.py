"""Training pictures: reading the sources, undoing their quirks, cutting tiles, balancing the classes.

Every source is turned into `LabelledPicture`s with true proportions, at the scale the detector sees at run time (the
640 x 640 pixel budget: 832 x 468 for a 16:9 camera), so that objects are trained at the size they will have.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from models.classes import CLASS_ID, CLASSES

PIXEL_BUDGET: Final = 640 * 640
GREY: Final = 114
"""The padding value of YOLO's letterbox: what the network already knows to be nothing."""

HELD_OUT_CAMERAS: Final = frozenset({"ant", "Image", "tdkkec"})
"""Cameras of road_traffic that are never trained on: a Brazilian junction, a British motorway, a Vietnamese street."""

_ROAD_TRAFFIC_CLASSES: Final = ("bicycle", "bus", "car", "motorcycle", "person", "truck")
_ROAD_TRAFFIC_16_9: Final = frozenset({"ant", "duque", "image", "screenshot"})
_VN_ROUNDABOUT_CLASSES: Final = ("motorcycle", "car", "bus", "truck")
"""Its `minibus` boxes are city buses and coaches; its third class is vans for goods, lorries and container trucks."""

ROAD_TRAFFIC_MENDED: Final = Path(__file__).with_name("labels") / "road_traffic.txt"
MEDAN_LABELS: Final = Path(__file__).with_name("labels") / "medan"
MEDAN_HELD_OUT: Final = "sesi_1700"

Boxes = npt.NDArray[np.float64]
"""(N, 4) xyxy, pixels of the picture they belong to."""


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture with every vehicle and person in it labelled, or greyed out."""

    name: str
    image: npt.NDArray[np.uint8]
    """(height, width, 3) uint8, BGR."""
    boxes: Boxes
    class_ids: npt.NDArray[np.int64]
    """(N,) indices into `CLASSES`."""


def camera_of(stem: str) -> str:
    """The camera a road_traffic file came from: the letters its name begins with (`` where it begins with a digit)."""
    match = re.match(r"[A-Za-z]*", stem)
    return match.group() if match else ""


def road_traffic(root: Path, mended: Path = ROAD_TRAFFIC_MENDED, *, held_out: bool) -> Iterator[LabelledPicture]:
    """Pictures of the "Road Traffic 4" set; `held_out` picks the cameras kept for validation, else all others.

    The set's own split is random within cameras, so it is ignored. Camera pictures were stretched from 16:9 to a
    square; that is undone. Some lorries are labelled car or person; those that were found have their class in `mended`.
    Others may be left at the `duque` camera, so its person boxes are greyed out.
    """
    right = _mended_classes(mended)
    for path in sorted(root.glob("*/images/*.jpg")):
        camera = camera_of(path.stem)
        if (camera in HELD_OUT_CAMERAS) != held_out:
            continue
        picture = _read(path, path.parent.parent / "labels" / f"{path.stem}.txt", _ROAD_TRAFFIC_CLASSES)
        for row, class_id in right.get(path.stem, {}).items():
            picture.class_ids[row] = class_id
        if camera in _ROAD_TRAFFIC_16_9:
            picture = _resized(picture, *size_within_budget(16 / 9))
        if camera == "duque":
            person = picture.class_ids == CLASS_ID["person"]
            picture = grey_out(_kept(picture, ~person), picture.boxes[person])
        yield picture


def vn_roundabout(root: Path) -> Iterator[LabelledPicture]:
    """Pictures of the Vietnamese roundabout; vehicles listed in `ignore/` have no label and are greyed out."""
    for path in sorted((root / "images").glob("*.jpg")):
        picture = _read(path, root / "labels" / f"{path.stem}.txt", _VN_ROUNDABOUT_CLASSES)
        height, width = picture.image.shape[:2]
        ignored = _rows(root / "ignore" / f"{path.stem}.txt", columns=4)
        picture = grey_out(picture, ignored * (width, height, width, height))
        yield _resized(picture, *size_within_budget(width / height))


def medan(root: Path, labels: Path = MEDAN_LABELS, *, held_out: bool) -> Iterator[LabelledPicture]:
    """Pictures of an Indonesian junction camera that have a label file of ours; regions in `ignore/` are greyed out.

    `held_out` picks those taken at dusk, kept for validation, else all others.
    """
    for path in sorted(path for path in root.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"}):
        rows = labels / f"{path.stem}.txt"
        if not rows.exists() or path.stem.startswith(MEDAN_HELD_OUT) != held_out:
            continue
        picture = _read(path, rows, CLASSES)
        height, width = picture.image.shape[:2]
        ignored = _rows(labels / "ignore" / f"{path.stem}.txt", columns=4)
        picture = grey_out(picture, ignored * (width, height, width, height))
        yield _resized(picture, *size_within_budget(width / height))


def labelled(images: Path) -> Iterator[LabelledPicture]:
    """Pictures of a folder in YOLO layout in our own classes: the simulated junction, or what `write_yolo` wrote."""
    for path in sorted(images.iterdir()):
        labels = Path(*("labels" if part == "images" else part for part in path.parent.parts))
        picture = _read(path, labels / f"{path.stem}.txt", CLASSES)
        height, width = picture.image.shape[:2]
        yield _resized(picture, *size_within_budget(width / height))


def size_within_budget(aspect: float) -> tuple[int, int]:
    """(width, height) of a picture of that aspect ratio in an input of about 640 x 640 pixels: 832 x 468 for 16:9."""
    width = math.floor(math.sqrt(PIXEL_BUDGET * aspect) / 32) * 32
    return width, round(width / aspect)


def grey_out(picture: LabelledPicture, regions: Boxes) -> LabelledPicture:
    """Paint regions grey so that nothing is learnt from them; labelled objects in front of them stay visible."""
    if len(regions) == 0:
        return picture
    image = picture.image.copy()
    height, width = image.shape[:2]
    limits = (width, height, width, height)
    for x1, y1, x2, y2 in np.clip(np.round(regions), 0, limits).astype(int):
        image[y1:y2, x1:x2] = GREY
    for x1, y1, x2, y2 in np.clip(np.round(picture.boxes), 0, limits).astype(int):
        image[y1:y2, x1:x2] = picture.image[y1:y2, x1:x2]
    return replace(picture, image=image)


def without_unlabelled_vehicles(
    pictures: Iterable[LabelledPicture], detect: Callable[[npt.NDArray[np.uint8]], Boxes]
) -> Iterator[LabelledPicture]:
    """Grey out what `detect` finds and no label covers: a vehicle nobody labelled would teach the model not to see it.

    Args:
        pictures: the pictures as labelled.
        detect: (height, width, 3) BGR picture -> (N, 4) xyxy of the vehicles a pretrained model is sure of.
    """
    for picture in pictures:
        found = detect(picture.image)
        if len(found) and len(picture.boxes):
            found = found[_overlap_of_smaller(found, picture.boxes).max(axis=1) < 0.4]
        yield grey_out(picture, found)


def tiles(picture: LabelledPicture, width: int, count: int) -> Iterator[LabelledPicture]:
    """`count` overlapping full-height tiles of a wide picture at its own scale; a narrower picture is yielded as it is.

    A wide picture in a square training canvas is half padding; tiles spend the same time on traffic. A box of which
    less than 40 % lies in the tile is greyed out, any other is clipped.
    """
    full = picture.image.shape[1]
    if full <= width:
        yield picture
        return
    for index, left in enumerate(np.linspace(0, full - width, count).astype(int)):
        yield _cut(picture, (int(left), 0), (width, picture.image.shape[0]), f"{picture.name}-{index}")


def close_up(picture: LabelledPicture, width: int, rng: random.Random, zoom: float = 2.0) -> LabelledPicture | None:
    """A tile around one of the picture's motorcycles, enlarged `zoom` times; None for a picture without one.

    Labelled cameras look from afar, so motorcycles are small in them; the network would take a near motorcycle with two
    riders for two motorcycles.
    """
    motorcycles = picture.boxes[picture.class_ids == CLASS_ID["motorcycle"]]
    if len(motorcycles) == 0:
        return None
    x1, y1, x2, y2 = rng.choice(motorcycles.tolist())
    height, full = picture.image.shape[:2]
    size = min(round(width / zoom), full), min(round(height / zoom), height)
    corner = [
        min(max(0, round((low + high) / 2 - side * rng.uniform(0.3, 0.7))), most - side)
        for low, high, side, most in zip((x1, y1), (x2, y2), size, (full, height), strict=True)
    ]
    tile = _cut(picture, (corner[0], corner[1]), size, f"{picture.name}-near")
    return _resized(tile, round(size[0] * zoom), round(size[1] * zoom))


def _cut(picture: LabelledPicture, corner: tuple[int, int], size: tuple[int, int], name: str) -> LabelledPicture:
    """A part of a picture; a box of which less than 40 % lies in it is greyed out, any other is clipped."""
    (left, top), (width, height) = corner, size
    boxes = picture.boxes - (left, top, left, top)
    clipped = np.clip(boxes, 0, (width, height, width, height))
    visible = areas(clipped) / np.maximum(areas(boxes), 1e-9)
    keep = visible >= 0.4
    part = LabelledPicture(
        name=name,
        image=np.ascontiguousarray(picture.image[top : top + height, left : left + width]),
        boxes=clipped[keep],
        class_ids=picture.class_ids[keep],
    )
    return grey_out(part, clipped[(visible > 0) & ~keep])


def areas(boxes: Boxes) -> npt.NDArray[np.float64]:
    """(N,) in square pixels."""
    return np.asarray(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))


def intersections(a: Boxes, b: Boxes) -> npt.NDArray[np.float64]:
    """(len(a), len(b)) in square pixels: what each box of `a` shares with each of `b`."""
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.asarray(np.prod(np.clip(bottom_right - top_left, 0, None), axis=2))


def write_yolo(pictures: Iterable[LabelledPicture], root: Path, split: str) -> list[Path]:
    """Write pictures and labels in YOLO's layout under `root`; returns the pictures' paths."""
    images, labels = root / "images" / split, root / "labels" / split
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    paths = []
    for picture in pictures:
        height, width = picture.image.shape[:2]
        path = images / f"{picture.name}.jpg"
        cv2.imwrite(str(path), picture.image, [cv2.IMWRITE_JPEG_QUALITY, 95])
        x1, y1, x2, y2 = (picture.boxes / (width, height, width, height)).T
        rows = np.column_stack([picture.class_ids, (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])
        (labels / f"{picture.name}.txt").write_text(
            "".join(f"{int(row[0])} " + " ".join(f"{v:.6f}" for v in row[1:]) + "\n" for row in rows)
        )
        paths.append(path)
    return paths


def repeat_factors(class_ids: Sequence[npt.NDArray[np.int64]], threshold: float) -> npt.NDArray[np.int64]:
    """How often to show each picture in an epoch so that rare classes are seen: LVIS repeat-factor sampling.

    With f(c) the share of pictures that hold class c, r(c) = max(1, sqrt(threshold / f(c))), and a picture's factor is
    the largest r of its classes, rounded (Gupta, Dollar, Girshick: LVIS, CVPR 2019, section 5; there it is rounded
    stochastically).

    Args:
        class_ids: per picture, the (N,) class ids in it.
        threshold: the share of pictures a class should reach.

    Returns:
        (number of pictures,) int64, at least 1.
    """
    present = np.zeros((len(class_ids), len(CLASSES)), dtype=bool)
    for row, ids in enumerate(class_ids):
        present[row, ids] = True
    share = present.mean(axis=0)
    factor = np.maximum(1.0, np.sqrt(threshold / np.maximum(share, 1e-9)))
    return np.asarray(np.rint(np.where(present, factor, 1.0).max(axis=1)), dtype=np.int64)


def write_dataset_yaml(path: Path, *, train: str, val: str) -> Path:
    """Write the data set description Ultralytics reads; `train` and `val` are folders or lists beside it."""
    content: dict[str, Any] = {
        "path": str(path.parent.resolve()),
        "train": train,
        "val": val,
        "names": dict(enumerate(CLASSES)),
    }
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def _read(path: Path, labels: Path, names: Sequence[str]) -> LabelledPicture:
    image = cv2.imread(str(path))
    if image is None:
        raise ValueError(f"{path} cannot be read as a picture")
    height, width = image.shape[:2]
    rows = _rows(labels, columns=5)
    centre, size = rows[:, 1:3] * (width, height), rows[:, 3:5] * (width, height)
    ids = np.array([CLASS_ID[names[int(i)]] for i in rows[:, 0]], dtype=np.int64)
    boxes = np.hstack([centre - size / 2, centre + size / 2])
    return LabelledPicture(path.stem, np.asarray(image, dtype=np.uint8), boxes, ids)


def _mended_classes(path: Path) -> dict[str, dict[int, int]]:
    """By picture and row of its label file, the class that is right: lines `PICTURE ROW CLASS`."""
    mended: dict[str, dict[int, int]] = {}
    for line in path.read_text().splitlines():
        stem, row, name = line.split()
        mended.setdefault(stem, {})[int(row)] = CLASS_ID[name]
    return mended


def _rows(path: Path, columns: int) -> npt.NDArray[np.float64]:
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [line.split()[:columns] for line in lines if line.strip()]
    return np.array(rows, dtype=np.float64).reshape(-1, columns)


def _resized(picture: LabelledPicture, width: int, height: int) -> LabelledPicture:
    old_height, old_width = picture.image.shape[:2]
    interpolation = cv2.INTER_AREA if width < old_width else cv2.INTER_LINEAR
    image = cv2.resize(picture.image, (width, height), interpolation=interpolation)
    scale = (width / old_width, height / old_height) * 2
    return replace(picture, image=np.asarray(image, dtype=np.uint8), boxes=picture.boxes * scale)


def _kept(picture: LabelledPicture, keep: npt.NDArray[np.bool_]) -> LabelledPicture:
    return replace(picture, boxes=picture.boxes[keep], class_ids=picture.class_ids[keep])


def _overlap_of_smaller(a: Boxes, b: Boxes) -> npt.NDArray[np.float64]:
    """(len(a), len(b)) intersection over the smaller of the two areas."""
    smaller = np.minimum(areas(a)[:, None], areas(b)[None, :])
    return np.asarray(intersections(a, b) / np.maximum(smaller, 1e-9))
