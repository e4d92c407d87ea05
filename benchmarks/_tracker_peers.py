"""Trackers that people use today behind one protocol, and the counting rule that all are given.

The thresholds of confidence are Simpang's in every tracker, since a small int8 network is less sure of a distant
motorcycle than what their defaults expect; all else is their default. Cameras stand still: no motion compensation.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol

os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")
os.environ.setdefault("YOLO_VERBOSE", "false")

import numpy as np
import supervision as sv
import trackers
from ultralytics.engine.results import Boxes
from ultralytics.trackers.bot_sort import BOTSORT
from ultralytics.trackers.byte_tracker import BYTETracker
from ultralytics.trackers.oc_sort import OCSORT
from ultralytics.utils import YAML, IterableSimpleNamespace
from ultralytics.utils.checks import check_yaml

from benchmarks._recordings import BoxFrame, Recording
from pipeline.count import Tracker, TrackerSettings
from pipeline.types import NS_PER_S

CONFIDENT = TrackerSettings().high_confidence


class BoxTracker(Protocol):
    """Gives the boxes of one frame the ids of their tracks; boxes without one are left out."""

    def track(self, frame: BoxFrame) -> sv.Detections: ...


class SimpangTracker:
    def __init__(self, recording: Recording) -> None:
        self._tracker = Tracker()

    def track(self, frame: BoxFrame) -> sv.Detections:
        step = self._tracker.update(frame.captured_at_ns, frame.boxes)
        return _chosen(frame.boxes, step.detection[step.confirmed], step.track[step.confirmed])


class PackageTracker:
    """A tracker of the package `trackers`, told the real time of every frame."""

    def __init__(self, tracker: Any) -> None:
        self._tracker = tracker

    def track(self, frame: BoxFrame) -> sv.Detections:
        tracked = self._tracker.update(frame.boxes, timestamp=frame.captured_at_ns / NS_PER_S)
        return tracked[tracked.tracker_id >= 0] if len(tracked) else tracked


class UltralyticsTracker:
    """A tracker of Ultralytics; it knows no time but the frame's number."""

    def __init__(self, kind: Callable[[Any], Any], settings: str, recording: Recording) -> None:
        options = YAML.load(check_yaml(settings)) | {
            "track_high_thresh": CONFIDENT,
            "new_track_thresh": CONFIDENT,
            "track_low_thresh": TrackerSettings().low_confidence,
            "gmc_method": None,
        }
        self._tracker = kind(IterableSimpleNamespace(**options))
        self._shape = recording.size[::-1]

    def track(self, frame: BoxFrame) -> sv.Detections:
        boxes = frame.boxes
        table = np.zeros((len(boxes), 6), np.float32)
        if len(boxes):
            table[:, :4], table[:, 4], table[:, 5] = boxes.xyxy, boxes.confidence, boxes.class_id
        tracks = self._tracker.update(Boxes(table, self._shape))
        if not len(tracks):
            return sv.Detections.empty()
        return _chosen(boxes, tracks[:, 7].astype(int), tracks[:, 4].astype(int))


def _chosen(boxes: sv.Detections, rows: np.ndarray, ids: np.ndarray) -> sv.Detections:
    if not len(rows):
        return sv.Detections.empty()
    chosen = boxes[rows]
    chosen.tracker_id = ids
    return chosen


TRACKERS: dict[str, Callable[[Recording], BoxTracker]] = {
    "simpang": SimpangTracker,
    "ByteTrack (trackers)": lambda recording: PackageTracker(
        trackers.ByteTrackTracker(
            frame_rate=recording.fps, track_activation_threshold=CONFIDENT, high_conf_det_threshold=CONFIDENT
        )
    ),
    "OC-SORT (trackers)": lambda recording: PackageTracker(
        trackers.OCSORTTracker(frame_rate=recording.fps, high_conf_det_threshold=CONFIDENT)
    ),
    "BoT-SORT (trackers)": lambda recording: PackageTracker(
        trackers.BoTSORTTracker(
            frame_rate=recording.fps,
            track_activation_threshold=CONFIDENT,
            high_conf_det_threshold=CONFIDENT,
            enable_cmc=False,
        )
    ),
    "ByteTrack (Ultralytics)": lambda recording: UltralyticsTracker(BYTETracker, "bytetrack.yaml", recording),
    "OC-SORT (Ultralytics)": lambda recording: UltralyticsTracker(OCSORT, "ocsort.yaml", recording),
    "BoT-SORT (Ultralytics)": lambda recording: UltralyticsTracker(BOTSORT, "botsort.yaml", recording),
}
