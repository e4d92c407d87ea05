from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest

from pipeline.errors import BusError, StorageError
from pipeline.sink.backoff import Backoff
from pipeline.sink.bus_loader import BusLoader
from pipeline.sink.events import encode
from pipeline.sink.registrations import CameraRegistration, LinesRegistration, Record, RunRegistration
from tests.sink.events import CAMERA, BusMessage, line, minute
from tests.sink.fake_bus import CROSSINGS, FakeBus, FakeStore, stored


def made(*partitions: Sequence[Record | bytes], **options: Any) -> tuple[FakeBus, FakeStore, BusLoader]:
    bus = FakeBus(*partitions)
    store = FakeStore(bus)
    options.setdefault("backoff", Backoff(first_s=1, most_s=8, rng=random.Random(1)))
    return bus, store, BusLoader(bus, store, **options)


def test_a_full_batch_is_inserted_first_and_committed_after() -> None:
    bus, store, loader = made(CROSSINGS[:6], CROSSINGS[6:], batch_size=10)
    loader.step(0)
    assert store.rows == stored(*CROSSINGS)
    assert bus.log == ["insert 10", "commit"]
    assert bus.committed == {0: 6, 1: 4}
    assert (loader.stats.loaded, loader.stats.batches, loader.stats.waiting) == (10, 1, 0)


def test_a_batch_that_does_not_fill_is_inserted_when_its_oldest_message_has_waited() -> None:
    bus, store, loader = made(CROSSINGS[:3], max_wait_s=2.0)
    loader.step(100)
    bus.waiting = [BusMessage(0, 3, None, encode(CROSSINGS[3]))]
    loader.step(101.9)
    assert store.rows == []
    assert loader.stats.waiting == 4
    loader.step(102)
    assert store.rows == stored(*CROSSINGS[:4])
    assert bus.committed == {0: 4}


def test_the_count_views_are_brought_up_to_date_when_nothing_more_comes() -> None:
    bus, _, loader = made(CROSSINGS[:3], max_wait_s=1.0)
    for second in range(3):
        loader.step(second)
    assert bus.log == ["insert 3", "commit", "settle"]


def test_no_more_is_read_than_a_batch_holds() -> None:
    bus, _, loader = made(CROSSINGS, batch_size=4, max_wait_s=100)
    loader.step(0)
    loader.step(1)
    assert bus.polls == [4, 4]
    assert bus.committed == {0: 8}


def test_a_batch_the_store_did_not_take_is_tried_again_after_ever_longer_waits_and_nothing_is_read() -> None:
    bus, store, loader = made(CROSSINGS, batch_size=4)
    store.failure = StorageError("the server cannot be reached")
    tries = []
    for tenth in range(200):
        before = len(bus.log)
        loader.step(tenth / 10)
        if len(bus.log) > before:
            tries.append(tenth / 10)
    waits = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert 4 <= len(waits) <= 8
    assert all(limit / 2 <= wait <= limit + 0.1 for wait, limit in zip(waits, (1, 2, 4, 8, 8, 8), strict=False))
    assert set(bus.polls[1:]) == {0}
    assert bus.committed == {}
    assert loader.stats.failing == "the server cannot be reached"
    assert loader.stats.failures == len(tries)
    store.failure = None
    for second in range(20, 40):
        loader.step(second)
    assert store.rows == stored(*CROSSINGS)
    assert loader.stats.failing == ""


def test_a_message_that_cannot_be_read_is_rejected_with_its_reason_and_the_rest_is_loaded() -> None:
    bus, store, loader = made([CROSSINGS[0], b"\xff\x00", b'{"v":9}', CROSSINGS[1]], max_wait_s=0)
    loader.step(0)
    assert store.rows == stored(*CROSSINGS[:2])
    assert [offset for offset, _ in bus.rejected] == [1, 2]
    assert "not JSON" in bus.rejected[0][1]
    assert "version 9" in bus.rejected[1][1]
    assert bus.committed == {0: 4}
    assert (loader.stats.loaded, loader.stats.rejected) == (2, 2)


def test_the_store_is_told_whether_more_than_a_batch_was_waiting() -> None:
    _, store, loader = made(CROSSINGS, batch_size=6, max_wait_s=1)
    for second in range(3):
        loader.step(second)
    assert store.behind == [True, False]


def test_nothing_is_rejected_twice_while_the_store_is_away() -> None:
    bus, store, loader = made([b"{", *CROSSINGS], batch_size=11)
    store.failure = StorageError("away")
    for second in range(30):
        loader.step(second)
    store.failure = None
    for second in range(30, 60):
        loader.step(second)
    assert len(bus.rejected) == 1
    assert bus.committed == {0: 11}


def test_registrations_reach_the_store_and_a_faulty_one_is_rejected() -> None:
    lines = LinesRegistration(CAMERA, "run-a", (line(),))
    run = RunRegistration(CAMERA, "run-a", 0, "clip.mp4", "m", "d", "cpu", "0.1", 5, None)
    camera = CameraRegistration(CAMERA, "Tapis", "Grogot", "Asia/Makassar")
    wrong = CameraRegistration("mars", "", "", "Mars/Base")
    bus, store, loader = made([camera, lines, run, wrong, minute(0)], max_wait_s=0)
    loader.step(0)
    assert store.rows == stored(minute(0))
    assert store.registered["camera"] == [(CAMERA, "Tapis", "Grogot", "Asia/Makassar")]
    assert store.registered["lines"] == [(CAMERA, "run-a", (line(),))]
    assert store.registered["run"][0][0] == "run-a"  # type: ignore[index]
    assert bus.rejected == [(3, "there is no time zone 'Mars/Base'")]


def test_a_partition_that_begins_again_is_committed_as_far_as_it_was_read_anew() -> None:
    bus, store, loader = made(CROSSINGS[:4], max_wait_s=10)
    again = bus.waiting[:2]
    loader.step(0)
    bus.waiting = again
    loader.step(1)
    loader.step(10)
    # What came before is not forgotten: messages behind it might still come from the old assignment and be committed.
    assert store.rows == stored(*CROSSINGS[:4], *CROSSINGS[:2])
    assert bus.committed == {0: 2}


def test_a_commit_that_fails_does_not_insert_again_and_is_made_good_by_the_next() -> None:
    bus, store, loader = made(CROSSINGS, batch_size=5)
    bus.failures["commit"] = BusError("the broker went away")
    loader.step(0)
    assert loader.stats.failing == "the broker went away"
    assert store.rows == stored(*CROSSINGS[:5])
    del bus.failures["commit"]
    loader.step(1)
    assert store.rows == stored(*CROSSINGS)
    assert bus.committed == {0: 10}
    assert loader.stats.failing == ""


def test_a_bus_that_is_away_is_tried_again_and_then_read_on() -> None:
    bus, store, loader = made(CROSSINGS, batch_size=10)
    bus.failures["poll"] = BusError("the broker cannot be reached")
    loader.step(0)
    loader.step(0.1)
    assert loader.stats.failures == 1
    assert store.rows == []
    del bus.failures["poll"]
    loader.step(5)
    assert store.rows == stored(*CROSSINGS)
    assert loader.stats.failing == ""


def test_nothing_is_committed_before_what_was_rejected_is_durable() -> None:
    bus, _, loader = made([b"{"], max_wait_s=0)
    bus.failures["reject"] = BusError("no dead-letter topic")
    loader.step(0)
    assert bus.committed == {}
    del bus.failures["reject"]
    loader.step(9)
    assert bus.committed == {0: 1}
    assert bus.durably_rejected == 1


def test_a_batch_holds_at_least_one_message() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        made(batch_size=0)


def test_waits_double_up_to_a_limit_and_begin_anew_after_success() -> None:
    backoff = Backoff(first_s=1, most_s=4, rng=random.Random(3))
    waits = [backoff.failed() for _ in range(5)]
    assert all(limit / 2 <= wait <= limit for wait, limit in zip(waits, (1, 2, 4, 4, 4), strict=True))
    backoff.succeeded()
    assert backoff.failed() <= 1
