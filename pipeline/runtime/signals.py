"""What the system or a user asks of a running process; handlers only set flags."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Self


class Signals:
    """How often SIGINT or SIGTERM came, and with `reloads` whether SIGHUP did, for as long as the context lasts."""

    def __init__(self, *, reloads: bool = False) -> None:
        self.stops = 0
        self.wants_reload = False
        self._handlers = {signal.SIGINT: self._stop, signal.SIGTERM: self._stop}
        if reloads:
            self._handlers[signal.SIGHUP] = self._reload

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, handler) for number, handler in self._handlers.items()}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stops += 1

    def _reload(self, number: int, frame: FrameType | None) -> None:
        self.wants_reload = True
