"""Answers that are kept for a moment, so that twenty people who look at one page cost one query."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any

import anyio


class AnswerCache:
    """Computes each answer once for all who ask while it is fresh. Belongs to one event loop.

    `keep_s` is how long an answer stays fresh, `capacity` how many are kept (the oldest goes first), `workers` how many
    are computed at a time.
    """

    def __init__(self, *, keep_s: float, capacity: int = 256, workers: int = 4) -> None:
        self._keep_s = keep_s
        self._capacity = capacity
        self._workers = workers
        self._limiter: anyio.CapacityLimiter | None = None
        self._answers: dict[Hashable, tuple[float, asyncio.Task[Any]]] = {}

    async def get(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """The answer for `key`, from `compute` where none is fresh; raises what `compute` raised, to all who waited."""
        now_s = asyncio.get_running_loop().time()
        kept = self._answers.get(key)
        if kept is None or kept[0] <= now_s or (kept[1].done() and _failed(kept[1])):
            self._answers.pop(key, None)
            kept = (now_s + self._keep_s, asyncio.create_task(self._compute(compute)))
            self._answers[key] = kept
            while len(self._answers) > self._capacity:
                del self._answers[next(iter(self._answers))]
        # Shielded: one reader that goes away must not take the answer from the others.
        return await asyncio.shield(kept[1])

    def clear(self) -> None:
        """Forget every answer: the store has changed."""
        self._answers.clear()

    async def _compute(self, compute: Callable[[], Any]) -> Any:
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(self._workers)
        return await anyio.to_thread.run_sync(compute, limiter=self._limiter)


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.cancelled() or task.exception() is not None
