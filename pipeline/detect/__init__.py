"""Vehicles in pictures: one `Detector` interface, backends for CPU and GPU."""

from __future__ import annotations

from pipeline.detect.letterbox import PIXEL_BUDGET
from pipeline.detect.loading import load_detector
from pipeline.detect.protocol import Detector, ModelInfo
from pipeline.detect.region import cropped, detect_in, region_of
from pipeline.detect.stillness import Stillness

__all__ = ["PIXEL_BUDGET", "Detector", "ModelInfo", "Stillness", "cropped", "detect_in", "load_detector", "region_of"]
