"""One device and its cameras, in one process; nothing of a frame leaves it.

    capture thread per camera ──> batcher ──> detection threads ──> the worker's thread: count, outbox

The worker's thread calls `step` again and again. It alone touches the counters, so they need no lock; frames reach the
batcher from the capture threads under one. Frames may be dropped, the newest are kept and every drop is counted; a
crossing is in the outbox before the step that found it ends.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from pipeline.closing import Closing
from pipeline.count import Interruption
from pipeline.detect import PIXEL_BUDGET, Detector, region_of
from pipeline.errors import StorageError
from pipeline.runtime.batcher import Batcher
from pipeline.runtime.capture import Capture, OpenFeed
from pipeline.runtime.detail import DetailGovernor, Period
from pipeline.runtime.detection import Detection
from pipeline.runtime.live_camera import LiveCamera
from pipeline.runtime.messages import CameraSpec, CameraStatus, LineCheck, Orders, WorkerStatus
from pipeline.runtime.preparation import Preparation
from pipeline.runtime.schedule import RateGovernor
from pipeline.sink.outbox import Outbox
from pipeline.sink.registrations import Record
from pipeline.source.live_open import open_live
from pipeline.types import NS_PER_S, CountingLine, Frame

log = logging.getLogger(__name__)

GPU_BATCH: Final = 8
HOUSEKEEPING_S: Final = 0.5
GOVERN_S: Final = 2.0
QUIET_AFTER_NS: Final = 2 * NS_PER_S
"""Time that is surely past for a camera that is not live: none of its frames can still be on its way."""
DRAIN_S: Final = 5.0
CAPTURE_END_S: Final = 2.0
"""Longer only one takes that waits for its camera; it does nothing but that, so the process may end under it."""


class Worker(Closing):
    """See the module's text. `now_ns` is the wall clock; `step` is given the monotonic one."""

    def __init__(
        self,
        detector: Detector,
        outbox: Outbox,
        *,
        check_lines: LineCheck,
        open_feed: OpenFeed = open_live,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._detector, self._outbox = detector, outbox
        self._check_lines, self._open_feed, self._now_ns = check_lines, open_feed, now_ns
        on_cpu = detector.info.device == "cpu"
        max_batch = 1 if on_cpu else GPU_BATCH
        self._batcher = Batcher(max_batch=max_batch)
        self._news = threading.Condition()
        """Guards the batcher; notified when a frame came or a batch was detected."""
        self._detection = Detection(detector, self._announce, max_batch=max_batch)
        self._preparation = Preparation(detector)
        self._captures: dict[str, Capture] = {}
        self._leaving: list[Capture] = []
        """Of removed cameras; they may still run."""
        self._cameras: dict[str, LiveCamera] = {}
        self._unsaved: list[Record] = []
        """What the outbox has not taken; nothing more is counted until it has."""
        self._is_refused = False
        """Whether the outbox took nothing when last asked: said once, for it is asked again and again."""
        self._obeyed = 0
        self._until_ns: int | None = None
        """Pictures captured later belong to another host."""
        self._governor, self._detail = RateGovernor(), DetailGovernor()
        self._has_details = detector.info.input_size is None
        """Else the network's input is fixed, and every picture costs the same."""
        self._offered = self._dropped = 0
        self._busy = self._busy_s = self._busy_at_governing_s = 0.0
        self._began_s = self._last_step_s = self._tended_s = self._governed_s = time.monotonic()

    def obey(self, orders: Orders) -> None:
        """Read the cameras of `orders`, or none once their time is over; call it again and again."""
        self._until_ns = orders.until_ns
        over = orders.until_ns is not None and self._now_ns() > orders.until_ns
        self.set_cameras(() if over else orders.cameras)
        self._obeyed = orders.number

    def set_cameras(self, specs: Sequence[CameraSpec]) -> None:
        """Read these cameras from now on; those that are read already and did not change are left alone."""
        wanted = {spec.camera: spec for spec in specs}
        for camera in [name for name, live in self._cameras.items() if wanted.get(name) != live.spec]:
            self._remove(camera)
        for camera in wanted.keys() - self._cameras.keys():
            self._add(wanted[camera])

    def step(self, now_s: float, wait_s: float = 0.0) -> bool:
        """Count what was detected, start what is ready; with nothing to do, wait up to `wait_s`. True if it worked."""
        self._measure(now_s)
        self._count_drops()
        worked = self._count_detected()
        self._save()
        worked = self._detect_next(now_s) or worked
        if now_s - self._tended_s >= HOUSEKEEPING_S:
            self._tended_s = now_s
            self._tend_cameras()
        if now_s - self._governed_s >= GOVERN_S:
            self._govern(now_s)
        self._busy = self._detection.busy
        if not worked and wait_s:
            with self._news:
                ready_s = self._batcher.ready_in_s(now_s) if self._has_room() else None
                if ready_s != 0.0 and not self._detection.has_result:
                    self._news.wait(wait_s if ready_s is None else min(wait_s, ready_s))
        return worked

    def status(self) -> WorkerStatus:
        """How the worker and its cameras stand."""
        return WorkerStatus(
            cameras=tuple(self._status_of(live) for live in self._cameras.values()),
            pid=os.getpid(),
            device=self._detector.info.device,
            model=self._detector.info.name,
            batches=self._detection.batches,
            frames=self._detection.frames,
            busy_s=self._busy_s,
            uptime_s=time.monotonic() - self._began_s,
            share=self._governor.share,
            detail=self._detail.detail,
            outbox_depth=len(self._outbox) + len(self._unsaved),
            obeyed=self._obeyed,
        )

    def stop(self) -> None:
        """Stop in flow order: capture, detection, counting, outbox. What was detected is counted."""
        self._end_captures()
        deadline_s = time.monotonic() + DRAIN_S
        while (len(self._detection) or len(self._batcher)) and time.monotonic() < deadline_s:
            self.step(time.monotonic(), wait_s=0.1)
        self.close()
        for live in self._cameras.values():
            self._unsaved += live.finish()
        self._save()
        if self._unsaved:
            log.error("%d records could not be kept: the outbox does not take them", len(self._unsaved))

    def close(self) -> None:
        """End the worker's threads in flow order, and count nothing more; after `stop` there is none left to end."""
        self._end_captures()
        self._detection.close()
        self._preparation.close()

    def _end_captures(self) -> None:
        for capture in self._captures.values():
            capture.stop()
        # A thread that is inside OpenCV when the interpreter ends takes the process with it: "terminate called ...".
        deadline_s = time.monotonic() + CAPTURE_END_S
        for capture in (*self._captures.values(), *self._leaving):
            capture.join(max(0.0, deadline_s - time.monotonic()))

    def _add(self, spec: CameraSpec) -> None:
        def admit(lines: tuple[CountingLine, ...], picture_size: tuple[int, int]) -> None:
            self._check_lines(lines, picture_size)
            self._preparation.expect(spec.camera, region_of(lines, picture_size).size)

        capture = Capture(spec, self._offer, open_feed=self._open_feed, admit=admit)
        live = LiveCamera(spec, self._detector.info, self._now_ns())
        self._unsaved += live.registrations()
        capture.feed.fps = spec.fps * self._governor.share
        capture.start()
        self._cameras[spec.camera], self._captures[spec.camera] = live, capture

    def _remove(self, camera: str) -> None:
        capture = self._captures.pop(camera)
        capture.stop()
        self._leaving = [*(other for other in self._leaving if other.is_alive), capture]
        live = self._cameras.pop(camera)
        with self._news:
            self._batcher.forget(camera)
        self._detection.forget(camera)
        self._preparation.forget(camera)
        self._unsaved += live.finish()

    def _offer(self, frame: Frame) -> None:
        with self._news:
            self._offered += 1
            self._batcher.offer(frame, time.monotonic())
            self._news.notify()

    def _announce(self) -> None:
        with self._news:
            self._news.notify()

    def _has_room(self) -> bool:
        return self._detection.has_room and not self._unsaved

    def _detect_next(self, now_s: float) -> bool:
        worked = False
        while self._has_room():
            with self._news:
                batch = self._batcher.next_batch(now_s)
            if not batch:
                break
            # A camera that was removed may have handed on one more.
            ours = [frame for frame in batch if frame.camera in self._cameras]
            self._detection.start([(frame, self._cameras[frame.camera].region(frame.size)) for frame in ours])
            worked = True
        return worked

    def _count_detected(self) -> bool:
        worked = False
        while self._detection.has_result:
            frame, boxes = self._detection.take()
            worked = True
            live = self._cameras.get(frame.camera)
            if live is not None and self._is_ours(frame, live.spec):
                self._unsaved += live.count(frame, boxes, self._now_ns())
        return worked

    def _is_ours(self, frame: Frame, spec: CameraSpec) -> bool:
        """Whether no other host can have counted it. By capture time, so that no delay of ours can make it untrue."""
        return spec.since_ns <= frame.captured_at_ns and (
            self._until_ns is None or frame.captured_at_ns <= self._until_ns
        )

    def _count_drops(self) -> None:
        with self._news:
            drops = self._batcher.take_drops()
        self._dropped += len(drops)
        for camera, captured_at_ns in drops:
            live = self._cameras.get(camera)
            if live is not None:
                live.drop(captured_at_ns)

    def _save(self) -> None:
        if not self._unsaved:
            return
        try:
            self._outbox.append(self._unsaved)
        except StorageError as error:
            if not self._is_refused:
                log.error("counting waits, %d records cannot be kept: %s", len(self._unsaved), error)
            self._is_refused = True
            time.sleep(HOUSEKEEPING_S)
        else:
            self._unsaved.clear()
            if self._is_refused:
                log.info("counting goes on")
            self._is_refused = False

    def _tend_cameras(self) -> None:
        busy = self._detection.cameras
        for camera, live in self._cameras.items():
            state = self._captures[camera].state.state
            live.thin(self._captures[camera].feed.stats.thinned, self._now_ns())
            with self._news:
                waits = self._batcher.waits(camera)
            if state != "live" and not waits and camera not in busy:
                self._unsaved += live.interrupt(_reason(state), self._now_ns() - QUIET_AFTER_NS)

    def _govern(self, now_s: float) -> None:
        busy = (self._busy_s - self._busy_at_governing_s) / (now_s - self._governed_s)
        period, detail = Period(self._offered, self._dropped, busy, self._governor.share), self._detail.detail
        preparing = self._preparation.take_running()
        if not (self._has_details and self._detail.step(period, now_s, preparing=preparing)):
            share = self._governor.step(self._offered, self._dropped, busy)
            for capture in self._captures.values():
                capture.feed.fps = capture.spec.fps * share
        if self._detail.detail != detail:
            self._preparation.look_with(round(PIXEL_BUDGET * self._detail.detail))
            log.warning("pictures are looked at with %.0f %% of the pixels", 100 * self._detail.detail)
        self._governed_s, self._busy_at_governing_s = now_s, self._busy_s
        self._offered = self._dropped = 0

    def _measure(self, now_s: float) -> None:
        # As it was when the last step ended: what has become ready since is what ended the wait.
        self._busy_s += self._busy * (now_s - self._last_step_s)
        self._last_step_s = now_s

    def _status_of(self, live: LiveCamera) -> CameraStatus:
        capture = self._captures[live.spec.camera]
        stats = capture.feed.stats
        return CameraStatus(
            camera=live.spec.camera,
            state=capture.state.state,
            message=capture.state.message,
            clock=stats.clock,
            pictures=stats.pictures,
            analysed=live.analysed,
            dropped=live.dropped,
            damaged=stats.damaged,
            connects=stats.connects,
            crossings=live.crossings,
            latency_counts=tuple(live.latency_counts),
            latency_sum_s=live.latency_sum_s,
        )


def _reason(state: str) -> Interruption:
    return "stalled" if state == "stalled" else "damaged" if state == "damaged" else "disconnected"
