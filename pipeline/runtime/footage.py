"""Recorded footage through detector and counter, with decoding, detection and counting overlapping.

    reader thread per source ──> detection threads ──> the caller's thread, frames of each source in order

A reader decodes and hands each frame to the detection threads at once; the caller takes the results in the order in
which the frames were read, so a counter sees its camera's frames in order and only one thread ever touches it. The
queue between them is bounded: when the caller is slow the readers wait, because recorded footage never drops a frame.

Frames are decoded and counted a few in a row: after an inference the caches hold nothing of the decoder or the counter,
and filling them again takes as long as the work itself.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final

import supervision as sv

from pipeline.count import CameraCounter, CountUpdate
from pipeline.detect import Detector, Stillness, cropped, detect_in, region_of
from pipeline.source import FrameSource
from pipeline.types import NS_PER_S, CountingLine, Coverage, Crossing, Frame, Movement, Region

BURST: Final = 4
"""Frames that are decoded, and later counted, in a row."""

BURSTS_WAITING: Final = 2
"""Bursts between the readers and the caller, who holds another: so detection has frames while either is busy."""


@dataclass(slots=True)
class FootageJob:
    """One source to count, and what came of it so far."""

    source: FrameSource
    counter: CameraCounter
    lines: tuple[CountingLine, ...]
    label: str
    """The video's name as messages show it, without secrets."""
    whole_picture: bool = False
    """Whether vehicles are looked for in the whole picture and not only around the lines."""
    frames: int = 0
    """That were counted so far."""
    still: int = 0
    """Of these, how many showed what the picture before had shown, and took over its boxes."""
    crossings: list[Crossing] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    first_captured_at_ns: int | None = None
    last_captured_at_ns: int | None = None
    elapsed_s: float = 0.0

    @property
    def region(self) -> Region:
        """The part of each picture that the detector is shown."""
        size = self.source.size
        return Region.whole(size) if self.whole_picture else region_of(self.lines, size)

    @property
    def looked_at(self) -> int:
        """Frames in which the detector looked for vehicles so far."""
        return self.frames - self.still

    @property
    def footage_frames(self) -> int:
        """Frames that the counted part of the footage has, those included that the source passed over."""
        return self.frames + self.source.stats.passed_over

    @property
    def duration_s(self) -> float:
        """Seconds of footage from the first frame to the last that were counted."""
        if self.first_captured_at_ns is None or self.last_captured_at_ns is None:
            return 0.0
        return (self.last_captured_at_ns - self.first_captured_at_ns) / NS_PER_S


Observer = Callable[[FootageJob, Frame | None, CountUpdate], None]
"""Called after each frame is counted, and once with None when the job has ended; in the caller's thread, in order."""


def count_footage(
    jobs: Sequence[FootageJob], detector: Detector, *, observe: Observer | None = None, keep_events: bool = True
) -> None:
    """Count every frame of every job's source and close the sources.

    `keep_events=False` leaves the events to the observer and holds none, so that memory does not grow with the footage.
    Raises what a source or the detector raised; by then every thread has ended.
    """
    began = time.perf_counter()
    with contextlib.closing(_detect_in_order(jobs, detector)) as results:
        for job, frame, detections in results:
            if frame is None or detections is None:
                update = job.counter.finish()
                job.elapsed_s = time.perf_counter() - began
            else:
                update = job.counter.update(frame.seq, frame.captured_at_ns, detections, frame.lost_before)
                job.frames += 1
                if job.first_captured_at_ns is None:
                    job.first_captured_at_ns = frame.captured_at_ns
                job.last_captured_at_ns = frame.captured_at_ns
            if keep_events:
                job.crossings.extend(update.crossings)
                job.movements.extend(update.movements)
                job.coverage.extend(update.coverage)
            if observe is not None:
                observe(job, frame, update)


@dataclass(frozen=True, slots=True)
class _Burst:
    """What a reader puts in the queue: frames on their way through the detector, and whether and why it ended there."""

    job: FootageJob
    frames: list[tuple[Frame, Future[list[sv.Detections]]]]
    ended: bool = False
    error: BaseException | None = None


def _detect_in_order(
    jobs: Sequence[FootageJob], detector: Detector
) -> Generator[tuple[FootageJob, Frame | None, sv.Detections | None], None, None]:
    """Each job's frames in order with their detections, then that job with None, None."""
    ready: queue.Queue[_Burst] = queue.Queue(maxsize=BURSTS_WAITING)
    stop = threading.Event()
    detecting = ThreadPoolExecutor(detector.concurrency, thread_name_prefix="detect")
    reading = ThreadPoolExecutor(min(len(jobs), os.cpu_count() or 1), thread_name_prefix="read")

    def put(item: _Burst) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=0.2)
                return

    def read(job: FootageJob) -> None:
        burst = _Burst(job, [])
        error: BaseException | None = None
        region, stillness = job.region, Stillness()
        detections: Future[list[sv.Detections]] | None = None
        try:
            with job.source as source:
                for frame in source:
                    if stop.is_set():
                        return
                    holds = stillness.holds(cropped(frame.pixels, region), frame.captured_at_ns)
                    if detections is None or not holds:
                        detections = detecting.submit(detect_in, detector, [frame.pixels], [region])
                    else:
                        job.still += 1
                    burst.frames.append((frame, detections))
                    if len(burst.frames) == BURST:
                        put(burst)
                        burst = _Burst(job, [])
        except BaseException as raised:  # handed to the caller's thread, which raises it
            error = raised
        put(_Burst(job, burst.frames, ended=True, error=error))

    try:
        for job in jobs:
            reading.submit(read, job)
        open_jobs = len(jobs)
        while open_jobs:
            burst = ready.get()
            wait([detections for _, detections in burst.frames])
            for frame, detections in burst.frames:
                yield burst.job, frame, detections.result()[0]
            if burst.error is not None:
                raise burst.error
            if burst.ended:
                open_jobs -= 1
                yield burst.job, None, None
    finally:
        stop.set()
        reading.shutdown(wait=True, cancel_futures=True)
        detecting.shutdown(wait=True, cancel_futures=True)
