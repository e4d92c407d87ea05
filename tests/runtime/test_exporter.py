import json
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.errors import InputError
from pipeline.metrics import METRICS
from pipeline.runtime.exporter import (
    PoolCollector,
    PoolStatus,
    StatusFile,
    WorkerRow,
    read_status,
    refuse_another,
    serve_metrics,
)
from pipeline.runtime.live_camera import latency_quantile_s
from pipeline.runtime.messages import LATENCY_BOUNDS_S, CameraStatus, LoaderStatus, WorkerStatus

COUNTS = (5, 3, 2, *[0] * (len(LATENCY_BOUNDS_S) - 2))
CAMERA = CameraStatus("a", "live", "", "rtcp", 250, 100, 7, 3, 2, 11, COUNTS, 1.5)
WORKER = WorkerStatus((CAMERA,), 4711, "cpu", "simpang-n", 50, 100, 12.5, 60.0, 0.9, 0.8, 4)


def pool(*rows: WorkerRow) -> PoolStatus:
    return PoolStatus(1, time.time(), "running", rows, LoaderStatus(6, 2.5, 90, ""))


UP = WorkerRow("worker-0", True, False, 1, ("a",), WORKER)


def samples(status: PoolStatus) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    registry = CollectorRegistry()
    registry.register(PoolCollector(lambda: status))
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def test_every_number_of_the_status_is_exported_under_its_documented_name() -> None:
    found = samples(pool(UP))
    camera, worker = (("camera", "a"),), (("device", "cpu"), ("worker", "worker-0"))
    assert found["simpang_camera_up", camera] == 1
    assert found["simpang_camera_decoded_frames_total", camera] == 250
    assert found["simpang_camera_analysed_frames_total", camera] == 100
    assert found["simpang_camera_dropped_frames_total", camera] == 7
    assert found["simpang_camera_connects_total", camera] == 2
    assert found["simpang_camera_crossings_total", camera] == 11
    assert found["simpang_camera_latency_seconds_bucket", (("camera", "a"), ("le", "0.1"))] == 8
    assert found["simpang_camera_latency_seconds_count", camera] == 10
    assert found["simpang_camera_latency_seconds_sum", camera] == 1.5
    assert found["simpang_worker_frames_total", worker] / found["simpang_worker_batches_total", worker] == 2
    assert found["simpang_worker_busy_seconds_total", worker] == 12.5
    assert found["simpang_worker_detail_ratio", worker] == 0.8
    assert found["simpang_worker_restarts_total", (("worker", "worker-0"),)] == 1
    assert found["simpang_outbox_records", (("worker", "worker-0"),)] == 4
    assert found["simpang_loader_waiting_records", ()] == 6
    assert found["simpang_loader_lag_seconds", ()] == 2.5


def test_what_is_exported_for_a_pool_is_documented() -> None:
    registry = CollectorRegistry()
    registry.register(PoolCollector(lambda: pool(UP)))
    documented = {metric.name.removesuffix("_total"): metric for metric in METRICS}
    for family in registry.collect():
        assert family.documentation == documented[family.name].meaning


def test_a_camera_whose_worker_is_gone_is_down_and_one_set_aside_is_isolated() -> None:
    gone = WorkerRow("worker-0", False, False, 2, ("a",), WORKER)
    isolated = WorkerRow("worker-1", False, True, 5, ("b",), None)
    status = pool(gone, isolated)
    assert [(camera.camera, camera.state) for camera in status.cameras()] == [("a", "down"), ("b", "isolated")]
    assert samples(status)["simpang_camera_up", (("camera", "a"),)] == 0


def test_the_status_file_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    status = pool(UP, WorkerRow("worker-1", False, True, 5, ("b",), None))
    StatusFile(tmp_path).write(status)
    assert read_status(tmp_path) == status
    assert json.loads((tmp_path / "status.json").read_text())["workers"][0]["name"] == "worker-0"


def test_where_no_pool_has_run_the_user_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="simpang run"):
        read_status(tmp_path)


def test_a_disk_that_takes_no_status_is_said_once_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "status.new").mkdir()
    file = StatusFile(tmp_path)
    for _ in range(3):
        file.write(pool(UP))
    assert caplog.text.count("the status cannot be kept") == 1
    (tmp_path / "status.new").rmdir()
    file.write(pool(UP))
    assert read_status(tmp_path).workers == (UP,)
    StatusFile(tmp_path / "none").write(pool(UP))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "damaged"),
        ("{}", "another version"),
        ('{"workers": [{"assigned": [], "status": null, "colour": 1}]}', "another version"),
        (None, "Is a directory"),
    ],
)
def test_a_status_that_cannot_be_read_says_why(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "status.json"
    path.mkdir() if content is None else path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_status(tmp_path)


def test_a_second_pool_on_one_spool_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    refuse_another(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        running = replace(pool(UP), pid=other.pid)
        StatusFile(tmp_path).write(running)
        with pytest.raises(InputError, match=f"process {other.pid}; stop it first"):
            refuse_another(tmp_path)
        for ended in (replace(running, phase="done"), replace(running, at_s=time.time() - 60.0)):
            StatusFile(tmp_path).write(ended)
            refuse_another(tmp_path)
    StatusFile(tmp_path).write(running)
    refuse_another(tmp_path)
    StatusFile(tmp_path).write(replace(running, pid=os.getpid()))
    refuse_another(tmp_path)


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="99999: a port is a number"):
        serve_metrics(lambda: pool(UP), "127.0.0.1", 99999)


def test_prometheus_is_answered_and_a_port_in_use_is_named() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"{port}.*--metrics-port"):
            serve_metrics(lambda: pool(UP), "127.0.0.1", port)
    stop = serve_metrics(lambda: pool(UP), "127.0.0.1", port)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert b"simpang_camera_up" in answer.read()
    finally:
        stop()


def test_a_quantile_of_latency_is_the_bound_of_its_bucket() -> None:
    assert latency_quantile_s(COUNTS, 0.5) == 0.05
    assert latency_quantile_s(COUNTS, 0.95) == 0.15
    assert latency_quantile_s((0,) * len(COUNTS), 0.95) is None
    assert latency_quantile_s((*[0] * len(LATENCY_BOUNDS_S), 1), 0.95) == float("inf")
