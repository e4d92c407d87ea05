from concurrent.futures import ThreadPoolExecutor

import av
import cv2
import numpy as np
import pytest

from pipeline.source.picture import Converters, DecodedPicture, pixels_of, planes_of
from pipeline.types import Frame, Image, Region, size_of

BT601, BT709, UNSPECIFIED = 5, 1, 2
LIMITED, FULL = 1, 2
PATCHES = {(40, 40): (230, 40, 20), (200, 60): (30, 210, 60), (120, 130): (25, 45, 220), (250, 120): (240, 240, 240)}


def painted(width: int = 320, height: int = 180) -> Image:
    """A grey ramp with flat coloured patches."""
    image = np.repeat(np.linspace(20, 235, width, dtype=np.uint8)[None, :, None], height, 0).repeat(3, 2)
    for (x, y), colour in PATCHES.items():
        cv2.rectangle(image, (x, y), (x + 40, y + 30), colour, -1)
    return image


def decoded(image: Image, form: str = "yuv420p", colorspace: int = BT601, color_range: int = LIMITED) -> av.VideoFrame:
    """The picture as a decoder would give it, with those tags."""
    bgr = av.VideoFrame.from_ndarray(image, format="bgr24")
    bgr.color_range = FULL
    picture = bgr.reformat(format=form, dst_colorspace=colorspace, dst_color_range=color_range)
    picture.colorspace, picture.color_range = colorspace, color_range
    return picture


def pixels(picture: av.VideoFrame, size: tuple[int, int] = (320, 180)) -> DecodedPicture:
    kept = pixels_of(picture, size, Converters())
    assert isinstance(kept, DecodedPicture)
    return kept


@pytest.mark.parametrize("colorspace", [BT601, BT709])
@pytest.mark.parametrize(
    ("form", "color_range"), [("yuv420p", LIMITED), ("yuvj420p", FULL), ("yuv422p", LIMITED), ("yuv444p", LIMITED)]
)
def test_a_decoded_picture_has_its_own_colours_at_every_size(form: str, colorspace: int, color_range: int) -> None:
    image = painted()
    picture = pixels(decoded(image, form, colorspace, color_range))
    for size in ((320, 180), (208, 117), (147, 83), (416, 234), (80, 45)):
        small = picture.scaled(size)
        assert small.shape == (size[1], size[0], 3)
        for (x, y), colour in PATCHES.items():
            middle = small[round((y + 15) * size[1] / 180), round((x + 20) * size[0] / 320)]
            np.testing.assert_allclose(middle, colour, atol=6)


@pytest.mark.parametrize("size", [(208, 117), (416, 234), (147, 83)])
def test_scaling_the_planes_shows_what_scaling_the_converted_picture_shows(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(5).integers(0, 255, (180, 320, 3), np.uint8)
    picture = pixels(decoded(cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 12), None, 20, 235, cv2.NORM_MINMAX)))
    expected = cv2.resize(picture.to_image(), size, interpolation=cv2.INTER_LINEAR)
    difference = np.abs(picture.scaled(size).astype(int) - expected)
    assert difference.mean() < 2.5
    assert np.percentile(difference, 99) <= 8


def test_a_tag_for_the_colours_is_obeyed() -> None:
    untagged, tagged = decoded(painted()), decoded(painted())
    untagged.colorspace, tagged.colorspace = UNSPECIFIED, BT709
    as_601, as_709 = pixels(untagged), pixels(tagged)
    np.testing.assert_array_equal(as_601.scaled((208, 117)), pixels(decoded(painted())).scaled((208, 117)))
    assert np.abs(as_601.scaled((208, 117)).astype(int) - as_709.scaled((208, 117))).max() > 15


def test_a_frame_shows_the_same_array_however_its_picture_came() -> None:
    picture = decoded(painted())
    kept = Frame("c", 0, 0, pixels(picture))
    array = Frame("c", 0, 0, pixels(picture).to_image())
    assert kept.size == array.size == size_of(kept.pixels) == (320, 180)
    assert (kept.image.shape, kept.image.dtype) == ((180, 320, 3), np.uint8)
    np.testing.assert_array_equal(kept.image, array.image)
    assert np.median(np.abs(kept.image.astype(int) - painted())) <= 4


def test_a_picture_of_another_size_or_of_packed_pixels_is_converted_at_once() -> None:
    other_size = pixels_of(decoded(painted(160, 90)), (320, 180), Converters())
    packed = pixels_of(av.VideoFrame.from_ndarray(painted(), format="rgb24"), (320, 180), Converters())
    for image in (other_size, packed):
        assert isinstance(image, np.ndarray)
        assert image.shape == (180, 320, 3)
        assert planes_of(image) == (image,)
    np.testing.assert_array_equal(packed, painted()[:, :, ::-1])


def test_planes_are_the_decoders_samples_without_the_padding_of_their_rows() -> None:
    picture = pixels(decoded(painted(318, 180)), (318, 180))
    assert [plane.shape for plane in picture.planes] == [(180, 318), (90, 159), (90, 159)]
    assert np.ptp(picture.planes[0]) > 150


@pytest.mark.parametrize("form", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p"])
@pytest.mark.parametrize("region", [Region(30, 20, 202, 114), Region(240, 112, 80, 68), Region(0, 0, 102, 90)])
def test_a_part_of_a_decoded_picture_shows_what_the_whole_shows_there(form: str, region: Region) -> None:
    """Colours too: 4:2:2 has half the columns of colour and all the rows."""
    picture = pixels(decoded(painted(), form))
    part = picture.part(region)
    assert part.size == region.size
    rows, columns = slice(region.y, region.y + region.height), slice(region.x, region.x + region.width)
    expected = picture.to_image()[rows, columns].astype(int)
    difference = np.abs(part.to_image() - expected)
    # Colours are smeared over two pixels at the patches' edges, in each way of converting differently.
    assert np.median(difference) <= 1 and difference.mean() < 2.5
    np.testing.assert_array_equal(part.luma, picture.luma[rows, columns])


def test_a_part_of_a_part_lies_where_both_say() -> None:
    picture = pixels(decoded(painted()))
    inner = picture.part(Region(40, 20, 200, 120)).part(Region(10, 16, 60, 40))
    np.testing.assert_array_equal(inner.luma, picture.luma[36:76, 50:110])
    assert inner.scaled((30, 20)).shape == (20, 30, 3)


def test_threads_that_scale_at_once_do_not_disturb_each_other() -> None:
    converters = Converters()
    kept = [
        pixels_of(decoded(np.full((180, 320, 3), 10 + 20 * i, np.uint8)), (320, 180), converters) for i in range(10)
    ]

    def level(index: int) -> float:
        picture = kept[index % 10]
        assert isinstance(picture, DecodedPicture)
        return float(picture.scaled((208, 117) if index % 3 else (104, 58)).mean())

    with ThreadPoolExecutor(4) as pool:
        levels = list(pool.map(level, range(200)))
    np.testing.assert_allclose(levels, [10 + 20 * (i % 10) for i in range(200)], atol=4)
