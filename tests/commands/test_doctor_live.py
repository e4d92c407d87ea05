"""`simpang doctor` on live cameras, with a real RTSP server."""

import time
from pathlib import Path

from tests.commands.conftest import Simpang
from tests.commands.test_run import CAMERA, PASSWORD
from tests.rtsp_server import Camera, RtspServer


def test_doctor_looks_at_a_live_camera_and_names_a_wrong_password_without_showing_it(
    simpang: Simpang, tmp_path: Path
) -> None:
    with RtspServer(user="viewer", password=PASSWORD) as server:
        camera = Camera(server.url("x"), size=(640, 360)).switch_on()
        while not camera.sent:
            time.sleep(0.05)
        path = tmp_path / "site.toml"
        path.write_text(
            CAMERA.format(id="good", url=server.url("x", f"viewer:{PASSWORD}@"))
            + CAMERA.format(id="locked", url=server.url("x", f"viewer:wrong-{PASSWORD}@"))
        )
        outcome = simpang("doctor", "--site", path)
        camera.switch_off()
    assert outcome.status == 2
    assert "ok    camera good: 640x360" in outcome.out
    (failure,) = [line for line in outcome.out.splitlines() if line.startswith("FAIL")]
    assert failure.startswith("FAIL  camera locked")
    assert "password" in failure
    assert PASSWORD not in outcome.out + outcome.err
