"""The simulated junction as a source of frames that knows the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import supervision as sv

from pipeline.source.simulated.camera import Pinhole
from pipeline.source.simulated.layout import counting_lines
from pipeline.source.simulated.render import Renderer
from pipeline.source.simulated.scenario import Scenario
from pipeline.source.simulated.traffic import TICK_S, Signals, Traffic
from pipeline.source.simulated.truth import DEFAULT_REFERENCE, Truth, TruthKeeper
from pipeline.source.simulated.view import View, detections, look
from pipeline.types import CountingLine, Frame, Image, Point


@dataclass(slots=True)
class SimulatedStats:
    """What has been delivered so far, in the terms of any source."""

    frames_seen: int = 0
    duplicates: int = 0
    damaged: int = 0


class SimulatedJunction:
    """A recording of a junction, drawn frame by frame; iterating again starts it again from the first frame.

    Memory does not grow with the length of the recording: only the vehicles now in the scene are kept.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.size = (scenario.width, scenario.height)
        self.fps = scenario.fps
        self.duration_s = scenario.duration_s
        self.frame_count_estimate = scenario.frame_count
        self.stats = SimulatedStats()
        self._camera = Pinhole.of(scenario)
        self.lines: tuple[CountingLine, ...] = counting_lines(scenario.legs, self._camera)
        self._renderer: Renderer | None = None
        self._closed = False
        self._frames: Iterator[Frame] | None = None

    def __enter__(self) -> SimulatedJunction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop delivering frames; harmless when repeated."""
        self._closed = True
        self._renderer = None

    def __iter__(self) -> Iterator[Frame]:
        for frame, _ in self.with_truth():
            yield frame

    def with_truth(self) -> Iterator[tuple[Frame, sv.Detections]]:
        """Frames with their boxes as `sv.Detections`.

        xyxy (N, 4) float32, tight and clipped to the picture; confidence 1; class_id an index into `VEHICLE_CLASSES`;
        tracker_id the vehicle's id; data["visible"] (N,) float32, the share of the vehicle that can be seen.
        """
        renderer = self._renderer or Renderer(self.scenario, self._camera)
        self._renderer = renderer
        renderer.restart()
        self.stats = SimulatedStats()
        rng = np.random.default_rng([self.scenario.seed, 53])
        shown: tuple[Image, sv.Detections] | None = None
        lost = 0
        for seq, view, signals in self._views():
            if self._closed:
                return
            missing, repeated = rng.random(2) < (self.scenario.dropped, self.scenario.duplicated)
            if missing and seq:
                lost += 1
                continue
            self.stats.frames_seen += 1
            if repeated and shown is not None:
                self.stats.duplicates += 1
            else:
                shown = renderer.render(view, signals), detections(view, *self.size)
            image, boxes = shown
            frame = Frame(self.scenario.camera, seq, self.scenario.captured_at_ns(seq), image.copy(), lost)
            lost = 0
            yield frame, boxes

    def sampled(self, stride: int) -> Iterator[tuple[Frame, sv.Detections]]:
        """Every `stride`-th frame with its boxes; the frames between are not drawn."""
        renderer = Renderer(self.scenario, self._camera)
        renderer.restart()
        for seq, view, signals in self._views():
            if seq % stride == 0:
                image = renderer.render(view, signals)
                yield (
                    Frame(self.scenario.camera, seq, self.scenario.captured_at_ns(seq), image),
                    detections(view, *self.size),
                )

    def boxes_only(self) -> Iterator[tuple[int, int, sv.Detections]]:
        """(seq, captured_at_ns, boxes) of every frame of the nominal grid, without drawing anything."""
        for seq, view, _ in self._views():
            yield seq, self.scenario.captured_at_ns(seq), detections(view, *self.size)

    def truth(self, reference: Point = DEFAULT_REFERENCE) -> Truth:
        """Crossings and movements of the whole recording; runs the traffic once, without drawing."""
        keeper = TruthKeeper(self.scenario, self.lines, reference)
        return keeper.follow((seq, view) for seq, view, _ in self._views())

    def _views(self) -> Iterator[tuple[int, View, Signals]]:
        traffic = Traffic(self.scenario)
        for seq in range(self.scenario.frame_count):
            at_s = seq / self.scenario.fps
            while traffic.time_s < at_s - 1e-9:
                traffic.tick()
            view = look(traffic.vehicles, traffic.poses(min(traffic.time_s - at_s, TICK_S)), self._camera)
            yield seq, view, traffic.signals
