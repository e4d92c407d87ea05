"""A loader in a process of its own, which can die between insert and commit.

    python -m tests.sink.loader_process BUS STORE [N]

With N it kills itself (SIGKILL) instead of making commit number N; without, it loads until nothing has come for a
while.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping

from pipeline.runtime.loader_service import inserting_beside
from pipeline.sink.bus_loader import BusLoader
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.kafka_source import KafkaSource
from pipeline.sink.store import EmbeddedStore

QUIET_S = 8.0
FIRST_S = 60.0
"""The group waits for a member that was killed until its session has timed out."""


class MortalSource(KafkaSource):
    """Dies instead of its `last_commit`th commit."""

    def __init__(self, address: BusAddress, group: str, last_commit: int | None) -> None:
        super().__init__(address, group)
        self._left = last_commit

    def commit(self, next_offsets: Mapping[int, int]) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
        super().commit(next_offsets)


def main(bus: str, store_path: str, last_commit: int | None) -> None:
    with (
        EmbeddedStore(store_path) as store,
        MortalSource(BusAddress.parse(bus), "loaders", last_commit) as source,
        inserting_beside() as begin,
    ):
        loader = BusLoader(source, store, batch_size=1500, max_wait_s=0.3, begin=begin)
        loaded, since_s = 0, time.monotonic()
        while time.monotonic() - since_s < (QUIET_S if loaded else FIRST_S):
            loader.step(time.monotonic())
            if loader.stats.loaded > loaded:
                loaded, since_s = loader.stats.loaded, time.monotonic()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None)
