"""A junction that does not exist: drawn, seeded, and with the exact truth known."""

from pipeline.source.simulated.dataset import write_yolo_dataset
from pipeline.source.simulated.junction import SimulatedJunction, SimulatedStats
from pipeline.source.simulated.scenario import Scenario
from pipeline.source.simulated.truth import TrueCrossing, TrueMovement, Truth

__all__ = [
    "Scenario",
    "SimulatedJunction",
    "SimulatedStats",
    "TrueCrossing",
    "TrueMovement",
    "Truth",
    "write_yolo_dataset",
]
