"""Paths of many vehicles as arrays, by the length of the way instead of time, so that cuts through all are cheap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.count.kalman import Floats
from pipeline.types import NS_PER_S, PathSample, VehiclePath

LEAST_WAY_SIZES: Final = 3.0
"""A path that leads less far, in box sizes, says nothing about where traffic flows."""
HEADING_SIZES: Final = 2.0
"""A direction is taken over so many box sizes: boxes tremble."""
LEAST_STEP_SIZES: Final = 0.2
CUT_OFF_NS: Final = NS_PER_S
"""A vehicle seen within so much of the sample's first or last second was already, or is still, on its way."""

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Passing:
    """The W ways that pass a cut in its direction, each where it does so first."""

    way: Indices
    aside_px: Floats
    """(W,) from the cut's place, towards the left of the direction of travel with y down."""
    size_px: Floats
    heading: Floats
    """(W, 2) unit vectors of travel there."""


@dataclass(frozen=True, slots=True)
class Ways:
    """The N paths of a sample that lead somewhere; `backwards` ones are walked from where they end."""

    sign: int
    """1, or -1 where they are walked backwards; headings are those of travel either way."""
    begin: Floats
    """(N, 2) pixels."""
    heading: Floats
    """(N, 2) unit vectors of travel at the beginning."""
    size_at_begin_px: Floats
    begins_inside: npt.NDArray[np.bool_]
    """(N,) whether the beginning was seen, and not only what was there when the sample began (or ended)."""
    owner: Indices
    """(P,) for each point of all ways its way, rising."""
    points: Floats
    """(P, 2)."""
    along_px: Floats
    """(P,) way from the beginning."""
    left_px: Floats
    """(P,) way to the end."""
    size_px: Floats

    @classmethod
    def of(cls, sample: PathSample, *, backwards: bool) -> Ways:
        """All paths of `sample` that lead further than `LEAST_WAY_SIZES`."""
        sign = -1 if backwards else 1
        until_ns = sample.from_ns + round(sample.duration_s * NS_PER_S)
        parts, headings, inside = [], [], []
        for path in sample.paths:
            points, size_px = _moving(path, sign)
            step_px = np.hypot(*np.diff(points, axis=0).T)
            if np.hypot(*(points[-1] - points[0])) < LEAST_WAY_SIZES * np.median(size_px):
                continue
            along_px = np.concatenate([[0.0], np.cumsum(step_px)])
            seen_by = min(int(np.searchsorted(along_px, HEADING_SIZES * size_px[0])), len(points) - 1)
            ahead = (points[seen_by] - points[0]) * sign
            headings.append(ahead / max(float(np.hypot(*ahead)), 1e-9))
            first_ns, last_ns = int(path.captured_at_ns[0]), int(path.captured_at_ns[-1])
            inside.append(last_ns < until_ns - CUT_OFF_NS if backwards else first_ns > sample.from_ns + CUT_OFF_NS)
            parts.append((points, along_px, size_px))
        lengths = [len(points) for points, _, _ in parts]
        begins = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)[:-1]
        points = np.concatenate([points for points, _, _ in parts]) if parts else np.empty((0, 2))
        along_px = np.concatenate([along_px for _, along_px, _ in parts]) if parts else np.empty(0)
        size_px = np.concatenate([size_px for _, _, size_px in parts]) if parts else np.empty(0)
        whole_px = np.repeat([float(along_px[-1]) for _, along_px, _ in parts], lengths)
        return cls(
            sign,
            points[begins],
            np.array(headings, np.float64).reshape(-1, 2),
            size_px[begins],
            np.array(inside, np.bool_),
            np.repeat(np.arange(len(parts)), lengths),
            points,
            along_px,
            whole_px - along_px,
            size_px,
        )

    def reach_px(self, ways: Indices, place: Floats, onward: Floats) -> Floats:
        """How far each of `ways` gets from `place` in the direction `onward`."""
        reach_px = np.full(len(self.begin), -np.inf)
        np.maximum.at(reach_px, self.owner, (self.points - place) @ onward)
        return reach_px[ways]

    def passing(self, place: Floats, heading: Floats, inside_sizes: float) -> Passing:
        """Who passes the cut through `place` across `heading`, at least `inside_sizes` of its way from either end."""
        onward = heading * self.sign
        side_px = (self.points - place) @ onward
        steps = np.flatnonzero((side_px[:-1] <= 0) & (side_px[1:] > 0) & (self.owner[:-1] == self.owner[1:]))
        _, firsts = np.unique(self.owner[steps], return_index=True)
        at = steps[firsts]
        share = side_px[at] / (side_px[at] - side_px[at + 1])
        well_inside = np.minimum(self.along_px[at], self.left_px[at]) >= inside_sizes * self.size_px[at]
        at, share = at[well_inside], share[well_inside]
        where = self.points[at] + share[:, None] * (self.points[at + 1] - self.points[at])
        ahead = (self._onward_from(at, 1) - self._onward_from(at, -1)) * self.sign
        return Passing(
            self.owner[at],
            (where - place) @ np.array([heading[1], -heading[0]]),
            self.size_px[at],
            ahead / np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)[:, None],
        )

    def _onward_from(self, at: Indices, step: int) -> Floats:
        """The points half of `HEADING_SIZES` on (or back, `step` = -1) from the points `at` on the same ways."""
        # One rising key for all ways: along each way, and each way beyond the one before.
        stride = float(self.along_px.max(initial=0.0)) * 2 + 1
        keys = self.owner * stride + self.along_px
        wanted_px = self.along_px[at] + step * HEADING_SIZES / 2 * self.size_px[at]
        wanted_px = np.clip(wanted_px, 0, self.along_px[at] + self.left_px[at])
        found = np.searchsorted(keys, self.owner[at] * stride + wanted_px - 1e-6)
        return np.asarray(self.points[np.minimum(found, len(keys) - 1)])


def _moving(path: VehiclePath, step: int) -> tuple[Floats, Floats]:
    """Points (K, 2) and sizes (K,) of a path without those at which it hardly moved on."""
    points, size_px = path.points[::step].astype(np.float64), path.size_px[::step].astype(np.float64)
    kept = [0]
    for index in range(1, len(points)):
        if np.hypot(*(points[index] - points[kept[-1]])) > LEAST_STEP_SIZES * size_px[index]:
            kept.append(index)
    return points[kept], size_px[kept]
