"""Traffic of the simulated junction on the ground: left-hand, obedient, and solid."""

import numpy as np
import pytest

from pipeline.source.simulated import Scenario, SimulatedJunction
from pipeline.source.simulated.layout import ARMS
from pipeline.source.simulated.traffic import TICK_S, WAITING_LIMIT, Traffic
from pipeline.types import VEHICLE_CLASSES


def corners(traffic: Traffic) -> np.ndarray:
    """(N, 4, 2) footprints in metres, drawn in by a tenth: mirrors and handlebars may pass closely."""
    poses = traffic.poses()
    size = 0.9 * np.array([(v.body.length_m, v.body.width_m) for v in traffic.vehicles])
    local = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]) * size[:, None]
    forward, left = poses[:, None, 2:], np.stack([-poses[:, 3], poses[:, 2]], axis=1)[:, None]
    return poses[:, None, :2] + local[:, :, :1] * forward + local[:, :, 1:] * left


def overlapping_pairs(traffic: Traffic) -> list[tuple[int, int]]:
    """Ids of vehicles whose footprints share ground, by the separating axis theorem."""
    quads = corners(traffic)
    edges = np.roll(quads, -1, axis=1) - quads
    axes = edges[:, :2] / np.linalg.norm(edges[:, :2], axis=2, keepdims=True)
    apart = np.zeros((len(quads), len(quads)), bool)
    for axis in (0, 1):
        along = np.einsum("ic,jkc->ijk", axes[:, axis], quads)
        low, high = along.min(axis=2), along.max(axis=2)
        own_low, own_high = np.diag(low)[:, None], np.diag(high)[:, None]
        apart |= (low > own_high) | (high < own_low)
    rows, columns = np.nonzero(np.triu(~(apart | apart.T), 1))
    return [(traffic.vehicles[i].id, traffic.vehicles[j].id) for i, j in zip(rows, columns, strict=True)]


@pytest.mark.parametrize(("seed", "legs"), [(1, 4), (7, 3)])
def test_two_vehicles_never_stand_on_the_same_ground(seed: int, legs: int) -> None:
    traffic = Traffic(Scenario(seed=seed, legs=legs, flow_vph=2600, mix=(0.55, 0.2, 0.07, 0.12, 0.06)))
    for _ in range(700):
        traffic.tick()
        assert overlapping_pairs(traffic) == []


def test_the_overlap_check_sees_an_overlap() -> None:
    traffic = Traffic(Scenario(seed=1))
    first = traffic.vehicles[0]
    second = next(v for v in traffic.vehicles if v is not first)
    second.route, second.s, second.previous_s, second.side_m = first.route, first.s, first.s, first.side_m
    assert (first.id, second.id) in overlapping_pairs(traffic)


def test_traffic_keeps_left_on_every_arm() -> None:
    traffic = Traffic(Scenario(seed=3, flow_vph=2400))
    seen = set()
    for _ in range(600):
        traffic.tick()
        for (x, y, cos, sin), vehicle in zip(traffic.poses(), traffic.vehicles, strict=True):
            route = traffic.routes[vehicle.route]
            arm = route.from_arm if vehicle.s < 0 else route.to_arm if vehicle.s > route.exit_s + 12 else None
            if arm is None:
                continue
            # The arm's axis runs through the origin: its left-hand side of the heading is where the vehicle must be.
            to_the_left = -sin * x + cos * y
            assert to_the_left > 0.5
            seen.add((arm, vehicle.s < 0))
    assert seen == {(arm, coming) for arm in ARMS for coming in (True, False)}


def test_nobody_passes_the_stop_line_on_red() -> None:
    traffic = Traffic(Scenario(seed=4, flow_vph=2400))
    passed = 0
    for _ in range(700):
        before = {v.id: v.s for v in traffic.vehicles}
        traffic.tick()
        signals = traffic.signals
        for vehicle in traffic.vehicles:
            if before.get(vehicle.id, vehicle.s) < 0 <= vehicle.s:
                assert traffic.routes[vehicle.route].from_arm in (signals.green, signals.yellow)
                passed += 1
    assert passed > 30


def test_vehicles_queue_at_red_and_every_arm_gets_green() -> None:
    traffic = Traffic(Scenario(seed=5, flow_vph=2400))
    longest, green = 0, set()
    for _ in range(1000):
        traffic.tick()
        green.add(traffic.signals.green)
        for arm in ARMS:
            standing = [v for v in traffic.vehicles if v.speed_mps < 0.1 and traffic.routes[v.route].from_arm == arm]
            longest = max(longest, len(standing))
    assert longest >= 4
    assert green >= set(ARMS)


def test_more_traffic_than_the_junction_can_carry_leaves_its_memory_bounded() -> None:
    traffic = Traffic(Scenario(seed=6, flow_vph=6000, mix=(0.0, 0.6, 0.2, 0.2, 0.0)))
    most = 0
    for _ in range(1500):
        traffic.tick()
        most = max(most, len(traffic.vehicles))
        assert all(len(waiting) <= WAITING_LIMIT for waiting in traffic._waiting.values())
    assert most < 160


def test_vehicles_leave_the_scene() -> None:
    traffic = Traffic(Scenario(seed=6))
    before = {v.id for v in traffic.vehicles}
    for _ in range(round(200 / TICK_S)):
        traffic.tick()
    assert before
    assert before.isdisjoint(v.id for v in traffic.vehicles)


def test_every_class_drives_and_every_turn_is_taken_and_most_are_motorcycles() -> None:
    traffic = Traffic(Scenario(seed=8, flow_vph=2400))
    met = {}
    for _ in range(1800):
        traffic.tick()
        for vehicle in traffic.vehicles:
            route = traffic.routes[vehicle.route]
            met[vehicle.id] = vehicle.class_id, (route.from_arm, route.to_arm)
    classes = np.bincount([class_id for class_id, _ in met.values()], minlength=len(VEHICLE_CLASSES))
    assert classes[0] > classes.sum() / 2
    assert (classes > 0).all()
    assert {way for _, way in met.values()} == {(a, b) for a in ARMS for b in ARMS if a != b}


def test_without_flow_the_junction_stays_empty() -> None:
    traffic = Traffic(Scenario(flow_vph=0))
    traffic.tick()
    assert traffic.vehicles == []


def test_the_frame_rate_does_not_change_the_traffic() -> None:
    shown = []
    for fps in (5.0, 10.0, 25.0):
        junction = SimulatedJunction(Scenario(seed=9, fps=fps, duration_s=2, width=640, height=360))
        shown.append({at: boxes for _, at, boxes in junction.boxes_only()})
    common = set.intersection(*(set(boxes) for boxes in shown))
    assert len(common) == 10
    for at in common:
        for other in shown[1:]:
            np.testing.assert_allclose(shown[0][at].xyxy, other[at].xyxy, atol=0.01)
            assert shown[0][at].tracker_id.tolist() == other[at].tracker_id.tolist()
