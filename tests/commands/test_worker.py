"""`simpang worker` on two hosts, which here are two groups of processes, and a real broker between them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks._passages import Passage, Setting, expected_between, match, one_round
from pipeline.runtime.exporter import PoolStatus, read_status
from pipeline.sink.events import decode
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.kafka_group import MARGIN_S
from pipeline.sink.registrations import RunRegistration
from pipeline.types import NS_PER_S, Coverage, Crossing
from tests.benchmarks.falling_cars import DETAILS, FPS, LINE, falling_cars
from tests.commands.conftest import Simpang
from tests.detect.tiny_model import save_model
from tests.kafka_broker import Broker
from tests.kafka_broker import broker as broker
from tests.kafka_broker import running_broker as running_broker
from tests.sink.kafka_topic import address_of, everything, until

CAMERAS = [f"cam-{index}" for index in range(4)]
SESSION_S = 6.0
WORKER = (sys.executable, "-m", "pipeline", "worker", "--device", "cpu", "--session-timeout", f"{SESSION_S:g}")
CLAIMED_AFTER_S = 24.0
"""A live camera's coverage is claimed fifteen seconds late, every five."""
MOVED_WITHIN_S = 30.0
"""Six of them until the group misses the host; the rest is for a machine that is busy with other tests."""


class Host:
    """A `simpang worker` and its children."""

    def __init__(self, directory: Path, bus: str, site: Path, model: Path) -> None:
        self.spool, self.log_path = directory / "spool", directory / "log"
        directory.mkdir()
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*WORKER, "-c", site, "--bus", bus, "--spool", self.spool, "--model", model],
                stderr=log,
                start_new_session=True,
            )

    def status(self) -> PoolStatus | None:
        return read_status(self.spool) if (self.spool / "status.json").exists() else None

    def counting(self) -> set[str]:
        """Cameras that have been counted on, of those that are read now."""
        status = self.status()
        return {camera.camera for camera in status.cameras() if camera.analysed} if status else set()

    def kill(self) -> None:
        """As when its power fails."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    directory = tmp_path_factory.mktemp("cars")
    return Setting(falling_cars(directory / "cars.mp4"), LINE, save_model(directory / "model"), DETAILS)


@pytest.fixture(scope="module")
def cars(setting: Setting) -> list[Passage]:
    """When each car of the clip crosses the line."""
    return list(one_round(setting, every=25).possible)


def site_text(cameras: Sequence[str], setting: Setting) -> str:
    return "".join(
        f'[[camera]]\nid = "{camera}"\nurl = "{setting.clip}"\nfps = {FPS}\n[[camera.line]]\nname = "{LINE.name}"\n'
        f"points = {json.dumps([LINE.start, LINE.end])}\n"
        for camera in cameras
    )


@pytest.fixture
def site(tmp_path: Path, setting: Setting) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(site_text(CAMERAS, setting))
    return path


@pytest.fixture
def bus(broker: Broker) -> BusAddress:
    return address_of(broker, f"hosts-{time.time_ns()}")


@pytest.fixture
def hosts(bus: BusAddress, tmp_path: Path, site: Path, setting: Setting) -> Iterator[tuple[Host, Host]]:
    assert setting.model is not None
    pair = Host(tmp_path / "a", str(bus), site, setting.model), Host(tmp_path / "b", str(bus), site, setting.model)
    yield pair
    for host in pair:
        if host.process.poll() is None:
            host.kill()


def wait_for(host: Host, cameras: set[str]) -> None:
    def counts_on_them() -> bool:
        time.sleep(0.2)
        assert host.process.poll() is None, host.log_path.read_text()
        return host.counting() == cameras

    until(counts_on_them)


@dataclass
class Told:
    """What reached the bus of one camera."""

    crossings: list[Crossing] = field(default_factory=list)
    began_ns: dict[str, int] = field(default_factory=dict)
    """By run: when its worker took the camera."""
    claimed_s: dict[str, float] = field(default_factory=dict)
    """By run: of each minute what was claimed last, which is the most."""


def told(broker: Broker, topic: str) -> dict[str, Told]:
    cameras: defaultdict[str, Told] = defaultdict(Told)
    minutes: dict[tuple[str, str, int], float] = {}
    for record in (decode(message.value) for message in everything(broker, topic)):
        if isinstance(record, Crossing):
            cameras[record.camera].crossings.append(record)
        elif isinstance(record, RunRegistration):
            cameras[record.camera].began_ns[record.run] = record.footage_from_ns
        elif isinstance(record, Coverage):
            minutes[record.camera, record.run, record.minute_ns] = record.observed_s
    for (camera, run, _), observed_s in minutes.items():
        claimed_s = cameras[camera].claimed_s
        claimed_s[run] = claimed_s.get(run, 0.0) + observed_s
    return cameras


def counted_too_often(crossings: Sequence[Crossing], cars: Sequence[Passage]) -> list[Passage]:
    """Crossings that no car made, or that another one has told already."""
    unique = {crossing.event_id: crossing for crossing in crossings}.values()
    counted = [Passage(crossing.captured_at_ns, crossing.direction) for crossing in unique]
    if not counted:
        return []
    times_ns = [passage.at_ns for passage in counted]
    expected = expected_between(cars, min(times_ns) - NS_PER_S, max(times_ns) + NS_PER_S)
    _, left = match(expected, counted)
    return left


def test_cameras_are_shared_and_those_of_a_lost_host_are_counted_on_by_the_other_and_never_twice(
    bus: BusAddress, broker: Broker, cars: list[Passage], hosts: tuple[Host, Host], simpang: Simpang
) -> None:
    lost, other = hosts
    until(lambda: bool(time.sleep(0.2)) or len(lost.counting()) == len(other.counting()) == 2)
    its, others = lost.counting(), other.counting()
    assert its | others == set(CAMERAS)
    status = simpang("status", "--spool", lost.spool, "--interval", "1")
    assert status.status == 0
    assert "group: 2 of the site's 4 cameras are this host's" in status.out
    assert all((camera in status.out) == (camera in its) for camera in CAMERAS)

    time.sleep(CLAIMED_AFTER_S)
    lost.kill()
    killed_ns = time.time_ns()
    wait_for(other, set(CAMERAS))
    time.sleep(4.0)
    assert other.stop() == 0
    stopped_ns = time.time_ns()

    cameras = told(broker, bus.events_topic)
    for camera in CAMERAS:
        assert cameras[camera].crossings
        assert counted_too_often(cameras[camera].crossings, cars) == []
    for camera in its:
        seen = cameras[camera]
        before, after = sorted(seen.began_ns, key=lambda run: seen.began_ns[run])[-2:]
        gap_s = (seen.began_ns[after] - killed_ns) / NS_PER_S
        assert SESSION_S - MARGIN_S < gap_s < MOVED_WITHIN_S
        assert 0 < seen.claimed_s[before] <= (killed_ns - seen.began_ns[before]) / NS_PER_S
        assert 0 < seen.claimed_s[after] <= (stopped_ns - seen.began_ns[after]) / NS_PER_S
        assert not [
            crossing for crossing in seen.crossings if killed_ns < crossing.captured_at_ns < seen.began_ns[after]
        ]
    for camera in others:
        (run,) = [run for run, claimed_s in cameras[camera].claimed_s.items() if claimed_s]
        assert cameras[camera].claimed_s[run] > (killed_ns - cameras[camera].began_ns[run]) / NS_PER_S, (
            "a camera that did not move was interrupted"
        )


def test_a_host_that_hears_nothing_of_the_group_stops_before_the_group_gives_its_cameras_away(
    bus: BusAddress,
    broker: Broker,
    cars: list[Passage],
    setting: Setting,
    site: Path,
    hosts: tuple[Host, Host],
    simpang: Simpang,
) -> None:
    host, second = hosts
    second.kill()
    wait_for(host, set(CAMERAS))
    broker.pause()
    try:
        began_s = time.monotonic()
        wait_for(host, set())
        assert time.monotonic() - began_s < MOVED_WITHIN_S
    finally:
        broker.resume()
    wait_for(host, set(CAMERAS))
    site.write_text(site_text([*CAMERAS[2:], "new"], setting))
    assert simpang("reload", "--spool", host.spool).status == 0
    wait_for(host, {*CAMERAS[2:], "new"})
    assert host.stop() == 0
    cameras = told(broker, bus.events_topic)
    assert any(camera.crossings for camera in cameras.values())
    for camera in cameras.values():
        assert counted_too_often(camera.crossings, cars) == []


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--bus", "localhost:9092"], "the bus must be given as kafka://"),
        (["--bus", "kafka://127.0.0.1:1/x", "--session-timeout", "2"], "--session-timeout must be from 6 to 300"),
        (["--bus", "kafka://127.0.0.1:1/x", "--workers", "0"], "--workers must be 1 or more"),
    ],
)
def test_wrong_arguments_are_told_in_one_sentence(
    arguments: list[str], fault: str, site: Path, simpang: Simpang
) -> None:
    ended = simpang("worker", "-c", site, *arguments)
    assert ended.status == 2
    assert fault in ended.sentence
