"""When a path passes a counting line: geometry for all vehicles at once, then one small state machine per pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.count.kalman import Floats
from pipeline.types import NS_PER_S, CountingLine, Direction


class LineGeometry:
    """The lines of a camera as arrays."""

    def __init__(self, lines: Sequence[CountingLine]) -> None:
        self._start = np.array([line.start for line in lines], np.float64).reshape(-1, 2)
        end = np.array([line.end for line in lines], np.float64).reshape(-1, 2)
        self._length = np.hypot(*(end - self._start).T)
        self._unit = (end - self._start) / self._length[:, None]

    def measure(self, points: Floats) -> tuple[Floats, Floats]:
        """Where points (M, 2) lie with respect to the L lines.

        Returns `side_px` (M, L), the signed distance from the infinite line, positive on the forward side (to the right
        of someone walking from start to end, y down), and `along` (M, L), 0 at the line's start and 1 at its end.
        """
        offset = points[:, None, :] - self._start[None]
        side_px = self._unit[:, 0] * offset[..., 1] - self._unit[:, 1] * offset[..., 0]
        along = (self._unit * offset).sum(axis=2) / self._length
        return side_px, along


@dataclass(frozen=True, slots=True)
class Passage:
    """A path went through the line."""

    direction: Direction
    captured_at_ns: int
    """Interpolated between the sightings on either side."""
    frame: int
    """Number of the first frame on the far side."""
    within: bool
    """Between the line's ends, and not past one of them."""


class LineCrossingDetector:
    """One vehicle and one line: decides when a change of side is a crossing.

    A change of side is provisional until the vehicle is further from the line than a margin; going back before that
    takes it back, so that a vehicle standing on the line is not counted each time its box trembles. A vehicle that
    stays on the far side, however close, is believed after `patience_s`.
    """

    __slots__ = ("_along", "_at_ns", "_patience_ns", "_provisional", "_settled", "_side_px")

    def __init__(self, side_px: float, along: float, captured_at_ns: int, *, patience_s: float = 10.0) -> None:
        """Start at the first sighting, whose side is taken as it is."""
        self._side_px, self._along, self._at_ns = side_px, along, captured_at_ns
        self._settled = 1 if side_px > 0 else -1
        self._provisional: Passage | None = None
        self._patience_ns = int(patience_s * NS_PER_S)

    def advance(
        self, side_px: float, along: float, captured_at_ns: int, *, frame: int, margin_px: float
    ) -> Passage | None:
        """Go straight on to the next sighting; returns a passage that has become certain."""
        if (side_px > 0) != (self._side_px > 0):
            self._change_side(side_px, along, captured_at_ns, frame)
        self._side_px, self._along, self._at_ns = side_px, along, captured_at_ns
        if self._provisional is None:
            return None
        if abs(side_px) > margin_px or captured_at_ns - self._provisional.captured_at_ns > self._patience_ns:
            return self.finish()
        return None

    def finish(self) -> Passage | None:
        """The path ends here, or need not be doubted: a provisional passage stands."""
        passage, self._provisional = self._provisional, None
        if passage is None:
            return None
        self._settled = 1 if passage.direction == "forward" else -1
        return passage if passage.within else None

    def _change_side(self, side_px: float, along: float, captured_at_ns: int, frame: int) -> None:
        side = 1 if side_px > 0 else -1
        if side == self._settled:
            self._provisional = None
            return
        share = self._side_px / (self._side_px - side_px)
        at = self._along + share * (along - self._along)
        self._provisional = Passage(
            direction="forward" if side > 0 else "backward",
            captured_at_ns=self._at_ns + round(share * (captured_at_ns - self._at_ns)),
            frame=frame,
            within=0.0 <= at < 1.0,
        )
