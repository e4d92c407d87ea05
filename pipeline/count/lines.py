"""When a path passes a counting line: geometry for all vehicles at once, then a small state machine for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np

from pipeline.count.kalman import Floats
from pipeline.types import NS_PER_S, CountingLine, Direction

PATIENCE_NS: Final = 10 * NS_PER_S
"""A vehicle that has stayed on the far side for so long is believed, however close to the line it stands."""


@dataclass(frozen=True, slots=True)
class LinePosition:
    """Where one vehicle is with respect to each of the L lines, at one time."""

    captured_at_ns: int
    frame: int
    side_px: list[float]
    """Signed distance from each infinite line, positive on its forward side."""
    forward_side: list[bool]
    """Whether that is positive."""
    along: list[float]
    """0 at a line's start, 1 at its end."""
    clear: list[bool]
    """Whether the distance from the line itself, between its ends, is more than the margin."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A path went through a line."""

    line: int
    direction: Direction
    captured_at_ns: int
    """Interpolated between the sightings on either side."""
    frame: int
    """Number of the first frame on the far side; interpolated, too, where it was not seen in between."""
    within: bool
    """Between the line's ends, and not past one of them. Of two lines that share an end, one has it."""


class LineGeometry:
    """The lines of a camera as arrays."""

    def __init__(self, lines: Sequence[CountingLine]) -> None:
        self._start = np.array([line.start for line in lines], np.float64).reshape(-1, 2)
        end = np.array([line.end for line in lines], np.float64).reshape(-1, 2)
        self._length = np.hypot(*(end - self._start).T)
        self._unit = (end - self._start) / self._length[:, None]

    def measure(self, points: Floats) -> tuple[Floats, Floats, Floats]:
        """Where points (M, 2) lie with respect to the L lines.

        Returns (M, L) each: `side_px`, the signed distance from the infinite line, positive on the forward side (to the
        right of someone walking from start to end, y down); `along`, 0 at the line's start and 1 at its end; and
        `distance_px` from the line between its ends.
        """
        offset = points[:, None, :] - self._start
        side_px = self._unit[:, 0] * offset[..., 1] - self._unit[:, 1] * offset[..., 0]
        along_px = self._unit[:, 0] * offset[..., 0] + self._unit[:, 1] * offset[..., 1]
        past_end_px = along_px - np.clip(along_px, 0.0, self._length)
        return side_px, along_px / self._length, np.hypot(side_px, past_end_px)

    def locate(self, points: Floats, margin_px: Floats, captured_at_ns: int, frame: int) -> list[LinePosition]:
        """The same for M vehicles of one frame, with the margin (M,) of each."""
        side_px, along, distance_px = self.measure(points)
        columns = (side_px, side_px > 0, along, distance_px > margin_px[:, None])
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [LinePosition(captured_at_ns, frame, *row) for row in rows]


class LineCrossingDetector:
    """One vehicle and all lines: decides when a change of side is a crossing.

    A change of side is provisional until the vehicle is clear of the line; going back before that takes it back, so
    that a vehicle standing on the line is not counted each time its box trembles. State: the last position, and per
    line the side that is certain, whether it was crossed, and at most one provisional passage.
    """

    __slots__ = ("_certain_side", "_crossed", "_last", "_provisional")

    def __init__(self) -> None:
        self._last: LinePosition | None = None
        self._certain_side: list[bool] = []
        self._crossed: set[int] = set()
        self._provisional: dict[int, Passage] = {}

    def advance(self, position: LinePosition) -> list[Passage]:
        """Go straight on to the next position; returns the passages that have become certain, in order of time.

        The side of the first position is taken as it is: a vehicle that appears beyond a line has not crossed it.
        """
        last, self._last = self._last, position
        if last is None:
            self._certain_side = list(position.forward_side)
            return []
        if position.forward_side != last.forward_side:
            for line, side in enumerate(position.forward_side):
                if side != last.forward_side[line]:
                    self._change_side(line, last, position)
        if not self._provisional:
            return []
        return self._settle(position)

    def finish(self) -> list[Passage]:
        """The path ends here: provisional passages stand, but not one back over a line that was crossed before.

        Who vanishes just beyond a line has crossed it; who crossed it and then stands on it trembles.
        """
        return self._accept([p for line, p in self._provisional.items() if line not in self._crossed])

    def _change_side(self, line: int, last: LinePosition, position: LinePosition) -> None:
        side = position.forward_side[line]
        if side == self._certain_side[line]:
            del self._provisional[line]
            return
        share = last.side_px[line] / (last.side_px[line] - position.side_px[line])
        at = last.along[line] + share * (position.along[line] - last.along[line])
        self._provisional[line] = Passage(
            line=line,
            direction="forward" if side else "backward",
            captured_at_ns=last.captured_at_ns + round(share * (position.captured_at_ns - last.captured_at_ns)),
            frame=last.frame + max(1, ceil(share * (position.frame - last.frame))),
            within=0.0 <= at < 1.0,
        )

    def _settle(self, position: LinePosition) -> list[Passage]:
        patience_ends_ns = position.captured_at_ns - PATIENCE_NS
        certain = [
            passage
            for line, passage in self._provisional.items()
            if position.clear[line] or passage.captured_at_ns < patience_ends_ns
        ]
        if not certain:
            return []
        # Whoever is through the next line is through the one before, too: keeps an entry ahead of its exit.
        latest_ns = max(passage.captured_at_ns for passage in certain)
        return self._accept([p for p in self._provisional.values() if p in certain or p.captured_at_ns < latest_ns])

    def _accept(self, passages: list[Passage]) -> list[Passage]:
        for passage in passages:
            del self._provisional[passage.line]
            self._certain_side[passage.line] = passage.direction == "forward"
        within = [passage for passage in passages if passage.within]
        self._crossed.update(passage.line for passage in within)
        return sorted(within, key=lambda passage: passage.captured_at_ns)
