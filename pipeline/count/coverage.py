"""How much of each minute was really observed: what tells "no vehicles" from "no picture"."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median
from typing import Final, Literal

from pipeline.types import NS_PER_S, Coverage

MINUTE_NS: Final = 60 * NS_PER_S
LEAST_GAP_NS: Final = 2 * NS_PER_S
GAP_INTERVALS: Final = 3
"""A pause longer than so many typical intervals (and than `LEAST_GAP_NS`) is a gap in what was observed."""
REMEMBERED_INTERVALS: Final = 31
MOST_EMPTY_MINUTES: Final = 24 * 60
"""A longer gap is not spelled out minute by minute: a camera's clock may have jumped by years."""

Interruption = Literal["disconnected", "stalled", "damaged"]
"""Why a live camera shows nothing."""
_Reason = Literal["edge", "gap", "damaged", "overload", "disconnected", "stalled"]


@dataclass(slots=True)
class _Minute:
    start_ns: int
    observed_ns: int = 0
    processed: int = 0
    dropped: int = 0
    lost_ns: dict[_Reason, int] = field(default_factory=dict)


class CoverageMeter:
    """Coverage of one camera, minute by minute of capture time.

    The time between two frames is observed unless it is a gap or the camera was interrupted. Frames lost between them
    are counted but cost nothing: a repeated picture shows what the one before showed. State: the current minute and the
    last few intervals.
    """

    def __init__(self, camera: str, *, revision: int = 0, run: str = "") -> None:
        self._camera, self._revision, self._run = camera, revision, run
        self._minute: _Minute | None = None
        self._last_ns = 0
        self._intervals_ns: deque[int] = deque(maxlen=REMEMBERED_INTERVALS)
        self._overloaded = False
        self._interrupted: Interruption | None = None
        self._dropped_ahead = 0
        """Dropped frames of a minute that no processed frame has opened yet."""

    def observe(self, captured_at_ns: int, lost_before: int = 0) -> tuple[Coverage, ...]:
        """A frame was processed, `lost_before` were damaged or repeated before it; returns the minutes that ended."""
        if self._minute is None:
            self._begin(captured_at_ns)
            ended: list[Coverage] = []
        else:
            ended = self._pass_time(captured_at_ns, lost_before)
        minute = self._current()
        minute.processed += 1
        minute.dropped += lost_before + self._dropped_ahead
        self._dropped_ahead = 0
        self._last_ns = max(captured_at_ns, self._last_ns)
        self._overloaded = False
        self._interrupted = None
        return tuple(ended)

    def interrupt(self, reason: Interruption, now_ns: int) -> tuple[Coverage, ...]:
        """A live camera shows nothing up to `now_ns`, because of `reason`; returns the minutes that ended.

        Until the next frame no time is observed, however short. `now_ns` must not be later than that frame's time.
        """
        self._interrupted = reason
        if self._minute is None:
            self._begin(now_ns)
            self._last_ns = now_ns
            return ()
        if now_ns <= self._last_ns:
            return ()
        ended = self._pass_time(now_ns, 0)
        self._last_ns = now_ns
        return tuple(ended)

    def so_far(self) -> Coverage | None:
        """The minute that has not ended yet, up to the last frame; None before the first."""
        return None if self._minute is None else self._coverage(self._minute)

    def drop(self, captured_at_ns: int, count: int = 1) -> None:
        """Frames of this time were not processed because the device was behind; call in order with `observe`.

        They count in their minute, or in the current one where that has ended or the first frame is yet to come.
        """
        self._overloaded = True
        if self._minute is None or captured_at_ns >= self._minute.start_ns + MINUTE_NS:
            self._dropped_ahead += count
        else:
            self._minute.dropped += count

    def finish(self) -> tuple[Coverage, ...]:
        """No more frames: the last, partial minute. The last frame is taken to last as long as usual."""
        if self._minute is None:
            return ()
        minute = self._minute
        minute.dropped += self._dropped_ahead
        self._dropped_ahead = 0
        end_ns = minute.start_ns + MINUTE_NS
        shown_until_ns = min(end_ns, self._last_ns + self._typical_ns())
        minute.observed_ns += shown_until_ns - self._last_ns
        _lose(minute, "edge", end_ns - shown_until_ns)
        self._minute = None
        return (self._coverage(minute),)

    def _begin(self, captured_at_ns: int) -> None:
        start_ns = captured_at_ns - captured_at_ns % MINUTE_NS
        self._minute = _Minute(start_ns)
        _lose(self._minute, "edge", captured_at_ns - start_ns)

    def _current(self) -> _Minute:
        assert self._minute is not None
        return self._minute

    def _typical_ns(self) -> int:
        return int(median(self._intervals_ns)) if self._intervals_ns else 0

    def _pass_time(self, now_ns: int, lost_before: int) -> list[Coverage]:
        interval_ns = now_ns - self._last_ns
        if interval_ns < 0:  # a picture that was on its way while its camera was already taken for interrupted
            return []
        reason: _Reason | None = self._interrupted
        if reason is None and interval_ns > LEAST_GAP_NS and interval_ns > GAP_INTERVALS * self._typical_ns():
            reason = "overload" if self._overloaded else "damaged" if lost_before else "gap"
        if self._interrupted is None:
            self._intervals_ns.append(interval_ns)
        if interval_ns > MOST_EMPTY_MINUTES * MINUTE_NS:
            ended = list(self.finish())
            self._begin(now_ns)
            return ended
        ended = []
        at_ns = self._last_ns
        while True:
            minute = self._current()
            end_ns = minute.start_ns + MINUTE_NS
            until_ns = min(end_ns, now_ns)
            if reason is None:
                minute.observed_ns += until_ns - at_ns
            else:
                _lose(minute, reason, until_ns - at_ns)
            if now_ns < end_ns:
                return ended
            ended.append(self._coverage(minute))
            self._minute = _Minute(end_ns)
            at_ns = end_ns

    def _coverage(self, minute: _Minute) -> Coverage:
        return Coverage(
            camera=self._camera,
            minute_ns=minute.start_ns,
            observed_s=minute.observed_ns / NS_PER_S,
            frames_seen=minute.processed + minute.dropped,
            frames_processed=minute.processed,
            frames_dropped=minute.dropped,
            reason=max(minute.lost_ns, key=lambda reason: minute.lost_ns[reason]) if minute.lost_ns else "",
            revision=self._revision,
            run=self._run,
        )


def _lose(minute: _Minute, reason: _Reason, duration_ns: int) -> None:
    if duration_ns > 0:
        minute.lost_ns[reason] = minute.lost_ns.get(reason, 0) + duration_ns
