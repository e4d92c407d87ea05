"""How closely pictures are looked at while a device cannot keep up. Pure: times are given."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from pipeline.runtime.schedule import TOLERATED_DROPS

DETAILS: Final = (1.0, 0.8, 0.6)
"""Of the network's input pixels, and so about of its time. With three fifths vehicles at a junction as wide as the
picture are still counted; those in a frame that is dropped are seen by nobody. A step between costs a worker the memory
of one more compiled network, and finer ones would often come to the same input: its sides are multiples of 32."""
FULL_DETAIL: Final = DETAILS[0]
FIXED: Final = 0.15
"""Of the time that a picture takes at full detail, what does not depend on its pixels. On a CPU inference alone has an
eighth, and decoding, tracking and counting compete for the same cores."""
MOST_BUSY: Final = 0.9
"""Of a device's time that a detail may be expected to take: traffic is not even, and frames wait half a second."""
TOO_BUSY: Final = 0.95
"""A device that is busy for more of its time has a queue before it: what is counted is late, dropped or not."""
SETTLING_S: Final = 6.0
"""After networks were made ready: frames that waited meanwhile are still in the way of the new ones."""
LASTING: Final = 3
REMEMBERED: Final = 6
"""So many overloaded periods of the last ones make an overload; one that passes loses a few frames."""
FIRST_WAIT_S: Final = 20.0
"""For so long each period must leave room for more detail before it is tried."""
MOST_WAIT_S: Final = 3600.0
PROVEN_S: Final = 600.0
"""More detail that has been kept up for so long did fit; what comes then is another hour's traffic."""


@dataclass(frozen=True, slots=True)
class Period:
    """What was seen of a device in a period."""

    offered: int
    """Frames, at the rate at which cameras are read now."""
    dropped: int
    """Of them."""
    busy: float
    """Share of what the device can do, 0 to 1."""
    share: float = 1.0
    """Of their configured rate at which cameras are read now."""

    @property
    def is_overloaded(self) -> bool:
        """Whether more was dropped than is tolerated, or frames had to queue."""
        return bool(self.offered) and (self.dropped / self.offered > TOLERATED_DROPS or self.busy > TOO_BUSY)

    @property
    def wanted(self) -> float:
        """Share of what the device can do that all frames would take at the configured rates; it may be more than 1."""
        carried = max(1, self.offered - self.dropped)
        return self.busy * max(1, self.offered) / carried / self.share


@dataclass(slots=True)
class DetailGovernor:
    """Looks less closely before any frame is left out, and more closely again as soon as that is expected to fit.

    Left to `RateGovernor` alone an overload costs frames, and with too few of them tracks break; fewer pixels cost
    little as long as vehicles are not tiny. What another detail would cost is reckoned from what this one costs. Where
    more detail turns out not to fit, the next try waits twice as long.
    """

    detail: float = FULL_DETAIL
    """Share of the network's input pixels that a picture may have."""
    _judges_from_s: float = 0.0
    _recent: deque[Period] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _roomy_since_s: float | None = None
    _room_for: float = FULL_DETAIL
    """The detail for which there was room in every period since then."""
    _raised_at_s: float | None = None
    _wait_s: float = FIRST_WAIT_S

    def step(self, period: Period, now_s: float, *, preparing: bool = False) -> bool:
        """One period has passed. `preparing`: networks were being compiled in it, so that it says nothing.

        True while this governor deals with it: frame rates are better left alone.
        """
        if preparing:
            self._judges_from_s = now_s + SETTLING_S
        if now_s < self._judges_from_s:
            self._forget()
            return True
        self._recent.append(period)
        if period.is_overloaded:
            return self._lower(now_s)
        if self._raised_at_s is not None and now_s - self._raised_at_s >= PROVEN_S:
            self._raised_at_s, self._wait_s = None, FIRST_WAIT_S
        return self._raise(period, now_s)

    def _lower(self, now_s: float) -> bool:
        self._roomy_since_s = None
        lower = [detail for detail in DETAILS if detail < self.detail]
        if not lower:
            return False
        overload = [period for period in self._recent if period.is_overloaded]
        if len(overload) >= LASTING:
            wanted = sum(period.wanted for period in overload) / len(overload)
            if self._raised_at_s is not None:
                self._wait_s, self._raised_at_s = min(2 * self._wait_s, MOST_WAIT_S), None
            self._change(next((detail for detail in lower if self._fits(detail, wanted)), lower[-1]), now_s)
        return True

    def _raise(self, period: Period, now_s: float) -> bool:
        room_for = next((detail for detail in DETAILS if self._fits(detail, period.wanted)), self.detail)
        if room_for <= self.detail:
            self._roomy_since_s = None
            return False
        if self._roomy_since_s is None:
            self._roomy_since_s, self._room_for = now_s, room_for
        self._room_for = min(self._room_for, room_for)
        if now_s - self._roomy_since_s < self._wait_s:
            return False
        self._change(self._room_for, now_s)
        self._raised_at_s = now_s
        return True

    def _fits(self, detail: float, wanted: float) -> bool:
        return wanted * _cost(detail) / _cost(self.detail) <= MOST_BUSY

    def _change(self, detail: float, now_s: float) -> None:
        self.detail, self._judges_from_s = detail, now_s + SETTLING_S
        self._forget()

    def _forget(self) -> None:
        self._recent.clear()
        self._roomy_since_s = None


def _cost(detail: float) -> float:
    """Time that a picture takes, as a share of that at full detail."""
    return FIXED + (1 - FIXED) * detail
