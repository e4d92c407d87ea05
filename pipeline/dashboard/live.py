"""Server-sent events: one look at the store every few seconds, told to everybody who watches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import anyio
import orjson

from pipeline.dashboard import questions
from pipeline.dashboard.periods import HOUR_S
from pipeline.dashboard.questions import Queryable
from pipeline.errors import PipelineError

KEEP_ALIVE_S: Final = 15.0
LOOK_BACK_S: Final = HOUR_S
"""Crossings that arrive later than this after they happened are shown when a page next asks, not at once."""

log = logging.getLogger(__name__)


class LiveFeed:
    """Tells watchers that counts have changed, and of which cameras. Belongs to one event loop.

    Each watcher has one place for the latest message: who is slow misses intermediate ones, and nothing piles up.
    """

    def __init__(
        self, store: Queryable, *, every_s: float, anchor_s: Callable[[], int], on_change: Callable[[], None]
    ) -> None:
        """`anchor_s` says up to when there are counts; `on_change` is called before the watchers are told."""
        self._store = store
        self._every_s = every_s
        self._anchor_s = anchor_s
        self._on_change = on_change
        self._watchers: set[asyncio.Queue[dict[str, Any] | None]] = set()
        self._since_s: int | None = None
        self._pulse: list[dict[str, Any]] | None = None

    async def run(self) -> None:
        """Look and tell until cancelled; sleeps while nobody watches."""
        while True:
            if self._watchers:
                await self.look()
            await asyncio.sleep(self._every_s)

    async def look(self) -> None:
        """One look at the store; tells the watchers where something is new."""
        try:
            pulse = await anyio.to_thread.run_sync(self._read)
        except PipelineError as error:
            # The store may be away for a moment (a server that restarts); the next look tries again.
            log.warning("the live view could not read the store: %s", error)
            return
        before, self._pulse = self._pulse, pulse
        if before is None or before == pulse:
            return
        old = {row["camera"]: row for row in before}
        changed = [row["camera"] for row in pulse if row != old.get(row["camera"])]
        self._on_change()
        for watcher in self._watchers:
            if watcher.full():
                missed = watcher.get_nowait() or {"cameras": []}
                watcher.put_nowait({"cameras": sorted({*missed["cameras"], *changed})})
            else:
                watcher.put_nowait({"cameras": changed})

    async def stream(self) -> AsyncIterator[bytes]:
        """Messages for one watcher, as bytes of an event stream."""
        watcher: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(maxsize=1)
        self._watchers.add(watcher)
        try:
            yield b"retry: 3000\n\n"
            while True:
                try:
                    message = await asyncio.wait_for(watcher.get(), KEEP_ALIVE_S)
                except TimeoutError:
                    yield b": still here\n\n"
                else:
                    if message is None:
                        return
                    yield b"event: counts\ndata: " + orjson.dumps(message) + b"\n\n"
        finally:
            self._watchers.discard(watcher)

    def close(self) -> None:
        """End every stream, so that the server can stop at once; browsers come back by themselves."""
        for watcher in self._watchers:
            if watcher.full():
                watcher.get_nowait()
            watcher.put_nowait(None)

    def _read(self) -> list[dict[str, Any]]:
        if self._since_s is None:
            self._since_s = self._anchor_s() - LOOK_BACK_S
        pulse = questions.pulse(self._store, self._since_s)
        if pulse:
            # Only ever forward: a camera whose clock runs ahead would otherwise make the window jump.
            newest_s = max(row["newest_ns"] for row in pulse) // 1_000_000_000
            moved = min(newest_s, self._anchor_s()) - LOOK_BACK_S
            if moved > self._since_s + LOOK_BACK_S:
                self._since_s = moved
        return pulse
