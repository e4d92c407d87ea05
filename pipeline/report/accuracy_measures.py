"""The measures of counting, over one line or many: WAPE, GEH, effectiveness, precision and recall.

WAPE is sum |counted - true| / sum true over (clip, line, direction, class). GEH is sqrt(2 (m - c)^2 / (m + c)) on
hourly flows. Effectiveness is that of the AI City Challenge 2021, track 1 (Naphade et al.): see `effectiveness`.
Precision and recall come from matching crossings to windows one to one, so that errors which cancel in the totals show.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.report.accuracy_matching import JudgedCrossing, JudgedVehicle, match_line
from pipeline.report.accuracy_truth import TruthLine
from pipeline.types import DIRECTIONS, VEHICLE_CLASSES, CountingLine, Crossing

SEGMENTS: Final = 10
"""Into how many equal parts a clip is cut for the effectiveness."""

TOLERANCE_S: Final = 0.5
"""How far outside its window a crossing may fall and still be that vehicle's."""

MIN_TOLERANCE_FRAMES: Final = 3
"""For footage of few frames a second."""


@dataclass(frozen=True, slots=True)
class CountedClip:
    """What a counter found in one clip."""

    crossings: Sequence[Crossing]
    frames: int
    """Decoded frames of the clip; positive."""
    duration_s: float
    """Positive."""

    @property
    def tolerance_frames(self) -> int:
        """`TOLERANCE_S` in this clip's frames, and at least `MIN_TOLERANCE_FRAMES`."""
        return max(MIN_TOLERANCE_FRAMES, round(TOLERANCE_S * self.frames / self.duration_s))


@dataclass(frozen=True, slots=True)
class Cell:
    """Counted against true for one clip, line, direction and class."""

    clip: str
    line: str
    direction: str
    vehicle_class: str
    """A class, or as the truth has it: `vehicle` is any class, `car_or_truck` either."""
    counted: int
    """Crossings less those excused by a straddling vehicle."""
    true: int
    geh: float
    effectiveness: float | None
    """None where the truth has no vehicle here, or does not say when each crossed."""

    @property
    def error(self) -> int:
        """Counted minus true."""
        return self.counted - self.true


@dataclass(frozen=True, slots=True)
class Score:
    """The measures over a group of cells: a clip, a class or everything. None is 'cannot be told', such as x / 0."""

    counted: int
    true: int
    abs_error: int
    """Sum over the cells of |counted - true|."""
    wape: float | None
    geh: float | None
    """Of the hourly flows of an average line: all that was counted, or is true, over the lines' hours of footage."""
    geh_below_5: float | None
    """Share of the cells with GEH < 5."""
    effectiveness: float | None
    """Over the cells that have one, weighted by their true counts."""
    hits: int
    class_wrong: int
    """True vehicles whose crossing was found under a wrong class; not hits."""
    missed: int
    false: int
    """Crossings that match no vehicle."""
    neutral: int
    """Crossings excused by a straddling vehicle."""
    precision: float | None
    """Crossings that are hits / crossings that are not neutral; over a class: crossings counted as this class."""
    recall: float | None
    """Hits / true vehicles."""
    found: float | None
    """As recall, with the class disregarded."""


@dataclass(frozen=True, slots=True)
class JudgedLine:
    """One line of one clip, each vehicle and each crossing judged."""

    clip: str
    line: CountingLine
    cells: tuple[Cell, ...]
    vehicles: tuple[JudgedVehicle, ...]
    crossings: tuple[JudgedCrossing, ...]
    result: CountedClip


def geh(hourly_model: float, hourly_count: float) -> float:
    """GEH of two hourly flows, sqrt(2 (m - c)^2 / (m + c)); 0 where both are 0."""
    total = hourly_model + hourly_count
    return math.sqrt(2 * (hourly_model - hourly_count) ** 2 / total) if total else 0.0


def effectiveness(counted_at: Iterable[float], true_at: Sequence[float], frames: int) -> float:
    """nwRMSE of the AI City Challenge for one movement and class of one clip: 1 is perfect, 0 the worst.

    With the cumulative counts x̂_i (counted) and x_i (true) at the end of the i-th of k segments and
    w_i = 2 i / (k (k + 1)): max(0, 1 - sqrt(sum_i w_i (x̂_i - x_i)^2) / N), N the true count. Over cells it is averaged
    with the weights N.

    Args:
        counted_at: frame of each counted crossing.
        true_at: frame of each true one; not empty.
        frames: length of the clip.
    """
    counted = list(counted_at)
    weighted = 0.0
    for i in range(1, SEGMENTS + 1):
        end = frames * i / SEGMENTS if i < SEGMENTS else math.inf
        difference = sum(at < end for at in counted) - sum(at < end for at in true_at)
        weighted += 2 * i / (SEGMENTS * (SEGMENTS + 1)) * difference**2
    return max(0.0, 1 - math.sqrt(weighted) / len(true_at))


def judge_line(clip: str, line: TruthLine, result: CountedClip) -> JudgedLine:
    """Match what was counted on one line of a clip, and add it up per direction and class."""
    crossings = [crossing for crossing in result.crossings if crossing.line == line.line.name]
    vehicles, judged = match_line(line, crossings, result.tolerance_frames)
    cells = _cells(clip, line, vehicles, judged, result)
    return JudgedLine(clip, line.line, tuple(cells), tuple(vehicles), tuple(judged), result)


def _cells(
    clip: str, line: TruthLine, vehicles: list[JudgedVehicle], judged: list[JudgedCrossing], result: CountedClip
) -> list[Cell]:
    added = [item for item in judged if item.outcome != "neutral"]
    keys = [(count.direction, count.vehicle_class) for count in line.counts]
    extra = {(item.crossing.direction, item.counts_as) for item in added} - set(keys)
    keys += sorted(extra, key=lambda key: (DIRECTIONS.index(key[0]), VEHICLE_CLASSES.index(key[1])))
    cells = []
    for direction, vehicle_class in keys:
        counted = [i for i in added if (i.crossing.direction, i.counts_as) == (direction, vehicle_class)]
        there = [v for v in vehicles if (v.direction, v.vehicle_class) == (direction, vehicle_class)]
        true_at = [v.frame for v in there if v.frame is not None]
        timed = bool(there) and len(true_at) == len(there)
        per_hour = 3600 / result.duration_s
        cells.append(
            Cell(
                clip=clip,
                line=line.line.name,
                direction=direction,
                vehicle_class=vehicle_class,
                counted=len(counted),
                true=len(there),
                geh=geh(len(counted) * per_hour, len(there) * per_hour),
                effectiveness=effectiveness((i.crossing.frame for i in counted), true_at, result.frames)
                if timed
                else None,
            )
        )
    return cells


def score(lines: Sequence[JudgedLine], vehicle_class: str | None = None) -> Score:
    """The measures over these lines; for one class, over its cells, its vehicles and the crossings counted as it."""
    cells = [cell for line in lines for cell in line.cells if vehicle_class in (None, cell.vehicle_class)]
    vehicles = [v.outcome for line in lines for v in line.vehicles if vehicle_class in (None, v.vehicle_class)]
    crossings = [
        item.outcome
        for line in lines
        for item in line.crossings
        if vehicle_class in (None, item.crossing.vehicle_class)
    ]
    true = sum(cell.true for cell in cells)
    abs_error = sum(abs(cell.error) for cell in cells)
    timed = [(cell.true, cell.effectiveness) for cell in cells if cell.effectiveness is not None]
    neutral = crossings.count("neutral")
    counted = sum(cell.counted for cell in cells)
    hours = sum(
        line.result.duration_s / 3600
        for line in lines
        if vehicle_class is None or any(cell.vehicle_class == vehicle_class for cell in line.cells)
    )
    return Score(
        counted=counted,
        true=true,
        abs_error=abs_error,
        wape=_ratio(abs_error, true),
        geh=geh(counted / hours, true / hours) if hours else None,
        geh_below_5=_ratio(sum(cell.geh < 5 for cell in cells), len(cells)),
        effectiveness=_ratio(sum(n * value for n, value in timed), sum(n for n, _ in timed)),
        hits=vehicles.count("hit"),
        class_wrong=vehicles.count("class wrong"),
        missed=vehicles.count("missed"),
        false=crossings.count("false"),
        neutral=neutral,
        precision=_ratio(crossings.count("hit"), len(crossings) - neutral),
        recall=_ratio(vehicles.count("hit"), len(vehicles)),
        found=_ratio(len(vehicles) - vehicles.count("missed"), len(vehicles)),
    )


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None
