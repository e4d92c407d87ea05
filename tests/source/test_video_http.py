import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_server

import pytest

from pipeline.errors import InputError
from pipeline.source import VideoSource
from tests.source.video_files import textured, write_video


class QuietHandler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/private"):
            self.send_error(401)
        elif self.path.startswith("/cut/"):
            content = (Path(self.directory) / Path(self.path).name).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def times_ns(url: str, from_s: float | None = None) -> list[int]:
    with VideoSource(url, camera="cam", start_at_ns=0, from_s=from_s) as source:
        return [frame.captured_at_ns for frame in source]


def test_a_video_over_http_reads_like_the_file(tmp_path: Path, address: str) -> None:
    path = write_video(tmp_path / "v.mkv", [0, 100, 250, 300], picture=textured)
    assert times_ns(f"http://{address}/v.mkv") == times_ns(str(path)) == [0, 100_000_000, 250_000_000, 300_000_000]


def test_a_server_that_cannot_seek_still_gives_a_later_part(tmp_path: Path, address: str) -> None:
    write_video(tmp_path / "v.mkv", [100 * i for i in range(30)], picture=textured)
    assert times_ns(f"http://{address}/v.mkv", from_s=2.0) == [100_000_000 * i for i in range(20, 30)]


def test_a_connection_that_breaks_off_gives_what_came_and_says_so(tmp_path: Path, address: str) -> None:
    write_video(tmp_path / "v.mkv", [100 * i for i in range(60)], picture=textured)
    with VideoSource(f"http://user:s3cret@{address}/cut/v.mkv", camera="cam", start_at_ns=0) as source:
        frames = list(source)
    assert 20 < len(frames) < 40
    assert source.stats.truncated
    assert source.warnings and "s3cret" not in " ".join(source.warnings)


@pytest.mark.parametrize(("path", "complaint"), [("none.mp4", "404"), ("private.mp4", "user name and password")])
def test_what_the_server_refuses_is_told_without_the_password(address: str, path: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        times_ns(f"http://admin:s3cret@{address}/{path}")
    assert "s3cret" not in str(raised.value)
    assert address in str(raised.value)


def test_a_refused_connection_is_told_without_the_password() -> None:
    with closing(create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    with pytest.raises(InputError, match=f"127.0.0.1:{port}.* refused the connection") as raised:
        times_ns(f"http://admin:s3cret@127.0.0.1:{port}/v.mp4?token=hush")
    assert "s3cret" not in str(raised.value) and "hush" not in str(raised.value)
