"""Observed traffic without looking at pictures: the paths of a simulated junction, and an observer that has them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pipeline.count import CameraCounter
from pipeline.errors import InputError
from pipeline.source.simulated import Scenario, SimulatedJunction
from pipeline.types import CountingLine, PathSample

SCENARIO = Scenario(seed=3, width=640, height=360, duration_s=120.0)


@cache
def observed() -> PathSample:
    """The paths by perfect boxes."""
    junction = SimulatedJunction(SCENARIO)
    counter = CameraCounter("a", (), keep_paths=True)
    updates = [counter.update(seq, at_ns, boxes) for seq, at_ns, boxes in junction.boxes_only()]
    paths = tuple(path for update in [*updates, counter.finish()] for path in update.paths)
    return PathSample("a", junction.size, junction.started_at_ns, junction.duration_s, paths)


def true_lines() -> tuple[CountingLine, ...]:
    return SimulatedJunction(SCENARIO).lines


@dataclass(frozen=True)
class State:
    phase: str
    share: float = 0.0
    message: str = ""


class PreparedObserver:
    """Runs for some questions, and then has `observed()`; `fails` makes it fail instead."""

    def __init__(self, *, questions: int = 2, fails: str = "") -> None:
        self._questions, self._fails = questions, fails
        self._left: int | None = None
        self.asked: list[tuple[str, str]] = []

    def begin(self, camera: str, url: str, fps: float, transport: str) -> None:
        if self._left:
            raise InputError(f"camera {camera} is being observed; wait until that is done")
        self.asked.append((camera, url))
        self._left = self._questions

    def cancel(self) -> None:
        self._left = None

    def state(self, camera: str) -> State:
        if self._left is None:
            return State("none")
        if self._left:
            self._left -= 1
            return State("running", 1 - self._left / self._questions)
        return State("failed", message=self._fails) if self._fails else State("ready")

    def sample(self, camera: str) -> PathSample | None:
        return observed() if self._left == 0 and not self._fails else None
