"""One vehicle as the counter knows it: one track, or several fragments stitched together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from pipeline.count.lines import LineCrossingDetector, LinePosition, Passage
from pipeline.count.paths import PathKeeper
from pipeline.count.stitch import TrackEnd
from pipeline.count.vote import ClassVote
from pipeline.types import NS_PER_S

CHILDHOOD_NS: Final = NS_PER_S // 5
"""So long a track is watched before it is decided whether it continues another: its velocity must be known."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A track in one frame."""

    end: TrackEnd
    position: LinePosition
    confidence: float


class Vehicle:
    """Path, class vote and line states of one vehicle.

    While it is young its sightings are only kept; `grow_up` plays them to this vehicle's detector, `continue_with` to
    that of the older vehicle it turned out to be. Memory is bounded: the sightings of childhood, then the last one;
    with `keeps_path` also its path, see `PathKeeper`.
    """

    __slots__ = (
        "_detector",
        "_first",
        "_last",
        "_young",
        "confirmed",
        "number",
        "over",
        "passed",
        "path",
        "track",
        "vote",
    )

    def __init__(self, track: int, *, keeps_path: bool = False) -> None:
        self.number = track
        """The id of its first track; does not change."""
        self.track = track
        """The id of its current track."""
        self.vote = ClassVote()
        self.passed: dict[int, Passage] = {}
        """The last passage of each line that it crossed."""
        self.path = PathKeeper() if keeps_path else None
        self.confirmed = False
        self.over = False
        """Its track has ended; only a continuation could bring it back."""
        self._first: TrackEnd | None = None
        self._last: TrackEnd | None = None
        self._young: list[Sighting] | None = []
        self._detector = LineCrossingDetector()

    @property
    def is_young(self) -> bool:
        """Not yet decided whether it continues another vehicle."""
        return self._young is not None

    @property
    def may_grow_up(self) -> bool:
        """Young, confirmed and watched for long enough."""
        if self._young is None or not self.confirmed or self._first is None or self._last is None:
            return False
        return self._last.captured_at_ns - self._first.captured_at_ns >= CHILDHOOD_NS

    def see(self, sighting: Sighting) -> list[Passage]:
        """One more sighting; returns crossings that became certain."""
        end = sighting.end
        self.vote.add(end.captured_at_ns, end.class_id, sighting.confidence, end.size_px, end.speed)
        if self._first is None:
            self._first = end
        self._last = end
        if self.path is not None:
            self.path.add(end)
        if self._young is not None:
            self._young.append(sighting)
            return []
        return self._detector.advance(sighting.position)

    def grow_up(self, start: Sighting | None = None) -> list[Passage]:
        """It is a vehicle of its own, which was at `start` before it was seen, where that is given."""
        young, self._young = self._young or [], None
        if start is not None:
            young.insert(0, start)
            if self.path is not None:
                self.path.begin(start.end)
        return [passage for sighting in young for passage in self._detector.advance(sighting.position)]

    def continue_with(self, child: Vehicle) -> list[Passage]:
        """The young vehicle's track is this vehicle's next fragment; the path between them is a straight line."""
        self.track, self.over = child.track, child.over
        return [passage for sighting in child._young or [] for passage in self.see(sighting)]

    def finish(self) -> list[Passage]:
        """Its track has ended; provisional crossings stand."""
        self.over = True
        return self._detector.finish()

    def beginning(self) -> TrackEnd:
        """Where it was first seen, with the velocity and the class known by now."""
        assert self._first is not None and self._last is not None
        velocity_x, velocity_y = self._last.velocity_x, self._last.velocity_y
        return replace(self._first, velocity_x=velocity_x, velocity_y=velocity_y, class_id=self.vote.class_id)

    def first_position(self) -> LinePosition:
        """Where a young vehicle was first seen, with respect to the lines."""
        assert self._young
        return self._young[0].position

    def ending(self) -> TrackEnd:
        """Where it was last seen, with its class by vote."""
        assert self._last is not None
        return replace(self._last, class_id=self.vote.class_id)

    def frame_at(self, captured_at_ns: int) -> int:
        """Number of the frame of a time shortly before it was first seen, by the pace of its childhood."""
        first, last = (self._young or [])[0], (self._young or [])[-1]
        frames_per_ns = (last.position.frame - first.position.frame) / (
            last.end.captured_at_ns - first.end.captured_at_ns
        )
        before = round((first.end.captured_at_ns - captured_at_ns) * frames_per_ns)
        return max(0, first.position.frame - max(1, before))

    @property
    def began_ns(self) -> int:
        """When it was first seen."""
        assert self._first is not None
        return self._first.captured_at_ns

    @property
    def seen_ns(self) -> int:
        """When it was last seen."""
        assert self._last is not None
        return self._last.captured_at_ns
