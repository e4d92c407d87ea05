"""Detections to counts: tracker, counting lines, movements, class vote and coverage.

Pure and deterministic: no threads, no sockets, no clock, no randomness. The assignment problem is solved by
`scipy.optimize.linear_sum_assignment`; scipy comes with supervision.
"""

from pipeline.count.counter import SETTLE_LIVE_NS, SETTLE_RECORDED_NS, CameraCounter, CountUpdate
from pipeline.count.coverage import CoverageMeter, Interruption
from pipeline.count.lines import LineCrossingDetector, LineGeometry
from pipeline.count.tracker import Tracker, TrackerSettings, TrackerStep

__all__ = [
    "SETTLE_LIVE_NS",
    "SETTLE_RECORDED_NS",
    "CameraCounter",
    "CountUpdate",
    "CoverageMeter",
    "Interruption",
    "LineCrossingDetector",
    "LineGeometry",
    "Tracker",
    "TrackerSettings",
    "TrackerStep",
]
