"""A process of the pool, or one that works beside a page, seen from its parent and from within.

They are spawned, never forked: neither CUDA nor the embedded ClickHouse survives a fork. Each ignores the signals of
the terminal and of the service manager, which reach the whole group; the supervisor alone obeys them and tells its
children through their pipes. A child whose supervisor is gone reads the end of its pipe and finishes as if told to.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final

from pipeline.runtime.logs import configure_logging


class ChildProcess:
    """A `Child` that is a real process."""

    def __init__(
        self, name: str, target: Callable[..., None], *arguments: Any, may_have_children: bool = False
    ) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._connection, theirs = spawning.Pipe()
        # Python lets a daemon have none. Nothing else hangs on it in the pool: its processes ignore the SIGTERM that a
        # daemon is sent when its parent ends.
        daemon = not may_have_children
        self._process = spawning.Process(target=target, args=(*arguments, theirs), name=name, daemon=daemon)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int | None:
        """The process's number."""
        return self._process.pid

    def is_alive(self) -> bool:
        """See `Child.is_alive`."""
        return self._process.is_alive()

    def messages(self) -> list[object]:
        """See `Child.messages`."""
        found = []
        with contextlib.suppress(EOFError, OSError):
            while self._connection.poll():
                found.append(self._connection.recv())
        return found

    def send(self, message: object) -> None:
        """See `Child.send`."""
        with contextlib.suppress(BrokenPipeError, OSError):
            self._connection.send(message)

    def exit_code(self) -> int | None:
        """See `Child.exit_code`."""
        return self._process.exitcode

    def kill(self) -> None:
        """See `Child.kill`."""
        self._process.kill()

    def join(self) -> None:
        """Wait until it has ended."""
        self._process.join()


STOP: Final = object()


def orders_from(connection: Connection) -> Any:
    """The newest order, None where there is none, `STOP` to end."""
    newest: Any = None
    try:
        while connection.poll():
            newest = connection.recv()
            if newest is None:
                return STOP
    except (EOFError, OSError):
        return STOP
    return newest


def say(connection: Connection, message: object) -> None:
    """Tell the supervisor; one that is gone hears nothing."""
    with contextlib.suppress(BrokenPipeError, OSError):
        connection.send(message)


def begin_child(log_json: bool) -> None:
    """What every child does first."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    configure_logging(json_lines=log_json)
