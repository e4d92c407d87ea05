"""What the detector and the tracker said in every frame of a clip, kept to find out why a count is wrong."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt
import supervision as sv

from pipeline.count import CameraCounter, CountUpdate, LineGeometry, Tracker
from pipeline.count.counter import REFERENCE_HEIGHT
from pipeline.report.accuracy_geometry import Boxes, touches
from pipeline.types import CountingLine

NOBODY: Final = -1
"""In place of a vehicle's number where a detection belongs to no vehicle that the tracker believes in."""

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sightings:
    """Detections of a clip, one row each, in order of time."""

    seq: Ints
    """(N,) `Frame.seq`."""
    xyxy: Boxes
    """(N, 4) pixels of the source frame."""
    confidence: npt.NDArray[np.float32]
    class_id: Ints
    """(N,) index into `VEHICLE_CLASSES`, as detected in this frame."""
    vehicle: Ints
    """(N,) number of the tracked vehicle, or `NOBODY`."""

    def __len__(self) -> int:
        return len(self.seq)

    def where(self, mask: Mask | slice) -> Sightings:
        """Some of the rows."""
        return Sightings(*(getattr(self, column.name)[mask] for column in fields(self)))

    def between(self, first: float, last: float) -> Sightings:
        """Those of the frames from `first` to `last`, both included."""
        return self.where(slice(int(np.searchsorted(self.seq, first)), int(np.searchsorted(self.seq, last, "right"))))

    def of(self, vehicle: int) -> Sightings:
        """Those of one tracked vehicle."""
        return self.where(self.vehicle == vehicle)

    def among(self, vehicles: Collection[int]) -> Mask:
        """(N,) whether a row is of one of these vehicles."""
        return np.isin(self.vehicle, list(vehicles))

    def touching(self, line: CountingLine) -> Sightings:
        """Those whose box touches the line."""
        return self.where(touches(self.xyxy, line))

    def beyond(self, line: CountingLine) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Where the points that are counted are: (N,) pixels beyond the line (positive is forward), (N,) along it.

        Along is 0 at the line's start and 1 at its end.
        """
        extent = self.xyxy[:, 2:] - self.xyxy[:, :2]
        points = self.xyxy[:, :2] + extent * np.array([0.5, REFERENCE_HEIGHT])
        side_px, along, _ = LineGeometry([line]).measure(points.astype(np.float64))
        return side_px[:, 0], along[:, 0]

    @property
    def frames(self) -> set[int]:
        """In which there is at least one."""
        return set(self.seq.tolist())

    @property
    def vehicles(self) -> list[int]:
        """Numbers of the tracked vehicles, rising."""
        return sorted(set(self.vehicle.tolist()) - {NOBODY})

    @property
    def size_px(self) -> float:
        """Median over the rows of the square root of the box's area; 0 of none."""
        if not len(self):
            return 0.0
        return float(np.median(np.sqrt((self.xyxy[:, 2:] - self.xyxy[:, :2]).prod(axis=1))))


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was seen in one clip."""

    seen: Sightings
    frame_seq: Ints
    """(F,) the frames that were analysed, in order, with vehicles or without."""
    frame_at_ns: Ints
    """(F,) their capture times."""

    def frames_between(self, first: float, last: float) -> int:
        """How many analysed frames are from `first` to `last`, both included."""
        return int(((self.frame_seq >= first) & (self.frame_seq <= last)).sum())

    def frames_around(self, seq: float, around_s: float, count: int) -> list[int]:
        """Up to `count` frames evenly in time from `around_s` before frame `seq` to as long after."""
        middle_ns = int(np.interp(seq, self.frame_seq, self.frame_at_ns))
        wanted = middle_ns + np.linspace(-around_s, around_s, count) * 1e9
        nearest = np.abs(self.frame_at_ns[None, :] - wanted[:, None]).argmin(axis=1)
        return sorted(set(self.frame_seq[nearest].tolist()))


class WatchedCounter(CameraCounter):
    """A counter that remembers what it was shown and which vehicles it saw in it; memory grows with the footage."""

    def __init__(self, camera: str, lines: Sequence[CountingLine], *, tracker: Tracker | None = None) -> None:
        super().__init__(camera, lines, tracker=tracker)
        self._frames: list[tuple[int, int]] = []
        self._rows: list[Sightings] = []

    def update(
        self, frame_seq: int, captured_at_ns: int, detections: sv.Detections, lost_before: int = 0
    ) -> CountUpdate:
        """See `CameraCounter.update`."""
        update = super().update(frame_seq, captured_at_ns, detections, lost_before)
        self._frames.append((frame_seq, captured_at_ns))
        self._rows.append(_sightings(frame_seq, detections, update.tracked))
        return update

    def evidence(self) -> Evidence:
        """All of it so far."""
        rows = [_sightings(0, sv.Detections.empty(), sv.Detections.empty()), *self._rows]
        columns = (np.concatenate([getattr(row, column.name) for row in rows]) for column in fields(Sightings))
        frames = np.array(self._frames, np.int64).reshape(-1, 2)
        return Evidence(Sightings(*columns), frames[:, 0], frames[:, 1])


def _sightings(seq: int, detections: sv.Detections, tracked: sv.Detections) -> Sightings:
    count = len(detections)
    vehicle = np.full(count, NOBODY, np.int64)
    if len(tracked) and count and tracked.tracker_id is not None:
        # A tracked box is a copy of the detection's; the nearest one is it even if it was smoothed.
        distance = np.abs(tracked.xyxy[:, None] - detections.xyxy[None]).sum(axis=2)
        vehicle[distance.argmin(axis=1)] = tracked.tracker_id
    confidence = np.ones(count) if detections.confidence is None else detections.confidence
    class_id = np.zeros(count) if detections.class_id is None else detections.class_id
    return Sightings(
        np.full(count, seq, np.int64),
        np.asarray(detections.xyxy, np.float32).reshape(-1, 4),
        np.asarray(confidence, np.float32),
        np.asarray(class_id, np.int64),
        vehicle,
    )
