"""One process of the pool as its supervisor sees it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Protocol

from pipeline.runtime.messages import CameraSpec, LoaderStatus, Share, WorkerStatus
from pipeline.runtime.schedule import FIRST_DELAY_S, MOST_DELAY_S
from pipeline.sink.backoff import Backoff

FIRST_WORD_S: Final = 600.0
"""A process may take so long to load its model or open its store, also on a machine that is busy with other work."""
SILENT_S: Final = 60.0
"""A process that says nothing for so long hangs."""


class Child(Protocol):
    """A process of the pool. None of these waits."""

    def is_alive(self) -> bool:
        """Whether it still runs."""
        ...

    def messages(self) -> list[object]:
        """What it has said since the last call."""
        ...

    def send(self, message: object) -> None:
        """Tell it something; None asks it to finish its work and end. What a dead one is told is lost."""
        ...

    def exit_code(self) -> int | None:
        """As of a process: negative for the signal that ended it, None while it runs."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


@dataclass(slots=True)
class Member:
    """One process of the pool and its history."""

    name: str
    cameras: tuple[CameraSpec, ...] = ()
    may_be_silent_s: float = SILENT_S
    child: Child | None = None
    started_s: float = 0.0
    heard_s: float | None = None
    """When it last said something since it was started."""
    said_s: float | None = None
    """When it last said something at all."""
    start_at_s: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(first_s=FIRST_DELAY_S, most_s=MOST_DELAY_S))
    crashes: deque[float] = field(default_factory=deque)
    restarts: int = 0
    isolated: bool = False
    hung: bool = False
    """Killed by us, because it said nothing any more."""
    status: WorkerStatus | LoaderStatus | Share | None = None

    def silent_s(self, now_s: float) -> float:
        """Seconds since it last said something, less what it is allowed."""
        if self.heard_s is None:
            return now_s - self.started_s - FIRST_WORD_S
        return now_s - self.heard_s - self.may_be_silent_s
