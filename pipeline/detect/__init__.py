"""Vehicles in pictures: one `Detector` interface, backends for CPU and GPU."""

from __future__ import annotations

from pipeline.detect.loading import load_detector
from pipeline.detect.protocol import Detector, ModelInfo

__all__ = ["Detector", "ModelInfo", "load_detector"]
