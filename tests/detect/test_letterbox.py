import cv2
import numpy as np
import pytest

from pipeline.detect.letterbox import (
    ENOUGH_PIXELS,
    MAX_UPSCALE,
    PAD_VALUE,
    PIXEL_BUDGET,
    STRIDE,
    Letterbox,
    input_size_for,
)
from pipeline.types import Image

SIZES = [(1280, 720), (1920, 1080), (640, 480), (352, 288), (720, 1280), (800, 600), (641, 479), (5000, 50), (30, 40)]


@pytest.mark.parametrize(
    ("picture", "expected"),
    [((1280, 720), (832, 480)), ((640, 480), (640, 480)), ((1000, 1000), (640, 640)), ((720, 1280), (480, 832))],
)
def test_the_input_has_the_pictures_proportions(picture: tuple[int, int], expected: tuple[int, int]) -> None:
    assert input_size_for(*picture) == expected


@pytest.mark.parametrize("picture", SIZES)
def test_no_other_input_within_the_budget_shows_the_picture_larger(picture: tuple[int, int]) -> None:
    def scale_in(width: int, height: int) -> float:
        return min(width / picture[0], height / picture[1], MAX_UPSCALE)

    chosen = input_size_for(*picture)
    budget = min(PIXEL_BUDGET, max(ENOUGH_PIXELS, picture[0] * picture[1]))
    assert chosen[0] % STRIDE == chosen[1] % STRIDE == 0
    assert chosen[0] * chosen[1] <= budget
    every = [
        (w, h) for w in range(STRIDE, budget // STRIDE + 1, STRIDE) for h in range(STRIDE, budget // w + 1, STRIDE)
    ]
    best = max(scale_in(*size) for size in every)
    assert scale_in(*chosen) == best
    assert chosen[0] * chosen[1] == min(w * h for w, h in every if scale_in(w, h) == best)


def test_a_region_of_a_sharp_picture_is_shown_as_it_is_and_a_smaller_one_enlarged() -> None:
    assert Letterbox((704, 384), input_size_for(704, 384)).scale == 1
    assert 1.2 < Letterbox((512, 288), input_size_for(512, 288)).scale < MAX_UPSCALE


@pytest.mark.parametrize("picture", [(1280, 720), (704, 384), (512, 288)])
def test_a_lower_budget_costs_every_picture_the_same_share(picture: tuple[int, int]) -> None:
    (width, height), (less_wide, less_high) = (
        input_size_for(*picture, pixel_budget=budget) for budget in (PIXEL_BUDGET, PIXEL_BUDGET // 2)
    )
    assert 0.35 < less_wide * less_high / (width * height) < 0.55


def test_a_small_picture_is_not_blown_up_more_than_twice() -> None:
    assert input_size_for(160, 120) == (320, 256)
    assert Letterbox((160, 120), (640, 640)).inner_size == (320, 240)


@pytest.mark.parametrize("size", SIZES)
def test_boxes_come_back_to_where_they_were(size: tuple[int, int]) -> None:
    letterbox = Letterbox(size, input_size_for(*size))
    width, height = size
    boxes = np.array([[0, 0, width, height], [width * 0.25, height * 0.5, width * 0.75, height]], np.float32)
    (x, y), (inner_width, inner_height) = letterbox.offset, letterbox.inner_size
    factor = np.array([inner_width / width, inner_height / height] * 2, np.float32)
    placed = (boxes * factor + np.array([x, y, x, y])).astype(np.float32)
    returned = letterbox.to_source(placed)
    assert returned.dtype == np.float32
    np.testing.assert_allclose(returned, boxes, atol=1e-2)


def test_boxes_are_clipped_to_the_picture() -> None:
    letterbox = Letterbox((1280, 720), (832, 480))
    returned = letterbox.to_source(np.array([[-50, -50, 2000, 2000]], np.float32))
    np.testing.assert_array_equal(returned, [[0, 0, 1280, 720]])


def test_the_picture_is_centred_and_the_border_stays_grey() -> None:
    letterbox = Letterbox((1280, 720), (832, 480))
    image = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    canvas = np.full((480, 832, 3), PAD_VALUE, np.uint8)
    letterbox.place(image, canvas)
    assert (letterbox.inner_size, letterbox.offset) == ((832, 468), (0, 6))
    np.testing.assert_array_equal(canvas[6:474], cv2.resize(image, (832, 468), interpolation=cv2.INTER_LINEAR))
    assert np.all(canvas[:6] == PAD_VALUE) and np.all(canvas[474:] == PAD_VALUE)


def test_a_picture_of_the_inputs_size_is_copied_unchanged() -> None:
    image = np.random.default_rng(0).integers(0, 255, (480, 832, 3), np.uint8)
    canvas = np.zeros_like(image)
    Letterbox((832, 480), (832, 480)).place(image, canvas)
    np.testing.assert_array_equal(canvas, image)


def test_a_line_one_pixel_wide_survives_a_large_shrink() -> None:
    image = np.zeros((2160, 3840, 3), np.uint8)
    image[:, 1001] = 255
    canvas = np.zeros((480, 832, 3), np.uint8)
    letterbox = Letterbox((3840, 2160), (832, 480))
    letterbox.place(image, canvas)
    column = round(1001 * letterbox.scale)
    assert canvas[240, column - 2 : column + 3].max() > 20


class ScaledOnDemand:
    """A picture that answers each size with a flat grey of its own."""

    size = (1280, 720)

    def to_image(self) -> Image:
        raise AssertionError("the whole picture is not wanted")

    def scaled(self, size: tuple[int, int]) -> Image:
        return np.full((size[1], size[0], 3), size[0] % 251, np.uint8)


def test_a_picture_that_scales_itself_is_asked_for_just_the_size_inside_the_border() -> None:
    canvas = np.full((480, 832, 3), PAD_VALUE, np.uint8)
    Letterbox((1280, 720), (832, 480)).place(ScaledOnDemand(), canvas)
    assert np.all(canvas[6:474] == 832 % 251)
    assert np.all(canvas[:6] == PAD_VALUE) and np.all(canvas[474:] == PAD_VALUE)
