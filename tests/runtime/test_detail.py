"""The governor beside a device that does so many pictures a second at full detail, by a scripted clock.

Of a picture's time a tenth does not depend on its pixels, which is less than the governor reckons with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from pipeline.runtime.detail import (
    DETAILS,
    FIRST_WAIT_S,
    FULL_DETAIL,
    LASTING,
    PROVEN_S,
    REMEMBERED,
    SETTLING_S,
    DetailGovernor,
    Period,
)

PERIOD_S = 2.0
HOUR_S = 3600.0


@dataclass
class Play:
    """Frames come to a device that does `capacity` of them a second at full detail, and more with fewer pixels."""

    capacity: float
    governor: DetailGovernor = field(default_factory=DetailGovernor)
    now_s: float = 0.0
    changes: list[tuple[float, float]] = field(default_factory=list)
    """(when, to what)."""
    handled: bool = False
    """What the last step said."""

    def run(self, seconds: float, frames_per_s: float, *, preparing: bool = False, share: float = 1.0) -> Play:
        offered = round(frames_per_s * share * PERIOD_S)
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            load = offered / PERIOD_S * (0.1 + 0.9 * self.governor.detail) / self.capacity
            dropped = round(offered * max(0.0, 1 - 1 / load)) if load else 0
            before = self.governor.detail
            self.handled = self.governor.step(
                Period(offered, dropped, min(1.0, load), share), self.now_s, preparing=preparing
            )
            if self.governor.detail != before:
                self.changes.append((self.now_s, self.governor.detail))
            self.now_s += PERIOD_S
        return self

    @property
    def details(self) -> list[float]:
        return [detail for _, detail in self.changes]


@pytest.mark.parametrize(
    ("frames_per_s", "detail"), [(60, 1.0), (75, 1.0), (78, 0.8), (84, 0.8), (100, 0.6), (200, 0.6)]
)
def test_a_worker_looks_as_closely_as_fits_and_finds_that_in_one_step(frames_per_s: float, detail: float) -> None:
    play = Play(capacity=80).run(60, frames_per_s)
    assert play.details == ([] if detail == FULL_DETAIL else [detail])


def test_an_overload_that_passes_changes_nothing() -> None:
    play = Play(capacity=80)
    for _ in range(10):
        play.run((LASTING - 1) * PERIOD_S, 160).run((REMEMBERED - 2) * PERIOD_S, 40)
    assert play.details == []


def test_an_overload_that_comes_and_goes_is_one() -> None:
    play = Play(capacity=80)
    for _ in range(REMEMBERED):
        play.run(PERIOD_S, 88).run(PERIOD_S, 70)
    assert play.details == [0.6]


def test_one_frame_in_a_hundred_is_no_overload() -> None:
    governor = DetailGovernor()
    for period in range(20):
        assert not governor.step(Period(100, 1, 0.9), period * PERIOD_S)
    assert governor.detail == FULL_DETAIL


def test_a_device_that_drops_nothing_but_is_always_busy_is_overloaded() -> None:
    governor = DetailGovernor()
    for period in range(LASTING):
        assert governor.step(Period(100, 0, 0.98), period * PERIOD_S)
    assert governor.detail == 0.8


def test_frame_rates_are_left_alone_until_looking_less_closely_does_not_help() -> None:
    play = Play(capacity=80).run(LASTING * PERIOD_S, 200)
    assert play.handled and play.details == [DETAILS[-1]]
    play.run(SETTLING_S - PERIOD_S, 200)
    assert play.handled
    play.run(PERIOD_S, 200)
    assert not play.handled


def test_nothing_is_judged_while_networks_are_made_ready_nor_just_after() -> None:
    play = Play(capacity=80).run(60, 300, preparing=True)
    assert play.handled
    play.run(SETTLING_S - PERIOD_S, 300)
    assert play.handled and play.details == []
    assert play.run(30, 60).details == []


def test_detail_comes_back_when_its_cost_is_expected_to_fit() -> None:
    play = Play(capacity=80).run(60, 130)
    assert play.details == [0.6]
    play.run(HOUR_S, 95)
    assert play.details == [0.6], "0.8 would take 97 % of the time"
    play.run(FIRST_WAIT_S + 2 * PERIOD_S, 80)
    assert play.details == [0.6, 0.8]
    play.run(SETTLING_S + FIRST_WAIT_S + 2 * PERIOD_S, 60)
    assert play.details == [0.6, 0.8, 1.0]


def test_detail_comes_back_at_once_as_far_as_every_period_of_the_wait_had_room_for() -> None:
    play = Play(capacity=80).run(60, 130)
    play.run(FIRST_WAIT_S / 2, 20).run(FIRST_WAIT_S / 2, 82).run(PERIOD_S, 20)
    assert play.details == [0.6, 0.8]


def test_a_busy_period_begins_the_wait_anew() -> None:
    play = Play(capacity=80).run(60, 130)
    for _ in range(20):
        play.run(FIRST_WAIT_S - PERIOD_S, 40).run(PERIOD_S, 115)
    assert play.details == [0.6]


def test_cameras_that_are_read_less_often_do_not_make_room() -> None:
    play = Play(capacity=80).run(60, 200)
    assert play.details == [0.6]
    play.run(HOUR_S, 200, share=0.5)
    assert play.details == [0.6], "all frames would take more time than there is"


def test_where_more_detail_proves_too_much_each_new_try_waits_twice_as_long() -> None:
    play = Play(capacity=80).run(60, 130)
    while play.now_s < 8 * HOUR_S:
        quiet = play.governor.detail == 0.6
        play.run(PERIOD_S, 60 if quiet else 120)
    tries = [at_s for at_s, detail in play.changes if detail > 0.6]
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert len(tries) <= 14
    assert all(later >= min(1.7 * earlier, HOUR_S) for earlier, later in pairwise(waits)), waits


def test_detail_that_was_kept_up_for_long_is_tried_again_soon() -> None:
    play = Play(capacity=80).run(60, 130)
    for _ in range(3):
        play.run(FIRST_WAIT_S + 2 * SETTLING_S + PROVEN_S, 40)
        assert play.governor.detail == FULL_DETAIL
        play.run(60, 130)
        assert play.governor.detail == 0.6


def test_a_device_that_carries_all_is_left_alone() -> None:
    play = Play(capacity=80).run(HOUR_S, 70)
    assert play.details == [] and not play.handled
