from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.source import open_source, redact
from pipeline.source.url import local_path, scheme_of
from tests.source.video_files import write_video


def test_a_path_a_file_url_and_a_path_with_a_colon_open_the_same_video(tmp_path: Path) -> None:
    plain = write_video(tmp_path / "v.mkv", [0, 100])
    colon = tmp_path / "cam:1 50%.mkv"
    colon.write_bytes(plain.read_bytes())
    for url in (str(plain), f"file://{plain}", f"file:{plain}", str(colon), colon.as_uri()):
        with open_source(url, camera="cam", start_at_ns=7) as source:
            assert [frame.captured_at_ns for frame in source] == [7, 100_000_007]


def test_a_simulated_junction_takes_the_camera_and_the_start() -> None:
    with open_source("sim:?seconds=1&size=320x180", camera="gate-1", start_at_ns=5_000_000_000) as source:
        frame = next(iter(source))
    assert (frame.camera, frame.captured_at_ns, frame.seq) == ("gate-1", 5_000_000_000, 0)
    assert frame.size == source.size


def test_a_part_of_a_simulation_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be read in part"):
        open_source("sim:", camera="cam", start_at_ns=0, from_s=1.0)


@pytest.mark.parametrize("url", ["rtsp://admin:s3cret@10.0.0.9/live", "ftp://admin:s3cret@host/v.mp4"])
def test_a_scheme_that_is_not_supported_is_named_without_the_password(url: str) -> None:
    with pytest.raises(InputError, match="is not supported") as raised:
        open_source(url, camera="cam", start_at_ns=0)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("url", ["pipe:0", "-", "concat:a.ts|b.ts", "subfile,,start,0,end,9,,:/etc/hostname"])
def test_the_special_inputs_of_ffmpeg_are_only_file_names(url: str) -> None:
    with pytest.raises(InputError, match="there is no file"):
        open_source(url, camera="cam", start_at_ns=0)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://admin:1234@10.0.0.9/live.mp4?token=abc&ch=2", "http://***@10.0.0.9/live.mp4?token=***&ch=2"),
        ("rtsp://user@cam.local:554/1", "rtsp://***@cam.local:554/1"),
        ("http://a:p@ss@host/x", "http://***@host/x"),
        ("http://cam/video?user=admin&pwd=x&size=1", "http://cam/video?user=***&pwd=***&size=1"),
        ("http://cam/v.mp4", "http://cam/v.mp4"),
        ("/data/a@b.mp4", "/data/a@b.mp4"),
        ("file:///data/c:a@b.mp4", "file:///data/c:a@b.mp4"),
        ("rtsp://a:p/s?#@x@host:554/live", "rtsp://***@host:554/live"),
        ("rtsp:/a:p@host/live", "rtsp:/***@host/live"),
        ("http://cam/live@2?key=x", "http://cam/live@2?key=***"),
        ("http://cam/v?user=a@b&size=1", "http://cam/v?user=***&size=1"),
    ],
)
def test_redacting_hides_what_is_secret_and_nothing_else(url: str, shown: str) -> None:
    assert redact(url) == shown


@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        ("sim:?seed=1", "sim"),
        ("sim:", "sim"),
        ("HTTP://h/v", "http"),
        ("a/b.mp4", "file"),
        ("C:\\v.mp4", "file"),
        ("file:///v", "file"),
    ],
)
def test_the_scheme_of_a_url(url: str, scheme: str) -> None:
    assert scheme_of(url) == scheme


def test_a_file_url_is_unquoted() -> None:
    assert local_path("file:///data/my%20clip.mp4") == Path("/data/my clip.mp4")
