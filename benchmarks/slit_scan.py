"""Count by hand: draw what passes a line over time, and the frames around one passage.

    python -m benchmarks.slit_scan VIDEO --line X1 Y1 X2 Y2 --out scan.png
    python -m benchmarks.slit_scan VIDEO --strip X Y WIDTH HEIGHT --frames FIRST LAST --out strip.png

A slit scan stacks the pixels along a line: frames from left to right, the line from its start (top) to its end
(bottom). Each vehicle that crosses is one blob, and its first and last column are the window that a truth file wants
for it. A strip shows one part of the picture frame after frame, to tell class and direction; with --line it shows the
line too. Frames are numbered from 0 as decoded. Whoever counts must not have seen a detector's answer.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from pipeline.types import Image

Line = tuple[tuple[float, float], tuple[float, float]]
"""Start and end, each (x, y) in pixels of the video."""

WHITE: Final = (255, 255, 255)
BLACK: Final = (0, 0, 0)

MARGIN: Final = 16
"""Height in pixels of the band above the pictures that holds the frame numbers."""


def frames(video: Path, first: int = 0, last: int | None = None) -> Iterator[tuple[int, Image]]:
    """Decoded frames `first` to `last`, both included, with their 0-based numbers."""
    capture = cv2.VideoCapture(str(video))
    if not capture.isOpened():
        raise SystemExit(f"cannot open {video}")
    try:
        number = 0
        while (last is None or number <= last) and capture.grab():
            if number >= first:
                yield number, capture.retrieve()[1]
            number += 1
    finally:
        capture.release()


def pixels_along(image: Image, line: Line) -> Image:
    """The pixels along the line, both ends included, about one per pixel of its length; (length, 3)."""
    (x1, y1), (x2, y2) = line
    count = round(float(np.hypot(x2 - x1, y2 - y1))) + 1
    x = np.linspace(x1, x2, count, dtype=np.float32)[:, None]
    y = np.linspace(y1, y2, count, dtype=np.float32)[:, None]
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]


def slit_scan(pictures: Iterable[tuple[int, Image]], line: Line) -> tuple[int, Image]:
    """The first frame's number, and the pixels along the line with one column per frame; (length, frames, 3)."""
    columns = [(number, pixels_along(image, line)) for number, image in pictures]
    if not columns:
        raise SystemExit("no frame in that range")
    return columns[0][0], np.stack([column for _, column in columns], axis=1)


def enlarged(scan: Image, across: int, down: float) -> Image:
    return cv2.resize(scan, None, fx=across, fy=down, interpolation=cv2.INTER_NEAREST)


def with_ruler(scan: Image, first: int, stretch: int) -> Image:
    """The scan, `stretch` columns a frame, under a band with a tick and a number where every tenth frame begins."""
    framed = cv2.copyMakeBorder(scan, MARGIN, 0, 0, 0, cv2.BORDER_CONSTANT, value=WHITE)
    for number in range(-(-first // 10) * 10, first + scan.shape[1] // stretch, 10):
        x = (number - first) * stretch
        cv2.line(framed, (x, 0), (x, MARGIN), (0, 0, 255), 1)
        if stretch > 3 or number % 20 == 0:
            cv2.putText(framed, str(number), (x + 2, MARGIN - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.4, BLACK, 1)
    return framed


def strip(
    pictures: Iterable[tuple[int, Image]],
    box: tuple[int, int, int, int],
    step: int,
    columns: int,
    enlarge: float,
    line: Line | None = None,
) -> Image:
    """Every `step`th picture, cut to `box` (x, y, width, height), numbered, in rows of `columns`; a line in yellow."""
    x, y, width, height = box
    tiles = []
    for number, image in itertools.islice(pictures, 0, None, step):
        if line:
            image = image.copy()
            start, end = ((round(px), round(py)) for px, py in line)
            cv2.line(image, start, end, (0, 255, 255), 1)
        tile = cv2.resize(image[y : y + height, x : x + width], None, fx=enlarge, fy=enlarge)
        tile = cv2.copyMakeBorder(tile, MARGIN, 0, 0, 2, cv2.BORDER_CONSTANT, value=WHITE)
        cv2.putText(tile, str(number), (2, MARGIN - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.4, BLACK, 1)
        tiles.append(tile)
    if not tiles:
        raise SystemExit("no frame in that range")
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--line", type=float, nargs=4, metavar=("X1", "Y1", "X2", "Y2"))
    parser.add_argument("--strip", type=int, nargs=4, metavar=("X", "Y", "WIDTH", "HEIGHT"))
    parser.add_argument("--frames", type=int, nargs=2, metavar=("FIRST", "LAST"), default=(0, None))
    parser.add_argument("--step", type=int, default=1, help="of a strip: show every Nth frame")
    parser.add_argument("--columns", type=int, default=6, help="of a strip: pictures in a row")
    parser.add_argument("--stretch", type=int, default=4, help="of a scan: picture columns per frame")
    parser.add_argument("--enlarge", type=float, default=1, help="picture rows per pixel of the video")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    if not (args.line or args.strip):
        parser.error("give --line, --strip or both")
    line: Line | None = ((args.line[0], args.line[1]), (args.line[2], args.line[3])) if args.line else None
    pictures = frames(args.video, *args.frames)
    if args.strip:
        picture = strip(pictures, tuple(args.strip), args.step, args.columns, args.enlarge, line)
    else:
        first, scan = slit_scan(pictures, line)
        picture = with_ruler(enlarged(scan, args.stretch, args.enlarge), first, args.stretch)
    if not cv2.imwrite(str(args.out), picture):
        raise SystemExit(f"cannot write {args.out}")
    print(f"{args.out}: {picture.shape[1]}x{picture.shape[0]}")


if __name__ == "__main__":
    main()
