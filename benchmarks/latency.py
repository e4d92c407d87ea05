"""How long after a crossing can it be asked for?

    python -m benchmarks.latency [--seconds N] [--rate N] [--cameras N]

A worker's process appends crossings to its outbox one by one, at random instants; the pool's publisher, a real broker
and `simpang loader`'s own loop carry them into the embedded store with the settings of a live site. The store is asked
again and again which crossings it has. From the return of `append` to the answer that first holds the crossing. Wanted:
2 s or less for 99 of 100.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import tempfile
import threading
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks._report import publish, table
from pipeline.runtime.processes import run_publisher
from pipeline.sink.bus_loader import DEFAULT_MAX_WAIT_S, BusLoader
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.kafka_source import KafkaSource
from pipeline.sink.outbox import Outbox
from pipeline.sink.store import EmbeddedStore
from pipeline.types import event_id
from tests.kafka_broker import Broker
from tests.sink.events import crossing

WANTED_P99_S: Final = 2.0
ASK_EVERY_S: Final = 0.05
WARM_UP_S: Final = 5.0
PATIENCE_S: Final = 60.0


def work(path: Path, seconds: float, rate: float, cameras: int, connection: Connection) -> None:
    """A worker: tells when each crossing was durable."""
    rng, number, until_s = random.Random(3), 0, time.time() + seconds
    with Outbox(path) as outbox:
        while time.time() < until_s:
            time.sleep(rng.expovariate(rate))
            number += 1
            camera = f"camera-{rng.randrange(cameras)}"
            event = replace(crossing(number), camera=camera, event_id=event_id(camera, number))
            outbox.append([event])
            connection.send((event.event_id, time.time()))
    connection.send(None)


def measure(directory: Path, broker: Broker, seconds: float, rate: float, cameras: int) -> list[float]:
    """Seconds from durable to queryable, crossing by crossing, after a warm-up."""
    spawning = multiprocessing.get_context("spawn")
    bus = BusAddress.parse(f"kafka://{broker.address}/latency")
    spool = directory / "spool"
    spool.mkdir()
    appended_s: dict[str, float] = {}
    queryable_s: dict[str, float] = {}
    orders, theirs = spawning.Pipe()
    told, telling = spawning.Pipe()
    stop = threading.Event()
    with EmbeddedStore(directory / "store") as store, KafkaSource(bus, "loaders") as source:
        loader = BusLoader(source, store)

        def load() -> None:
            while not stop.is_set():
                loader.step(time.monotonic())

        loading = threading.Thread(target=load)
        publisher = spawning.Process(target=run_publisher, args=(bus, spool, False, theirs), daemon=True)
        worker = spawning.Process(
            target=work, args=(spool / "worker.sqlite", seconds + WARM_UP_S, rate, cameras, telling), daemon=True
        )
        loading.start()
        publisher.start()
        worker.start()
        working, give_up_s = True, time.monotonic() + seconds + WARM_UP_S + PATIENCE_S
        while (working or len(queryable_s) < len(appended_s)) and time.monotonic() < give_up_s:
            time.sleep(ASK_EVERY_S)
            while told.poll():
                message = told.recv()
                if message is None:
                    working = False
                    break
                appended_s[message[0]] = message[1]
            while orders.poll():
                orders.recv()
            ids = store.query("SELECT event_id FROM crossings")["event_id"].to_pylist()
            now_s = time.time()
            for each in ids:
                queryable_s.setdefault(each, now_s)
        stop.set()
        loading.join()
        orders.send(None)
        publisher.join()
        worker.join()
    if len(queryable_s) < len(appended_s):
        raise SystemExit(f"{len(appended_s) - len(queryable_s)} crossings never came")
    begin_s = min(appended_s.values()) + WARM_UP_S
    return [queryable_s[each] - at_s for each, at_s in appended_s.items() if at_s >= begin_s]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, metavar="N", help="default: %(default)s")
    parser.add_argument("--rate", type=float, default=10, metavar="N", help="crossings a second (default: %(default)s)")
    parser.add_argument("--cameras", type=int, default=28, metavar="N", help="default: %(default)s")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        broker = Broker(Path(name) / "broker")
        try:
            broker.start()
            latencies_s = measure(Path(name), broker, args.seconds, args.rate, args.cameras)
        finally:
            broker.kill()
    p50_s, p90_s, p99_s = (float(value) for value in np.percentile(latencies_s, (50, 90, 99)))
    publish(
        "latency",
        f"crossing to queryable p50 {p50_s:.2f} s, p99 {p99_s:.2f} s (wanted p99 {WANTED_P99_S} s or less); "
        f"{len(latencies_s)} crossings of {args.cameras} cameras, batches of at most {DEFAULT_MAX_WAIT_S} s",
        table(
            ["", "seconds"],
            [["p50", p50_s], ["p90", p90_s], ["p99", p99_s], ["longest", max(latencies_s)]],
        ),
        {
            "crossings": len(latencies_s),
            "rate_per_s": args.rate,
            "cameras": args.cameras,
            "max_wait_s": DEFAULT_MAX_WAIT_S,
            "p50_s": p50_s,
            "p90_s": p90_s,
            "p99_s": p99_s,
            "longest_s": max(latencies_s),
            "wanted_p99_s": WANTED_P99_S,
        },
    )


if __name__ == "__main__":
    main()
