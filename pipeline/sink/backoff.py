"""How long to wait before trying again."""

from __future__ import annotations

import random
from typing import Final

FIRST_S: Final = 0.5
MOST_S: Final = 30.0


class Backoff:
    """Waits that double from `first_s` to `most_s`, each shortened at random by up to half.

    The randomness keeps the workers of a site from coming back all at once when a broker or a server does.
    """

    def __init__(self, *, first_s: float = FIRST_S, most_s: float = MOST_S, rng: random.Random | None = None) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._rng = rng or random.Random()
        self._next_s = first_s

    def failed(self) -> float:
        """Seconds to wait after one more failure in a row."""
        wait_s = self._next_s * self._rng.uniform(0.5, 1.0)
        self._next_s = min(self._most_s, 2 * self._next_s)
        return wait_s

    def succeeded(self) -> None:
        """The next failure is the first of its row."""
        self._next_s = self._first_s
