"""Counts of simulated junctions against what really happened there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import supervision as sv

from pipeline.count import CameraCounter
from pipeline.source.simulated import Scenario, SimulatedJunction, Truth
from pipeline.types import NS_PER_S, VEHICLE_CLASSES, CountingLine, Crossing, Movement

Boxes = tuple[int, int, sv.Detections]


@dataclass(frozen=True)
class Flaws:
    """What a camera and a detector do to perfect boxes."""

    lost_frames: float = 0.0
    """Share of the frames."""
    missed: float = 0.0
    """Share of the boxes."""
    jitter: float = 0.0
    """Standard deviation of each side of a box, in sqrt(width * height)."""
    wrong_class: float = 0.0
    """Share of the boxes whose class is drawn at random."""

    def apply(self, frames: Iterable[Boxes]) -> Iterable[Boxes]:
        rng = np.random.default_rng(11)
        for seq, captured_at_ns, boxes in frames:
            if rng.random() < self.lost_frames:
                continue
            kept = boxes[rng.random(len(boxes)) >= self.missed]
            extent = kept.xyxy[:, 2:] - kept.xyxy[:, :2]
            size = np.sqrt(np.maximum(extent.prod(axis=1, keepdims=True), 1))
            wrong = rng.random(len(kept)) < self.wrong_class
            drawn = rng.integers(0, len(VEHICLE_CLASSES), len(kept))
            yield (
                seq,
                captured_at_ns,
                sv.Detections(
                    xyxy=(kept.xyxy + rng.normal(0, 1, kept.xyxy.shape) * self.jitter * size).astype(np.float32),
                    confidence=np.full(len(kept), 0.9, np.float32),
                    class_id=np.where(wrong, drawn, kept.class_id if len(kept) else 0).astype(int),
                ),
            )


@cache
def recording(
    seed: int, legs: int, fps: float, duration_s: float = 30.0
) -> tuple[list[Boxes], tuple[CountingLine, ...], Truth]:
    junction = SimulatedJunction(Scenario(seed=seed, legs=legs, fps=fps, duration_s=duration_s))
    return list(junction.boxes_only()), junction.lines, junction.truth()


def count(frames: Iterable[Boxes], lines: tuple[CountingLine, ...]) -> tuple[list[Crossing], list[Movement]]:
    counter = CameraCounter("sim-1", lines)
    updates = [counter.update(seq, captured_at_ns, boxes) for seq, captured_at_ns, boxes in frames]
    updates.append(counter.finish())
    return [c for update in updates for c in update.crossings], [m for update in updates for m in update.movements]


def counts(crossings: Iterable) -> Counter[tuple[str, str, str]]:
    return Counter((c.line, c.direction, c.vehicle_class) for c in crossings)


def turning_counts(movements: Iterable) -> Counter[tuple[str, str, str]]:
    return Counter((m.from_line, m.to_line, m.vehicle_class) for m in movements)


def share_wrong(found: Counter, true: Counter) -> float:
    """WAPE: sum |counted - true| / sum true."""
    return sum(abs(found[key] - true[key]) for key in found | true) / true.total()


@pytest.mark.parametrize(("seed", "legs"), [(1, 4), (2, 3), (3, 4)])
def test_perfect_boxes_at_ten_frames_a_second_are_counted_exactly(seed, legs):
    frames, lines, truth = recording(seed, legs, 10.0)
    crossings, movements = count(Flaws().apply(frames), lines)
    assert len(truth.movements) >= 5
    assert counts(crossings) == counts(truth.crossings)
    assert turning_counts(movements) == turning_counts(truth.movements)


def test_crossings_happen_when_the_truth_says():
    frames, lines, truth = recording(1, 4, 10.0)
    crossings, _ = count(Flaws().apply(frames), lines)
    order = sorted(crossings, key=lambda c: (c.captured_at_ns, c.line))
    true_order = sorted(truth.crossings, key=lambda c: (c.captured_at_ns, c.line))
    apart_ns = [abs(a.captured_at_ns - b.captured_at_ns) for a, b in zip(order, true_order, strict=True)]
    assert max(apart_ns) < NS_PER_S / 10


@pytest.mark.parametrize(("fps", "duration_s"), [(5.0, 30.0), (15.0, 15.0), (25.0, 15.0)])
def test_perfect_boxes_at_other_frame_rates_are_counted_exactly(fps, duration_s):
    frames, lines, truth = recording(2, 3, fps, duration_s)
    crossings, movements = count(Flaws().apply(frames), lines)
    assert counts(crossings) == counts(truth.crossings)
    assert turning_counts(movements) == turning_counts(truth.movements)


@pytest.mark.parametrize(
    "flaws",
    [
        Flaws(lost_frames=0.2),
        Flaws(missed=0.15),
        Flaws(jitter=0.03),
        Flaws(wrong_class=0.1),
        Flaws(lost_frames=0.1, missed=0.1, jitter=0.03, wrong_class=0.05),
    ],
    ids=repr,
)
def test_flawed_boxes_are_counted_within_three_percent(flaws):
    found, true, turned, truly_turned = Counter(), Counter(), Counter(), Counter()
    for seed, legs in ((1, 4), (2, 3)):
        frames, lines, truth = recording(seed, legs, 10.0)
        crossings, movements = count(flaws.apply(frames), lines)
        found += counts(crossings)
        true += counts(truth.crossings)
        turned += turning_counts(movements)
        truly_turned += turning_counts(truth.movements)
    assert share_wrong(found, true) <= 0.03
    assert share_wrong(turned, truly_turned) <= 0.06
