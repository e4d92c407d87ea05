"""From FFmpeg's decoded pictures to the pixels that the rest of Simpang works on."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter

from pipeline.scaling import scale_into
from pipeline.types import Image, Region

PLANAR: Final = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p")
"""Formats of one byte a sample, each plane of which can be scaled by itself; cameras send one of the first two."""


@dataclass(slots=True)
class _Bench:
    """A converter of FFmpeg's, which serves one thread at a time, and the small picture that it last converted."""

    converter: VideoReformatter
    scaled: VideoFrame | None = None


class Converters:
    """From YUV to BGR for the pictures of one source; as many benches exist as threads were ever busy at once.

    Setting FFmpeg's converter up takes as long as converting a small picture, so it is not done for each.
    """

    def __init__(self) -> None:
        self._idle: deque[_Bench] = deque()

    def to_bgr(self, picture: VideoFrame, width: int, height: int) -> Image:
        """(height, width, 3) uint8 BGR, a view of FFmpeg's buffer. In one thread: handing rows out costs more."""
        bench = self._take()
        image = _convert(bench, picture, width, height)
        self._idle.append(bench)
        return image

    def scaled_to_bgr(self, picture: VideoFrame, planes: Sequence[Image], width: int, height: int) -> Image:
        """The same of `planes`, all or a part of a `PLANAR` picture's.

        Each plane is scaled first, so that only as many pixels are converted.
        """
        bench = self._take()
        small = bench.scaled
        if small is None or (small.width, small.height, small.format.name) != (width, height, picture.format.name):
            small = bench.scaled = VideoFrame(width, height, picture.format.name)
        small.colorspace, small.color_range = picture.colorspace, picture.color_range
        for source, target in zip(planes, small.planes, strict=True):
            scale_into(source, _samples(target))
        image = _convert(bench, small, width, height)
        self._idle.append(bench)
        return image

    def _take(self) -> _Bench:
        try:
            return self._idle.pop()
        except IndexError:
            return _Bench(VideoReformatter())


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """A `Picture` (pipeline.types) that keeps the decoder's planes."""

    frame: VideoFrame = field(repr=False)
    converters: Converters = field(repr=False)
    region: Region | None = None
    """The part of the decoder's picture that this one shows; None for all of it."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return (self.frame.width, self.frame.height) if self.region is None else self.region.size

    @property
    def planes(self) -> tuple[Image, ...]:
        """Y, U and V, each (rows, columns) uint8, views of the decoder's buffers."""
        planes = map(_samples, self.frame.planes)
        if self.region is None:
            return tuple(planes)
        whole = (self.frame.width, self.frame.height)
        return tuple(_part_of_plane(plane, whole, self.region) for plane in planes)

    @property
    def luma(self) -> Image:
        """See `Picture.luma`."""
        return self.planes[0]

    def to_image(self) -> Image:
        """See `Picture.to_image`."""
        if self.region is None:
            return self.converters.to_bgr(self.frame, *self.size)
        return self.scaled(self.size)

    def scaled(self, size: tuple[int, int]) -> Image:
        """See `Picture.scaled`."""
        return self.converters.scaled_to_bgr(self.frame, self.planes, *size)

    def part(self, region: Region) -> DecodedPicture:
        """See `Picture.part`."""
        x, y = (0, 0) if self.region is None else (self.region.x, self.region.y)
        return replace(self, region=Region(x + region.x, y + region.y, region.width, region.height))


def pixels_of(picture: VideoFrame, size: tuple[int, int], converters: Converters) -> Image | DecodedPicture:
    """The picture turned upright and of `size`: as its planes where they are that already, converted otherwise.

    A picture whose own size differs (a stream that changes its resolution) is scaled to `size`.
    """
    quarter_turns = round(picture.rotation / 90) % 4
    if not quarter_turns and (picture.width, picture.height) == size and picture.format.name in PLANAR:
        return DecodedPicture(picture, converters)
    width, height = size if quarter_turns % 2 == 0 else size[::-1]
    image = converters.to_bgr(picture, width, height)
    return np.ascontiguousarray(np.rot90(image, quarter_turns)) if quarter_turns else image


def planes_of(pixels: Image | DecodedPicture) -> tuple[Image, ...]:
    """What two pictures are compared by: the decoder's planes, or the one array."""
    return pixels.planes if isinstance(pixels, DecodedPicture) else (pixels,)


def upright_size(picture: VideoFrame) -> tuple[int, int]:
    """(width, height) in pixels after the turn that the orientation mark asks for."""
    turned = round(picture.rotation / 90) % 2 == 1
    return (picture.height, picture.width) if turned else (picture.width, picture.height)


def _convert(bench: _Bench, picture: VideoFrame, width: int, height: int) -> Image:
    plane = bench.converter.reformat(picture, width, height, "bgr24", threads=1).planes[0]
    return _rows(plane)[:, : width * 3].reshape(height, width, 3)


def _part_of_plane(plane: Image, whole: tuple[int, int], region: Region) -> Image:
    """`region`, given in pixels of the picture, of a plane that may hold one sample for two pixels a side.

    At even x and y the colours stay where they are on the brightness.
    """
    per_x, per_y = round(whole[0] / plane.shape[1]), round(whole[1] / plane.shape[0])
    right, bottom = -(-(region.x + region.width) // per_x), -(-(region.y + region.height) // per_y)
    return plane[region.y // per_y : bottom, region.x // per_x : right]


def _samples(plane: VideoPlane) -> Image:
    return _rows(plane)[:, : plane.width]


def _rows(plane: VideoPlane) -> Image:
    """(height, bytes a row) uint8: FFmpeg pads rows."""
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
