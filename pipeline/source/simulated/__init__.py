"""A junction that does not exist: drawn, seeded, and with the exact truth known."""

from pipeline.source.simulated.dataset import write_yolo_dataset
from pipeline.source.simulated.export import write_video
from pipeline.source.simulated.junction import SimulatedJunction
from pipeline.source.simulated.scenario import DEFAULT_START_NS, LIGHTS, Scenario
from pipeline.source.simulated.truth import TrueCrossing, TrueMovement, Truth

__all__ = [
    "DEFAULT_START_NS",
    "LIGHTS",
    "Scenario",
    "SimulatedJunction",
    "TrueCrossing",
    "TrueMovement",
    "Truth",
    "write_video",
    "write_yolo_dataset",
]
