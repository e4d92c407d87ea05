"""Detections -> tracks of one camera.

Two rounds of association as in ByteTrack (Zhang et al., ECCV 2022): first the confident detections, then the weak ones
for the tracks still without a box, so that a half-hidden vehicle keeps its track. Only confident detections start
tracks. All times are real: a track's prediction, its patience and its end do not depend on the frame rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import supervision as sv

from pipeline.count import kalman
from pipeline.count.association import Ints, assign, class_flip_costs, pair_costs, same_vehicle
from pipeline.count.kalman import Floats, MotionNoise
from pipeline.count.parts import restore_size
from pipeline.types import NS_PER_S, VEHICLE_CLASSES


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """Thresholds of the tracker; the defaults suit any camera."""

    high_confidence: float = 0.25
    """Detections from here on are associated first, and may start tracks."""
    low_confidence: float = 0.1
    """Detections below are ignored."""
    confirm_hits: int = 2
    confirm_evidence: float = 0.8
    """A track is believed after so many detections with so large a sum of confidences: two good ones, or more weak."""
    trial_hits: int = 5
    """Until it has so many, a track is taken back where its box is a second box of an older track's vehicle."""
    tentative_s: float = 0.5
    """An unconfirmed track ends when not seen for so long (or for two of the current frame intervals)."""
    glimpse_s: float = 0.25
    """The same after a single sighting: it has no velocity, and whatever is found later may be another vehicle."""
    lost_s: float = 2.0
    """A confirmed track ends when not seen for so long."""
    gate: float = 16.0
    """Most squared Mahalanobis distance of a pair (4 standard deviations)."""
    weak_gate: float = 9.0
    most_cost: float = 24.0
    reach: float = 0.75
    """How far from its prediction a track takes a detection, in box sizes, ..."""
    reach_per_s: float = 2.0
    """... more for every second unseen, since vehicles brake and turn, ..."""
    first_reach_per_s: float = 15.0
    """... and much more after the first sighting, when its velocity is not known (a motorcycle at 90 km/h)."""
    weak_reach: float = 0.5
    """The same for weak detections, whatever the time: they are as often something else."""
    settled_hits: int = 3
    """After so many detections a vehicle's size and velocity are known. Then it is found within ..."""
    settled_reach: float = 0.5
    """... so many sizes, ..."""
    braking: float = 0.75
    """... and such a share of the way it would have gone unseen, ..."""
    pulling_off: float = 0.75
    """... and the way of a motorcycle that pulls off, sizes / s^2: half of 2.5 m/s^2."""
    part_s: float = 0.7
    """For so long a box that lost a part is taken for a part; later the vehicle looks like that."""
    noise: MotionNoise = field(default_factory=MotionNoise)


@dataclass(frozen=True, slots=True)
class TrackerStep:
    """What one frame did to the tracks; the columns describe the M tracks that got a detection."""

    track: npt.NDArray[np.int64]
    """(M,) ids, counted from 1."""
    detection: Ints
    """(M,) row of the frame's detections."""
    boxes: Floats
    """(M, 4) centre x, centre y, width, height: as detected, or the whole vehicle's where only a part was found."""
    velocity: Floats
    """(M, 2) of the box's centre, pixels per second."""
    confirmed: npt.NDArray[np.bool_]
    """(M,) seen often enough to be believed."""
    ended: tuple[int, ...]
    """Ids of tracks that are over and will not come back."""
    doubles: tuple[int, ...]
    """Ids of tracks that turned out to be second boxes of other tracks' vehicles, and are no more."""


class Tracker:
    """The tracks of one camera.

    State: one row per live track; a row goes when its track was not seen for `lost_s` (`tentative_s` unconfirmed).
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self._settings = settings or TrackerSettings()
        self._flip_costs = class_flip_costs()
        self._next_id = 1
        self._now_ns: int | None = None
        self._state = kalman.initiate(np.zeros((0, 4)), self._settings.noise)
        self._ids = np.zeros(0, np.int64)
        self._hits = np.zeros(0, np.int64)
        self._seen_ns = np.zeros(0, np.int64)
        self._whole_ns = np.zeros(0, np.int64)
        self._seen_at = np.zeros((0, 2))
        self._class_weights = np.zeros((0, len(VEHICLE_CLASSES)))

    def __len__(self) -> int:
        return len(self._ids)

    def update(self, captured_at_ns: int, detections: sv.Detections) -> TrackerStep:
        """Associate one frame's detections, in order of time; raises ValueError where time does not increase."""
        ended = self._advance(captured_at_ns)
        boxes, confidence, classes = _columns(detections)
        strong = confidence >= self._settings.high_confidence
        weak = ~strong & (confidence >= self._settings.low_confidence)
        everyone = np.arange(len(self))
        reach = self._reach(captured_at_ns)
        rows, columns = self._match(everyone, np.flatnonzero(strong), boxes, classes, self._settings.gate, reach)
        spare = np.delete(everyone, rows)
        reach = np.minimum(reach, self._settings.weak_reach)
        weak_rows, weak_columns = self._match(
            spare, np.flatnonzero(weak), boxes, classes, self._settings.weak_gate, reach
        )
        rows, columns = np.concatenate((rows, weak_rows)), np.concatenate((columns, weak_columns))
        boxes = self._restore(rows, columns, boxes, captured_at_ns)
        self._correct(rows, columns, boxes, confidence, classes, captured_at_ns)
        double = self._doubles(rows, columns, boxes, classes)
        doubles = tuple(self._ids[rows[double]].tolist())
        born = self._births(columns, strong, boxes, classes)
        rows = np.concatenate((rows, np.arange(len(self), len(self) + len(born))))
        columns = np.concatenate((columns, born))
        self._start(born, boxes, confidence, classes, captured_at_ns)
        order = np.argsort(self._ids[rows])
        if len(double):
            order = order[~np.isin(order, double)]
        rows, columns = rows[order], columns[order]
        step_columns = (
            self._ids[rows],
            columns,
            boxes[columns],
            self._state.velocity[rows, :2],
            self._is_confirmed()[rows],
        )
        for track in doubles:
            self.drop(track)
        return TrackerStep(*step_columns, ended=ended, doubles=doubles)

    def drop(self, track: int) -> None:
        """Forget a track, because another one was found to be of the same vehicle."""
        self._keep(self._ids != track)

    def _advance(self, captured_at_ns: int) -> tuple[int, ...]:
        """Move all tracks to the new frame's time; those unseen for too long end, before anything can revive them."""
        if self._now_ns is not None and captured_at_ns <= self._now_ns:
            raise ValueError(f"time must increase: {captured_at_ns} ns follows {self._now_ns} ns")
        dt_s = 0.0 if self._now_ns is None else (captured_at_ns - self._now_ns) / NS_PER_S
        self._now_ns = captured_at_ns
        ended = self._evict(captured_at_ns, dt_s)
        self._state = kalman.predict(self._state, dt_s, self._settings.noise)
        return ended

    def _reach(self, now_ns: int) -> Floats:
        """(N,) how far from its prediction each track takes a detection, in box sizes."""
        settings = self._settings
        unseen_s = (now_ns - self._seen_ns) / NS_PER_S
        per_s = np.where(self._hits < 2, settings.first_reach_per_s, settings.reach_per_s)
        anyone = settings.reach + per_s * unseen_s
        velocity = self._state.velocity[:, :2]
        speed = np.sqrt((velocity**2).sum(axis=1)) / kalman.box_size(self._state.position)
        driven = settings.settled_reach + unseen_s * (settings.braking * speed + settings.pulling_off * unseen_s)
        settled = self._hits >= settings.settled_hits
        return np.where(settled, np.minimum(anyone, driven), anyone)

    def _match(
        self, rows: Ints, columns: Ints, boxes: Floats, classes: Ints, gate: float, reach: Floats
    ) -> tuple[Ints, Ints]:
        if not len(rows) or not len(columns):
            return rows[:0], columns[:0]
        tracks = self._state.take(rows)
        costs = pair_costs(
            tracks,
            self._class_weights[rows].argmax(axis=1),
            boxes[columns],
            classes[columns],
            noise=self._settings.noise,
            flip_costs=self._flip_costs,
            gate=gate,
            reach_px=reach[rows] * kalman.box_size(tracks.position),
            seen_at=self._seen_at[rows],
            settled=self._hits[rows] >= self._settings.settled_hits,
        )
        chosen_rows, chosen_columns = assign(costs, self._settings.most_cost)
        return rows[chosen_rows], columns[chosen_columns]

    def _correct(
        self, rows: Ints, columns: Ints, boxes: Floats, confidence: Floats, classes: Ints, now_ns: int
    ) -> None:
        if not len(rows):
            return
        self._state.put(rows, kalman.update(self._state.take(rows), boxes[columns], self._settings.noise))
        self._hits[rows] += 1
        self._seen_ns[rows] = now_ns
        self._seen_at[rows] = boxes[columns, :2]
        self._class_weights[rows, classes[columns]] += confidence[columns]

    def _restore(self, rows: Ints, columns: Ints, boxes: Floats, now_ns: int) -> Floats:
        """All boxes, with those that are parts of vehicles lately seen whole made whole again."""
        settings = self._settings
        if not len(rows):
            return boxes
        whole, is_part = restore_size(self._state.position[rows], boxes[columns])
        known = self._hits[rows] >= settings.settled_hits
        lately = (now_ns - self._whole_ns[rows]) <= settings.part_s * NS_PER_S
        restored = is_part & known & lately
        self._whole_ns[rows[~is_part]] = now_ns
        if not restored.any():
            return boxes
        boxes = boxes.copy()
        boxes[columns[restored]] = whole[restored]
        return boxes

    def _is_confirmed(self) -> npt.NDArray[np.bool_]:
        evidence = self._class_weights.sum(axis=1)
        often = self._hits >= self._settings.confirm_hits
        return np.asarray(often & (evidence >= self._settings.confirm_evidence), np.bool_)

    def _doubles(self, rows: Ints, columns: Ints, boxes: Floats, classes: Ints) -> Ints:
        """Which pairs (track `rows`, detection `columns`) are second boxes: a new track in the box of an older one."""
        on_trial = self._hits[rows] < self._settings.trial_hits
        young, old = np.flatnonzero(on_trial), columns[~on_trial]
        if not len(young) or not len(old):
            return young[:0]
        corners, mine = kalman.to_xyxy(boxes), columns[young]
        return young[same_vehicle(corners[mine], classes[mine], corners[old], classes[old]).any(axis=1)]

    def _births(self, taken: Ints, may_start: npt.NDArray[np.bool_], boxes: Floats, classes: Ints) -> Ints:
        """Rows of the detections that start a track: confident, nobody's, and not a second box of one vehicle.

        Of two boxes of one vehicle the one higher in the list is kept.
        """
        may_start = may_start.copy()
        may_start[taken] = False
        candidates = np.flatnonzero(may_start)
        if not len(candidates) or len(candidates) + len(taken) == 1:
            return candidates
        rivals = np.concatenate((taken, candidates))
        corners = kalman.to_xyxy(boxes)
        same = same_vehicle(corners[candidates], classes[candidates], corners[rivals], classes[rivals])
        # A candidate's rivals are the boxes that are taken and the candidates before it.
        same &= np.arange(len(rivals)) < len(taken) + np.arange(len(candidates))[:, None]
        return candidates[~same.any(axis=1)]

    def _start(self, born: Ints, boxes: Floats, confidence: Floats, classes: Ints, now_ns: int) -> None:
        if not len(born):
            return
        weights = np.zeros((len(born), len(VEHICLE_CLASSES)))
        weights[np.arange(len(born)), classes[born]] = confidence[born]
        self._state = self._state.append(kalman.initiate(boxes[born], self._settings.noise))
        self._ids = np.concatenate((self._ids, np.arange(self._next_id, self._next_id + len(born))))
        self._hits = np.concatenate((self._hits, np.ones(len(born), np.int64)))
        self._seen_ns = np.concatenate((self._seen_ns, np.full(len(born), now_ns, np.int64)))
        self._whole_ns = np.concatenate((self._whole_ns, np.full(len(born), now_ns, np.int64)))
        self._seen_at = np.concatenate((self._seen_at, boxes[born, :2]))
        self._class_weights = np.concatenate((self._class_weights, weights))
        self._next_id += len(born)

    def _evict(self, now_ns: int, dt_s: float) -> tuple[int, ...]:
        settings = self._settings
        unconfirmed_s = np.where(self._hits < 2, settings.glimpse_s, settings.tentative_s)
        unconfirmed_s = np.minimum(np.maximum(unconfirmed_s, 2 * dt_s), settings.lost_s)
        patience_s = np.where(self._is_confirmed(), settings.lost_s, unconfirmed_s)
        over = (now_ns - self._seen_ns) / NS_PER_S > patience_s
        if not over.any():
            return ()
        ended = tuple(int(track) for track in self._ids[over])
        self._keep(~over)
        return ended

    def _keep(self, kept: npt.NDArray[np.bool_]) -> None:
        self._state = self._state.take(kept)
        self._ids = self._ids[kept]
        self._hits = self._hits[kept]
        self._seen_ns = self._seen_ns[kept]
        self._whole_ns = self._whole_ns[kept]
        self._seen_at = self._seen_at[kept]
        self._class_weights = self._class_weights[kept]


def _columns(detections: sv.Detections) -> tuple[Floats, Floats, Ints]:
    """Boxes (M, 4) centre and extent, confidence (M,) and class (M,) of a frame's detections."""
    count = len(detections)
    boxes = kalman.to_cxcywh(detections.xyxy)
    confidence = np.ones(count) if detections.confidence is None else detections.confidence.astype(np.float64)
    if count and detections.class_id is None:
        raise ValueError("detections need a class_id")
    classes = np.zeros(0, np.intp) if detections.class_id is None else detections.class_id.astype(np.intp)
    if count and not 0 <= classes.min() <= classes.max() < len(VEHICLE_CLASSES):
        raise ValueError(f"class_id must be 0 to {len(VEHICLE_CLASSES) - 1}, got {classes.min()} to {classes.max()}")
    return boxes, confidence, classes
