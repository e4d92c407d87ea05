"""What runs in a worker's process; `child.py` has how it is started and told."""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection
from typing import Final

from pipeline.detect import load_detector
from pipeline.runtime.child import STOP, begin_child, orders_from, say, told
from pipeline.runtime.messages import WorkerSpec
from pipeline.runtime.worker import Worker
from pipeline.sink.outbox import Outbox

HEARTBEAT_S: Final = 1.0
STEP_WAIT_S: Final = 0.05


def run_worker(spec: WorkerSpec, connection: Connection) -> None:
    """A worker's process."""
    begin_child(spec.log_json)
    if spec.cores and hasattr(os, "sched_setaffinity"):
        # Before any engine is loaded: they size their thread pools by the cores they may use.
        os.sched_setaffinity(0, spec.cores)
    with (
        told(connection),
        load_detector(spec.model, spec.device) as detector,
        Outbox(spec.outbox) as outbox,
        Worker(detector, outbox, check_lines=spec.check_lines) as worker,
    ):
        say(connection, worker.status())  # before it reads a camera: what ends it from now on may be one of them
        orders, obeyed, said_s = spec.orders, -1, 0.0
        while (newer := orders_from(connection)) is not STOP:
            orders = newer or orders
            worker.obey(orders)
            now_s = time.monotonic()
            worker.step(now_s, STEP_WAIT_S)
            if now_s - said_s >= HEARTBEAT_S or orders.number != obeyed:
                obeyed, said_s = orders.number, now_s
                say(connection, worker.status())
        worker.stop()
        say(connection, worker.status())
