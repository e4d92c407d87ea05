"""A simulated recording as a video file, to exercise everything that reads files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final

import av

from pipeline.errors import InputError, StorageError
from pipeline.source.simulated.junction import SimulatedJunction

_TIME_BASE: Final = Fraction(1, 90_000)


def write_video(junction: SimulatedJunction, path: Path, *, bitrate: int = 2_000_000, preset: str = "veryfast") -> int:
    """Encode the recording as H.264, each picture at its capture time, stutter included.

    `bitrate` is in bits per second; low values give the blocks of a cheap camera.

    Returns:
        The number of pictures written.

    Raises:
        InputError: the name's suffix is no video container.
        StorageError: the file cannot be written.
    """
    written = 0
    try:
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=Fraction(junction.fps).limit_denominator(1001))
            stream.width, stream.height = junction.size
            stream.pix_fmt, stream.bit_rate = "yuv420p", bitrate
            stream.options = {"preset": preset}
            stream.codec_context.time_base = _TIME_BASE
            for frame, _, _ in junction.as_sent():
                picture = av.VideoFrame.from_ndarray(frame.image, format="bgr24")
                since_start_ns = frame.captured_at_ns - junction.started_at_ns
                picture.pts, picture.time_base = round(since_start_ns * _TIME_BASE.denominator / 1e9), _TIME_BASE
                container.mux(stream.encode(picture))
                written += 1
            container.mux(stream.encode(None))
    except (OSError, av.FFmpegError) as error:
        raise StorageError(f"cannot write the video {path}: {error.strerror}; choose another file") from error
    except ValueError as error:
        raise InputError(f"cannot write a video as {path}; give a name that ends in .mp4 or .mkv") from error
    return written
