"""The simulated junction's truth: every vehicle crosses each line of its way once, forwards."""

from collections import Counter, defaultdict

import pytest

from pipeline.source.simulated import Scenario, SimulatedJunction


@pytest.mark.parametrize(("seed", "legs"), [(1, 4), (2, 3), (5, 4)])
def test_every_vehicle_enters_once_and_leaves_once_and_always_forwards(seed: int, legs: int) -> None:
    truth = SimulatedJunction(Scenario(seed=seed, legs=legs, duration_s=120, width=640, height=360)).truth()
    ways = defaultdict(list)
    for crossing in truth.crossings:
        ways[crossing.vehicle].append(crossing.line)
    assert len(ways) > 30
    assert {crossing.direction for crossing in truth.crossings} == {"forward"}
    assert max(Counter((c.vehicle, c.line) for c in truth.crossings).values()) == 1
    for lines in ways.values():
        roles = [line.partition("-")[2] for line in lines]
        assert roles in (["in"], ["out"], ["in", "out"])
