"""What is wrong or doubtful about drawn lines, as codes that the page puts into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any, Final, Literal

from pipeline.config import LineConfig

SHORT_SHARE: Final = 0.03
"""Of the picture's diagonal: a shorter line is about as wide as one motorcycle, which can pass beside it."""
EDGE_SHARE: Final = 0.02
"""Of the picture's height or width: a line that lies within this of an edge is crossed by vehicles cut off by it."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to say about the line at `index`; an `error` cannot be saved, a `warning` can."""

    index: int
    level: Literal["error", "warning"]
    code: str
    values: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As the page gets it."""
        return {"index": self.index, "level": self.level, "code": self.code, "values": self.values}


def check_drawn(lines: Sequence[LineConfig], size: tuple[int, int], quiet: dict[str, float]) -> list[Remark]:
    """Remarks on `lines`, whose points are pixels of a picture of `size` (width, height).

    `quiet` holds lines of the store that were observed for some time (seconds) and never crossed.
    """
    return [remark for index in range(len(lines)) for remark in _remarks(lines, index, size, quiet)]


def _remarks(lines: Sequence[LineConfig], index: int, size: tuple[int, int], quiet: dict[str, float]) -> list[Remark]:
    line, (width, height) = lines[index], size
    remarks: list[Remark] = []
    (x1, y1), (x2, y2) = line.points
    length_px = hypot(x2 - x1, y2 - y1)
    least_px = SHORT_SHARE * hypot(width, height)
    if any(other.name == line.name for other in lines[:index]):
        remarks.append(Remark(index, "error", "name_twice", {"name": line.name}))
    if not all(0 <= x <= width and 0 <= y <= height for x, y in line.points):
        remarks.append(Remark(index, "error", "outside", {"width": width, "height": height}))
    elif _at_edge(line, size):
        remarks.append(Remark(index, "warning", "at_edge", {}))
    if length_px < least_px:
        remarks.append(Remark(index, "warning", "short", {"length_px": round(length_px), "least_px": round(least_px)}))
    if any(_cross(line, other) for number, other in enumerate(lines) if number != index):
        remarks.append(Remark(index, "warning", "crosses", {}))
    if line.name in quiet:
        remarks.append(Remark(index, "warning", "quiet", {"hours": round(quiet[line.name] / 3600, 1)}))
    return remarks


def _at_edge(line: LineConfig, size: tuple[int, int]) -> bool:
    (width, height) = size
    xs, ys = zip(*line.points, strict=True)
    near_x, near_y = EDGE_SHARE * width, EDGE_SHARE * height
    return max(xs) < near_x or min(xs) > width - near_x or max(ys) < near_y or min(ys) > height - near_y


def _cross(one: LineConfig, other: LineConfig) -> bool:
    """Whether the lines cut each other between their ends."""
    (a, b), (c, d) = one.points, other.points
    return _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Twice the area of the triangle, positive on the forward side of a -> b."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
