"""Recordings as a tracker sees them: boxes frame by frame, and the truth to judge the counts by.

Two kinds: simulated junctions whose true boxes get the flaws of a camera and a detector, and real clips with the
detections of a model, which are kept on disk so that every tracker sees the same boxes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import supervision as sv

from pipeline.detect import Detector
from pipeline.report.accuracy_truth import FrameRange, TrueCount, TruthClip, TruthLine, Window
from pipeline.source import open_source
from pipeline.source.simulated import Scenario, SimulatedJunction
from pipeline.source.simulated import Truth as SimulatedTruth
from pipeline.types import NS_PER_S, VEHICLE_CLASSES, CountingLine


@dataclass(frozen=True, slots=True)
class BoxFrame:
    """One frame's boxes."""

    seq: int
    captured_at_ns: int
    lost_before: int
    boxes: sv.Detections


@dataclass(frozen=True, slots=True)
class Recording:
    """What every tracker is given, and what it is judged by."""

    name: str
    frames: tuple[BoxFrame, ...]
    lines: tuple[CountingLine, ...]
    truth: TruthClip
    size: tuple[int, int]
    movements: dict[tuple[str, str, str], int] | None = None
    """True (from line, to line, class) counts; None where they are not known."""

    @property
    def duration_s(self) -> float:
        return (self.frames[-1].captured_at_ns - self.frames[0].captured_at_ns) / NS_PER_S

    @property
    def frame_count(self) -> int:
        """Of the footage, those that were left out included."""
        return self.frames[-1].seq + 1

    @property
    def fps(self) -> float:
        return (self.frame_count - 1) / self.duration_s


_MISTAKEN_FOR: Final = {"motorcycle": ("bicycle",), "bicycle": ("motorcycle",), "car": ("truck", "bus"),
                        "bus": ("truck", "car"), "truck": ("bus", "car")}  # fmt: skip
_MISTAKES: Final = {
    VEHICLE_CLASSES.index(name): [VEHICLE_CLASSES.index(other) for other in others]
    for name, others in _MISTAKEN_FOR.items()
}
_MISTAKEN: Final = {"motorcycle": 0.0065, "bicycle": 0.226, "car": 0.017, "bus": 0.042, "truck": 0.129}
"""Share of a class's detections, measured with the shipped detector on the pictures left out of its training: among
two-wheelers and among the others, 2346 in all."""
_TWO_WHEELERS: Final = {VEHICLE_CLASSES.index(name) for name in ("motorcycle", "bicycle")}


@dataclass(frozen=True, slots=True)
class Flaws:
    """What a stuttering camera and a small detector make of true boxes; spells last for several frames, as real ones.

    A class is mistaken as often as `_MISTAKEN` says. Shares are of the vehicle's time; all are doubled for a vehicle of
    `small_px` and fall with its size.
    """

    dropped: float = 0.08
    """Share of frames that never arrive."""
    repeated: float = 0.04
    """Share of frames that show the picture before again, with a new time."""
    least_visible: float = 0.3
    """Vehicles of which less can be seen are not found."""
    missed: float = 0.05
    split: float = 0.04
    """Two-wheelers: the rider in one box and the machine in another."""
    doubled: float = 0.03
    """A second, looser box of another class."""
    spell_s: float = 0.3
    jitter: float = 0.03
    """Standard deviation of each side of a box, in sqrt(width * height)."""
    ghosts_per_s: float = 0.3
    ghost_s: float = 0.25
    small_px: float = 24.0

    def apply(self, frames: Iterable[BoxFrame], size: tuple[int, int], fps: float, seed: int) -> Iterator[BoxFrame]:
        rng = np.random.default_rng([seed, 71])
        spells = _Spells(rng, self.spell_s * fps)
        ghosts: list[tuple[int, np.ndarray, int, float]] = []
        shown: sv.Detections | None = None
        lost = 0
        for frame in frames:
            found = self._detect(frame.boxes, spells, rng)
            if rng.random() < self.ghosts_per_s / fps:
                ghosts.append(self._ghost(frame.seq, size, fps, rng))
            ghosts = [ghost for ghost in ghosts if ghost[0] > frame.seq]
            found += [(corners + rng.normal(0, 1.5, 4), class_id, score) for _, corners, class_id, score in ghosts]
            is_dropped, is_repeated = rng.random(2) < (self.dropped, self.repeated)
            if is_dropped:
                lost += 1
                continue
            if shown is None or not is_repeated:
                shown = _detections(found)
            yield replace(frame, lost_before=lost, boxes=shown)
            lost = 0

    def _detect(self, boxes: sv.Detections, spells: _Spells, rng: np.random.Generator) -> list:
        found = []
        for corners, true_class, vehicle, visible in zip(
            boxes.xyxy.astype(float), boxes.class_id, boxes.tracker_id, boxes.data["visible"], strict=True
        ):
            extent = corners[2:] - corners[:2]
            side = float(np.sqrt(max(extent.prod(), 1.0)))
            hard = 2 * self.small_px / (self.small_px + side)
            class_id = int(true_class)
            mistake = _MISTAKES[class_id][int(vehicle) % len(_MISTAKES[class_id])]
            in_spell = {
                kind: spells.holds(int(vehicle), kind, min(share * hard, 0.5))
                for kind, share in (
                    ("missed", self.missed + 0.3 * (1 - visible)),
                    ("mistaken", _MISTAKEN[VEHICLE_CLASSES[class_id]]),
                    ("split", self.split),
                    ("doubled", self.doubled),
                )
            }
            score = float(np.clip(0.9 - 0.25 * hard - 0.3 * (1 - visible) + rng.normal(0, 0.06), 0.1, 0.97))
            if visible < self.least_visible or in_spell["missed"]:
                continue
            if in_spell["mistaken"]:
                class_id, score = mistake, max(0.1, score - 0.15)
            box = corners + rng.normal(0, self.jitter * side, 4)
            if in_spell["split"] and int(true_class) in _TWO_WHEELERS:
                cut = corners[1] + extent[1] * np.array((0.6, 0.45))
                rider, machine = box.copy(), box.copy()
                rider[3], machine[1] = cut
                found += [(machine, class_id, max(0.1, score - 0.1)), (rider, mistake, max(0.1, score - 0.2))]
                continue
            found.append((box, class_id, score))
            if in_spell["doubled"]:
                loose = box + np.array((-0.2, -0.12, 0.08, 0.1)) * np.tile(extent, 2)
                found.append((loose, mistake, max(0.1, score - 0.3)))
        return found

    def _ghost(
        self, seq: int, size: tuple[int, int], fps: float, rng: np.random.Generator
    ) -> tuple[int, np.ndarray, int, float]:
        centre, half = rng.uniform(0, size), rng.uniform(8, 40, 2)
        until = seq + max(1, round(rng.exponential(self.ghost_s) * fps))
        return until, np.concatenate((centre - half, centre + half)), int(rng.integers(5)), float(rng.uniform(0.1, 0.5))


class _Spells:
    """For each vehicle and kind of flaw a two-state Markov chain: share of time in it, mean length of a spell."""

    def __init__(self, rng: np.random.Generator, mean_frames: float) -> None:
        self._rng, self._mean_frames = rng, max(mean_frames, 1.0)
        self._on: defaultdict[tuple[int, str], bool] = defaultdict(bool)

    def holds(self, vehicle: int, kind: str, share: float) -> bool:
        leave = 1 / self._mean_frames
        enter = min(1.0, leave * share / (1 - share))
        was = self._on[vehicle, kind]
        now = bool(self._rng.random() < (1 - leave if was else enter))
        self._on[vehicle, kind] = now
        return now


def simulated(name: str, scenario: Scenario, flaws: Flaws | None) -> Recording:
    """A simulated junction, with the flaws of a camera and a detector or (None) without."""
    junction = SimulatedJunction(scenario)
    frames: Iterable[BoxFrame] = (BoxFrame(seq, at_ns, 0, boxes) for seq, at_ns, boxes in junction.boxes_only())
    if flaws is not None:
        frames = flaws.apply(frames, junction.size, scenario.fps, scenario.seed)
    kept = tuple(replace(frame, boxes=_anonymous(frame.boxes)) for frame in frames)
    truth = junction.truth()
    movements: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for movement in truth.movements:
        movements[movement.from_line, movement.to_line, movement.vehicle_class] += 1
    return Recording(name, kept, junction.lines, _truth_clip(name, junction, truth), junction.size, dict(movements))


def recorded(clip: TruthClip, video: Path, detector: Detector, cache: Path) -> Recording:
    """A real clip with a model's detections, from `cache` where an earlier run left them."""
    kept = cache / f"{detector.info.digest[:12]}-{clip.name.replace('/', '-')}.npz"
    if not kept.exists():
        with open_source(str(video), camera="benchmark", start_at_ns=0) as source:
            frames = [
                BoxFrame(frame.seq, frame.captured_at_ns, frame.lost_before, detector.detect([frame.pixels])[0])
                for frame in source
            ]
        cache.mkdir(parents=True, exist_ok=True)
        _save(kept, frames)
    return Recording(clip.name, _load(kept), tuple(line.line for line in clip.lines), clip, clip.size)


def _detections(found: list) -> sv.Detections:
    if not found:
        return sv.Detections.empty()
    corners, classes, scores = zip(*found, strict=True)
    order = np.argsort(scores)[::-1]
    return sv.Detections(
        xyxy=np.array(corners, np.float32)[order],
        confidence=np.array(scores, np.float32)[order],
        class_id=np.array(classes, int)[order],
    )


def _anonymous(boxes: sv.Detections) -> sv.Detections:
    return sv.Detections(
        boxes.xyxy, confidence=boxes.confidence, class_id=np.zeros(0, int) if boxes.class_id is None else boxes.class_id
    )


def _truth_clip(name: str, junction: SimulatedJunction, truth: SimulatedTruth) -> TruthClip:
    lines = []
    for line in junction.lines:
        crossings = [crossing for crossing in truth.crossings if crossing.line == line.name]
        kinds = sorted({(crossing.direction, crossing.vehicle_class) for crossing in crossings})
        counts = [
            TrueCount(*kind, sum((crossing.direction, crossing.vehicle_class) == kind for crossing in crossings))
            for kind in kinds
        ]
        windows = [
            Window(
                FrameRange(crossing.frame - 1, crossing.frame),
                (kinds.index((crossing.direction, crossing.vehicle_class)),),
            )
            for crossing in crossings
        ]
        lines.append(TruthLine(line, tuple(counts), tuple(windows), ()))
    return TruthClip(name, junction.size, tuple(lines))


def _save(path: Path, frames: list[BoxFrame]) -> None:
    boxes = [frame.boxes for frame in frames]
    np.savez(
        path,
        frames=np.array([(frame.seq, frame.captured_at_ns, frame.lost_before, len(frame.boxes)) for frame in frames]),
        xyxy=np.concatenate([box.xyxy for box in boxes]),
        confidence=np.concatenate([box.confidence for box in boxes]),
        class_id=np.concatenate([box.class_id for box in boxes]),
    )


def _load(path: Path) -> tuple[BoxFrame, ...]:
    with np.load(path) as kept:
        rows, columns = kept["frames"], [kept[name] for name in ("xyxy", "confidence", "class_id")]
    ends = np.cumsum(rows[:, 3])
    return tuple(
        BoxFrame(seq, at_ns, lost, sv.Detections(*(column[end - count : end] for column in columns[:1]),
                                                 confidence=columns[1][end - count : end],
                                                 class_id=columns[2][end - count : end]))
        for (seq, at_ns, lost, count), end in zip(rows.tolist(), ends.tolist(), strict=True)
    )  # fmt: skip
