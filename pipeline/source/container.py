"""Opening a file or an HTTP(S) URL as a video, with one clear sentence for everything that can be wrong with it."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from pipeline.errors import InputError
from pipeline.source.url import local_path, redact, scheme_of

OPEN_TIMEOUT_S: Final = 15.0
READ_TIMEOUT_S: Final = 30.0

_NOT_FOOTAGE: Final = ("tty", "image2", "_pipe", "lrc")
"""Formats FFmpeg gladly reads as video: text files and single pictures."""


def open_video(url: str, *, threads: int) -> tuple[InputContainer, VideoStream]:
    """Open `url` and pick its first real video stream.

    `threads` is the number of decoding threads, 0 for one per core. Raises InputError where it cannot be read as video.
    """
    scheme = scheme_of(url)
    if scheme == "file":
        path = local_path(url)
        _check_file(path)
        container = _open(f"file:{path}", name=path.name, head=_head(path))
        name = path.name
    elif scheme in ("http", "https"):
        name = redact(url)
        container = _open(url, name=name, head=b"")
    else:
        raise InputError(
            f"{redact(url)} cannot be read: {scheme}: is not supported; give a file, an http(s):// URL or sim:"
        )
    try:
        stream = _pick_stream(container, name)
    except InputError:
        container.close()
        raise
    stream.codec_context.thread_count = threads
    stream.codec_context.thread_type = "AUTO"
    return container, stream


def _check_file(path: Path) -> None:
    if not path.exists():
        raise InputError(f"there is no file {path}; check the path")
    if path.is_dir():
        raise InputError(f"{path} is a directory; name one video file in it")
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise InputError(f"{path} is not a regular file; give a video file or a URL")
        if size == 0:
            raise InputError(f"{path} is empty (0 bytes); copy it again from the recorder")
        with path.open("rb"):
            pass
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(16)


def _open(url: str, *, name: str, head: bytes) -> InputContainer:
    try:
        return av.open(url, timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S))
    except av.error.FFmpegError as error:
        raise InputError(_why_not_opened(error, name, head)) from error


def _why_not_opened(error: av.error.FFmpegError, name: str, head: bytes) -> str:
    """A sentence from the kind of error alone: FFmpeg's own text may hold the URL and its password."""
    if isinstance(error, av.error.HTTPNotFoundError):
        return f"{name} does not exist: the server answered 404; check the URL"
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return f"{name} refused access (HTTP 401 or 403); check user name and password in the URL"
    if isinstance(error, av.error.HTTPError | av.error.HTTPClientError):
        return f"{name} cannot be read: the server answered with an error ({error.strerror})"
    if isinstance(error, av.error.ConnectionRefusedError):
        return f"{name} refused the connection; check host and port and that the server is running"
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return f"{name} did not answer within {OPEN_TIMEOUT_S:g} s; check the address and the link"
    if isinstance(error, av.error.InvalidDataError | av.error.EOFError):
        if head[4:8] == b"ftyp":
            return (
                f"{name} is an incomplete MP4: its index (moov) is missing, so the recording was cut off; "
                "copy it again or repair it"
            )
        return f"{name} is not a video that can be read; give a file such as .mp4, .mkv, .avi or .ts"
    return f"{name} cannot be opened ({type(error).__name__}); check the address and that it is a video"


def _pick_stream(container: InputContainer, name: str) -> VideoStream:
    if any(kind in container.format.name for kind in _NOT_FOOTAGE):
        raise InputError(f"{name} is not a video but {container.format.long_name}; give a file such as .mp4 or .mkv")
    for stream in container.streams.video:
        cover_art = stream.disposition & av.stream.Disposition.attached_pic
        if not cover_art and stream.codec_context is not None:
            return stream
    raise InputError(f"{name} has no video stream; give a recording with pictures")


def frame_rate(stream: VideoStream) -> Fraction | None:
    """Average pictures per second as the container states or FFmpeg guesses it."""
    rate = stream.average_rate or stream.guessed_rate
    return rate if rate and rate > 0 else None


def stated_duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    """The shortest of what stream and container state: an edit list shortens only the container's, sound lengthens it.

    Matroska states a stream's own length as a tag, `00:01:02.500000000`.
    """
    stated = []
    if stream.duration and stream.time_base:
        stated.append(float(stream.duration * stream.time_base))
    if container.duration:
        stated.append(container.duration / av.time_base)
    if tag := re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = tag.groups()
        stated.append(int(hours) * 3600 + int(minutes) * 60 + float(seconds))
    return min((length for length in stated if length > 0), default=None)
