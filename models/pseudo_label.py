"""First labels for pictures nobody labelled: `python -m models.pseudo_label PICTURES --model A.pt --out DIR`.

A slow pass for labelling, not for counting: every network looks at every picture enlarged and mirrored, and what the
looks agree on is written in YOLO's layout, in our classes. It finds small vehicles the detector misses at its own input
size, but it is also wrong in ways that repeat from picture to picture: a person reads and mends the result before
anything is trained on it (`models/labels/README.md`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import numpy.typing as npt

from models.classes import CLASS_ID, CLASSES

if TYPE_CHECKING:
    from ultralytics import YOLO

LONG_SIDES: Final = (1280,)
"""Input sizes in pixels: a 640-pixel frame is enlarged twice, its far motorcycles are 10 pixels high."""

SAME_OBJECT_IOU: Final = 0.5
ON_THE_MACHINE: Final = 0.5
"""A person of whom this share lies in a motorcycle's or bicycle's box rides it."""

Found = npt.NDArray[np.float64]
"""(N, 6): xyxy in pixels of the picture, confidence 0 to 1, class id in `CLASSES`."""


def looks(
    networks: Sequence[YOLO], image: npt.NDArray[np.uint8], *, long_sides: Sequence[int], confidence: float
) -> Iterator[Found]:
    """What each network finds at each size, as the picture is and mirrored; classes other than ours are left out.

    Args:
        networks: detectors whose class names include some of ours (COCO's names do).
        image: (height, width, 3) uint8, BGR.
        long_sides: input sizes, pixels.
        confidence: the least of a single look.
    """
    width = image.shape[1]
    for network in networks:
        ours = {index: CLASS_ID[name] for index, name in network.names.items() if name in CLASS_ID}
        for long_side in long_sides:
            for mirrored in (False, True):
                seen = np.ascontiguousarray(image[:, ::-1]) if mirrored else image
                boxes = network.predict(
                    seen, imgsz=long_side, conf=confidence, classes=list(ours), agnostic_nms=True, verbose=False
                )[0].boxes
                found = np.asarray(boxes.data.cpu(), dtype=np.float64)
                found[:, 5] = [ours[int(index)] for index in found[:, 5]]
                if mirrored:
                    found[:, [0, 2]] = width - found[:, [2, 0]]
                yield found


def fuse(all_looks: Sequence[Found], *, iou: float = SAME_OBJECT_IOU) -> Found:
    """One box per object: the mean of the looks' boxes weighted by confidence, with the class most of them vote for.

    The confidence is the sum over the looks that saw the object divided by the number of looks, so that an object only
    one look saw scores low (weighted boxes fusion: Solovyev, Wang, Gabruseva, 2021; here across classes, because bus
    and car or truck and car are often one vehicle seen twice).
    """
    found = np.concatenate([np.empty((0, 6)), *all_looks])
    found = found[np.argsort(-found[:, 4], kind="stable")]
    fused = []
    while len(found):
        same = _iou(found[0, :4], found[:, :4]) >= iou
        group, found = found[same], found[~same]
        weights = group[:, 4]
        votes = np.bincount(group[:, 5].astype(int), weights=weights, minlength=len(CLASSES))
        confidence = min(1.0, weights.sum() / len(all_looks))
        fused.append([*np.average(group[:, :4], axis=0, weights=weights), confidence, votes.argmax()])
    return np.array(fused, dtype=np.float64).reshape(-1, 6)


def with_riders(found: Found, *, share: float = ON_THE_MACHINE) -> Found:
    """Join each rider to the machine: COCO's motorcycle is the machine alone, ours is rider and machine in one box."""
    machine = np.isin(found[:, 5], [CLASS_ID["motorcycle"], CLASS_ID["bicycle"]])
    machines, others = found[machine].copy(), found[~machine]
    rides = np.zeros(len(others), dtype=bool)
    for index in np.flatnonzero(others[:, 5] == CLASS_ID["person"]):
        covered = _covered_share(others[index, :4], machines[:, :4])
        if covered.size and covered.max() >= share:
            rides[index] = True
            box = machines[covered.argmax()]
            box[:2] = np.minimum(box[:2], others[index, :2])
            box[2:4] = np.maximum(box[2:4], others[index, 2:4])
    return np.concatenate([machines, others[~rides]])


def yolo_rows(found: Found, width: int, height: int) -> str:
    """The label file's text: `class cx cy w h` per line, in shares of the picture's width and height."""
    limits = (width, height, width, height)
    x1, y1, x2, y2 = (np.clip(found[:, :4], 0, limits) / limits).T
    rows = np.column_stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])
    return "".join(
        f"{int(class_id)} " + " ".join(f"{value:.6f}" for value in row) + "\n"
        for class_id, row in zip(found[:, 5], rows, strict=True)
    )


def label(
    pictures: Iterable[Path],
    networks: Sequence[YOLO],
    out: Path,
    *,
    long_sides: Sequence[int],
    look_confidence: float,
    confidence: float,
) -> None:
    """Write one label file per picture under `out`."""
    out.mkdir(parents=True, exist_ok=True)
    for path in pictures:
        image = cv2.imread(str(path))
        if image is None:
            raise ValueError(f"{path} is not a picture that can be read")
        found = fuse(list(looks(networks, image, long_sides=long_sides, confidence=look_confidence)))
        found = with_riders(found[found[:, 4] >= confidence])
        (out / f"{path.stem}.txt").write_text(yolo_rows(found, image.shape[1], image.shape[0]))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="folder of .jpg pictures")
    parser.add_argument("--model", type=Path, action="append", required=True, help=".pt; give several, they vote")
    parser.add_argument("--out", type=Path, required=True, help="folder for the label files")
    parser.add_argument("--long-side", type=int, action="append", help=f"input size, pixels; repeatable ({LONG_SIDES})")
    parser.add_argument("--look-confidence", type=float, default=0.1, help="least confidence of a single look")
    parser.add_argument("--confidence", type=float, default=0.12, help="least confidence after the vote")
    args = parser.parse_args()
    from ultralytics import YOLO  # here, so that the joining of boxes can be used and tested without it

    networks = [YOLO(str(model)) for model in args.model]
    label(
        sorted(args.pictures.glob("*.jpg")),
        networks,
        args.out,
        long_sides=args.long_side or LONG_SIDES,
        look_confidence=args.look_confidence,
        confidence=args.confidence,
    )


def _iou(box: npt.NDArray[np.float64], boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N,) intersection over union of one box with each of N."""
    overlap = _overlap(box, boxes)
    union = _area(box) + _area(boxes) - overlap
    return np.asarray(overlap / np.maximum(union, 1e-9), dtype=np.float64)


def _covered_share(box: npt.NDArray[np.float64], boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N,) the share of one box's area that lies in each of N."""
    return np.asarray(_overlap(box, boxes) / max(float(_area(box)), 1e-9), dtype=np.float64)


def _overlap(box: npt.NDArray[np.float64], boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    size = np.minimum(box[2:4], boxes[:, 2:4]) - np.maximum(box[:2], boxes[:, :2])
    return np.asarray(np.clip(size, 0, None).prod(axis=1), dtype=np.float64)


def _area(boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]), dtype=np.float64)


if __name__ == "__main__":
    main()
