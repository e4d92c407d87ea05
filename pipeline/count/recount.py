"""Lines tried on paths that were observed before: what `CameraCounter` would have counted on them, in milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.count.counter import MARGIN_SIZES
from pipeline.count.lines import LineCrossingDetector, LineGeometry, LinePosition, Passage
from pipeline.types import CountingLine, Direction, VehiclePath


@dataclass(frozen=True, slots=True)
class PathCrossing:
    """A path crossed a line."""

    line: str
    direction: Direction
    vehicle_class: str
    vehicle: int
    captured_at_ns: int


def recount(paths: Iterable[VehiclePath], lines: Sequence[CountingLine]) -> list[PathCrossing]:
    """The crossings of `lines` by `paths`, path by path, by the same rules that count live.

    Two things differ from counting the footage itself: vehicles were looked for in the whole picture, not around these
    lines, and of a path in fragments one is walked.
    """
    if not lines:
        return []
    geometry = LineGeometry(lines)
    return [
        PathCrossing(
            lines[passage.line].name,
            passage.direction,
            path.vehicle_class,
            path.vehicle,
            passage.captured_at_ns,
        )
        for path in paths
        for passage in _passages(path, geometry)
    ]


def _passages(path: VehiclePath, geometry: LineGeometry) -> list[Passage]:
    side_px, along, distance_px = geometry.measure(path.points.astype(np.float64))
    forward_side = side_px > 0
    if (forward_side == forward_side[0]).all():
        return []
    clear = distance_px > MARGIN_SIZES * path.size_px[:, None]
    detector = LineCrossingDetector()
    found: list[Passage] = []
    rows = _telling(forward_side, clear)
    columns = (path.captured_at_ns, side_px, forward_side, along, clear)
    for frame, (at_ns, *row) in enumerate(zip(*(column[rows].tolist() for column in columns), strict=True)):
        found += detector.advance(LinePosition(at_ns, frame, *row))
    return found + detector.finish()


def _telling(forward_side: npt.NDArray[np.bool_], clear: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """The points that decide: beside a change of side, and on a line until clear of it. The others change nothing."""
    unclear = np.any(~clear, axis=1)
    changes = np.any(forward_side[1:] != forward_side[:-1], axis=1)
    telling = np.array(unclear, np.bool_)
    telling[0] = True
    telling[1:] |= changes | unclear[:-1]
    telling[:-1] |= changes
    return np.flatnonzero(telling)
