"""Which model, on which device, through which backend."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.detect.protocol import Detector

DEFAULT_CONFIDENCE: Final = 0.1
"""Weak boxes are kept: a tracker can use them to hold a vehicle that is half hidden."""

DEFAULT_IOU: Final = 0.6
"""Above it two boxes are one vehicle; a rider in front of a bus overlaps it far less."""


def load_detector(
    model: str | Path | None,
    device: str = "auto",
    *,
    confidence: float = DEFAULT_CONFIDENCE,
    iou: float = DEFAULT_IOU,
) -> Detector:
    """Load a model for a device."""
    from pipeline.detect.openvino_backend import OpenVINODetector

    path = Path(model or "")
    if path.is_dir():
        path = next(path.glob("*.xml"))
    return OpenVINODetector(path, name=path.stem, confidence=confidence, iou=iou)
