from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.sink.events import EventDecodeError
from pipeline.sink.outbox import LEAST_MAX_BYTES, Outbox, OutboxFullError
from pipeline.sink.registrations import Record
from tests.sink.events import crossing, minute, movement

EVENTS: list[Record] = [crossing(1), minute(0), movement(9), crossing(2)]


def events(outbox: Outbox, limit: int = 1000) -> list[Record]:
    return [event for _, event in outbox.pending(limit)]


def test_events_wait_in_the_order_they_came(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.append(EVENTS[:1])
        outbox.append(EVENTS[1:])
        assert events(outbox) == EVENTS
        assert events(outbox, limit=2) == EVENTS[:2]
        assert len(outbox) == 4


def test_pending_events_are_given_again_until_they_are_acknowledged(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.append(EVENTS)
        first = outbox.pending(3)
        assert outbox.pending(3) == first
        outbox.ack(first[-1][0])
        assert events(outbox) == EVENTS[3:]


def test_an_acknowledged_number_is_never_given_again(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.append(EVENTS)
        last = outbox.pending(10)[-1][0]
        outbox.ack(last)
        assert len(outbox) == 0
        outbox.append(EVENTS[:1])
        outbox.ack(last)
        assert events(outbox) == EVENTS[:1]


def test_events_outlive_the_process(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.append(EVENTS)
    with Outbox(tmp_path / "outbox.db") as outbox:
        assert events(outbox) == EVENTS


def test_nothing_is_kept_of_a_batch_with_an_unsound_event(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        with pytest.raises(ValueError, match="observed_s"):
            outbox.append([crossing(1), minute(0, 61.0)])
        assert len(outbox) == 0


def test_two_openings_of_one_outbox_see_each_other(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db") as worker, Outbox(tmp_path / "outbox.db") as loader:
        worker.append(EVENTS)
        loader.ack(loader.pending(2)[-1][0])
        worker.append(EVENTS[:1])
        assert events(loader) == EVENTS[2:] + EVENTS[:1]


WRITER = """
import sys
from pipeline.sink.outbox import Outbox
from tests.sink.events import crossing
outbox = Outbox(sys.argv[1])
for second in range(1_000_000):
    outbox.append([crossing(second, track=1), crossing(second, track=2)])
    print(second, flush=True)
"""


def test_what_append_promised_outlives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    promised = [int(process.stdout.readline()) for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    promised += [int(line) for line in process.stdout.read().splitlines()]
    assert process.wait() == -signal.SIGKILL
    with Outbox(path) as outbox:
        found = events(outbox, limit=10**6)
    # Batches are whole, and one more than was told of may have been kept.
    assert found[: 2 * len(promised)] == [crossing(second, track=track) for second in promised for track in (1, 2)]
    assert len(found) in (2 * len(promised), 2 * len(promised) + 2)


SMALL_DISK = """
import resource, sys
from pipeline.errors import StorageError
from pipeline.sink.outbox import Outbox
from tests.sink.events import crossing
outbox = Outbox(sys.argv[1])
outbox.append([crossing(0)])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    for second in range(1, 10_000):
        outbox.append([crossing(second, track=track) for track in range(100)])
except StorageError as error:
    print(second, error)
"""


def test_a_disk_that_takes_no_more_is_a_storage_error_and_keeps_what_was_promised(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    result = subprocess.run([sys.executable, "-c", SMALL_DISK, str(path)], capture_output=True, text=True, check=True)
    failed, _, message = result.stdout.partition(" ")
    assert str(path) in message
    assert "free space" in message
    with Outbox(path) as outbox:
        assert len(outbox) == 1 + 100 * (int(failed) - 1)


def test_a_full_outbox_refuses_what_is_new_and_goes_on_when_it_has_drained(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db", max_bytes=LEAST_MAX_BYTES) as outbox:
        kept: list[Record] = []
        with pytest.raises(OutboxFullError, match="takes no more"):
            for second in range(10_000):
                outbox.append([crossing(second)])
                kept.append(crossing(second))
        assert len(kept) > 100
        assert events(outbox) == kept
        full = outbox.stats()
        assert full.waiting == full.appended == len(kept)
        assert (full.acknowledged, full.refused) == (0, 1)
        assert LEAST_MAX_BYTES // 2 < full.bytes_used <= full.max_bytes <= LEAST_MAX_BYTES
        outbox.ack(outbox.pending(100)[-1][0])
        assert outbox.stats().bytes_used < full.bytes_used
        outbox.append(EVENTS)
        assert events(outbox) == kept[100:] + EVENTS
        assert outbox.stats().acknowledged == 100


def test_a_refused_batch_is_refused_whole(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db", max_bytes=LEAST_MAX_BYTES) as outbox:
        outbox.append(EVENTS)
        with pytest.raises(OutboxFullError):
            outbox.append([crossing(second) for second in range(1000)])
        assert events(outbox) == EVENTS
        assert outbox.stats().refused == 1000
        outbox.append(EVENTS)
        assert events(outbox) == EVENTS * 2


def test_an_outbox_that_is_larger_than_its_new_limit_still_drains(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.append([crossing(second) for second in range(1000)])
    with Outbox(tmp_path / "outbox.db", max_bytes=LEAST_MAX_BYTES) as outbox:
        assert outbox.stats().waiting == 1000
        outbox.ack(outbox.pending(990)[-1][0])
        outbox.append(EVENTS)
        assert events(outbox) == [crossing(second) for second in range(990, 1000)] + EVENTS


def test_a_limit_below_what_sqlite_needs_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too small"):
        Outbox(tmp_path / "outbox.db", max_bytes=LEAST_MAX_BYTES - 1)


def test_reading_on_after_a_number_skips_what_was_read(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.append(EVENTS)
        first = outbox.pending(2)
        assert [record for _, record in outbox.pending(10, after=first[-1][0])] == EVENTS[2:]
        assert len(outbox) == 4


def test_a_place_that_cannot_be_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a directory that exists"):
        Outbox(tmp_path / "nowhere" / "outbox.db")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8 not a database, and long enough to be looked at" * 10)
    with pytest.raises(InputError, match="cannot be opened as an outbox"):
        Outbox(tmp_path / "photo.jpg")


def test_an_event_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with Outbox(path) as outbox:
        outbox.append(EVENTS)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE events SET body = '{\"v\": 9}' WHERE seq = 2")
    db.close()
    with Outbox(path) as outbox, pytest.raises(EventDecodeError, match=r"event 2 in the outbox .* version 9"):
        outbox.pending(10)
