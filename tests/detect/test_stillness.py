import numpy as np
import pytest

from pipeline.detect import Stillness
from pipeline.detect.stillness import LONGEST_NS
from pipeline.types import NS_PER_S, Image

TICK_NS = NS_PER_S // 10
SCENE = (
    np.random.default_rng(1).integers(60, 180, (23, 40, 1)).repeat(16, 0).repeat(16, 1).repeat(3, 2).astype(np.uint8)
)
"""(368, 640, 3): patches of grey."""


def with_car(x: int, level: int = 255) -> Image:
    """A 24 x 16 pixel vehicle at that column, on a grey road."""
    image = SCENE.copy()
    image[160:192] = 128
    image[168:184, x : x + 24] = level
    return image


def noisy(image: Image, deviation: float, seed: int) -> Image:
    noise = np.random.default_rng(seed).normal(0, deviation, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def test_the_first_picture_never_holds_and_the_same_one_again_does() -> None:
    stillness = Stillness()
    assert [stillness.holds(SCENE, tick * TICK_NS) for tick in range(4)] == [False, True, True, True]


@pytest.mark.parametrize("level", [60, 90, 166, 255])
def test_a_vehicle_that_has_moved_by_two_pixels_is_seen(level: int) -> None:
    stillness = Stillness()
    stillness.holds(with_car(100, level), 0)
    assert not stillness.holds(with_car(102, level), TICK_NS)


def test_slow_motion_adds_up_until_it_is_seen() -> None:
    """Steps too small to be seen must not go on for ever: the reference is the picture that was looked at."""
    stillness = Stillness()
    seen_at = [step for step in range(60) if not stillness.holds(with_car(100 + step // 3, 160), step * TICK_NS // 10)]
    assert len(seen_at) > 6
    assert max(np.diff([step // 3 for step in seen_at])) <= 2


def test_a_still_picture_is_looked_at_again_after_a_second() -> None:
    stillness = Stillness()
    looked_at = [tick for tick in range(31) if not stillness.holds(SCENE, tick * TICK_NS)]
    assert looked_at == [0, 10, 20, 30]
    assert LONGEST_NS == NS_PER_S


def test_a_picture_before_the_last_or_of_another_size_does_not_hold() -> None:
    stillness = Stillness()
    stillness.holds(SCENE, TICK_NS)
    assert not stillness.holds(SCENE, 0)
    assert not stillness.holds(SCENE[:-16], TICK_NS)


def test_the_noise_of_a_night_camera_is_learnt_and_a_vehicle_in_it_is_still_seen() -> None:
    stillness = Stillness()
    for tick in range(100):
        stillness.holds(noisy(SCENE, 5.0, tick), tick * TICK_NS)
    held = [stillness.holds(noisy(with_car(100, 100), 5.0, 100 + tick), (100 + tick) * TICK_NS) for tick in range(10)]
    assert sum(held) >= 8
    assert not stillness.holds(noisy(with_car(103, 100), 5.0, 200), 110 * TICK_NS)


def test_a_camera_too_noisy_to_judge_is_always_looked_at() -> None:
    stillness = Stillness()
    assert not any(stillness.holds(noisy(SCENE, 25.0, tick), tick * TICK_NS) for tick in range(20))


def test_a_picture_that_a_bus_fills_is_not_taken_for_noise() -> None:
    """Over a wide, faintly patterned side hardly any cell stays as it was; that must not raise what is allowed."""
    side = np.tile(np.repeat(np.array([120, 136], np.uint8), 24), 20)[: 640 + 96]
    stillness = Stillness()
    moved = [
        not stillness.holds(np.broadcast_to(side[x : x + 640, None], (368, 640, 3)).copy(), x * TICK_NS // 4)
        for x in range(0, 96, 6)
    ]
    assert all(moved)


def test_a_decoded_picture_is_judged_by_the_brightness_of_its_part() -> None:
    class Planes:
        size = (640, 368)

        def __init__(self, luma: Image) -> None:
            self.luma = luma

    stillness = Stillness()
    stillness.holds(Planes(with_car(100)[:, :, 0]), 0)  # type: ignore[arg-type]
    assert stillness.holds(Planes(with_car(100)[:, :, 0]), TICK_NS)  # type: ignore[arg-type]
    assert not stillness.holds(Planes(with_car(110)[:, :, 0]), TICK_NS)  # type: ignore[arg-type]
