from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.sink.kafka_publisher import KafkaPublisher
from pipeline.sink.outbox import Outbox
from pipeline.sink.registrations import CameraRegistration, LinesRegistration
from pipeline.sink.store import EmbeddedStore
from tests.kafka_broker import Broker
from tests.kafka_broker.broker import free_ports
from tests.sink.events import CAMERA, counts, crossing, line, minutes
from tests.sink.kafka_topic import address_of, until

BUS = "kafka://127.0.0.1:1/x"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--bus", "localhost:9092"], "the bus must be given as kafka://"),
        (["--bus", "kafka://me:hunter2@localhost/x"], "leave the password out"),
        (["--bus", BUS, "--batch-size", "0"], "--batch-size must be 1 or more"),
        (["--bus", BUS, "--max-wait", "-1"], "--max-wait must be from 0 to 3600"),
        (["--bus", BUS, "--max-wait", "nan"], "--max-wait must be from 0 to 3600"),
        (["--bus", BUS, "--group", " "], "--group must be a name"),
    ],
)
def test_wrong_arguments_are_told_in_one_sentence(
    arguments: list[str], fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["loader", "--store", str(tmp_path / "store"), *arguments]) == 2
    said = capsys.readouterr().err
    assert fault in said
    assert said.count("\n") == 1
    assert "hunter2" not in said


def test_a_pool_goes_to_a_store_or_to_a_bus_and_not_to_both(tmp_path: Path) -> None:
    for wrong in ([], ["--store", str(tmp_path), "--bus", BUS]):
        with pytest.raises(SystemExit) as ended:
            main(["run", "--site", "site.toml", *wrong])
        assert ended.value.code == 2


def test_loader_loads_what_is_published_answers_prometheus_and_stops_when_told(broker: Broker, tmp_path: Path) -> None:
    address = address_of(broker, "command")
    (port,) = free_ports(1)
    with Outbox(tmp_path / "outbox.db") as outbox, KafkaPublisher(outbox, address) as publisher:
        outbox.append(
            [
                CameraRegistration(CAMERA, "Tapis", "Grogot", "Asia/Makassar"),
                LinesRegistration(CAMERA, "run-a", (line(),)),
                *minutes(range(15)),
                *[crossing(second, track=second) for second in range(100)],
            ]
        )
        publisher.drain()
        command = [
            sys.executable,
            "-m",
            "pipeline",
            "loader",
            "--bus",
            str(address),
            "--store",
            str(tmp_path / "store"),
        ]
        loader = subprocess.Popen([*command, "--metrics-port", str(port), "--max-wait", "0.2"], stderr=subprocess.PIPE)

        def loaded() -> bool:
            time.sleep(0.3)
            assert loader.poll() is None
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                    return b"simpang_loader_loaded_records_total 117.0" in answer.read()
            except OSError:
                return False

        try:
            until(loaded)
            loader.send_signal(signal.SIGTERM)
            _, said = loader.communicate(timeout=60)
        finally:
            loader.kill()
        assert loader.returncode == 0, said
        assert b"stopped; loaded 117, rejected 0" in said
        assert b"Traceback" not in said
    with EmbeddedStore(tmp_path / "store") as store:
        assert counts(store) == [(0, 100, 900.0, "complete")]
        assert store.query("SELECT name FROM cameras").to_pylist() == [{"name": "Tapis"}]
