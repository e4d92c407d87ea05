"""Which part of a camera's picture is worth the network's pixels, and detection in that part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
import supervision as sv

from pipeline.detect.protocol import Detector
from pipeline.types import CountingLine, Pixels, Region, size_of

MARGIN: Final = 0.15
"""How far around the lines a vehicle is followed, as a share of the picture's longer side.

A track must stand before its vehicle reaches the line and outlive it, and a vehicle at the line must be seen whole:
its box may not end at the region's edge, which would shift the point that is counted."""

WORTHWHILE: Final = 0.9
"""A region of a larger share of the picture than this gains too little to lose sight of the rest."""


@lru_cache(maxsize=64)
def region_of(lines: tuple[CountingLine, ...], picture_size: tuple[int, int]) -> Region:
    """The part of a picture of `picture_size` (width, height) in which vehicles must be seen to be counted on `lines`.

    In a smaller region vehicles are larger in the network's input, up to their own size; then the input is smaller. The
    region is the rectangle around *all* lines, grown by `MARGIN` on every side: a movement needs the way from entry to
    exit. Its sides lie on even pixels, because cameras send one sample of colour for two. Without lines it is the whole
    picture.

    >>> region_of((CountingLine("south", (400, 500), (900, 520)),), (1280, 720))
    Region(x=208, y=308, width=884, height=404)
    """
    whole = Region.whole(picture_size)
    if not lines:
        return whole
    ends = np.array([end for line in lines for end in (line.start, line.end)], np.float64)
    ends = np.clip(ends, 0, picture_size)
    margin = MARGIN * max(picture_size)
    left, top = (max(0, math.floor((low - margin) / 2) * 2) for low in ends.min(axis=0))
    right, bottom = (
        min(side, math.ceil((high + margin) / 2) * 2) for high, side in zip(ends.max(axis=0), picture_size, strict=True)
    )
    region = Region(left, top, right - left, bottom - top)
    return whole if region.width * region.height > WORTHWHILE * whole.width * whole.height else region


def cropped(pixels: Pixels, region: Region) -> Pixels:
    """What lies in `region`; nothing is copied."""
    if region == Region.whole(size_of(pixels)):
        return pixels
    if isinstance(pixels, np.ndarray):
        return pixels[region.y : region.y + region.height, region.x : region.x + region.width]
    return pixels.part(region)


def detect_in(detector: Detector, pictures: Sequence[Pixels], regions: Sequence[Region]) -> list[sv.Detections]:
    """As `Detector.detect`, but each picture is looked at only in its region; boxes are in pixels of the picture."""
    parts = [cropped(pixels, region) for pixels, region in zip(pictures, regions, strict=True)]
    found = detector.detect(parts)
    return [_moved(detections, region.x, region.y) for detections, region in zip(found, regions, strict=True)]


def _moved(detections: sv.Detections, x: int, y: int) -> sv.Detections:
    return replace(detections, xyxy=detections.xyxy + np.array([x, y, x, y], np.float32))
