"""When to try again, and how much to take on. Pure: times are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.sink.backoff import Backoff

FIRST_DELAY_S: Final = 1.0
MOST_DELAY_S: Final = 60.0
SOUND_AFTER_S: Final = 20.0
"""What has worked for so long has recovered: the next failure is a first one again."""


def delay_s(backoff: Backoff, worked_for_s: float) -> float:
    """Seconds to wait after a failure of something that had worked for `worked_for_s`."""
    if worked_for_s >= SOUND_AFTER_S:
        backoff.succeeded()
    return backoff.failed()


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
