"""Every metric that `simpang run` and `simpang loader` export, in one place: name, kind, labels and meaning.

Counters begin at 0 when their worker is started, as Prometheus expects; `rate()` and `increase()` allow for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family. By Prometheus' rules the name ends in the unit, and a counter's in `_total` after it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str


_CAMERA: Final = ("camera",)
_WORKER: Final = ("worker", "device")

CAMERA_UP: Final = Metric("simpang_camera_up", "gauge", _CAMERA, "1 while pictures of the camera come, else 0.")
CAMERA_DECODED: Final = Metric(
    "simpang_camera_decoded_frames_total", "counter", _CAMERA, "Pictures decoded; its rate is the fps that comes in."
)
CAMERA_ANALYSED: Final = Metric("simpang_camera_analysed_frames_total", "counter", _CAMERA, "Pictures counted on.")
CAMERA_DROPPED: Final = Metric(
    "simpang_camera_dropped_frames_total",
    "counter",
    _CAMERA,
    "Pictures that the configured fps asks for and that were not counted on, because the device was behind.",
)
CAMERA_DAMAGED: Final = Metric(
    "simpang_camera_damaged_frames_total", "counter", _CAMERA, "Packets and pictures that could not be decoded whole."
)
CAMERA_CONNECTS: Final = Metric(
    "simpang_camera_connects_total", "counter", _CAMERA, "Connections made; all but the first are reconnects."
)
CAMERA_CROSSINGS: Final = Metric("simpang_camera_crossings_total", "counter", _CAMERA, "Line crossings counted.")
CAMERA_LATENCY: Final = Metric(
    "simpang_camera_latency_seconds", "histogram", _CAMERA, "From the capture of a picture until it was counted on."
)
WORKER_UP: Final = Metric("simpang_worker_up", "gauge", _WORKER, "1 while the worker runs, else 0.")
WORKER_RESTARTS: Final = Metric(
    "simpang_worker_restarts_total", "counter", ("worker",), "How often the worker died and was started again."
)
WORKER_BATCHES: Final = Metric("simpang_worker_batches_total", "counter", _WORKER, "Batches detected.")
WORKER_FRAMES: Final = Metric(
    "simpang_worker_frames_total", "counter", _WORKER, "Pictures detected; over batches, the mean batch size."
)
WORKER_BUSY: Final = Metric(
    "simpang_worker_busy_seconds_total",
    "counter",
    _WORKER,
    "Time in which the device had all the work it can take, half of it for half the work; its rate is the busy share.",
)
WORKER_SHARE: Final = Metric(
    "simpang_worker_fps_share_ratio",
    "gauge",
    _WORKER,
    "Share of the configured fps at which cameras are read: 1, or less while the device is overloaded.",
)
WORKER_DETAIL: Final = Metric(
    "simpang_worker_detail_ratio",
    "gauge",
    _WORKER,
    "Share of the network's input pixels that a picture may have: 1, or less where more does not fit.",
)
OUTBOX_DEPTH: Final = Metric(
    "simpang_outbox_records", "gauge", ("worker",), "Records in the worker's outbox that are not in the store yet."
)
LOADER_DEPTH: Final = Metric("simpang_loader_waiting_records", "gauge", (), "Records waiting in all outboxes.")
LOADER_LAG: Final = Metric("simpang_loader_lag_seconds", "gauge", (), "For how long records have been waiting.")
LOADER_LOADED: Final = Metric("simpang_loader_loaded_records_total", "counter", (), "Records put into the store.")
BUS_REJECTED: Final = Metric(
    "simpang_loader_rejected_records_total", "counter", (), "Messages put aside because they could not be loaded."
)
BUS_BATCHES: Final = Metric("simpang_loader_batches_total", "counter", (), "Batches put into the store.")
BUS_FAILURES: Final = Metric(
    "simpang_loader_failures_total", "counter", (), "Times that the bus or the store did not do its part."
)
BUS_FAILING: Final = Metric(
    "simpang_loader_failing", "gauge", (), "1 while loading waits for the bus or the store, else 0."
)
BUS_WAITING: Final = Metric(
    "simpang_loader_read_records", "gauge", (), "Messages that were read from the bus and are not in the store yet."
)

METRICS: Final = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of them."""
