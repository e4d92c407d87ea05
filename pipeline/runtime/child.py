"""A process of the pool, or one that works beside a page, seen from its parent and from within.

They are spawned, never forked: neither CUDA nor the embedded ClickHouse survives a fork. Each ignores the signals of
the terminal and of the service manager, which reach the whole group; the supervisor alone obeys them and tells its
children through their pipes. A child whose supervisor is gone reads the end of its pipe and finishes as if told to.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, Final

from pipeline.errors import InputError, PipelineError
from pipeline.runtime.logs import configure_logging
from pipeline.runtime.messages import Failed

log = logging.getLogger(__name__)

TO_THE_GROUP: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What the terminal and the service manager send to every process at once."""
MACHINE_FAILED: Final = os.EX_TEMPFAIL
"""How a process ends that the machine, the store or the bus let down: nothing that it reads is to blame."""
_END: Final = object()


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
        # It imports for a second before it can say that it ignores them: till then they wait. The tracker lets them
        # through when it is started, so that must have been before.
        resource_tracker.ensure_running()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, TO_THE_GROUP)
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
        # A process that hangs reads nothing, and once the pipe is full whoever writes to it hangs with it.
        self._to_say: SimpleQueue[object] = SimpleQueue()
        threading.Thread(target=_carry, args=(self._to_say, self._connection), name=f"tell-{name}", daemon=True).start()

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
        try:
            while self._connection.poll():
                found.append(self._connection.recv())
        except (EOFError, OSError):
            self._to_say.put(_END)
        return found

    def send(self, message: object) -> None:
        """See `Child.send`."""
        self._to_say.put(message)

    def exit_code(self) -> int | None:
        """See `Child.exit_code`."""
        return self._process.exitcode

    def kill(self) -> None:
        """See `Child.kill`."""
        self._process.kill()

    def join(self) -> None:
        """Wait until it has ended."""
        self._process.join()


def _carry(messages: SimpleQueue[object], connection: Connection) -> None:
    with contextlib.suppress(OSError):
        while (message := messages.get()) is not _END:
            connection.send(message)


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


def ignore(*numbers: signal.Signals) -> None:
    """Ignore these signals in a child, and let through what has waited since it was started."""
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, TO_THE_GROUP)


def begin_child(log_json: bool) -> None:
    """What every child of the pool does first."""
    ignore(*TO_THE_GROUP)
    configure_logging(json_lines=log_json)


@contextlib.contextmanager
def told(connection: Connection) -> Iterator[None]:
    """Around a child's work: why it ends is one line of the log, or, where it was given what cannot work, `Failed`."""
    try:
        yield
    except InputError as error:
        say(connection, Failed(str(error), error.exit_status))
    except PipelineError as error:
        log.error("ends: %s", error)
        raise SystemExit(MACHINE_FAILED) from error
    except Exception as error:
        log.exception("ends by a fault of ours")
        raise SystemExit(1) from error
