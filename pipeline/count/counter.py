"""Detections of one camera in, crossings, movements and coverage out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
import supervision as sv

from pipeline.count.company import Company
from pipeline.count.coverage import CoverageMeter, Interruption
from pipeline.count.kalman import Floats
from pipeline.count.lines import LineGeometry, Passage
from pipeline.count.movements import MovementPairer
from pipeline.count.origin import Watch, unseen_start
from pipeline.count.stitch import MOST_GAP_S, TrackEnd, stitch_cost
from pipeline.count.tracker import Tracker, TrackerStep
from pipeline.count.vehicle import Sighting, Vehicle
from pipeline.types import NS_PER_S, CountingLine, Coverage, Crossing, Movement, VehiclePath, event_id

SETTLE_RECORDED_NS: Final = 3 * NS_PER_S
"""A crossing is emitted so long after it is certain, for the vehicle's class to be voted on from both sides: what
waited at the line shows itself as it drives off. Later still, a track may have gone over to another vehicle."""
SETTLE_LIVE_NS: Final = NS_PER_S
"""The same where somebody waits for the count."""
MARGIN_SIZES: Final = 0.15
"""How far beyond a line, in box sizes, a vehicle must be for its crossing to be certain."""
LEAST_CONFIDENCE: Final = 0.2
"""Mean over a vehicle's sightings. Weak boxes carry a track over a bad moment; what lives on them is a shadow, or a
loose box around several vehicles."""
REFERENCE_HEIGHT: Final = 0.75
"""A vehicle is where the point midway between its sides and so far down its box is: near the ground, where lines are
drawn, and steadier than the bottom edge, which other vehicles hide."""


@dataclass(frozen=True, slots=True)
class CountUpdate:
    """What one frame brought."""

    tracked: sv.Detections
    """The confirmed vehicles of this frame; `tracker_id` is the vehicle's number, `class_id` its class by vote."""
    crossings: tuple[Crossing, ...]
    movements: tuple[Movement, ...]
    coverage: tuple[Coverage, ...]
    """Minutes that have ended."""
    paths: tuple[VehiclePath, ...] = ()
    """Of vehicles that are gone, where the counter keeps paths."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    vehicle: Vehicle
    line: CountingLine
    passage: Passage
    fragment: int
    due_ns: int


class CameraCounter:
    """Counts the vehicles of one camera: tracks, line crossings, movements and coverage.

    State: the tracker's tracks; one `Vehicle` per track, kept until `MOST_GAP_S` after it was last seen; crossings that
    wait for their class, at most `settle_ns`; and what `MovementPairer` and `CoverageMeter` hold. With `keep_paths`
    also the path of each vehicle, until the vehicle is gone.
    """

    def __init__(
        self,
        camera: str,
        lines: Sequence[CountingLine],
        *,
        revision: int = 0,
        run: str = "",
        tracker: Tracker | None = None,
        keep_paths: bool = False,
        settle_ns: int = SETTLE_RECORDED_NS,
    ) -> None:
        names = [line.name for line in lines]
        if len(set(names)) != len(names):
            raise ValueError(f"camera {camera!r} has two lines of the same name: {sorted(names)}")
        self._camera, self._revision, self._run = camera, revision, run
        self._lines = tuple(lines)
        self._geometry = LineGeometry(lines)
        self._tracker = Tracker() if tracker is None else tracker
        self._pairer = MovementPairer(lines)
        self._coverage = CoverageMeter(camera, revision=revision, run=run)
        self._keep_paths = keep_paths
        self._settle_ns = settle_ns
        self._vehicles: dict[int, Vehicle] = {}
        """By the id of their current track."""
        self._watch = Watch()
        self._company = Company()
        self._waiting: list[_Waiting] = []

    def update(
        self, frame_seq: int, captured_at_ns: int, detections: sv.Detections, lost_before: int = 0
    ) -> CountUpdate:
        """Count one frame, in order of time; a frame without vehicles counts too.

        `lost_before` frames between the previous one and this were damaged or repeated. Raises ValueError where time
        does not increase, or where a class is none of ours.
        """
        step = self._tracker.update(captured_at_ns, detections)
        self._watch.look(captured_at_ns)
        coverage = self._coverage.observe(captured_at_ns, lost_before)
        self._see(step, detections, frame_seq, captured_at_ns)
        self._end(step.ended, captured_at_ns)
        self._take_back(step.doubles, captured_at_ns)
        crossings, movements = self._emit(captured_at_ns)
        paths = self._evict(captured_at_ns)
        return CountUpdate(self._tracked(step, detections), crossings, movements, coverage, paths)

    def drop(self, captured_at_ns: int, count: int = 1) -> None:
        """Frames of this time were not processed because the device was behind."""
        self._coverage.drop(captured_at_ns, count)

    def interrupt(self, reason: Interruption, now_ns: int) -> CountUpdate:
        """A live camera shows nothing up to `now_ns`, which must not be later than its next frame's time.

        Crossings that were certain are emitted; vehicles are kept, for the camera may be back at once.
        """
        crossings, movements = self._emit(now_ns)
        return CountUpdate(sv.Detections.empty(), crossings, movements, self._coverage.interrupt(reason, now_ns))

    def coverage_so_far(self) -> Coverage | None:
        """The minute that has not ended yet; given again later with more observed, it replaces this."""
        return self._coverage.so_far()

    def finish(self) -> CountUpdate:
        """No more frames: every track ends, everything that waits is emitted, and the last partial minute."""
        for vehicle in list(self._vehicles.values()):
            if not vehicle.over:
                self._end((vehicle.track,), vehicle.seen_ns)
        crossings, movements = self._emit(None)
        vehicles = list(self._vehicles.values())
        for vehicle in vehicles:
            self._tracker.drop(vehicle.track)
            self._pairer.forget(vehicle.number)
        self._vehicles.clear()
        return CountUpdate(sv.Detections.empty(), crossings, movements, self._coverage.finish(), _paths_of(vehicles))

    @property
    def vehicles_held(self) -> int:
        """How many vehicles, in view or lately in view, are in memory."""
        return len(self._vehicles)

    def _see(self, step: TrackerStep, detections: sv.Detections, frame_seq: int, now_ns: int) -> None:
        if not len(step.track):
            return
        extent = step.boxes[:, 2:]
        points = step.boxes[:, :2] + extent * (0.0, REFERENCE_HEIGHT - 0.5)
        sizes = np.sqrt(np.maximum(extent[:, 0] * extent[:, 1], 1.0))
        positions = self._geometry.locate(points, MARGIN_SIZES * sizes, now_ns, frame_seq)
        confidence = _confidence(detections)[step.detection].tolist()
        assert detections.class_id is not None
        classes = detections.class_id[step.detection].tolist()
        ends = np.column_stack((points, step.velocity, sizes)).tolist()
        for row, (track, confirmed) in enumerate(zip(step.track.tolist(), step.confirmed.tolist(), strict=True)):
            vehicle = self._vehicles.get(track)
            if vehicle is None:
                vehicle = self._vehicles[track] = Vehicle(track, keeps_path=self._keep_paths)
            vehicle.confirmed = confirmed or vehicle.confirmed
            x, y, velocity_x, velocity_y, size_px = ends[row]
            end = TrackEnd(now_ns, x, y, velocity_x, velocity_y, size_px, classes[row])
            sighting = Sighting(end, positions[row], confidence[row])
            self._wait(vehicle, vehicle.see(sighting), now_ns)
        for track in step.track.tolist():
            vehicle = self._vehicles[track]
            if vehicle.may_grow_up:
                self._settle_origin(vehicle, now_ns)
        for vehicle, passages in self._company.part(now_ns):
            self._wait(vehicle, passages, now_ns)

    def _settle_origin(self, child: Vehicle, now_ns: int) -> None:
        """Decide whether a young vehicle is a new one or a fragment of one seen before."""
        first = child.beginning()
        best, parent = inf, None
        for candidate in self._vehicles.values():
            if candidate.is_young or candidate.seen_ns >= first.captured_at_ns:
                continue
            cost = stitch_cost(candidate.ending(), first)
            if cost is not None and cost < best:
                best, parent = cost, candidate
        if parent is None:
            start = self._unseen_start(child, first)
            if start is None:
                self._company.begin(child, self._vehicles.values())
            self._wait(child, child.grow_up(start), now_ns)
            return
        if not parent.over:
            self._tracker.drop(parent.track)
        del self._vehicles[parent.track]
        self._vehicles[child.track] = parent
        self._wait(parent, parent.continue_with(child), now_ns)

    def _unseen_start(self, child: Vehicle, first: TrackEnd) -> Sighting | None:
        """Where a new vehicle was before it was first seen; None where it may have been nowhere else."""
        older = (vehicle for vehicle in self._vehicles.values() if vehicle.began_ns < first.captured_at_ns)
        if not self._watch.has_lasted(first.captured_at_ns):
            return None
        start = unseen_start(first, (vehicle.ending() for vehicle in older))
        if start is None:
            return None
        at_ns, point = start.captured_at_ns, np.array([[start.x, start.y]])
        margin_px = np.array([MARGIN_SIZES * start.size_px])
        position = self._geometry.locate(point, margin_px, at_ns, child.frame_at(at_ns))[0]
        return Sighting(start, position, confidence=0.0)

    def _end(self, tracks: Iterable[int], now_ns: int) -> None:
        for track in tracks:
            vehicle = self._vehicles.get(track)
            if vehicle is None:
                continue
            if not vehicle.confirmed:
                del self._vehicles[track]
                continue
            if vehicle.is_young:
                self._settle_origin(vehicle, now_ns)
                vehicle = self._vehicles[track]
            self._wait(vehicle, vehicle.finish(), now_ns)

    def _take_back(self, tracks: Iterable[int], now_ns: int) -> None:
        """Tracks that were second boxes of other vehicles: nothing of them counts."""
        for track in tracks:
            vehicle = self._vehicles[track]
            if vehicle.number != track:  # a fragment of a vehicle that was real before
                self._end((track,), now_ns)
                continue
            del self._vehicles[track]
            self._waiting = [waiting for waiting in self._waiting if waiting.vehicle is not vehicle]

    def _evict(self, now_ns: int) -> tuple[VehiclePath, ...]:
        horizon_ns = now_ns - int(MOST_GAP_S * NS_PER_S)
        gone = [vehicle for vehicle in self._vehicles.values() if vehicle.over and vehicle.seen_ns < horizon_ns]
        for vehicle in gone:
            del self._vehicles[vehicle.track]
            self._pairer.forget(vehicle.number)
        return _paths_of(gone)

    def _wait(self, vehicle: Vehicle, passages: list[Passage], now_ns: int) -> None:
        for passage in passages:
            vehicle.passed[passage.line] = passage
            due_ns = now_ns + self._settle_ns
            self._waiting.append(_Waiting(vehicle, self._lines[passage.line], passage, vehicle.track, due_ns))

    def _emit(self, now_ns: int | None) -> tuple[tuple[Crossing, ...], tuple[Movement, ...]]:
        """Crossings whose time has come (all where `now_ns` is None), in order of capture, and what they complete."""
        if not self._waiting:
            return (), ()
        ready: list[_Waiting] = []
        waiting_on: list[_Waiting] = []
        for waiting in self._waiting:
            is_ready = now_ns is None or waiting.vehicle.over or waiting.due_ns <= now_ns
            (ready if is_ready else waiting_on).append(waiting)
        self._waiting = waiting_on
        ready.sort(key=lambda waiting: (waiting.passage.captured_at_ns, waiting.vehicle.number, waiting.line.name))
        crossings, movements = [], []
        for waiting in ready:
            if waiting.vehicle.vote.confidence < LEAST_CONFIDENCE:
                continue
            crossing = self._crossing(waiting)
            crossings.append(crossing)
            movement = self._pairer.cross(crossing, waiting.fragment)
            if movement is not None:
                movements.append(movement)
        return tuple(crossings), tuple(movements)

    def _crossing(self, waiting: _Waiting) -> Crossing:
        vehicle, passage = waiting.vehicle, waiting.passage
        return Crossing(
            event_id=event_id(
                self._camera,
                waiting.line.name,
                passage.direction,
                passage.captured_at_ns,
                vehicle.number,
                self._revision,
            ),
            camera=self._camera,
            line=waiting.line.name,
            direction=passage.direction,
            vehicle_class=vehicle.vote.vehicle_class,
            captured_at_ns=passage.captured_at_ns,
            frame=passage.frame,
            track=vehicle.number,
            confidence=vehicle.vote.confidence,
            speed_kmh=None,
            revision=self._revision,
            run=self._run,
        )

    def _tracked(self, step: TrackerStep, detections: sv.Detections) -> sv.Detections:
        rows = step.detection[step.confirmed]
        if not len(rows):
            return sv.Detections.empty()
        vehicles = [self._vehicles[track] for track in step.track[step.confirmed].tolist()]
        return sv.Detections(
            xyxy=detections.xyxy[rows],
            confidence=_confidence(detections)[rows],
            class_id=np.array([vehicle.vote.class_id for vehicle in vehicles]),
            tracker_id=np.array([vehicle.number for vehicle in vehicles]),
        )


def _paths_of(vehicles: Iterable[Vehicle]) -> tuple[VehiclePath, ...]:
    """Paths of those of which a crossing would count."""
    return tuple(
        vehicle.path.path(vehicle.number, vehicle.vote.vehicle_class)
        for vehicle in vehicles
        if vehicle.path is not None and vehicle.vote.confidence >= LEAST_CONFIDENCE
    )


def _confidence(detections: sv.Detections) -> Floats:
    if detections.confidence is None:
        return np.ones(len(detections))
    return np.asarray(detections.confidence, np.float64)
