import numpy as np
import pytest

from pipeline.scaling import halved_to_within_two, scale_into


@pytest.mark.parametrize(
    ("given", "halved"),
    [
        ((2160, 3840), (1080, 1920)),
        ((1440, 2560), (720, 1280)),
        ((720, 1280), (720, 1280)),
        ((1081, 4000), (1081, 4000)),
    ],
)
def test_halving_stops_within_two_and_at_odd_sides(given: tuple[int, int], halved: tuple[int, int]) -> None:
    assert halved_to_within_two(np.zeros((*given, 3), np.uint8), 960).shape == (*halved, 3)


def test_scaling_writes_into_rows_that_have_padding_between_them() -> None:
    plane = np.random.default_rng(1).integers(0, 255, (72, 128), np.uint8)
    padded, dense = np.zeros((48, 100), np.uint8), np.zeros((48, 83), np.uint8)
    scale_into(plane, padded[:, :83])
    scale_into(plane, dense)
    np.testing.assert_array_equal(padded[:, :83], dense)
    assert dense.std() > 10 and not padded[:, 83:].any()
