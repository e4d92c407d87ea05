"""The compose file without a container engine: its shape, and that what it starts understands what it is given."""

from __future__ import annotations

import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.__main__ import build_parser
from pipeline.config import load_site
from pipeline.sink.clickhouse_address import ServerAddress
from pipeline.sink.kafka_address import BusAddress

DEPLOY = Path(__file__).parents[1] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("simpang")]


def environment(service: str) -> dict[str, str]:
    return dict(SERVICES[service].get("environment", {}))


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_health_check_a_memory_limit_and_comes_back_by_itself(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert service["mem_limit"]
    assert service["restart"] == "unless-stopped"
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    image = SERVICES[name]["image"]
    assert ":" in image
    assert not image.endswith(":latest")


@pytest.mark.parametrize("name", OURS)
def test_our_commands_take_the_arguments_they_are_given(name: str) -> None:
    program, *arguments = SERVICES[name]["command"]
    assert program == "simpang"
    args = build_parser().parse_args(arguments)
    assert BusAddress.parse(args.bus).servers[0].split(":")[0] in SERVICES
    if args.store:
        assert ServerAddress.parse(args.store, "secret").host in SERVICES


def test_what_is_named_is_there() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", ())]
    for mount in mounts:
        source = mount.split(":")[0]
        if source.startswith("./"):
            # The site file is the user's own; an example lies beside it.
            assert (DEPLOY / source.replace("site.toml", "site.example.toml")).exists()
        else:
            assert source in COMPOSE["volumes"]
    for service in SERVICES.values():
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        for name, value in service.get("environment", {}).items():
            if name.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in COMPOSE["secrets"]


def test_no_password_is_written_down() -> None:
    for service in SERVICES:
        assert not [name for name in environment(service) if "PASSWORD" in name and not name.endswith("_FILE")]


def test_the_broker_that_is_deployed_is_the_one_that_is_tested() -> None:
    from tests.kafka_broker.jars import VERSION

    assert SERVICES["kafka"]["image"] == f"apache/kafka:{VERSION}"


def test_the_example_of_a_site_file_is_one() -> None:
    site = load_site(DEPLOY / "site.example.toml", {"CAM_USER": "u", "CAM_PASSWORD": "p"})
    assert [camera.id for camera in site.camera] == ["grogot-sudirman-1"]


@pytest.mark.parametrize("path", sorted((DEPLOY / "clickhouse").glob("*.xml")), ids=lambda path: path.name)
def test_the_servers_settings_are_well_formed(path: Path) -> None:
    assert ET.parse(path).getroot().tag == "clickhouse"


@pytest.mark.parametrize(("value", "status"), [("0.0", 0), ("1.0", 1)])
def test_a_loader_that_waits_for_its_store_is_not_healthy(value: str, status: int) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"# HELP x\nsimpang_loader_failing {value}\n".encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        command = [sys.executable, str(DEPLOY / "healthy.py"), f"http://127.0.0.1:{server.server_port}/metrics"]
        try:
            asked = subprocess.run([*command, "simpang_loader_failing"], capture_output=True, check=False)
            assert asked.returncode == status
            assert subprocess.run(command, capture_output=True, check=False).returncode == 0
            assert subprocess.run([*command, "no_such_gauge"], capture_output=True, check=False).returncode == 1
        finally:
            server.shutdown()
            thread.join()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
