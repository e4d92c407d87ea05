"""The class list of the shipped detector."""

from __future__ import annotations

from typing import Final

from pipeline.types import VEHICLE_CLASSES

CLASSES: Final = (*VEHICLE_CLASSES, "person")
"""Index = class id in the model's output. `person` is there so that pedestrians are not taken for vehicles; it is
dropped after detection."""

CLASS_ID: Final = {name: index for index, name in enumerate(CLASSES)}
