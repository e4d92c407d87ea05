"""The junction on the ground: arms, lanes, the ways through, and where the counting lines lie.

Ground coordinates are metres, x east, y north, the middle of the junction at the origin. Traffic keeps left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from pipeline.source.simulated.camera import Floats, Pinhole
from pipeline.types import CountingLine, Point

Turn = Literal["left", "straight", "right"]

ARMS: Final[dict[str, tuple[float, float]]] = {"U": (0.0, 1.0), "T": (1.0, 0.0), "S": (0.0, -1.0), "B": (-1.0, 0.0)}
"""Outward direction of each arm by its Indonesian letter: utara, timur, selatan, barat."""

LANE_M: Final = 3.0
HALF_MEDIAN_M: Final = 1.1
KERB_M: Final = HALF_MEDIAN_M + 2 * LANE_M + 0.5
"""Half the width of an arm: half the median, two lanes, a paved edge."""
STOP_M: Final = 14.0
"""Distance of the stop line from the middle."""
TURN_M: Final = 13.0
"""Distance from the middle at which a turn begins and ends."""
REACH_M: Final = 75.0
"""Length of every arm from the middle; vehicles appear and vanish there."""
RUN_OUT_M: Final = 15.0
"""Paths go on beyond `REACH_M` for the length of the longest vehicle."""
STEP_M: Final = 0.25
"""Spacing of the points of a path."""

_LANES_OF: Final[dict[Turn, tuple[int, ...]]] = {"left": (1,), "right": (0,), "straight": (0, 1)}

ENTRY_LINE_M: Final = {"U": 12.5, "T": 14.0, "S": 13.0, "B": 14.0}
EXIT_LINE_M: Final = {"U": 13.5, "T": 14.5, "S": 13.5, "B": 14.5}
"""Distance of the counting lines from the middle: just past the stop line, and where a turn is over."""


def lane_centre_m(lane: int) -> float:
    """Distance of a lane's centre from the arm's axis; lane 0 is beside the median, lane 1 beside the kerb."""
    return HALF_MEDIAN_M + (lane + 0.5) * LANE_M


def arms(legs: int) -> tuple[str, ...]:
    """Letters of the arms of a junction with 3 or 4 legs."""
    return tuple(ARMS) if legs == 4 else ("U", "T", "S")


@dataclass(frozen=True, slots=True)
class Route:
    """One lane of one arm to one lane of another."""

    from_arm: str
    to_arm: str
    turn: Turn
    lane: int
    """The same on entry and exit: 0 beside the median, 1 beside the kerb."""
    points: Floats
    """(P, 2) ground metres every `STEP_M`, from the far end of the arm to the far end of the other."""
    exit_s: float
    """Distance along the path, counted from the stop line, at which the turn is over."""
    start_s: float
    """Distance of the first point (negative)."""

    @property
    def end_s(self) -> float:
        """Distance at which a vehicle whose tail has passed it leaves the scene."""
        return self.exit_s + REACH_M - TURN_M


def _left_of(heading: Floats) -> Floats:
    return np.array([-heading[1], heading[0]])


def _route(from_arm: str, to_arm: str, turn: Turn, lane: int) -> Route:
    inward, outward = -np.array(ARMS[from_arm]), np.array(ARMS[to_arm])
    offset = lane_centre_m(lane)
    entry_axis, exit_axis = _left_of(inward) * offset, _left_of(outward) * offset
    begin, end = entry_axis - inward * TURN_M, exit_axis + outward * TURN_M
    if turn == "straight":
        curve = np.linspace(begin, end, 60)
    else:
        pull = 0.5523 * abs(float((end - begin) @ inward))
        t = np.linspace(0, 1, 200)[:, None]
        p1, p2 = begin + inward * pull, end - outward * pull
        curve = (1 - t) ** 3 * begin + 3 * (1 - t) ** 2 * t * p1 + 3 * (1 - t) * t**2 * p2 + t**3 * end
    whole = np.concatenate(
        [[entry_axis - inward * (REACH_M + RUN_OUT_M)], curve, [exit_axis + outward * (REACH_M + RUN_OUT_M)]]
    )
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(whole, axis=0), axis=1))])
    at = np.arange(0.0, along[-1], STEP_M)
    points = np.stack([np.interp(at, along, whole[:, axis]) for axis in (0, 1)], axis=1)
    start_s = -(REACH_M + RUN_OUT_M - STOP_M)
    return Route(from_arm, to_arm, turn, lane, points, float(along[-2]) + start_s, start_s)


def routes(legs: int) -> tuple[Route, ...]:
    """Every way through the junction; straight on may be driven in either lane."""
    made = []
    present = arms(legs)
    for from_arm in present:
        inward = -np.array(ARMS[from_arm])
        for to_arm in present:
            if to_arm == from_arm:
                continue
            side = float(_left_of(inward) @ np.array(ARMS[to_arm]))
            turn: Turn = "straight" if abs(side) < 0.5 else "left" if side > 0 else "right"
            made += [_route(from_arm, to_arm, turn, lane) for lane in _LANES_OF[turn]]
    return tuple(made)


def counting_lines(legs: int, camera: Pinhole) -> tuple[CountingLine, ...]:
    """An entry and an exit line on every arm, in picture pixels; `forward` is the way the traffic goes.

    A line is laid for the reference point of a vehicle's box, which lies above the ground nearest to the camera; seen
    from the camera that is a point further away. So the lines of arms that run across the picture reach beyond the
    far kerb and begin beyond the near edge of the carriageway.
    """
    return tuple(_counting_line(arm, role, camera) for arm in arms(legs) for role in ("entry", "exit"))


def _counting_line(arm: str, role: str, camera: Pinhole) -> CountingLine:
    outward = np.array(ARMS[arm])
    heading = -outward if role == "entry" else outward
    distance = (ENTRY_LINE_M if role == "entry" else EXIT_LINE_M)[arm]
    left = _left_of(heading)
    inner, outer = 0.0, KERB_M + 3.0
    if arm in "TB":  # across the picture: the reference points lie up to three metres further north than the wheels
        far = left[1] > 0
        inner, outer = (1.85, KERB_M + 4.5) if far else (-1.65, KERB_M + 1.0)
    ends = np.array([[*(outward * distance + left * reach), 0.0] for reach in (inner, outer)])
    pixels, _ = camera.project(ends)
    start, end = (_rounded(pixel) for pixel in pixels)
    return CountingLine(
        f"{arm}-{'in' if role == 'entry' else 'out'}", start, end, "entry" if role == "entry" else "exit", arm
    )


def _rounded(pixel: Floats) -> Point:
    return round(float(pixel[0]), 1), round(float(pixel[1]), 1)
