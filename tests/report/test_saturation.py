import math

import pytest

from pipeline.report.saturation import (
    Approach,
    base_saturation_flow,
    city_size_factor,
    level_of_service,
    performance,
    saturation_flow,
)

SIGNAL = Approach("U", saturation_smp_h=1800.0, green_s=30.0, cycle_s=90.0)


def test_capacity_is_saturation_flow_times_the_share_of_green() -> None:
    assert SIGNAL.capacity() == pytest.approx(600.0)
    assert Approach("U", capacity_smp_h=420.0).capacity() == 420.0


def test_saturation_flow_is_600_a_metre_times_every_factor() -> None:
    assert saturation_flow(base_saturation_flow(3.5), 0.95, 0.9) == pytest.approx(600 * 3.5 * 0.95 * 0.9)


@pytest.mark.parametrize(
    ("population", "factor"),
    [(99_999, 0.86), (100_000, 0.90), (499_999, 0.90), (700_000, 0.94), (1_000_000, 1.00), (3_500_000, 1.04)],
)
def test_a_city_of_some_size_has_its_factor(population: int, factor: float) -> None:
    assert city_size_factor(population) == factor


def test_the_delay_of_a_half_used_approach_is_worked_out_by_hand() -> None:
    # q 300, C 600: DJ 0.5, so NQ1 = 0. TLL = 90 x 0.5 x (2/3)^2 / (1 - 1/3 x 0.5) = 24.
    # NQ2 = 90 x (2/3) / (5/6) x 300/3600 = 6. RKH = 0.9 x 6 x 3600 / (300 x 90) = 0.72.
    # TG = 0.28 x 0.25 x 6 + 0.72 x 4 = 0.42 + 2.88.
    found = performance(300.0, SIGNAL, turning_share=0.25)
    assert found.saturation == pytest.approx(0.5)
    assert found.queue_smp == pytest.approx(6.0)
    assert found.delay_s == pytest.approx(24.0 + 0.42 + 2.88)


def test_above_half_saturation_what_is_left_over_waits_too() -> None:
    # q 540: DJ 0.9. NQ1 = 0.25 x 600 x (-0.1 + sqrt(0.01 + 8 x 0.4 / 600)); TLL = 20 / 0.7 + NQ1 x 6.
    left_over = 150 * (-0.1 + math.sqrt(0.01 + 8 * 0.4 / 600))
    found = performance(540.0, SIGNAL, turning_share=0.0)
    assert found.queue_smp == pytest.approx(left_over + 90 * (2 / 3) / 0.7 * 0.15)
    # 0.9 NQ 3600 / (q s) is 1.1 here: on average a vehicle stops more than once, so all stop, and TG = 4.
    assert 0.9 * found.queue_smp * 3600 / (540 * 90) > 1
    assert found.delay_s == pytest.approx(20 / 0.7 + left_over * 6 + 4)


def test_delay_grows_with_flow_and_stays_finite_beyond_capacity() -> None:
    delays = [performance(flow, SIGNAL, 0.2).delay_s for flow in (0.0, 100.0, 300.0, 500.0, 600.0, 900.0)]
    assert delays == sorted(delays)
    assert math.isfinite(delays[-1])


@pytest.mark.parametrize(
    ("delay_s", "level"), [(4.9, "A"), (5.1, "B"), (15.0, "B"), (25.0, "C"), (40.0, "D"), (60.0, "E"), (60.1, "F")]
)
def test_the_level_of_service_is_by_mean_delay(delay_s: float, level: str) -> None:
    assert level_of_service(delay_s) == level
