"""Which pictures of a recording are looked at, decided before they are decoded. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from heapq import heappop, heappush
from typing import Final, Protocol, TypeVar

from pipeline.source.live_rate import RateControl
from pipeline.source.timeline import RESTART_NS
from pipeline.types import NS_PER_S

MOST_REORDERED: Final = 16
"""By so many pictures may H.264 and H.265 show one later than they code it."""


class Coded(Protocol):
    """What a packet tells of its picture."""

    @property
    def pts(self) -> int | None:
        """When it is shown, in the stream's time base; None where the container does not say."""
        ...


CodedT = TypeVar("CodedT", bound=Coded)


class PictureChoice:
    """Picks about `fps` pictures a second, evenly spaced, from packets that come in the order of decoding.

    It looks a few packets ahead, so that it knows the pictures in the order in which they are shown: a decoder can then
    be told of each picture before it is decoded. A picture without a timestamp is always wanted. Where the clock steps
    back, choosing begins anew. With `fps` None everything is wanted.
    """

    def __init__(self, fps: float | None, time_base: Fraction) -> None:
        self._fps, self._time_base = fps, time_base
        self._rate: RateControl | None = None
        self._newest: int | None = None
        self._undecided: list[int] = []
        """A heap of timestamps."""
        self._refused: list[int] = []
        """A heap of those that are not wanted, until `refused_before` tells of them; `_is_refused` holds the same."""
        self._is_refused: set[int] = set()
        self._untold = 0

    def decide(self, packets: Iterator[CodedT]) -> Iterator[tuple[CodedT, bool]]:
        """Each packet in the given order, and whether its picture is wanted."""
        if self._fps is None:
            yield from ((packet, True) for packet in packets)
            return
        self._begin(self._fps)
        ahead: deque[CodedT] = deque()
        for packet in packets:
            if self._steps_back(packet.pts):
                yield from map(self._decided, ahead)
                ahead.clear()
                self._begin(self._fps)
            ahead.append(packet)
            if packet.pts is not None:
                heappush(self._undecided, packet.pts)
                self._newest = packet.pts if self._newest is None else max(self._newest, packet.pts)
            if len(ahead) > MOST_REORDERED:
                yield self._decided(ahead.popleft())
        yield from map(self._decided, ahead)

    def refuses(self, pts: int | None) -> bool:
        """Whether the decoded picture is one that is not wanted: a decoder gives those that others refer to."""
        return pts in self._is_refused

    def refused_before(self, pts: int | None) -> int:
        """How many pictures that are not wanted are shown before that one and were not yet told; all with None."""
        count, self._untold = self._untold, 0
        while self._refused and (pts is None or self._refused[0] < pts):
            self._is_refused.discard(heappop(self._refused))
            count += 1
        return count

    def _begin(self, fps: float) -> None:
        self._rate, self._newest = RateControl(fps), None
        self._untold += len(self._refused)
        self._refused.clear()
        self._is_refused.clear()

    def _steps_back(self, pts: int | None) -> bool:
        if pts is None or self._newest is None:
            return False
        return (self._newest - pts) * self._time_base * NS_PER_S > RESTART_NS

    def _decided(self, packet: CodedT) -> tuple[CodedT, bool]:
        assert self._rate is not None
        while packet.pts is not None and self._undecided and self._undecided[0] <= packet.pts:
            pts = heappop(self._undecided)
            while self._undecided[:1] == [pts]:
                heappop(self._undecided)
            if not self._rate.take(round(pts * self._time_base * NS_PER_S)):
                heappush(self._refused, pts)
                self._is_refused.add(pts)
        return packet, packet.pts not in self._is_refused
