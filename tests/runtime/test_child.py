"""Real processes, as a pool starts them."""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection

import pytest

from pipeline.errors import BusError, InputError
from pipeline.runtime.child import MACHINE_FAILED, STOP, TO_THE_GROUP, ChildProcess, begin_child, orders_from, say, told
from pipeline.runtime.messages import Failed

PATIENCE_S = 60.0


def _counts_orders(connection: Connection) -> None:
    begin_child(False)
    say(connection, "ready")
    while orders_from(connection) is not STOP:
        time.sleep(0.02)
    say(connection, "ended")


def until(reached: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_what_the_terminal_sends_to_the_whole_group_ends_no_child_not_even_one_that_has_just_been_started() -> None:
    child = ChildProcess("counts", _counts_orders)
    assert child.pid is not None
    heard: list[object] = []
    while not heard:
        for number in TO_THE_GROUP:
            os.kill(child.pid, number)
        time.sleep(0.02)
        assert child.is_alive()
        heard += child.messages()
    child.send(None)
    until(lambda: not child.is_alive())
    assert heard + child.messages() == ["ready", "ended"]
    assert child.exit_code() == 0
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(TO_THE_GROUP)


def test_one_that_hangs_keeps_nobody_waiting_who_tells_it_something() -> None:
    child = ChildProcess("counts", _counts_orders)
    until(lambda: bool(child.messages()))
    assert child.pid is not None
    os.kill(child.pid, signal.SIGSTOP)
    began_s = time.monotonic()
    for _ in range(200):
        child.send("x" * 100_000)
    assert time.monotonic() - began_s < 5.0, "a pipe holds far less"
    os.kill(child.pid, signal.SIGCONT)
    child.send(None)
    until(lambda: not child.is_alive())
    assert child.messages() == ["ended"]
    child.join()


def test_why_a_child_ends_is_one_line_of_the_log_or_a_word_to_its_parent(caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = multiprocessing.Pipe()
    with closing(ours), closing(theirs):
        with told(theirs):
            raise InputError("no such model")
        assert ours.recv() == Failed("no such model", 2)
        with caplog.at_level(logging.ERROR), pytest.raises(SystemExit) as ended, told(theirs):
            raise BusError("the bus cannot be reached")
        assert ended.value.code == MACHINE_FAILED
        assert [(record.getMessage(), record.exc_info) for record in caplog.records] == [
            ("ends: the bus cannot be reached", None)
        ]
        with pytest.raises(SystemExit) as ended, told(theirs):
            raise ZeroDivisionError
        assert ended.value.code == 1
        assert caplog.records[-1].exc_info is not None
