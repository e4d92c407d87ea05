"""A real RTSP server for tests, cameras that publish to it, and a bad link in front of it.

The server is the few lines of Go in this directory around gortsplib (the library behind MediaMTX), built once into
`build/`. Without Go, or without a registry to build from, the tests that need it are skipped with the reason.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal

import av
import numpy as np

from tests.real_parts import missing

SOURCE = Path(__file__).parent
BINARY = SOURCE.parents[1] / "build" / "rtsp_server"
BUILD_LIMIT_S = 300
FPS = 10


def built_server() -> Path:
    """The server's program, built where it is missing or older than its source; skips the test where it cannot be."""
    sources = [SOURCE / name for name in ("main.go", "go.mod", "go.sum")]
    if BINARY.exists() and BINARY.stat().st_mtime > max(path.stat().st_mtime for path in sources):
        return BINARY
    go = shutil.which("go")
    if go is None:
        missing("rtsp", "building the server takes Go 1.23 or later; install it")
    BINARY.parent.mkdir(exist_ok=True)
    try:
        subprocess.run(
            [go, "build", "-o", BINARY, "."], cwd=SOURCE, check=True, capture_output=True, timeout=BUILD_LIMIT_S
        )
    except subprocess.SubprocessError as error:
        said = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip()
        missing("rtsp", f"the server could not be built: {said.splitlines()[-1] if said else error}")
    return BINARY


def free_ports() -> tuple[int, int]:
    """A free TCP port, and an even UDP port whose successor is free too (RTP and RTCP)."""
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        while True:
            with (
                socket.socket(type=socket.SOCK_DGRAM) as rtp,
                socket.socket(type=socket.SOCK_DGRAM) as rtcp,
            ):
                rtp.bind(("127.0.0.1", 0))
                port = rtp.getsockname()[1]
                if port % 2:
                    continue
                try:
                    rtcp.bind(("127.0.0.1", port + 1))
                except OSError:
                    continue
                return tcp.getsockname()[1], port


class RtspServer:
    """One server process; `url("x")` is where camera x publishes and is read."""

    def __init__(self, *, user: str = "", password: str = "", loss: float = 0.0) -> None:
        program = built_server()
        self.port, rtp = free_ports()
        self._process = subprocess.Popen(
            [
                program,
                f"-listen=127.0.0.1:{self.port}",
                f"-rtp=127.0.0.1:{rtp}",
                f"-user={user}",
                f"-password={password}",
                f"-loss={loss}",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def url(self, path: str, credentials: str = "", port: int | None = None) -> str:
        return f"rtsp://{credentials}127.0.0.1:{port or self.port}/{path}"

    def __enter__(self) -> RtspServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Camera:
    """Publishes moving noise as H.264 at `FPS`; can be switched off and on, and can change its resolution."""

    def __init__(self, url: str, size: tuple[int, int] = (320, 180)) -> None:
        self._url, self._size = url, size
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self.sent = 0
        """Pictures sent so far."""

    def switch_on(self) -> Camera:
        self._stop.clear()
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self._thread.start()
        return self

    def switch_off(self) -> None:
        self._stop.set()
        self._thread.join()

    def resize(self, size: tuple[int, int]) -> None:
        """Send pictures of another size from now on, in the same stream, as when its settings are changed."""
        self._size = size

    def _publish(self) -> None:
        with av.open(self._url, "w", format="rtsp", options={"rtsp_transport": "tcp"}) as out:
            encoder = _encoder(self._size)
            stream = out.add_stream("libx264", rate=FPS)
            stream.width, stream.height, stream.pix_fmt = *self._size, "yuv420p"
            began_s = time.monotonic()
            for number in range(1_000_000):
                if (encoder.width, encoder.height) != self._size:
                    encoder = _encoder(self._size)
                picture = av.VideoFrame.from_ndarray(_noise(number, self._size), "gray")
                picture.pts, picture.time_base = number, Fraction(1, FPS)
                for packet in encoder.encode(picture.reformat(format="yuv420p")):
                    packet.stream, packet.time_base = stream, Fraction(1, FPS)
                    out.mux(packet)
                self.sent += 1
                if self._stop.wait(max(0.0, began_s + (number + 1) / FPS - time.monotonic())):
                    return


def _encoder(size: tuple[int, int]) -> av.VideoCodecContext:
    encoder = av.VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", Fraction(1, FPS), Fraction(FPS)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(FPS), "bf": "0"}
    return encoder


def _noise(number: int, size: tuple[int, int]) -> np.ndarray:
    """Coarse blocks, so that it is cheap to encode and no two pictures are equal."""
    width, height = size
    blocks = np.random.default_rng(number).integers(0, 255, (height // 20, width // 20), np.uint8)
    return np.ascontiguousarray(np.kron(blocks, np.ones((20, 20), np.uint8)))


Mode = Literal["pass", "cut", "garbage", "silent"]


class BadLink:
    """A TCP relay to `port` that can be cut, go silent, or put garbage between what the server sends."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.mode: Mode = "pass"
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, mode: Mode) -> None:
        self.mode = mode
        if mode == "cut":
            self._hang_up()

    def close(self) -> None:
        self._listener.close()
        self._hang_up()

    def _hang_up(self) -> None:
        for each in list(self._sockets):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._sockets.discard(each)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.mode == "cut":
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            self._sockets |= {client, server}
            threading.Thread(target=self._carry, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, True), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, from_server: bool) -> None:
        rng = np.random.default_rng(1)
        try:
            while data := source.recv(65536):
                if from_server and self.mode == "silent":
                    continue
                if from_server and self.mode == "garbage":
                    data = rng.integers(0, 256, len(data), np.uint8).tobytes()
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for each in (source, sink):
                self._sockets.discard(each)
                each.close()
