"""From the names a model gives its classes to the vehicles Simpang counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.types import VEHICLE_CLASSES

NOT_COUNTED: Final = -1

_SYNONYMS: Final = {
    "motorcycle": (
        "motorcycle",
        "motorbike",
        "motor",
        "sepeda motor",
        "scooter",
        "moped",
        "two wheeler",
        "becak motor",
    ),
    "car": (
        "car",
        "mobil",
        "van",
        "pickup",
        "pickup truck",
        "suv",
        "taxi",
        "sedan",
        "jeep",
        "auto",
        "angkot",
        "minivan",
    ),
    "bus": ("bus", "minibus", "mini bus", "bis", "coach", "microbus", "medium bus", "large bus"),
    "truck": ("truck", "truk", "lorry", "heavy truck", "trailer", "container", "tanker", "box truck", "dump truck"),
    "bicycle": ("bicycle", "bike", "sepeda", "cycle", "becak", "pedicab", "rickshaw"),
}
_VEHICLE_OF: Final = {name: VEHICLE_CLASSES.index(vehicle) for vehicle, names in _SYNONYMS.items() for name in names}


@dataclass(frozen=True, slots=True)
class ClassMap:
    """Which rows of a model's class scores are vehicles, and which vehicle each is."""

    vehicle_of: npt.NDArray[np.int64]
    """(model classes,) the index into VEHICLE_CLASSES, or NOT_COUNTED."""

    @classmethod
    def from_names(cls, names: Sequence[str]) -> ClassMap:
        """Map by name, whatever its case, plural or separators; names nobody knows are not counted."""
        return cls(np.array([_VEHICLE_OF.get(_plain(name), NOT_COUNTED) for name in names], np.int64))

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """Indices of the model's classes that are vehicles."""
        return np.flatnonzero(self.vehicle_of != NOT_COUNTED)

    @property
    def vehicles(self) -> tuple[str, ...]:
        """The vehicle classes that this model can tell, in the order of VEHICLE_CLASSES."""
        return tuple(VEHICLE_CLASSES[index] for index in np.unique(self.vehicle_of[self.rows]))


def _plain(name: str) -> str:
    words = " ".join(name.strip().lower().replace("_", " ").replace("-", " ").split())
    singulars = (words, words.removesuffix("s"), words.removesuffix("es"), words.removesuffix("ies") + "y")
    return next((singular for singular in singulars if singular in _VEHICLE_OF), words)
