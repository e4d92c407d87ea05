"""Traffic on the junction: arrivals, signals, car following. Knows the ground only, no camera.

Time advances in steps of `TICK_S` whatever the frame rate, so one seed shows the same traffic at any frame rate.
Vehicles are followed along their route by `s`, the distance of the front bumper from the stop line in metres.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.source.simulated.camera import Floats
from pipeline.source.simulated.layout import REACH_M, STEP_M, STOP_M, Route, arms, lane_centre_m, routes
from pipeline.source.simulated.scenario import Scenario
from pipeline.source.simulated.shapes import Body, make_body
from pipeline.types import VEHICLE_CLASSES

TICK_S: Final = 0.1
WARM_UP_S: Final = 120.0
"""Traffic runs this long before the first frame, so that the first picture shows a junction in use."""

YELLOW_S: Final = 3.0
ALL_RED_S: Final = 1.5
GREEN_S: Final = (12.0, 20.0)
BRAKE_MPS2: Final = 3.0
"""Comfortable braking; on yellow, whoever would have to brake harder drives on."""
WAITING_LIMIT: Final = 40
"""Vehicles held outside the scene per arm while its entry is full; arrivals beyond it take another road."""

_SPEED_MPS: Final = {"motorcycle": (7.5, 12.0), "car": (8.0, 12.5), "bus": (6.5, 9.5), "truck": (6.0, 9.5),
                     "bicycle": (3.2, 4.8)}  # fmt: skip
_ACCELERATION_MPS2: Final = {"motorcycle": 2.4, "car": 1.9, "bus": 1.1, "truck": 1.0, "bicycle": 0.9}
_GAP_M: Final = {"motorcycle": 0.8, "car": 1.4, "bus": 1.8, "truck": 1.8, "bicycle": 0.8}
_TURN_SPEED_MPS: Final = {"left": 4.5, "straight": 30.0, "right": 6.5}
_TURN_SHARE: Final = {"left": 0.27, "straight": 0.46, "right": 0.27}
_SIDE_CLEARANCE_M: Final = 0.2
_TAIL_CLEAR_M: Final = 9.0
"""A leader that turns off elsewhere is ignored once its tail is this far past the stop line."""


@dataclass(slots=True)
class Vehicle:
    """One vehicle in the scene; `s` and `speed_mps` change with every tick."""

    id: int
    class_id: int
    body: Body
    route: int
    """Index into `Traffic.routes`."""
    side_m: float
    """Offset from the lane's centre, to the left of the way it drives."""
    desired_mps: float
    acceleration_mps2: float
    gap_m: float
    s: float
    previous_s: float
    speed_mps: float
    braking: bool = False


@dataclass(frozen=True, slots=True)
class Signals:
    """What every arm shows."""

    green: str | None
    """The arm with green, or None."""
    yellow: str | None


class Traffic:
    """The moving part of the scene. Everything it keeps is bounded by the vehicles now in it."""

    def __init__(self, scenario: Scenario) -> None:
        self._rng = np.random.default_rng([scenario.seed, 23])
        self.routes = routes(scenario.legs)
        self._arms = arms(scenario.legs)
        self._by_arm = {arm: [i for i, r in enumerate(self.routes) if r.from_arm == arm] for arm in self._arms}
        weights = np.array(scenario.mix, dtype=float)
        self._mix = weights / weights.sum()
        self._mean_wait_s = 3600.0 / scenario.flow_vph if scenario.flow_vph else np.inf
        self._next_arrival_s = -WARM_UP_S + self._wait()
        self._waiting: dict[str, deque[Vehicle]] = {arm: deque() for arm in self._arms}
        self._next_id = 1
        self._phase = int(self._rng.integers(len(self._arms)))
        self._stage, self._stage_left_s = "green", float(self._rng.uniform(*GREEN_S))
        self.vehicles: list[Vehicle] = []
        self.time_s = -WARM_UP_S
        longest = max(len(route.points) for route in self.routes)
        self._points = np.stack([np.pad(r.points, ((0, longest - len(r.points)), (0, 0)), "edge") for r in self.routes])
        self._ticks = -round(WARM_UP_S / TICK_S)
        while self._ticks < 0:
            self.tick()

    def _wait(self) -> float:
        return float(self._rng.exponential(self._mean_wait_s)) if np.isfinite(self._mean_wait_s) else np.inf

    @property
    def signals(self) -> Signals:
        """The lights now."""
        arm = self._arms[self._phase]
        return Signals(arm if self._stage == "green" else None, arm if self._stage == "yellow" else None)

    def tick(self) -> None:
        """Advance by `TICK_S`."""
        self._ticks += 1
        self.time_s = self._ticks * TICK_S
        self._run_signals()
        self._arrive()
        self._move()
        self.vehicles = [v for v in self.vehicles if v.s - v.body.length_m < self.routes[v.route].end_s]

    def _run_signals(self) -> None:
        self._stage_left_s -= TICK_S
        if self._stage_left_s > 0:
            return
        if self._stage == "green":
            self._stage, self._stage_left_s = "yellow", YELLOW_S
        elif self._stage == "yellow":
            self._stage, self._stage_left_s = "red", ALL_RED_S
        elif not self._occupied():  # all-red lasts until the last vehicle is through: no two movements ever meet
            self._phase = (self._phase + 1) % len(self._arms)
            self._stage, self._stage_left_s = "green", float(self._rng.uniform(*GREEN_S))

    def _occupied(self) -> bool:
        return any(v.s > 0 and v.s - v.body.length_m < self.routes[v.route].exit_s for v in self.vehicles)

    def _arrive(self) -> None:
        while self._next_arrival_s <= self.time_s:
            arm = self._arms[int(self._rng.integers(len(self._arms)))]
            vehicle = self._draw(arm)
            if len(self._waiting[arm]) < WAITING_LIMIT:
                self._waiting[arm].append(vehicle)
            self._next_arrival_s += self._wait()
        for arm, waiting in self._waiting.items():
            while waiting and self._fits(waiting[0], arm):
                self.vehicles.append(waiting.popleft())

    def _draw(self, arm: str) -> Vehicle:
        rng = self._rng
        class_id = int(rng.choice(len(VEHICLE_CLASSES), p=self._mix))
        name = VEHICLE_CLASSES[class_id]
        own = self._by_arm[arm]
        turns = [self.routes[i].turn for i in own]
        shares = np.array([_TURN_SHARE[turn] / turns.count(turn) for turn in turns])
        index = int(rng.choice(own, p=shares / shares.sum()))
        route = self.routes[index]
        speed = float(rng.uniform(*_SPEED_MPS[name]))
        begin = STOP_M - REACH_M
        vehicle = Vehicle(self._next_id, class_id, make_body(name, rng), index, self._side_m(name, route), speed,
                          _ACCELERATION_MPS2[name] * float(rng.uniform(0.85, 1.15)),
                          _GAP_M[name] * float(rng.uniform(0.8, 1.4)), begin, begin,
                          speed)  # fmt: skip
        self._next_id += 1
        return vehicle

    def _side_m(self, name: str, route: Route) -> float:
        """Where in the lane: left-turners keep to its left and right-turners to its right, so paths never cross."""
        if name not in ("motorcycle", "bicycle"):
            return float(self._rng.uniform(-0.1, 0.1))
        low, high = {"left": (0.3, 1.2), "right": (-1.2, -0.3)}.get(
            route.turn, (-1.1, 0.0) if route.lane else (0.0, 1.1)
        )
        return float(self._rng.uniform(low, high))

    def _fits(self, vehicle: Vehicle, arm: str) -> bool:
        need = vehicle.s + vehicle.gap_m + 1.5 + 0.4 * vehicle.speed_mps
        lane = self._lateral_m(vehicle)
        for other in self.vehicles:
            if self.routes[other.route].from_arm != arm or other.s - other.body.length_m > need:
                continue
            if abs(self._lateral_m(other) - lane) < (vehicle.body.width_m + other.body.width_m) / 2 + _SIDE_CLEARANCE_M:
                return False
        return True

    def _lateral_m(self, vehicle: Vehicle) -> float:
        return lane_centre_m(self.routes[vehicle.route].lane) + vehicle.side_m

    def _move(self) -> None:
        """One step of the intelligent driver model (Treiber, Hennecke and Helbing 2000) behind the nearest leader."""
        vehicles = self.vehicles
        if not vehicles:
            return
        s = np.array([v.s for v in vehicles])
        speed = np.array([v.speed_mps for v in vehicles])
        gap, leader_mps = self._leaders(s, speed)
        held = self._held_at_stop_line(s, speed)
        leader_mps = np.where(held & (-s < gap), 0.0, leader_mps)
        gap = np.where(held, np.minimum(gap, -s), gap)
        acceleration = np.array([v.acceleration_mps2 for v in vehicles])
        standstill = np.array([v.gap_m for v in vehicles])
        desired = self._desired_mps(s)
        wanted = standstill + np.maximum(
            0, speed + speed * (speed - leader_mps) / (2 * np.sqrt(acceleration * BRAKE_MPS2))
        )
        change = acceleration * (1 - (speed / desired) ** 4 - (wanted / np.maximum(gap, 0.1)) ** 2)
        new_speed = np.maximum(0, speed + np.clip(change, -8.0, None) * TICK_S)
        # The model brakes late when a leader appears suddenly; this keeps the last metre free whatever happens.
        new_speed = np.minimum(new_speed, np.maximum(0, gap - 0.25) / (2 * TICK_S))
        for vehicle, value, before in zip(vehicles, new_speed.tolist(), speed.tolist(), strict=True):
            vehicle.previous_s = vehicle.s
            vehicle.s += value * TICK_S
            vehicle.speed_mps = value
            vehicle.braking = value < before - 0.05 or value < 0.3

    def _leaders(self, s: Floats, speed: Floats) -> tuple[Floats, Floats]:
        """Free distance (N,) to the nearest vehicle ahead in anyone's way, and that vehicle's speed (N,)."""
        vehicles, ways = self.vehicles, self.routes
        route = np.array([v.route for v in vehicles])
        length = np.array([v.body.length_m for v in vehicles])
        width = np.array([v.body.width_m for v in vehicles])
        lateral = np.array([self._lateral_m(v) for v in vehicles])
        number = {arm: i for i, arm in enumerate(self._arms)}
        came = np.array([number[ways[r].from_arm] for r in route])
        goes = np.array([number[ways[r].to_arm] for r in route])
        beyond = s - np.array([ways[r].exit_s for r in route])
        tail = s - length
        side_by_side = np.abs(lateral[:, None] - lateral) < (width[:, None] + width) / 2 + _SIDE_CLEARANCE_M
        together = (came[:, None] == came) & (
            (route[:, None] == route) | (goes[:, None] == goes) | (tail < _TAIL_CLEAR_M)
        )
        merging = (goes[:, None] == goes) & (came[:, None] != came) & (beyond > -2.0)
        gap_entry = np.where(side_by_side & together & (s > s[:, None]), tail - s[:, None], np.inf)
        gap_exit = np.where(
            side_by_side & merging & (beyond > beyond[:, None]), beyond - length - beyond[:, None], np.inf
        )
        gaps = np.minimum(gap_entry, gap_exit)
        nearest = np.argmin(gaps, axis=1)
        gap = gaps[np.arange(len(vehicles)), nearest]
        return gap, np.where(np.isfinite(gap), speed[nearest], speed)

    def _held_at_stop_line(self, s: Floats, speed: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        signals = self.signals
        came = [self.routes[v.route].from_arm for v in self.vehicles]
        red = np.array([arm != signals.green and arm != signals.yellow for arm in came])
        yellow = np.array([arm == signals.yellow for arm in came])
        can_stop = speed**2 / (2 * BRAKE_MPS2) < -s
        return (s < 0) & (red | (yellow & can_stop))

    def _desired_mps(self, s: Floats) -> Floats:
        """The driver's own speed, lowered ahead of a turn and in it."""
        own = np.array([v.desired_mps for v in self.vehicles])
        turn = np.array([_TURN_SPEED_MPS[self.routes[v.route].turn] for v in self.vehicles])
        until = np.array([self.routes[v.route].exit_s for v in self.vehicles])
        ahead = np.sqrt(turn**2 + 2 * 1.2 * np.maximum(0, -s))
        return np.asarray(np.maximum(np.where(s < until, np.minimum(own, ahead), own), 0.5))

    def poses(self, lag_s: float = 0.0) -> Floats:
        """Where the vehicles are `lag_s` (0 to `TICK_S`) before now: (N, 4) x, y in metres, cos and sin of heading."""
        if not self.vehicles:
            return np.empty((0, 4))
        share = lag_s / TICK_S
        front = np.array([v.s + (v.previous_s - v.s) * share for v in self.vehicles])
        length = np.array([v.body.length_m for v in self.vehicles])
        route = np.array([v.route for v in self.vehicles])
        side = np.array([v.side_m for v in self.vehicles])
        fore = self._on_path(route, front - 0.2 * length, side)
        aft = self._on_path(route, front - 0.8 * length, side)
        heading = fore - aft
        heading /= np.maximum(np.linalg.norm(heading, axis=1, keepdims=True), 1e-9)
        return np.concatenate([(fore + aft) / 2, heading], axis=1)

    def _on_path(self, route: np.ndarray[tuple[int], np.dtype[np.intp]], s: Floats, side: Floats) -> Floats:
        start = np.array([way.start_s for way in self.routes])[route]
        at = np.clip((s - start) / STEP_M, 0, self._points.shape[1] - 2)
        index = at.astype(int)
        here, there = self._points[route, index], self._points[route, index + 1]
        along = there - here
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        point = here + (there - here) * (at - index)[:, None]
        return np.asarray(point + np.stack([-along[:, 1], along[:, 0]], axis=1) * side[:, None])
