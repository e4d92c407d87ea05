"""Small videos made for the tests, each picture with a grey of its own so that it can be recognised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from pipeline.types import Frame, Image

WIDTH, HEIGHT = 64, 48
MILLISECONDS = Fraction(1, 1000)


def grey(index: int) -> Image:
    """A flat picture whose brightness tells `index`, up to 20."""
    return np.full((HEIGHT, WIDTH, 3), 20 + 10 * index, np.uint8)


def index_of(frame: Frame) -> int:
    """Which `grey` the frame shows."""
    return round((float(frame.image.mean()) - 20) / 10)


def textured(index: int) -> Image:
    """A picture with enough detail that a coded one takes more than a few bytes."""
    return np.random.default_rng(index).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)


def write_video(
    path: Path,
    times_ms: Sequence[int],
    *,
    picture: Callable[[int], Image] = grey,
    codec: str = "mjpeg",
    codec_options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    rate: int = 10,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    last_shown_ms: int = 0,
) -> Path:
    """Write `picture(i)` at `times_ms[i]`. Motion JPEG codes equal pictures equally and each by itself."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=codec_options or {})
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.time_base = stream.codec_context.time_base = MILLISECONDS
        coded = []
        for index in range(len(times_ms)):
            frame = av.VideoFrame.from_ndarray(picture(index), format="bgr24")
            # The encoder wants rising timestamps, which the recorders we imitate do not always give.
            frame.pts, frame.time_base = 1000 * index, MILLISECONDS
            coded.extend(stream.encode(frame))
        coded.extend(stream.encode(None))
        for packet in coded:
            packet.pts = times_ms[packet.pts // 1000]
            # Reordered pictures are decoded before the first is shown, at times before zero.
            packet.dts = times_ms[packet.dts // 1000] if packet.dts >= 0 else packet.dts // 10
            packet.time_base = MILLISECONDS
            packet.duration = last_shown_ms if packet is coded[-1] else 0
            container.mux(packet)
    return path


def write_sound(path: Path) -> Path:
    """Write a second of silence and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return path
