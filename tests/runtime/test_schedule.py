from random import Random

import pytest

from pipeline.runtime.schedule import LEAST_SHARE, RateGovernor, delay_s
from pipeline.sink.backoff import Backoff


def test_what_worked_for_long_is_tried_again_soon() -> None:
    backoff = Backoff(first_s=1, most_s=60, rng=Random(1))
    delays = [delay_s(backoff, 0.0) for _ in range(8)]
    assert delays[-1] > 30
    assert delay_s(backoff, 3600.0) <= 1


def simulate(governor: RateGovernor, offered: int, capacity: int, steps: int) -> list[float]:
    shares = []
    for _ in range(steps):
        wanted = round(offered * governor.share)
        shares.append(governor.step(wanted, max(0, wanted - capacity), min(1.0, wanted / capacity)))
    return shares


def test_the_share_settles_near_what_the_device_can_carry() -> None:
    shares = simulate(RateGovernor(), offered=160, capacity=100, steps=200)
    assert min(shares[50:]) * 160 == pytest.approx(100, rel=0.15)
    assert sum(share * 160 > 101 for share in shares[50:]) < 20


def test_the_share_returns_to_one_when_the_load_goes() -> None:
    governor = RateGovernor()
    simulate(governor, offered=160, capacity=100, steps=100)
    assert governor.share < 0.8
    simulate(governor, offered=60, capacity=100, steps=100)
    assert governor.share == 1.0


def test_the_share_never_goes_below_the_least() -> None:
    assert min(simulate(RateGovernor(), offered=1000, capacity=10, steps=100)) == LEAST_SHARE
