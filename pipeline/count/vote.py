"""The class of a vehicle, by majority over all its sightings."""

from __future__ import annotations

from math import sqrt
from typing import Final

from pipeline.types import NS_PER_S, VEHICLE_CLASSES

TELLING: Final = {"bicycle": 3.0, "bus": 2.0, "truck": 2.0}
"""How many times a vote for a rare class outweighs one for a motorcycle or a car. On labelled pictures of cameras and
simulated scenes left out of the training one bicycle in five is taken for a motorcycle and one lorry in fifteen for a
car, but one motorcycle in 150 for a bicycle, one car in 70 for a lorry and one in 400 for a bus."""
MOVING_SIZES_PER_S: Final = 0.5
"""Slower than this, a vehicle shows ever less of itself that was not seen before, ..."""
STANDING: Final = 0.1
"""... and where it stands its votes count so much: at a red light one mistake would be made a hundred times."""
HALF_LIFE_S: Final = 6.0
"""So much later a vote counts half: where vehicles hide each other a track goes over from one to another, and what it
was before says nothing of what it is."""
_VOTES: Final = tuple(TELLING.get(name, 1.0) for name in VEHICLE_CLASSES)


class ClassVote:
    """Sightings vote with their confidence, and some tell more than others.

    What moves tells more than what stands, a rare class more than a common one, late sightings more than early ones and
    near ones a little more than far ones: votes grow with the root of box size, not with size itself, for the vote of a
    track that goes over to a lorry beyond the line would be the lorry's.
    """

    __slots__ = ("_confidence", "_count", "_seen_ns", "_weight")

    def __init__(self) -> None:
        self._weight = [0.0] * len(VEHICLE_CLASSES)
        self._confidence = [0.0] * len(VEHICLE_CLASSES)
        self._count = [0] * len(VEHICLE_CLASSES)
        self._seen_ns = 0

    def add(self, captured_at_ns: int, class_id: int, confidence: float, size_px: float, speed_px_per_s: float) -> None:
        """One sighting, later than those before."""
        faded = 0.5 ** ((captured_at_ns - self._seen_ns) / NS_PER_S / HALF_LIFE_S)
        self._weight = [weight * faded for weight in self._weight]
        self._seen_ns = captured_at_ns
        moves = min(1.0, max(STANDING, speed_px_per_s / (MOVING_SIZES_PER_S * max(size_px, 1.0))))
        self._weight[class_id] += _VOTES[class_id] * moves * confidence * sqrt(size_px)
        self._confidence[class_id] += confidence
        self._count[class_id] += 1

    @property
    def class_id(self) -> int:
        """The winner; of equals the first in `VEHICLE_CLASSES`."""
        return self._weight.index(max(self._weight))

    @property
    def vehicle_class(self) -> str:
        """The winner's name."""
        return VEHICLE_CLASSES[self.class_id]

    @property
    def confidence(self) -> float:
        """Mean confidence of the sightings that voted for the winner, 0 to 1; 0 before any."""
        winner = self.class_id
        return self._confidence[winner] / self._count[winner] if self._count[winner] else 0.0
