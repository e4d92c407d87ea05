"""The simulated junction as a source of frames that knows the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import supervision as sv

from pipeline.closing import Closing
from pipeline.source.live_rate import RateControl
from pipeline.source.protocol import SourceStats
from pipeline.source.simulated.camera import Pinhole
from pipeline.source.simulated.layout import counting_lines
from pipeline.source.simulated.render import Renderer
from pipeline.source.simulated.scenario import Scenario
from pipeline.source.simulated.traffic import TICK_S, Signals, Traffic
from pipeline.source.simulated.truth import DEFAULT_REFERENCE, Truth, TruthKeeper
from pipeline.source.simulated.view import View, detections, look
from pipeline.types import CountingLine, Frame, Image, Point


class SimulatedJunction(Closing):
    """A recording of a junction, drawn frame by frame: a `FrameSource` that can also be asked for its truth.

    As an iterator it reads the recording once; `with_truth`, `boxes_only` and `truth` each begin at frame 0.

    Memory does not grow with the length of the recording: only the vehicles now in the scene are kept.
    """

    def __init__(self, scenario: Scenario, *, look_fps: float | None = None) -> None:
        """As an iterator it hands on at most `look_fps` of its pictures a second, where that is given."""
        self.scenario = scenario
        self._look_fps = scenario.fps if look_fps is None else min(look_fps, scenario.fps)
        self._rate = RateControl(self._look_fps)
        self._camera = Pinhole.of(scenario)
        self.lines: tuple[CountingLine, ...] = counting_lines(scenario.legs, self._camera)
        self._stats = SourceStats()
        self._reading: Iterator[tuple[Frame, sv.Detections]] | None = None
        self._closed = False

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels of every frame."""
        return self.scenario.width, self.scenario.height

    @property
    def fps(self) -> float:
        """Pictures per second before any are dropped."""
        return self.scenario.fps

    @property
    def duration_s(self) -> float:
        """Length of the recording in seconds."""
        return self.scenario.duration_s

    @property
    def frame_count_estimate(self) -> int:
        """Pictures to hand on before any are dropped."""
        return round(self.scenario.frame_count * self._look_fps / self.scenario.fps)

    @property
    def started_at_ns(self) -> int:
        """Capture time of frame 0, nanoseconds since the epoch, UTC."""
        return self.scenario.start_at_ns

    @property
    def stats(self) -> SourceStats:
        """What the reading now in progress has met so far."""
        return self._stats

    @property
    def warnings(self) -> list[str]:
        """Always empty: nothing that is drawn can be damaged."""
        return []

    def close(self) -> None:
        """Stop delivering frames; harmless when repeated."""
        self._closed = True
        self._reading = None

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        if self._closed:
            raise StopIteration
        if self._reading is None:
            self._reading = self.with_truth()
        for frame, _ in self._reading:
            if self._look_fps == self.scenario.fps or self._rate.take(frame.captured_at_ns):
                return frame
            self._stats.passed_over += 1
        raise StopIteration

    def with_truth(self) -> Iterator[tuple[Frame, sv.Detections]]:
        """Frames with their boxes, from the beginning; resets `stats`. As from any source, repeats are left out.

        The boxes: xyxy (N, 4) float32, tight and clipped to the picture; confidence 1; class_id an index into
        `VEHICLE_CLASSES`; tracker_id the vehicle's id; data["visible"] (N,) float32, the share of the vehicle that is
        in the picture and not behind another.
        """
        self._stats = stats = SourceStats()
        lost = 0
        following = 0
        for frame, boxes, repeated in self.as_sent():
            lost += frame.seq - following
            following = frame.seq + 1
            stats.frames_seen += 1
            if repeated:
                stats.duplicates += 1
                lost += 1
                continue
            yield replace(frame, lost_before=lost), boxes
            lost = 0

    def as_sent(self) -> Iterator[tuple[Frame, sv.Detections, bool]]:
        """What leaves the camera: frames, boxes, and whether the picture repeats the one before.

        Dropped frames are missing; a repeated one carries its own number and time but the pixels and boxes before it.
        """
        renderer = Renderer(self.scenario, self._camera)
        rng = np.random.default_rng([self.scenario.seed, 53])
        shown: tuple[Image, sv.Detections] | None = None
        for seq, view, signals in self._views():
            dropped, repeated = (rng.random(2) < (self.scenario.dropped, self.scenario.duplicated)).tolist()
            if dropped:
                continue
            repeated = repeated and shown is not None
            if shown is None or not repeated:
                shown = renderer.render(view, signals), detections(view, *self.size)
            frame = Frame(self.scenario.camera, seq, self.scenario.captured_at_ns(seq), shown[0])
            yield frame, shown[1], repeated

    def sampled(self, stride: int) -> Iterator[tuple[Frame, sv.Detections]]:
        """Every `stride`-th frame with its boxes; the frames between are not drawn."""
        renderer = Renderer(self.scenario, self._camera)
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
        """Crossings and movements of the whole recording; runs the traffic once, without drawing.

        `reference` = (across, down) chooses the point of the unclipped box that crosses; `lines` are laid for the
        default. Dropped and repeated frames make no difference: the truth is that of the nominal frames.
        """
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
