"""A clip so plain, and a network so small, that what must be counted is known."""

from fractions import Fraction
from pathlib import Path

import av

from benchmarks._passages import FPS, LOOP_S
from pipeline.types import CountingLine
from tests.detect.tiny_model import CELL, RED, picture

WIDTH, HEIGHT = 832, 480
ROWS = HEIGHT // CELL
EVERY_FRAMES = 7
LINE = CountingLine("middle", (0.0, 130.0), (831.0, 370.0))
"""Slanted, so that the region around it is the whole picture: the tiny network only knows its own scale."""
DETAILS = (1.0,)
"""The tiny network sees nothing in a smaller picture: what a worker counts that looks less closely is not known."""


def falling_cars(path: Path) -> Path:
    """Every seven frames a car starts at the top and moves down by its own length a frame."""
    frames = round(LOOP_S * FPS)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS), options={"preset": "ultrafast", "crf": "10"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(frames):
            cars = []
            for index, start in enumerate(range(0, frames - ROWS, EVERY_FRAMES)):
                row, left = number - start, (5 * index % 26) * CELL
                if 0 <= row < ROWS:
                    cars.append((left, row * CELL, left + CELL, (row + 1) * CELL, RED))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(WIDTH, HEIGHT, *cars), "bgr24")))
        container.mux(stream.encode(None))
    return path
