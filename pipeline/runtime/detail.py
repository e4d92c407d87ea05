"""How closely pictures are looked at while a device cannot keep up. Pure: times are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.runtime.schedule import TOLERATED_DROPS

FULL_DETAIL: Final = 1.0
LESS_DETAIL: Final = 0.6
"""Of the network's input pixels, and so of its time. Vehicles at a junction as wide as the picture are still counted;
those in a frame that is dropped are seen by nobody."""
SETTLING_S: Final = 10.0
"""After a change: networks are compiled for the new sizes, and what is dropped meanwhile says nothing."""
LASTING: Final = 3
"""Periods in a row: one or two are a network that is compiled for a camera that has just been added."""
IDLE_BELOW: Final = 0.4
"""A device that is busy for less of its time can do with full detail what it does now."""
IDLE_FOR_S: Final = 300.0


@dataclass(slots=True)
class DetailGovernor:
    """Looks less closely before any frame is left out, and closely again after a long spell of idleness.

    Left to `RateGovernor` alone an overload costs frames, and with too few of them tracks break; fewer pixels cost
    little as long as vehicles are not tiny.
    """

    detail: float = FULL_DETAIL
    """Share of the network's input pixels that a picture may have."""
    _overloaded: int = 0
    _changed_at_s: float | None = None
    _idle_since_s: float | None = None

    def step(self, offered: int, dropped: int, busy: float, now_s: float) -> bool:
        """One period has passed, with so many frames offered and dropped, and the device `busy` 0 to 1.

        True while this governor deals with it: frame rates are better left alone.
        """
        if self._changed_at_s is not None and now_s - self._changed_at_s < SETTLING_S:
            return True
        overloaded = bool(offered) and dropped / offered > TOLERATED_DROPS
        if overloaded and self.detail == FULL_DETAIL:
            self._overloaded += 1
            return self._overloaded < LASTING or self._change(LESS_DETAIL, now_s)
        self._overloaded = 0
        if busy >= IDLE_BELOW or overloaded or self.detail == FULL_DETAIL:
            self._idle_since_s = None
            return False
        if self._idle_since_s is None:
            self._idle_since_s = now_s
        return now_s - self._idle_since_s >= IDLE_FOR_S and self._change(FULL_DETAIL, now_s)

    def _change(self, detail: float, now_s: float) -> bool:
        self.detail, self._changed_at_s, self._idle_since_s, self._overloaded = detail, now_s, None, 0
        return True
