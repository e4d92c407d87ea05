"""Ten thousand crossings through an outbox whose worker dies, whose disk is full, whose clock jumps."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.sink.loader import Loader
from pipeline.sink.outbox import LEAST_MAX_BYTES, Outbox, OutboxFullError
from pipeline.sink.store import EmbeddedStore
from tests.real_parts import missing
from tests.sink.faults import COUNT, assert_each_is_stored_once, crossings

WORKER = """
import sys
from pipeline.sink.outbox import Outbox
from tests.sink.faults import COUNT, crossings
outbox = Outbox(sys.argv[1])
for first in range(int(sys.argv[2]), COUNT, 10):
    outbox.append(crossings(first, min(first + 10, COUNT)))
    print(first + 10, flush=True)
"""


def test_a_worker_killed_in_mid_append_again_and_again_loses_and_doubles_nothing(
    tmp_path: Path, store: EmbeddedStore
) -> None:
    path, promised, kills = tmp_path / "outbox.db", 0, 0
    while promised < COUNT:
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path), str(promised)], stdout=subprocess.PIPE, text=True
        )
        assert worker.stdout is not None
        last = promised
        for line in worker.stdout:
            last = int(line)
            if last >= promised + COUNT // 3 and kills < 3:
                worker.send_signal(signal.SIGKILL)
                kills += 1
        worker.wait()
        # The next worker counts on from what it was told is safe: the batch that was being written may come again.
        promised = last
        with Outbox(path) as outbox:
            Loader(outbox, store, batch_size=1000).step()
    assert kills >= 2
    with Outbox(path) as outbox:
        Loader(outbox, store).drain()
        assert len(outbox) == 0
    assert_each_is_stored_once(store, crossings())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB of its own, half of which the outbox keeps in reserve."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        missing("mounts", "a small file system needs the right to mount one; run the tests as root, or in a container")
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=4m", "none", str(disk)], capture_output=True, check=False)
    if made.returncode != 0:
        missing("mounts", f"a small file system cannot be mounted: {made.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def through(outbox: Outbox, store: EmbeddedStore) -> int:
    """A worker that keeps what the outbox refused and waits for room; returns how often it had to."""
    loader, refusals, batch_size = Loader(outbox, store, batch_size=2000), 0, 50
    for first in range(0, COUNT, batch_size):
        while True:
            try:
                outbox.append(crossings(first, first + batch_size))
                break
            except OutboxFullError:
                refusals += 1
                loader.drain()
    loader.drain()
    return refusals


def test_a_disk_that_the_outbox_itself_has_filled_still_drains(small_disk: Path, store: EmbeddedStore) -> None:
    with Outbox(small_disk / "outbox.db") as outbox:
        # Nothing drains meanwhile: the outbox alone fills the disk.
        assert through(outbox, store) > 0
        assert len(outbox) == 0
    assert_each_is_stored_once(store, crossings())


def test_a_disk_that_others_have_filled_gives_nothing_away_and_takes_on_when_it_has_room(
    small_disk: Path, store: EmbeddedStore
) -> None:
    sent = crossings()
    with Outbox(small_disk / "outbox.db") as outbox:
        outbox.append(sent[:100])
        others = small_disk / "others"
        with pytest.raises(OSError, match="No space"), others.open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        with pytest.raises(OutboxFullError, match="more space"):
            outbox.append(sent[100:])
        Loader(outbox, store).drain()
        others.unlink()
        for first in range(100, COUNT, 1100):
            outbox.append(sent[first : first + 1100])
            Loader(outbox, store).drain()
    assert_each_is_stored_once(store, sent)


def test_an_outbox_at_its_limit_drains_and_takes_on(tmp_path: Path, store: EmbeddedStore) -> None:
    with Outbox(tmp_path / "outbox.db", max_bytes=4 * LEAST_MAX_BYTES) as outbox:
        assert through(outbox, store) > 5
        assert outbox.stats().refused >= 50 * 5
    assert_each_is_stored_once(store, crossings())


def test_a_clock_that_steps_back_changes_neither_order_nor_number(
    tmp_path: Path, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = crossings()
    with Outbox(tmp_path / "outbox.db") as outbox:
        for part, now_s in enumerate((2e9, 1e9, 1.5e9, 0.0)):
            # The machine's clock, and with it the time of capture of the next frames, which goes back as well.
            monkeypatch.setattr(time, "time", lambda now_s=now_s: now_s)
            monkeypatch.setattr(time, "time_ns", lambda now_s=now_s: int(now_s * 1e9))
            outbox.append(sent[COUNT * (3 - part) // 4 : COUNT * (4 - part) // 4])
        appended = [record for _, record in outbox.pending(COUNT)]
        assert appended == [each for part in (3, 2, 1, 0) for each in sent[COUNT * part // 4 : COUNT * (part + 1) // 4]]
        Loader(outbox, store, batch_size=3000).drain()
    assert_each_is_stored_once(store, sent)
