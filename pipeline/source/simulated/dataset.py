"""Labelled pictures for training a detector, in the layout that YOLO training expects."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import supervision as sv

from pipeline.errors import StorageError
from pipeline.source.simulated.junction import SimulatedJunction
from pipeline.source.simulated.scenario import Scenario


def write_yolo_dataset(
    scenarios: Iterable[Scenario],
    out_dir: Path,
    *,
    every_s: float = 2.0,
    min_visible: float = 0.35,
    min_px: float = 8.0,
    quality: int = 90,
) -> int:
    """Write `images/*.jpg` and `labels/*.txt` (class, centre x, centre y, width, height; shares of the picture).

    Classes are numbered as in `VEHICLE_CLASSES`. Of every scenario one picture is taken each `every_s` seconds. A
    vehicle is labelled if at least `min_visible` of it can be seen and its box is at least `min_px` pixels high.

    Returns:
        The number of pictures written.

    Raises:
        StorageError: the folder cannot be written.
    """
    images, labels = out_dir / "images", out_dir / "labels"
    written = 0
    try:
        images.mkdir(parents=True, exist_ok=True)
        labels.mkdir(parents=True, exist_ok=True)
        for number, scenario in enumerate(scenarios):
            with SimulatedJunction(scenario) as junction:
                stride = max(1, round(every_s * scenario.fps))
                for frame, boxes in junction.sampled(stride):
                    name = f"{scenario.camera}-{number:04d}-{scenario.seed}-{frame.seq:06d}"
                    _, packed = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, quality])
                    (images / f"{name}.jpg").write_bytes(packed.tobytes())
                    text = _labels(boxes, frame.size, min_visible, min_px)
                    (labels / f"{name}.txt").write_text(text, encoding="utf-8")
                    written += 1
    except OSError as error:
        raise StorageError(
            f"cannot write the data set to {out_dir}: {error.strerror}; choose another folder"
        ) from error
    return written


def _labels(boxes: sv.Detections, size: tuple[int, int], min_visible: float, min_px: float) -> str:
    scale = np.array([*size, *size], dtype=float)
    lines = []
    assert boxes.class_id is not None
    for xyxy, class_id, visible in zip(boxes.xyxy, boxes.class_id, boxes.data["visible"], strict=True):
        x0, y0, x1, y1 = map(float, xyxy)
        if visible < min_visible or y1 - y0 < min_px:
            continue
        row = np.array([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]) / scale
        lines.append(f"{class_id} " + " ".join(f"{value:.6f}" for value in row))
    return "".join(line + "\n" for line in lines)
