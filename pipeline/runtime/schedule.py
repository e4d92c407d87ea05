"""When to try again, and how much to take on. Pure: times are given, chance is given."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

FIRST_DELAY_S: Final = 1.0
MOST_DELAY_S: Final = 60.0
SOUND_AFTER_S: Final = 20.0
"""What has worked for so long has recovered: the next failure is a first one again."""
JITTER: Final = 0.3
"""Cameras behind one switch fail together and must not all come back in the same instant."""


class Backoff:
    """How long to wait before trying again: doubling from `first_s` to `most_s`, each less up to `JITTER` of itself."""

    def __init__(
        self, *, first_s: float = FIRST_DELAY_S, most_s: float = MOST_DELAY_S, random: Random | None = None
    ) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._random = random or Random()
        self._failures = 0

    @property
    def failures(self) -> int:
        """Failures in a row."""
        return self._failures

    def delay_s(self, worked_for_s: float) -> float:
        """Seconds to wait after a failure of something that had worked for `worked_for_s`."""
        if worked_for_s >= SOUND_AFTER_S:
            self._failures = 0
        delay_s = min(self._most_s, self._first_s * 2.0**self._failures)
        self._failures = min(self._failures + 1, 30)
        return delay_s * (1 - JITTER * self._random.random())


TOLERATED_DROPS: Final = 0.01
LEAST_SHARE: Final = 0.2
BACK_OFF: Final = 0.9
RECOVER: Final = 1.03
FULL: Final = 0.9
"""A device that is busy for more of its time has nothing to spare."""


@dataclass(slots=True)
class RateGovernor:
    """Lowers every camera's rate by the same share when the device cannot keep up, and raises it again slowly.

    Dropping whichever frame is late would starve cameras unevenly and make their time steps irregular; fewer frames,
    evenly spaced, keep trackers working.
    """

    share: float = 1.0
    """Of its configured fps that each camera is to deliver."""

    def step(self, offered: int, dropped: int, busy: float) -> float:
        """One period has passed, with so many frames offered, so many of them dropped, and the device `busy` 0 to 1."""
        if offered and dropped / offered > TOLERATED_DROPS:
            # Towards what was really carried, but not at once: a hiccup is not an overload.
            self.share = max(LEAST_SHARE, self.share * max(BACK_OFF, 1 - dropped / offered))
        elif busy < FULL:
            self.share = min(1.0, self.share * RECOVER)
        return self.share
