"""Score a model on labelled pictures: `python -m models.evaluate MODEL --pictures DIR/images/val [--json FILE]`.

MODEL is a .pt or a folder with an OpenVINO export. Pictures and labels lie in YOLO's layout, in our classes. Every
picture is letterboxed as at run time: the 640 x 640 pixel budget in the picture's own proportions.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ultralytics import YOLO

from models import data
from models.classes import CLASSES

IOU = 0.5
CONFIDENCE = 0.25
"""Where recall and precision are read off."""

Detections = npt.NDArray[np.float64]
"""(N, 6): xyxy in pixels of the picture, confidence, class id."""


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How well one class is found, at IoU 0.5."""

    labelled: int
    ap50: float | None
    """Average precision, the area under the interpolated precision-recall curve; None where nothing is labelled."""
    recall: float | None
    """Share of labelled objects found with confidence >= 0.25 under the right class."""
    precision: float | None
    """Share of detections with confidence >= 0.25 that are right; None where there are none."""


def score(
    pictures: Sequence[data.LabelledPicture], detect: Callable[[npt.NDArray[np.uint8]], Detections]
) -> dict[str, ClassScore]:
    """Per class name, how `detect` does on the pictures."""
    hits: dict[int, list[tuple[float, bool]]] = {index: [] for index in range(len(CLASSES))}
    labelled = np.zeros(len(CLASSES), dtype=int)
    for picture in pictures:
        found = detect(picture.image)
        labelled += np.bincount(picture.class_ids, minlength=len(CLASSES))
        for index in range(len(CLASSES)):
            of_class = found[found[:, 5] == index]
            truth = picture.boxes[picture.class_ids == index]
            hits[index].extend(_matched(of_class, truth))
    return {name: _class_score(hits[index], int(labelled[index])) for index, name in enumerate(CLASSES)}


def detector(model: Path) -> Callable[[npt.NDArray[np.uint8]], Detections]:
    """A function that runs `model` on one picture at the run-time input size; ids are indices into `CLASSES`.

    Raises:
        ValueError: the model's classes are not ours in our order.
    """
    if model.is_dir():  # Ultralytics recognises an OpenVINO export by its folder's name
        alias = Path(tempfile.mkdtemp()) / f"{model.name}_openvino_model"
        alias.symlink_to(model.resolve())
        model = alias
    yolo = YOLO(model, task="detect")

    def run(image: npt.NDArray[np.uint8]) -> Detections:
        height, width = image.shape[:2]
        imgsz = max(data.size_within_budget(width / height))
        boxes = yolo.predict(image, imgsz=imgsz, conf=0.01, iou=0.6, device="cpu", verbose=False)[0].boxes
        names = tuple(yolo.names.values())
        if names != CLASSES:
            raise ValueError(f"{model} detects {names}, expected {CLASSES}; cut its head with models.surgery first")
        return np.asarray(boxes.data.cpu().numpy(), dtype=np.float64)

    return run


def _matched(found: Detections, truth: data.Boxes) -> list[tuple[float, bool]]:
    """(confidence, right) of each detection, the surest first; each labelled box is given away once."""
    free = np.ones(len(truth), dtype=bool)
    result = []
    for row in found[np.argsort(-found[:, 4])]:
        right = False
        if len(truth):
            overlap = np.where(free, _iou(row[:4], truth), 0.0)
            best = int(overlap.argmax())
            right = bool(overlap[best] >= IOU)
            if right:
                free[best] = False
        result.append((float(row[4]), right))
    return result


def _iou(box: npt.NDArray[np.float64], others: data.Boxes) -> npt.NDArray[np.float64]:
    top_left, bottom_right = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    intersection = np.prod(np.clip(bottom_right - top_left, 0, None), axis=1)
    union = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1) - intersection
    return np.asarray(intersection / np.maximum(union, 1e-9))


def _class_score(hits: list[tuple[float, bool]], labelled: int) -> ClassScore:
    if labelled == 0:
        return ClassScore(0, None, None, None)
    hits = sorted(hits, key=lambda hit: -hit[0])
    right = np.array([hit[1] for hit in hits], dtype=bool)
    sure = np.array([hit[0] >= CONFIDENCE for hit in hits], dtype=bool)
    recall = np.cumsum(right) / labelled
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    ap50 = float(np.sum(np.diff(recall, prepend=0.0) * envelope)) if len(hits) else 0.0
    kept = int(sure.sum())
    return ClassScore(
        labelled,
        round(ap50, 4),
        round(int(right[sure].sum()) / labelled, 4),
        round(int(right[sure].sum()) / kept, 4) if kept else None,
    )


def main() -> None:
    """Command line of the scoring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--json", type=Path, help="write the scores here as well")
    args = parser.parse_args()
    scores = score(list(data.labelled(args.pictures)), detector(args.model))
    rows: dict[str, Any] = {name: asdict(value) for name, value in scores.items()}
    print(f"{'class':12}{'labelled':>9}{'AP50':>8}{'recall':>8}{'precision':>11}")
    for name, row in rows.items():
        figures = (f"{row[key]:.3f}" if row[key] is not None else "-" for key in ("ap50", "recall", "precision"))
        print(f"{name:12}{row['labelled']:>9}" + "".join(f"{f:>{w}}" for f, w in zip(figures, (8, 8, 11), strict=True)))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
