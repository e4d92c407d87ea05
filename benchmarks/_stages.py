"""CPU time of each step from a coded picture to its counts, with the caches as an inference leaves them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import openvino as ov
import supervision as sv

from pipeline.commands.arguments import RECORDED_FPS
from pipeline.count import CameraCounter, Tracker, TrackerStep
from pipeline.detect import Stillness, cropped, region_of
from pipeline.detect.classes import ClassMap
from pipeline.detect.letterbox import PAD_VALUE, Letterbox
from pipeline.detect.loading import DEFAULT_CONFIDENCE, DEFAULT_IOU
from pipeline.detect.postprocess import vehicles_from_output
from pipeline.source import open_source
from pipeline.types import CountingLine, size_of

STAGES: Final = ("decode", "look for motion", "scale and convert", "inference", "read boxes", "track", "count")


class _Stopwatch:
    """CPU seconds by stage: of the calling thread, or of the whole process where threads of a library do the work."""

    def __init__(self) -> None:
        self.spent_s: dict[str, float] = defaultdict(float)

    @contextmanager
    def time(self, stage: str, clock: Callable[[], float] = time.thread_time) -> Iterator[None]:
        began = clock()
        yield
        self.spent_s[stage] += clock() - began


class _TimedTracker(Tracker):
    def __init__(self, watch: _Stopwatch) -> None:
        super().__init__()
        self._watch = watch

    def update(self, captured_at_ns: int, detections: sv.Detections) -> TrackerStep:
        with self._watch.time("track"):
            return super().update(captured_at_ns, detections)


def cpu_ms_by_stage(
    video: Path, lines: tuple[CountingLine, ...], compiled: ov.CompiledModel, classes: ClassMap
) -> dict[str, float]:
    """Milliseconds of CPU a frame by stage, one frame after the other through Simpang's own steps.

    A frame is one that is looked at: decoding it includes the frames that are passed over before it. All are looked at,
    whether or not something moved.
    """
    watch = _Stopwatch()
    counter = CameraCounter("benchmark", lines, tracker=_TimedTracker(watch))
    height, width = compiled.input(0).shape[1:3]
    canvas = np.full((1, height, width, 3), PAD_VALUE, np.uint8)
    request, frames, stillness = compiled.create_infer_request(), 0, Stillness()
    request.set_input_tensor(ov.Tensor(canvas, shared_memory=True))
    with open_source(str(video), camera="benchmark", start_at_ns=0, look_fps=RECORDED_FPS) as source:
        while True:
            with watch.time("decode"):
                frame = next(source, None)
            if frame is None:
                break
            frames += 1
            part = cropped(frame.pixels, region_of(lines, frame.size))
            with watch.time("look for motion"):
                stillness.holds(part, frame.captured_at_ns)
            letterbox = Letterbox(size_of(part), (width, height))
            with watch.time("scale and convert"):
                letterbox.place(part, canvas[0])
            with watch.time("inference", time.process_time):
                request.infer()
            with watch.time("read boxes"):
                found = vehicles_from_output(
                    request.get_output_tensor(0).data[0], classes, letterbox,
                    confidence=DEFAULT_CONFIDENCE, iou=DEFAULT_IOU,
                )  # fmt: skip
            with watch.time("count"):
                counter.update(frame.seq, frame.captured_at_ns, found, frame.lost_before)
    watch.spent_s["count"] -= watch.spent_s["track"]
    return {stage: 1000 * watch.spent_s[stage] / frames for stage in STAGES}
