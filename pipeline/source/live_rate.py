"""Which pictures of a live stream are analysed, and how little of it needs to be decoded. Pure."""

from __future__ import annotations

from typing import Final

from pipeline.types import NS_PER_S


class RateControl:
    """Picks pictures by capture time so that about `fps` a second are left, evenly spaced.

    A picture is taken when it is nearer to the next due time than the one after it would be; a stream slower than `fps`
    is taken whole. A pause is not made up for.
    """

    def __init__(self, fps: float) -> None:
        self._due_ns: int | None = None
        self._last_ns: int | None = None
        self._interval_ns = 0
        self.fps = fps

    @property
    def fps(self) -> float:
        """Pictures a second to keep; may be changed while running."""
        return self._fps

    @fps.setter
    def fps(self, fps: float) -> None:
        self._fps = fps
        self._interval_ns = round(NS_PER_S / fps)

    def take(self, captured_at_ns: int) -> bool:
        """Whether the picture of that time is kept."""
        step_ns = 0 if self._last_ns is None else captured_at_ns - self._last_ns
        self._last_ns = captured_at_ns
        if self._due_ns is None:
            self._due_ns = captured_at_ns
        half_step_ns = min(step_ns, self._interval_ns) // 2
        if captured_at_ns < self._due_ns - half_step_ns:
            return False
        self._due_ns += self._interval_ns
        if self._due_ns < captured_at_ns:
            self._due_ns = captured_at_ns + self._interval_ns
        return True


TRIAL_S: Final = 4.0
WORTH_TRYING: Final = 1.3
"""A stream so much faster than wanted may have pictures to spare."""
MARGIN: Final = 1.05
"""Reference pictures must come this much more often than wanted: rates are measured over a short trial."""


class DecodeThrift:
    """Decides whether decoding the reference pictures alone yields enough.

    Pictures that no other refers to (B pictures of many encoders, the upper layer of H.264 SVC) can be skipped without
    being decoded. Whether a stream has them is only known by trying: after one trial with everything, one without
    them; whichever serves `fps` is kept until the rate wanted changes.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._began_ns: int | None = None
        self._pictures = 0
        self._trying = True
        self.skips_nonreference = False
        """Whether pictures that no other refers to are to be skipped now."""

    def decoded(self, captured_at_ns: int) -> None:
        """A picture was decoded; may change `skips_nonreference`."""
        if not self._trying:
            return
        if self._began_ns is None:
            self._began_ns, self._pictures = captured_at_ns, 0
            return
        self._pictures += 1
        elapsed_s = (captured_at_ns - self._began_ns) / NS_PER_S
        if elapsed_s < TRIAL_S:
            return
        rate = self._pictures / elapsed_s
        self._began_ns = None
        if not self.skips_nonreference:
            self.skips_nonreference = self._trying = rate >= self._fps * WORTH_TRYING
            return
        # A stream without such pictures shows the same rate: then skipping costs and gains nothing.
        self.skips_nonreference = rate >= self._fps * MARGIN
        self._trying = False
