"""Drawn lines tried on the paths that were observed: what they would have counted, and which can count nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from pipeline.config import LineConfig
from pipeline.count import LineGeometry
from pipeline.count.recount import recount
from pipeline.count.suggest import suggest_lines
from pipeline.dashboard.line_checks import Remark
from pipeline.types import DIRECTIONS, CountingLine, PathSample

NEAR_SIZES: Final = 1.0
"""A line further than this, in box sizes, from every path lies off the road."""
TELLING_VEHICLES: Final = 10
"""Where fewer vehicles were seen, a line without any says little."""
WRONG_WAY: Final = 2.0
"""So many vehicles backward for each one forward: a line seen from the side has the other carriageway's, too."""
MOST_PATHS_SHOWN: Final = 300
MOST_POINTS_SHOWN: Final = 40

Counts = dict[str, dict[str, int]]
"""Vehicles by direction and class."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What lines do with a sample."""

    counts: list[Counts]
    """One for each line."""
    remarks: list[Remark]


def try_lines(sample: PathSample | None, lines: Sequence[LineConfig], size: tuple[int, int]) -> Trial | None:
    """Count `lines`, drawn on a picture of `size`, on the sample; None without one of pictures of that size."""
    if sample is None or sample.picture_size != size:
        return None
    numbered = [CountingLine(str(index), *line.points) for index, line in enumerate(lines)]
    counts: list[Counts] = [{direction: {} for direction in DIRECTIONS} for _ in lines]
    for crossing in recount(sample.paths, numbered):
        by_class = counts[int(crossing.line)][crossing.direction]
        by_class[crossing.vehicle_class] = by_class.get(crossing.vehicle_class, 0) + 1
    remarks: list[Remark] = []
    if len(sample.paths) >= TELLING_VEHICLES:
        idle = [index for index, count in enumerate(counts) if not any(count.values())]
        near = _near_a_path(sample, numbered)
        values = {"vehicles": len(sample.paths)}
        remarks += [Remark(i, "warning", "never_crossed" if near[i] else "off_road", values) for i in idle]
    for index, (line, count) in enumerate(zip(lines, counts, strict=True)):
        forward, backward = (sum(count[direction].values()) for direction in DIRECTIONS)
        if line.role != "count" and backward > WRONG_WAY * forward:
            remarks.append(Remark(index, "warning", "wrong_way", {}))
    return Trial(counts, remarks)


def suggestions(sample: PathSample) -> list[dict[str, Any]]:
    """Suggested lines in the form of the site file."""
    return [
        {"name": line.name, "points": [list(line.start), list(line.end)], "approach": None, "role": line.role}
        for line in suggest_lines(sample)
    ]


def sketch(sample: PathSample) -> list[list[list[int]]]:
    """Paths as a page draws them: at most `MOST_PATHS_SHOWN` of `MOST_POINTS_SHOWN` points in whole pixels."""
    step = max(1, -(-len(sample.paths) // MOST_PATHS_SHOWN))
    shown = []
    for path in sample.paths[::step]:
        places = np.unique(np.linspace(0, len(path) - 1, MOST_POINTS_SHOWN).round().astype(int))
        shown.append(path.points[places].round().astype(int).tolist())
    return shown


def _near_a_path(sample: PathSample, lines: Sequence[CountingLine]) -> list[bool]:
    if not lines or not sample.paths:
        return [False] * len(lines)
    points = np.concatenate([path.points for path in sample.paths]).astype(np.float64)
    size_px = np.concatenate([path.size_px for path in sample.paths])
    _, _, distance_px = LineGeometry(lines).measure(points)
    return [bool(beyond_px < 0) for beyond_px in np.min(distance_px - NEAR_SIZES * size_px[:, None], axis=0).tolist()]
