"""What every detector looks like to the rest of Simpang."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import supervision as sv

from pipeline.types import Pixels


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model runs where, for people and for the record of a run."""

    name: str
    path: Path
    device: str
    """`cpu` or `cuda:N`."""
    why: str
    """One sentence: what the device offers and why it was chosen."""
    classes: tuple[str, ...]
    """The vehicle classes this model can tell, in the order of `pipeline.types.VEHICLE_CLASSES`."""
    input_size: tuple[int, int] | None
    """(width, height) of the network's input for the last picture; None where that follows a picture yet to come."""
    digest: str
    """SHA-256 of the weights in hexadecimal: the same counts can only come from the same model."""


@runtime_checkable
class Detector(Protocol):
    """Finds vehicles in pictures. Up to `concurrency` threads may call `detect` at once."""

    pixel_budget: int
    """Input pixels that a picture may cost, where the network's input is not fixed; any thread may change it."""

    @property
    def info(self) -> ModelInfo:
        """The model and the device it runs on."""
        ...

    @property
    def concurrency(self) -> int:
        """How many threads can call `detect` at once with profit."""
        ...

    def detect(self, pictures: Sequence[Pixels]) -> list[sv.Detections]:
        """Find the vehicles of each picture; same length and order as `pictures`.

        Each picture is (height, width, 3) uint8, BGR, of any size, or can be turned into that. Each result holds
        `xyxy` (N, 4) float32 in pixels of that picture and inside it, `confidence` (N,) float32 in [0, 1] and
        `class_id` (N,) int, an index into `pipeline.types.VEHICLE_CLASSES`, by falling confidence. N may be 0.
        """
        ...

    def prepare(self, picture_sizes: Iterable[tuple[int, int]], pixel_budget: int) -> None:
        """Make ready what pictures of these (width, height) need at this budget, and let go of what none needs.

        `picture_sizes` are all that are in use; what they need at the present budget is kept. Takes seconds where
        something must be compiled, while other threads go on detecting; pictures of other sizes are then made ready for
        when they come.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def close(self) -> None:
        """Let go of the model and its memory."""
        ...
