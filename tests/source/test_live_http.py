"""Live cameras over HTTP: Motion JPEG pushed by a server, and HLS fetched in pieces."""

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from socket import create_server

import cv2
import pytest

from pipeline.errors import FeedError, InputError
from pipeline.source.live import MOST_DAMAGE, CameraFeed
from pipeline.source.live_open import open_live
from pipeline.types import NS_PER_S
from tests.source.video_files import textured, write_video

TICK_S = 0.1


class MotionJpeg(BaseHTTPRequestHandler):
    """Pushes pictures ten times a second, as old cameras do."""

    spoilt: Collection[int] = ()
    """The pictures that cannot be decoded."""
    at_once = 0
    """So many pictures come in one go, and the next a second later."""

    def do_GET(self) -> None:
        if "Authorization" not in self.headers and self.path.startswith("/locked"):
            self.send_error(401)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for index in range(100):
            data = b"no picture" if index in self.spoilt else cv2.imencode(".jpg", textured(index))[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + data + b"\r\n")
            except OSError:
                return
            if index + 1 >= self.at_once:
                time.sleep(1.1 if index + 1 == self.at_once else TICK_S)

    def log_message(self, format: str, *args: object) -> None:
        pass


class QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def serve(handler: object) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:  # type: ignore[arg-type]
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def camera() -> Iterator[str]:
    yield from serve(MotionJpeg)


def test_motion_jpeg_has_no_clock_of_its_own_and_goes_by_arrival(camera: str) -> None:
    feed = CameraFeed(f"http://{camera}/video.mjpg", camera="a", fps=10)
    began_ns = time.time_ns()
    frames = list(islice(feed.frames(), 12))
    assert feed.stats.clock == "arrival"
    assert frames[0].size == (64, 48)
    assert all(began_ns <= frame.captured_at_ns <= time.time_ns() for frame in frames)
    assert frames[-1].captured_at_ns - frames[0].captured_at_ns >= 11 * 0.9 * TICK_S * NS_PER_S
    assert [frame.seq for frame in frames] == list(range(12))


def test_of_pictures_that_stand_alone_only_those_that_are_looked_at_are_decoded() -> None:
    class TooMany(MotionJpeg):
        # The first is gone by the time the stream is known.
        spoilt, at_once = range(2, 9), 9

    for address in serve(TooMany):
        feed = CameraFeed(f"http://{address}/video.mjpg", camera="a", fps=1)
        frames = list(islice(feed.frames(), 2))
    assert frames[1].captured_at_ns - frames[0].captured_at_ns > NS_PER_S / 2
    assert feed.stats.pictures >= 9
    assert (feed.stats.damaged, feed.stats.thinned) == (0, 0)


def test_a_damaged_picture_that_was_to_be_looked_at_is_not_taken_for_an_overload() -> None:
    class Damaged(MotionJpeg):
        spoilt = (3, 4)

    for address in serve(Damaged):
        feed = CameraFeed(f"http://{address}/video.mjpg", camera="a", fps=25)
        frames = list(islice(feed.frames(), 8))
    assert (feed.stats.damaged, feed.stats.thinned) == (2, 0)
    assert sorted(frame.lost_before for frame in frames) == [0] * 7 + [2]


def test_a_camera_that_sends_nothing_whole_for_the_stall_time_is_damaged() -> None:
    class Broken(MotionJpeg):
        spoilt = range(3, 100)

    for address in serve(Broken):
        feed = CameraFeed(f"http://{address}/video.mjpg", camera="a", fps=25, stall_s=1.0)
        began_s = time.monotonic()
        with pytest.raises(FeedError, match="no whole picture for 1 s") as raised:
            list(feed.frames())
    assert raised.value.state == "damaged"
    assert 1.0 < time.monotonic() - began_s < MOST_DAMAGE * TICK_S
    assert feed.stats.chosen == 2  # the first is gone by the time the stream is known


def test_a_camera_that_asks_for_a_password_is_unauthorised_and_the_answer_shows_none(camera: str) -> None:
    feed = CameraFeed(f"http://{camera}/locked?token=hush", camera="a", fps=10)
    with pytest.raises(FeedError) as raised:
        next(feed.frames())
    assert raised.value.state == "unauthorised"
    assert "hush" not in str(raised.value)


def test_hls_is_handed_on_at_its_own_pace_and_not_as_fast_as_it_can_be_fetched(tmp_path: Path) -> None:
    write_video(
        tmp_path / "live.m3u8",
        [100 * i for i in range(30)],
        picture=textured,
        codec="libx264",
        codec_options={"preset": "ultrafast", "g": "10", "bf": "0"},
        container_options={"hls_time": "1", "hls_list_size": "0"},
    )

    def handler(*args: object) -> QuietFiles:
        return QuietFiles(*args, directory=str(tmp_path))  # type: ignore[arg-type]

    for address in serve(handler):
        feed = CameraFeed(f"http://{address}/live.m3u8", camera="a", fps=10)
        began_s = time.monotonic()
        frames = list(islice(feed.frames(), 15))
        elapsed_s = time.monotonic() - began_s
    shown_s = (frames[-1].captured_at_ns - frames[0].captured_at_ns) / NS_PER_S
    assert shown_s == pytest.approx(1.4, abs=0.05)
    assert elapsed_s >= shown_s


def test_a_refused_connection_has_a_state_of_its_own() -> None:
    with closing(create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    with pytest.raises(FeedError) as raised:
        next(CameraFeed(f"http://user:s3cret@127.0.0.1:{port}/x", camera="a", fps=10).frames())
    assert raised.value.state == "refused"
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "gopher://user:s3cret@host/x",
        "/no/such/recording.mp4",
        "/" + 300 * "x",
        "rtsp://user:s3cret/#@host/x",
        "rtsp://user:?s3cret@host/x",
        "rtsp:/user:s3cret@host/x",
        "rtsp://user:s3cret@[::1/x",
        "http://user:s3cret@/x",
        "http://host:0/x",
    ],
)
def test_what_can_never_be_a_camera_is_refused_at_once(url: str) -> None:
    with pytest.raises(InputError) as raised:
        open_live(url, camera="a", fps=10)
    assert "s3cret" not in str(raised.value)
