"""From a live stream's timestamps to capture time. Pure: arrival times are given.

A live stream states when a picture was taken relative to its other pictures (pts), and sometimes in wall-clock time (an
RTCP sender report). Arrival jitters with the link and is the last resort. `ClockQuality` says which of them a capture
time rests on.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Literal, TypeAlias

from pipeline.types import NS_PER_S

ClockQuality: TypeAlias = Literal["rtcp", "stream", "arrival"]
"""`rtcp`: the camera's own wall clock, which agrees with ours. `stream`: the stream's spacing, anchored once to our
clock. `arrival`: our clock when the picture came."""

EARLY_NS: Final = 50_000_000
"""A picture cannot arrive before it was taken; so much is forgiven as jitter of the anchoring picture."""
SETTLE_NS: Final = 3 * NS_PER_S
"""How long a burst at the start of a connection (a server's backlog) may move the anchor before it is held."""
DRIFT_WINDOW_NS: Final = 10 * NS_PER_S
MOST_DRIFT_NS: Final = NS_PER_S
"""Beyond this, for a whole window, the stream's clock is not keeping time with ours and is anchored anew."""
JUMP_NS: Final = 15 * NS_PER_S
"""A single picture off by so much is a clock that jumped."""
MOST_WALL_ERROR_NS: Final = 2 * NS_PER_S
"""A camera whose wall clock is further from ours is set wrong: its clock's spacing is used, not its word."""
MOST_UNTIMED: Final = 25
"""So many pictures in a row without a timestamp are a stream without any, such as bare H.264 over HTTP."""
MOST_ANCHORS: Final = 3
"""A clock that had to be anchored anew so often on one connection says nothing: arrival is better."""


class LiveClock:
    """Capture times of one connection; `read` is called for every picture that arrives, in order.

    The anchor is set by the first picture. While the pictures of a backlog pour in faster than they were taken it
    moves, and none of them has a time; from then on it holds, unless the stream's clock drifts or jumps.

    `after_ns` is the last capture time of the connection before: times never go back.
    """

    def __init__(self, *, after_ns: int | None = None, trust_pts: bool = True) -> None:
        self.anchors = 0
        """How often the clock was anchored; more than once means it drifted or jumped."""
        self._quality: ClockQuality = "stream" if trust_pts else "arrival"
        self._untimed = 0
        """Pictures without a timestamp in a row."""
        self._offset_ns: int | None = None
        """What to add to the stream's time to get ours."""
        self._settling_until_ns: int | None = None
        self._lateness: deque[tuple[int, int]] = deque()
        """(arrival, arrival less capture) of the drift window."""
        self._last_ns = after_ns

    @property
    def quality(self) -> ClockQuality:
        """What the latest capture time rests on."""
        return self._quality

    def read(self, pts_ns: int | None, arrived_at_ns: int, wall_ns: int | None = None) -> int | None:
        """The capture time of a picture, or None where it must be left out.

        `pts_ns` is the stream's timestamp, None where it has none; `wall_ns` the same instant by the camera's wall
        clock, where the stream tells. All in nanoseconds, the last two since the epoch, UTC.
        """
        captured_ns = self._captured(pts_ns, arrived_at_ns, wall_ns)
        if captured_ns is None or (self._last_ns is not None and captured_ns <= self._last_ns):
            return None
        self._last_ns = captured_ns
        return captured_ns

    def _captured(self, pts_ns: int | None, arrived_at_ns: int, wall_ns: int | None) -> int | None:
        if self._quality == "arrival":
            return arrived_at_ns
        if pts_ns is None:
            # Usually one picture, the first of a connection: its neighbours have better ones.
            self._untimed += 1
            if self._untimed > MOST_UNTIMED:
                self._quality = "arrival"
            return None
        self._untimed = 0
        if self._offset_ns is None:
            self._anchor(pts_ns, arrived_at_ns)
            return None
        if wall_ns is not None and self._quality == "stream" and abs(arrived_at_ns - wall_ns) <= MOST_WALL_ERROR_NS:
            self._quality = "rtcp"
            self._offset_ns = wall_ns - pts_ns
            self._lateness.clear()
        captured_ns = pts_ns + self._offset_ns
        late_ns = arrived_at_ns - captured_ns
        if self._settling_until_ns is not None and self._quality == "stream":
            if late_ns < -EARLY_NS and arrived_at_ns < self._settling_until_ns:
                self._offset_ns += late_ns
                return None
            self._settling_until_ns = None
        if not self._keeps_time(arrived_at_ns, late_ns):
            self._anchor(pts_ns, arrived_at_ns)
            return None
        return captured_ns

    def _anchor(self, pts_ns: int, arrived_at_ns: int) -> None:
        self.anchors += 1
        self._offset_ns = arrived_at_ns - pts_ns
        self._lateness.clear()
        self._quality = "stream" if self.anchors <= MOST_ANCHORS else "arrival"
        self._settling_until_ns = arrived_at_ns + SETTLE_NS

    def _keeps_time(self, arrived_at_ns: int, late_ns: int) -> bool:
        limit_ns = MOST_WALL_ERROR_NS if self._quality == "rtcp" else MOST_DRIFT_NS
        if abs(late_ns) > JUMP_NS:
            return False
        self._lateness.append((arrived_at_ns, late_ns))
        while self._lateness[0][0] < arrived_at_ns - DRIFT_WINDOW_NS:
            self._lateness.popleft()
        whole_window = arrived_at_ns - self._lateness[0][0] > DRIFT_WINDOW_NS * 9 // 10
        least_ns = min(late for _, late in self._lateness)
        return not whole_window or -limit_ns <= least_ns <= limit_ns
