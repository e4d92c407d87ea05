"""Capacity, degree of saturation and delay of a signalised approach, and its level of service.

Capacity and degree of saturation are PKJI 2023's: DJ = q / C, C = J wH / s, J = J0 FHS FUK FG FP FBKi FBKa,
J0 = 600 LE. Mean delay is T = TLL + TG as MKJI 1997 gives it for signalised junctions. The level of service is by mean
delay, Peraturan Menteri Perhubungan PM 96/2015.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

DESIGN_SATURATION: Final = 0.85
"""A junction should be designed for no more than this degree of saturation (PKJI 2023)."""

SERVICE_LEVELS: Final = (("A", 5.0), ("B", 15.0), ("C", 25.0), ("D", 40.0), ("E", 60.0), ("F", math.inf))
"""Level of service and the highest mean delay in seconds that still has it (PM 96/2015)."""

_CITY_SIZES: Final = ((100_000, 0.86), (500_000, 0.90), (1_000_000, 0.94), (3_000_000, 1.00), (math.inf, 1.04))


@dataclass(frozen=True, slots=True)
class Approach:
    """What is known of an approach: its capacity, or the saturation flow and the signal's times that make it."""

    approach: str
    """U, S, T or B."""
    capacity_smp_h: float | None = None
    """Given as it is, for an approach without a signal or from a study."""
    saturation_smp_h: float | None = None
    """J, saturation flow in SMP per hour of green."""
    green_s: float | None = None
    """wH, effective green."""
    cycle_s: float | None = None
    """s, cycle time."""

    def capacity(self) -> float:
        """C in SMP/h."""
        if self.capacity_smp_h is not None:
            return self.capacity_smp_h
        assert self.saturation_smp_h is not None and self.green_s is not None and self.cycle_s is not None
        return self.saturation_smp_h * self.green_s / self.cycle_s


@dataclass(frozen=True, slots=True)
class Performance:
    """How an approach copes with a flow."""

    saturation: float
    """DJ."""
    queue_smp: float
    """NQ, mean queue at the beginning of green."""
    delay_s: float
    """T, mean delay per SMP."""


def city_size_factor(population: int) -> float:
    """FUK by the number of people in the city (PKJI 2023)."""
    return next(factor for limit, factor in _CITY_SIZES if population < limit)


def saturation_flow(base_smp_h: float, *factors: float) -> float:
    """J = J0 times every correction factor, in SMP per hour of green."""
    return base_smp_h * math.prod(factors)


def base_saturation_flow(effective_width_m: float) -> float:
    """J0 = 600 LE of a protected approach (terlindung), in SMP per hour of green."""
    return 600 * effective_width_m


def performance(flow_smp_h: float, approach: Approach, turning_share: float) -> Performance:
    """Delay of a signalised approach at `flow_smp_h`; `turning_share` is the part (0 to 1) that turns left or right.

    The uniform part of the delay takes a degree of saturation of at most 1, where its formula ends; what is beyond
    waits in the queue NQ1.
    """
    assert approach.green_s is not None and approach.cycle_s is not None
    capacity = approach.capacity()
    saturation = flow_smp_h / capacity
    green_ratio = approach.green_s / approach.cycle_s
    left_over = 0.0
    if saturation > 0.5:
        excess = saturation - 1
        left_over = 0.25 * capacity * (excess + math.sqrt(excess**2 + 8 * (saturation - 0.5) / capacity))
    uniform = 1 - green_ratio * min(saturation, 1)
    arriving = approach.cycle_s * (1 - green_ratio) / uniform * flow_smp_h / 3600
    queue = left_over + arriving
    traffic_s = approach.cycle_s * 0.5 * (1 - green_ratio) ** 2 / uniform + left_over * 3600 / capacity
    stopped = min(1.0, 0.9 * queue * 3600 / (flow_smp_h * approach.cycle_s)) if flow_smp_h else 0.0
    geometric_s = (1 - stopped) * turning_share * 6 + stopped * 4
    return Performance(saturation, queue, traffic_s + geometric_s)


def level_of_service(delay_s: float) -> str:
    """A to F by mean delay (PM 96/2015)."""
    return next(level for level, limit in SERVICE_LEVELS if delay_s <= limit)
