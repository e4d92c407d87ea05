"""One live camera's counting: frames and interruptions in, records for the outbox out. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator

import supervision as sv

from pipeline import __version__
from pipeline.count import SETTLE_LIVE_NS, CameraCounter, CountUpdate, Interruption
from pipeline.detect import ModelInfo, region_of
from pipeline.runtime.live_picture import LivePicture
from pipeline.runtime.messages import LATENCY_BOUNDS_S, CameraSpec
from pipeline.sink.registrations import CameraRegistration, LinesRegistration, Record, RunRegistration
from pipeline.source import redact
from pipeline.types import NS_PER_S, Coverage, Frame, Region, event_id

CHECKPOINT_NS = 5 * NS_PER_S
"""How much observed time a killed process may take with it."""
CLAIM_AFTER_NS = 15 * NS_PER_S
"""Coverage is claimed so much later than it was observed, because a second that is claimed must have all its crossings
in the outbox: the counter lets a vehicle stand on a line for ten seconds, bridges four seconds out of sight, and votes
on the class for one."""


class LiveCamera:
    """Counts one camera under a run of its own.

    The run begins with the process (`started_at_ns`): runs of one revision add up in the store, so that the minute in
    which a process was killed holds what both observed of it.
    """

    def __init__(self, spec: CameraSpec, model: ModelInfo, started_at_ns: int) -> None:
        self.spec = spec
        self.analysed = 0
        self.dropped = 0
        self.crossings = 0
        self.latency_counts = [0] * (len(LATENCY_BOUNDS_S) + 1)
        self.latency_sum_s = 0.0
        self._model, self._started_at_ns = model, started_at_ns
        self._run = event_id("live", spec.camera, repr(spec.lines), model.digest, started_at_ns)
        self._counter = CameraCounter(spec.camera, spec.lines, run=self._run, settle_ns=SETTLE_LIVE_NS)
        self._picture = None if spec.picture is None else LivePicture(spec.picture, spec.lines)
        self._claims: deque[tuple[int, Coverage]] = deque()
        """(when to claim it, coverage)."""
        self._next_checkpoint_ns = 0
        self._thinned = 0

    def registrations(self) -> list[Record]:
        """What the store must know before the first event."""
        spec, model = self.spec, self._model
        return [
            CameraRegistration(spec.camera, spec.name, spec.district, spec.timezone, spec.facility, spec.pcu_version),
            RunRegistration(
                camera=spec.camera,
                run=self._run,
                revision=0,
                source=redact(spec.url),
                model=model.name,
                model_digest=model.digest,
                device=model.device,
                program_version=__version__,
                footage_from_ns=self._started_at_ns,
                footage_to_ns=None,
            ),
            LinesRegistration(spec.camera, self._run, spec.lines),
        ]

    def region(self, picture_size: tuple[int, int]) -> Region:
        """The part of a picture of `picture_size` (width, height) that the detector is shown."""
        return region_of(self.spec.lines, picture_size)

    def count(self, frame: Frame, detections: sv.Detections, now_ns: int) -> list[Record]:
        """Count a frame; `now_ns` is when that happened."""
        self.analysed += 1
        latency_s = max(0.0, (now_ns - frame.captured_at_ns) / NS_PER_S)
        self.latency_counts[bisect_left(LATENCY_BOUNDS_S, latency_s)] += 1
        self.latency_sum_s += latency_s
        at_ns = frame.captured_at_ns
        update = self._counter.update(frame.seq, at_ns, detections, frame.lost_before)
        if self._picture is not None:
            self._picture.observe(frame, update)
        if at_ns >= self._next_checkpoint_ns:
            self._next_checkpoint_ns = at_ns + CHECKPOINT_NS
            self._checkpoint(at_ns)
        return self._records(update, at_ns)

    def drop(self, captured_at_ns: int) -> None:
        """A wanted frame was not analysed because the device was behind."""
        self.dropped += 1
        self._counter.drop(captured_at_ns)

    def thin(self, thinned: int, now_ns: int) -> None:
        """So many frames so far were not even taken from the stream, because the device cannot keep up."""
        if thinned > self._thinned:
            self.dropped += thinned - self._thinned
            self._counter.drop(now_ns, thinned - self._thinned)
            self._thinned = thinned

    def interrupt(self, reason: Interruption, now_ns: int) -> list[Record]:
        """Nothing was shown up to `now_ns`."""
        self._checkpoint(now_ns)
        return self._records(self._counter.interrupt(reason, now_ns), now_ns)

    def finish(self) -> list[Record]:
        """No more frames: what waits is emitted and everything observed is claimed."""
        if self._picture is not None:
            self._picture.remove()
        update = self._counter.finish()
        self.crossings += len(update.crossings)
        return [*update.crossings, *update.movements, *(claim for _, claim in self._claims), *update.coverage]

    def _checkpoint(self, at_ns: int) -> None:
        so_far = self._counter.coverage_so_far()
        if so_far is not None and so_far.observed_s > 0:
            self._claims.append((at_ns + CLAIM_AFTER_NS, so_far))

    def _records(self, update: CountUpdate, now_ns: int) -> list[Record]:
        self.crossings += len(update.crossings)
        self._claims.extend((now_ns + CLAIM_AFTER_NS, minute) for minute in update.coverage)
        return [*update.crossings, *update.movements, *self._due(now_ns)]

    def _due(self, now_ns: int) -> Iterator[Coverage]:
        while self._claims and self._claims[0][0] <= now_ns:
            yield self._claims.popleft()[1]


def latency_quantile_s(counts: Iterable[int], quantile: float) -> float | None:
    """The bound below which that share of the frames lies; infinite beyond the last bound, None without frames."""
    counts = list(counts)
    wanted = quantile * sum(counts)
    if not wanted:
        return None
    seen = 0
    for bound_s, count in zip((*LATENCY_BOUNDS_S, float("inf")), counts, strict=True):
        seen += count
        if seen >= wanted:
            return bound_s
    return None
