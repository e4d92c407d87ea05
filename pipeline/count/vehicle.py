"""One vehicle as the counter knows it: one track, or several fragments stitched together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.count.lines import LineCrossingDetector, Passage
from pipeline.count.stitch import TrackEnd
from pipeline.count.vote import ClassVote
from pipeline.types import NS_PER_S

MARGIN_SIZES: Final = 0.15
"""How far beyond a line, in box sizes, a vehicle must be for its crossing to be certain."""
CHILDHOOD_NS: Final = NS_PER_S // 5
"""So long a track is watched before it is decided whether it continues another: its velocity must be known."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A track in one frame."""

    captured_at_ns: int
    frame: int
    end: TrackEnd
    side_px: list[float]
    """Signed distance of the reference point from each line."""
    along: list[float]
    """Its place along each line, 0 at the start and 1 at the end."""
    class_id: int
    confidence: float


class Vehicle:
    """Path, class vote and line states of one vehicle.

    While it is young its sightings are only kept; `grow_up` plays them to the line detectors of this vehicle, and
    `continue_with` to those of the older vehicle it turned out to be. Memory is bounded: the sightings of childhood,
    then one detector per line.
    """

    def __init__(self, track: int) -> None:
        self.number = track
        """The id of its first track; does not change."""
        self.track = track
        """The id of its current track."""
        self.vote = ClassVote()
        self.confirmed = False
        self.over = False
        """Its track has ended; only a continuation could bring it back."""
        self.first: Sighting | None = None
        self.last: Sighting | None = None
        self._young: list[Sighting] | None = []
        self._detectors: list[LineCrossingDetector] = []

    @property
    def is_young(self) -> bool:
        """Not yet decided whether it continues another vehicle."""
        return self._young is not None

    @property
    def may_grow_up(self) -> bool:
        """Confirmed and watched for long enough."""
        assert self.first is not None and self.last is not None
        return self.confirmed and self.last.captured_at_ns - self.first.captured_at_ns >= CHILDHOOD_NS

    def see(self, sighting: Sighting) -> list[tuple[int, Passage]]:
        """One more sighting; returns (line index, passage) of crossings that became certain."""
        self.vote.add(sighting.class_id, sighting.confidence, sighting.end.size_px**2)
        if self.first is None:
            self.first = sighting
        self.last = sighting
        if self._young is not None:
            self._young.append(sighting)
            return []
        return self._advance(sighting)

    def grow_up(self) -> list[tuple[int, Passage]]:
        """It is a vehicle of its own."""
        young, self._young = self._young or [], None
        return [passage for sighting in young for passage in self._advance(sighting)]

    def continue_with(self, child: Vehicle) -> list[tuple[int, Passage]]:
        """The young vehicle's track is this vehicle's next fragment; the path between them is a straight line."""
        self.track, self.over = child.track, child.over
        return [passage for sighting in child._young or [] for passage in self.see(sighting)]

    def finish(self) -> list[tuple[int, Passage]]:
        """Its track has ended; provisional crossings stand."""
        self.over = True
        passages = [(index, detector.finish()) for index, detector in enumerate(self._detectors)]
        return [(index, passage) for index, passage in passages if passage is not None]

    def beginning(self) -> TrackEnd:
        """Where it was first seen, with the velocity and class known by now."""
        assert self.first is not None and self.last is not None
        start, now = self.first.end, self.last.end
        return TrackEnd(
            start.captured_at_ns, start.x, start.y, now.velocity_x, now.velocity_y, start.size_px, self.vote.class_id
        )

    def ending(self) -> TrackEnd:
        """Where it was last seen."""
        assert self.last is not None
        end = self.last.end
        return TrackEnd(
            end.captured_at_ns, end.x, end.y, end.velocity_x, end.velocity_y, end.size_px, self.vote.class_id
        )

    def _advance(self, sighting: Sighting) -> list[tuple[int, Passage]]:
        at_ns = sighting.captured_at_ns
        if not self._detectors:
            sides = zip(sighting.side_px, sighting.along, strict=True)
            self._detectors = [LineCrossingDetector(side_px, along, at_ns) for side_px, along in sides]
            return []
        margin_px = MARGIN_SIZES * sighting.end.size_px
        certain = []
        for index, detector in enumerate(self._detectors):
            passage = detector.advance(
                sighting.side_px[index], sighting.along[index], at_ns, frame=sighting.frame, margin_px=margin_px
            )
            if passage is not None:
                certain.append((index, passage))
        return certain
