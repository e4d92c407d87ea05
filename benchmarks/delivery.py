"""How much of the bare engines' rates is left in the outbox, the publisher and the loader?

    python -m benchmarks.delivery [--events N] [--rounds N] [--directory DIR]

Beside each rate stands its limit, measured in turn with it on the same disk, broker and core:

- outbox append: bare SQLite with the same pragmas, given records that are encoded already;
- publish: the bare client with the same settings, given messages that are encoded already;
- load: reading with the bare client alone, then inserting columns that are built already with the bare engine, in
  batches of the loader's size: the time of both together. Ours does what `simpang loader` does, which reads while it
  inserts, so that a second core helps it and not its limit; it has ended when the count views hold all of it.

Wanted: at least 0.7 of the limit each. A real broker is started as in the tests.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks._report import publish as report
from benchmarks._report import table
from pipeline.runtime.loader_service import inserting_beside
from pipeline.sink import columns
from pipeline.sink.bus_loader import DEFAULT_BATCH_SIZE, BusLoader
from pipeline.sink.events import encode
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.kafka_clients import consumer, make_topics, producer
from pipeline.sink.kafka_publisher import KafkaPublisher
from pipeline.sink.kafka_source import KafkaSource
from pipeline.sink.outbox import LOG_PAGES, Outbox
from pipeline.sink.store import EmbeddedStore
from pipeline.types import Crossing
from tests.kafka_broker import Broker
from tests.sink.faults import crossings

WANTED: Final = 0.7
APPEND_BATCHES: Final = (1, 10, 100, 1000)
MOST_APPENDS: Final = 100
"""Each waits for the disk: so many are enough to tell."""
LOADED: Final = 10
"""Times as many events are loaded: it goes by batches, and the count views are brought up to them now and then."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Seconds of ours and of the limit, round by round, for so many events."""

    name: str
    events: int
    ours_s: tuple[float, ...]
    limit_s: tuple[float, ...]

    @property
    def ours(self) -> float:
        return self.events / median(self.ours_s)

    @property
    def limit(self) -> float:
        return self.events / median(self.limit_s)

    @property
    def ratio(self) -> float:
        """Of the limit; the median over rounds, so that what disturbed one round disturbs nothing."""
        return median(limit / ours for limit, ours in zip(self.limit_s, self.ours_s, strict=True))


def timed(work: Callable[[], Any]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


def compare_append(directory: Path, sent: Sequence[Crossing], batch: int, rounds: int) -> Comparison:
    count = min(len(sent), batch * MOST_APPENDS)
    batches = [sent[first : first + batch] for first in range(0, count, batch)]
    encoded = [[(encode(event),) for event in each] for each in batches]
    ours, limit = [], []
    for number in range(rounds):
        with Outbox(directory / f"ours-{batch}-{number}.db") as outbox:
            ours.append(timed(lambda outbox=outbox: [outbox.append(each) for each in batches]))  # type: ignore[misc]
        db = sqlite3.connect(directory / f"bare-{batch}-{number}.db", isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", f"wal_autocheckpoint = {LOG_PAGES}"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL)")

        def bare(db: sqlite3.Connection = db) -> None:
            for bodies in encoded:
                db.execute("BEGIN IMMEDIATE")
                db.executemany("INSERT INTO events (body) VALUES (?)", bodies)
                db.execute("COMMIT")

        limit.append(timed(bare))
        db.close()
    return Comparison(f"append, {batch} at a time", count, tuple(ours), tuple(limit))


def compare_publish(directory: Path, broker: Broker, sent: Sequence[Crossing], rounds: int) -> Comparison:
    messages = [(event.camera.encode(), encode(event)) for event in sent]
    ours, limit = [], []
    for number in range(rounds):
        address = BusAddress.parse(f"kafka://{broker.address}/publish-{number}")
        make_topics(address)
        with Outbox(directory / f"publish-{number}.db") as outbox:
            outbox.append(sent)
            with KafkaPublisher(outbox, address) as publisher:
                publisher.step()  # connected, as the bare client is below
                outbox.append(sent[: len(sent) - len(outbox)])
                ours.append(timed(publisher.drain))
        client = producer(address)
        client.send(address.events_topic, value=messages[0][1], key=messages[0][0])
        client.flush()

        def bare(client: Any = client, topic: str = address.events_topic) -> None:
            for key, value in messages:
                client.send(topic, value=value, key=key)
            client.flush()

        limit.append(timed(bare))
        client.close()
    return Comparison("publish", len(sent), tuple(ours), tuple(limit))


def compare_load(directory: Path, broker: Broker, sent: Sequence[Crossing], rounds: int) -> tuple[Comparison, ...]:
    address = BusAddress.parse(f"kafka://{broker.address}/load")
    with Outbox(directory / "load.db") as outbox:
        outbox.append(sent)
        with KafkaPublisher(outbox, address) as publisher:
            publisher.drain()
    batches = [
        columns.tables(sent[first : first + DEFAULT_BATCH_SIZE]) for first in range(0, len(sent), DEFAULT_BATCH_SIZE)
    ]
    ours, reading, inserting = [], [], []
    for number in range(rounds):
        with (
            EmbeddedStore(directory / f"ours-{number}") as store,
            KafkaSource(address, f"ours-{number}") as source,
            inserting_beside() as begin,
        ):
            while not source.poll(1, 0.5):  # joining the group takes seconds, and is no part of the rate
                pass
            loader = BusLoader(source, store, begin=begin)

            def work(loader: BusLoader = loader, store: EmbeddedStore = store) -> None:
                while loader.stats.loaded < len(sent) - 1:
                    loader.step(time.monotonic())
                store.settle()

            ours.append(timed(work))
        client = consumer(address, f"bare-{number}")
        client.subscribe([address.events_topic])
        found: list[Any] = []

        def read(most: int, client: Any = client, found: list[Any] = found) -> None:
            found += [each for part in client.poll(500, max_records=most).values() for each in part]

        while not found:
            read(1)

        def read_all(read: Callable[[int], None] = read, found: list[Any] = found) -> None:
            while len(found) < len(sent):
                read(DEFAULT_BATCH_SIZE)

        reading.append(timed(read_all))
        client.close(autocommit=False)
        with EmbeddedStore(directory / f"bare-{number}") as store:

            def insert(store: EmbeddedStore = store) -> None:
                for tables in batches:
                    for into, rows in tables.items():
                        store._engine.insert(into, rows)

            inserting.append(timed(insert))
    both = tuple(read_s + insert_s for read_s, insert_s in zip(reading, inserting, strict=True))
    return (
        Comparison("load / read, then insert", len(sent), tuple(ours), both),
        Comparison("load / read alone", len(sent), tuple(ours), tuple(reading)),
        Comparison("load / INSERT alone", len(sent), tuple(ours), tuple(inserting)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=30_000, metavar="N", help="a round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default: %(default)s")
    parser.add_argument("--directory", type=Path, metavar="DIR", help="on the disk to be measured (default: a new one)")
    args = parser.parse_args()
    sent = crossings(0, args.events)
    with tempfile.TemporaryDirectory(dir=args.directory) as name:
        directory = Path(name)
        broker = Broker(directory / "broker")
        try:
            broker.start()
            appends = [compare_append(directory, sent, batch, args.rounds) for batch in APPEND_BATCHES]
            published = compare_publish(directory, broker, sent, args.rounds)
            loaded = compare_load(directory, broker, crossings(0, args.events * LOADED), args.rounds)
        finally:
            broker.kill()
    rows = [*appends, published, *loaded]
    headline = "; ".join(
        f"{each.name} {each.ours:,.0f} events/s, {each.ratio:.2f} of the limit"
        for each in (appends[0], published, loaded[0])
    )
    report(
        "delivery",
        f"{headline} (wanted {WANTED})",
        table(
            ["", "events/s", "limit", "of the limit"],
            [[each.name, round(each.ours), round(each.limit), round(each.ratio, 3)] for each in rows],
        ),
        {
            "events": args.events,
            "rounds": args.rounds,
            "wanted_ratio": WANTED,
            "rates": {
                each.name: {"events_per_s": each.ours, "limit_events_per_s": each.limit, "ratio": each.ratio}
                for each in rows
            },
        },
    )


if __name__ == "__main__":
    main()
