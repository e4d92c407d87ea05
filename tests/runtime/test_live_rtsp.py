"""A worker with cameras on a real RTSP server, each with a trouble of its own. The tests read one run's results.

With SIMPANG_SLOW=1 the troubles last as long as in the field: half a minute of outage, a reboot every minute.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from pipeline.detect import PIXEL_BUDGET, ModelInfo, region_of
from pipeline.runtime.messages import CameraSpec, CameraStatus
from pipeline.runtime.worker import Worker
from pipeline.sink.outbox import Outbox
from pipeline.source.live_open import open_live
from pipeline.types import CountingLine, Coverage, Pixels, size_of
from tests.rtsp_server import BadLink, Camera, RtspServer

FULL_LENGTH = os.environ.get("SIMPANG_SLOW") == "1"
OUTAGE_S = 30.0 if FULL_LENGTH else 3.0
REBOOTS = 3 if FULL_LENGTH else 2
REBOOT_S = 10.0 if FULL_LENGTH else 1.0
BETWEEN_REBOOTS_S = 50.0 if FULL_LENGTH else 2.0
STALL_S = 1.5
PASSWORD = "geheim-123"
LINE = CountingLine("mid", (0.0, 90.0), (319.0, 90.0))
STEADY = ("steady-1", "steady-2")


class BlindDetector:
    """Sees nothing, and remembers the sizes of the pictures it was shown."""

    concurrency = 1
    pixel_budget = PIXEL_BUDGET
    info = ModelInfo("blind", Path("blind.xml"), "cpu", "a fake", ("car",), None, "0" * 64)

    def __init__(self) -> None:
        self.sizes: set[tuple[int, int]] = set()

    def prepare(self, picture_sizes: Iterable[tuple[int, int]], pixel_budget: int) -> None:
        pass

    def detect(self, pictures: Sequence[Pixels]) -> list[sv.Detections]:
        self.sizes |= set(map(size_of, pictures))
        return [
            sv.Detections(
                xyxy=np.zeros((0, 4), np.float32), confidence=np.zeros(0, np.float32), class_id=np.zeros(0, int)
            )
            for _ in pictures
        ]


@dataclass
class Report:
    """What the run left behind."""

    states: dict[str, list[str]] = field(default_factory=dict)
    """Each camera's states in order, without repeats."""
    final: dict[str, CameraStatus] = field(default_factory=dict)
    coverage: dict[str, list[Coverage]] = field(default_factory=dict)
    steady_share: dict[str, float] = field(default_factory=dict)
    """Pictures that came to be detected, of those that the camera sent. A machine busy with other work may then drop
    some of them, which is counted and is not the other cameras' doing."""
    sizes: set[tuple[int, int]] = field(default_factory=set)
    log: str = ""
    outage_s: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


class Show:
    """Steps the worker and notes every camera's states meanwhile."""

    def __init__(self, worker: Worker, report: Report) -> None:
        self._worker, self._report = worker, report

    def status(self) -> dict[str, CameraStatus]:
        return {camera.camera: camera for camera in self._worker.status().cameras}

    def came(self, name: str) -> int:
        """Pictures of that camera that were offered for detection so far."""
        camera = self.status()[name]
        return camera.analysed + camera.dropped

    def switch_on(self, camera: Camera) -> None:
        """And go on until it sends, which takes time of its own where the machine is busy."""
        sent = camera.sent
        camera.switch_on()
        assert self.play_until(lambda status: camera.sent > sent, 60.0)

    def play(self, seconds: float) -> None:
        self.play_until(lambda status: False, seconds)

    def play_until(self, done: Callable[[dict[str, CameraStatus]], bool], limit_s: float) -> bool:
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s:
            self._worker.step(time.monotonic(), wait_s=0.05)
            status = self.status()
            for name, camera in status.items():
                states = self._report.states.setdefault(name, [])
                if not states or states[-1] != camera.state:
                    states.append(camera.state)
            if done(status):
                return True
        return False


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    report = Report()
    directory = tmp_path_factory.mktemp("live")
    detector = BlindDetector()
    with ExitStack() as stack:
        open_server = stack.enter_context(RtspServer())
        locked = stack.enter_context(RtspServer(user="viewer", password=PASSWORD))
        lossy = stack.enter_context(RtspServer(loss=0.2))
        cut, garbage, silent = (BadLink(open_server.port) for _ in range(3))
        for link in (cut, garbage, silent):
            stack.callback(link.close)
        cameras = {
            name: Camera(open_server.url(name)) for name in (*STEADY, "cut", "garbage", "silent", "resize", "reboot")
        }
        cameras["locked"] = Camera(locked.url("locked"))
        cameras["lossy"] = Camera(lossy.url("lossy"))
        for camera in cameras.values():
            stack.callback(camera.switch_on().switch_off)
        while not all(camera.sent for camera in cameras.values()):
            time.sleep(0.05)
        urls = {name: open_server.url(name) for name in (*STEADY, "resize", "reboot")}
        urls["cut"] = open_server.url("cut", port=cut.port)
        urls["garbage"] = open_server.url("garbage", port=garbage.port)
        urls["silent"] = open_server.url("silent", port=silent.port)
        urls["locked"] = locked.url("locked", credentials=f"viewer:not-{PASSWORD}@")
        urls["lossy"] = lossy.url("lossy")
        specs = [
            CameraSpec(name, url, 10.0, (LINE,), transport="udp" if name == "lossy" else "tcp")
            for name, url in urls.items()
        ]
        outbox = stack.enter_context(Outbox(directory / "outbox.sqlite"))
        worker = Worker(
            detector,  # type: ignore[arg-type]
            outbox,
            check_lines=lambda lines, size: None,
            open_feed=partial(open_live, stall_s=STALL_S),
        )
        log = stack.enter_context(_captured_log())
        began_s = time.monotonic()
        worker.set_cameras(specs)
        show = Show(worker, report)
        healthy = set(urls) - {"locked"}
        assert show.play_until(lambda status: all(status[name].state == "live" for name in healthy), 30.0), (
            show.status()
        )
        before = {name: (cameras[name].sent, show.came(name)) for name in STEADY}

        cut_s = time.monotonic()
        cut.set("cut")
        silent.set("silent")
        garbage.set("garbage")
        cameras["reboot"].switch_off()
        cameras["resize"].resize((640, 360))
        trouble = {"cut", "silent", "garbage", "reboot"}
        assert show.play_until(lambda status: all(status[name].state != "live" for name in trouble), 20.0), (
            show.status()
        )
        show.play(OUTAGE_S)
        for link in (cut, silent, garbage):
            link.set("pass")
        show.switch_on(cameras["reboot"])
        report.outage_s["cut"] = time.monotonic() - cut_s
        assert show.play_until(lambda status: all(status[name].state == "live" for name in healthy), 40.0), (
            show.status()
        )
        for _ in range(REBOOTS - 1):
            show.play(BETWEEN_REBOOTS_S)
            cameras["reboot"].switch_off()
            assert show.play_until(lambda status: status["reboot"].state != "live", 20.0), show.status()
            show.play(REBOOT_S)
            show.switch_on(cameras["reboot"])
            assert show.play_until(lambda status: status["reboot"].state == "live", 40.0), show.status()
        show.play(2.0)
        report.steady_share = {
            name: (show.came(name) - came) / (cameras[name].sent - sent) for name, (sent, came) in before.items()
        }
        report.final = show.status()
        worker.stop()
        report.seconds = time.monotonic() - began_s
        for _, record in outbox.pending(100_000):
            if isinstance(record, Coverage):
                report.coverage.setdefault(record.camera, []).append(record)
        report.sizes, report.log = detector.sizes, log.getvalue()
        yield report


def _captured_log():  # type: ignore[no-untyped-def]
    import contextlib
    import io
    import logging

    @contextlib.contextmanager
    def capture() -> Iterator[io.StringIO]:
        text = io.StringIO()
        handler = logging.StreamHandler(text)
        logger = logging.getLogger("pipeline")
        level = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        try:
            yield text
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)

    return capture()


def observed_s(minutes: Sequence[Coverage]) -> float:
    """Of each minute what was claimed last, which is the most."""
    return sum({minute.minute_ns: minute.observed_s for minute in minutes}.values())


def test_cameras_without_trouble_keep_their_rate_while_the_others_come_and_go(report: Report) -> None:
    assert min(report.steady_share.values()) >= 0.95, report.steady_share
    for name in STEADY:
        assert report.states[name] in (["connecting", "live"], ["live"])


@pytest.mark.parametrize(
    ("camera", "lost"),
    [
        ("cut", {"ended", "failed", "damaged", "refused", "stalled", "unreachable"}),
        ("silent", {"stalled"}),
        ("garbage", {"damaged", "stalled", "failed", "ended"}),
        ("reboot", {"ended", "missing", "failed", "damaged"}),
    ],
)
def test_a_lost_camera_says_how_and_comes_back_by_itself(report: Report, camera: str, lost: set[str]) -> None:
    states = report.states[camera]
    assert states[-1] == "live"
    between = states[states.index("live") + 1 : -1]
    assert between, states
    assert between[0] in lost
    assert report.final[camera].connects >= 2


def test_a_camera_that_reboots_again_and_again_comes_back_each_time(report: Report) -> None:
    assert report.states["reboot"].count("live") == REBOOTS + 1
    assert report.final["reboot"].connects >= REBOOTS + 1


def test_coverage_shows_the_outage_and_nothing_of_it_for_cameras_without_trouble(report: Report) -> None:
    whole = min(observed_s(report.coverage[name]) for name in STEADY)
    assert whole > report.outage_s["cut"]
    for camera in ("cut", "silent", "reboot"):
        assert observed_s(report.coverage[camera]) < whole - report.outage_s["cut"] + 2.5
    for camera in STEADY:
        assert {minute.reason for minute in report.coverage[camera]} <= {"", "edge", "disconnected"}


def test_a_wrong_password_is_named_as_such_and_no_password_is_shown(report: Report) -> None:
    locked = report.final["locked"]
    assert locked.state == "unauthorised"
    assert "password" in locked.message
    assert PASSWORD not in locked.message
    assert "locked" in report.log
    assert PASSWORD not in report.log
    assert observed_s(report.coverage.get("locked", [])) == 0


def test_a_camera_that_changes_its_resolution_goes_on_in_the_size_its_lines_were_drawn_for(report: Report) -> None:
    assert report.states["resize"] in (["connecting", "live"], ["live"])
    assert report.sizes == {region_of((LINE,), (320, 180)).size}


def test_on_a_link_that_loses_a_fifth_of_its_packets_what_is_damaged_is_counted_and_left_out(report: Report) -> None:
    lossy = report.final["lossy"]
    assert lossy.damaged > 0
    assert 0 < lossy.analysed < report.final["steady-1"].analysed
