import os
import threading
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from benchmarks import flame

LINES = (
    'thread (12): capture-cam-0;0x7f (libc.so.6);_run (pipeline/runtime/capture.py:84);'
    "pixels_of (pipeline/source/picture.py:99);av.video (av/video/reformatter.pyx:7);"
    "sws_scale (libswscale-7c1d3b2a.so.9.1) 30\n"
    "thread (12): capture-cam-0;0x7f (libc.so.6);_run (pipeline/runtime/capture.py:97) 10\n"
    "thread (13): capture-cam-1;_run (pipeline/runtime/capture.py:84) 5\n"
    "thread (14): MainThread;<module> (<string>:1);step (pipeline/runtime/worker.py:110) 7\n"
    "thread (14): MainThread;step (pipeline/runtime/worker.py:119);wait (threading.py:3);"
    "PyThread_acquire_lock_timed (libpython3.11.so.1.0) 70\n"
    "thread (17): capture-cam-2;_run (pipeline/runtime/capture.py:9);PyThread_acquire_lock_timed (libpython3.so) 5\n"
    "thread (18): capture-cam-3;_run (pipeline/runtime/capture.py:9);Event.wait (threading.py:629);"
    "Condition.wait (threading.py:331) 40\n"
    "thread (18): capture-cam-3;_run (pipeline/runtime/capture.py:9);Event.wait (threading.py:629);"
    "lock_PyThread_acquire_lock (libpython3.11.so.1.0);pthread_cond_timedwait (libc.so.6) 40\n"
    "thread (18): capture-cam-3;_run (pipeline/runtime/capture.py:84) 1\n"
    "py-spy said something else\n"
)  # fmt: skip
SPENT_S = {12: 4.0, 13: 1.0, 14: 2.0, 15: 9.0, 16: 0.5, 17: 0.25, 18: 8.0}


def test_each_threads_cpu_time_is_shared_out_over_its_own_samples_and_none_is_lost() -> None:
    seconds = flame.shared_out(LINES, SPENT_S)
    capture = ("capture", "_run (pipeline/runtime/capture.py)")
    deep = (*capture, "pixels_of (pipeline/source/picture.py)", "av.video (av/video/reformatter.pyx)", "libswscale")
    assert seconds[deep] == 3.0
    assert seconds[capture] == 10.0, "a quarter of one thread's, and all of those of the others that did not only wait"
    assert seconds["count, deliver", "step (pipeline/runtime/worker.py)"] == 2.0
    assert seconds[(flame.NATIVE,)] == 9.5
    assert seconds[("capture",)] == 0.25, "it was never seen at work"
    assert sum(seconds.values()) == sum(SPENT_S.values())


def test_the_figure_is_as_wide_as_the_time_and_names_what_is_wide_enough(tmp_path: Path) -> None:
    path = tmp_path / "flame.svg"
    flame.draw({("capture", "decode (pipeline/x.py)"): 3.0, ("capture",): 1.0, ("inference",): 12.0}, path)
    text = path.read_text()
    ElementTree.fromstring(text)
    assert all(name in text for name in ("capture", "decode (pipeline/x.py)", "inference"))
    before = path.read_bytes()
    flame.draw({("capture", "decode (pipeline/x.py)"): 3.0, ("capture",): 1.0, ("inference",): 12.0}, path)
    assert path.read_bytes() == before


def test_a_threads_cpu_time_is_what_it_measures_itself() -> None:
    found = flame.threads_cpu_s(os.getpid())
    assert found[threading.get_native_id()] == pytest.approx(time.thread_time(), abs=0.1)


def test_what_a_thread_spent_before_it_is_watched_does_not_count() -> None:
    ends_s = time.thread_time() + 0.2
    while time.thread_time() < ends_s:
        pass
    assert flame.spent(os.getpid(), 0.1)[threading.get_native_id()] < 0.1
