"""Counting lines proposed from the paths of vehicles: one across each main flow into and out of the picture.

Paths that begin alike are a flow in, paths that end alike a flow out. Across each, a line is laid where most of its
vehicles pass, in one direction, without those of other flows, as large as may be and well inside their tracks; it is as
wide as the flow. Only the paths are looked at: which side is north, and whether a flow is worth a line, a person says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from pipeline.count.kalman import Floats
from pipeline.count.recount import recount
from pipeline.count.ways import Ways
from pipeline.types import CountingLine, LineRole, PathSample, Point

ALIKE_TURN: Final = np.radians(40.0)
ALIKE_ASIDE_SIZES: Final = 4.0
ALIKE_ALONG_SIZES: Final = 8.0
"""Two ends belong to one flow when direction and place differ by less; tracks begin sooner or later on the way."""
LEAST_PATHS: Final = 4
LEAST_SHARE: Final = 0.02
"""Of all paths: smaller flows are left to the person who looks."""
INSIDE_SIZES: Final = 1.5
"""A track must stand before the line and outlive it by so much of its way."""
SIZE_MATTERS: Final = 0.3
"""Exponent: twice as large in the picture is worth a fifth of the flow."""
CANDIDATES: Final = 40
LEAST_OWN: Final = 0.5
"""Where fewer of those who pass belong to the flow, it is no flow of its own but a piece of another's way."""
PAD_SIZES: Final = 0.8
"""How far a line reaches beyond the outermost vehicles seen."""
EDGE_SHARE: Final = 0.03
"""Of the picture's sides: lines keep out of this frame, where vehicles are cut off."""
SAME_FLOW: Final = 0.5
"""Share of the smaller flow's vehicles that also cross the other line of its kind: then it is the same flow."""
LANES_APART: Final = 0.75
"""Between the middles of lines of one carriageway, as a share of both lengths: 0.5 is end to end."""
STRANGERS: Final = 10.0
FURTHEST_APART: Final = 2.5
"""Between the middles of an arm's entry and exit, as a share of both lengths: where traffic is seen best may differ."""
NOBODY_TURNS: Final = 0.95
"""Share of an entry's vehicles, and of an exit's, that are the same: the road goes straight on."""
NO_ROOM: Final = 0.3
"""As `LANES_APART`: of a line so close behind another `SAME_FLOW` is enough, because tracks that break miss one."""

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where a flow passes a straight cut through the picture."""

    middle: Floats
    heading: Floats
    """Unit vector of travel there."""
    low_px: float
    """From the middle to a little beyond the outermost vehicles, along the line from its start to its end."""
    high_px: float
    size_px: float
    worth: float


def suggest_lines(sample: PathSample) -> tuple[CountingLine, ...]:
    """Lines for the main flows of `sample`, entries and exits of each arm, forward with the traffic.

    Arms are numbered clockwise from the top of the picture. Where nobody turns there is one line for each direction.
    """
    entries = _lines_across(sample, "entry")
    exits = _lines_across(sample, "exit")
    return _named(_straight_on(sample, entries, exits), sample.picture_size)


def _lines_across(sample: PathSample, role: LineRole) -> list[CountingLine]:
    ways = Ways.of(sample, backwards=role == "exit")
    least = max(LEAST_PATHS, LEAST_SHARE * len(sample.paths))
    laid: list[tuple[Indices, CountingLine]] = []
    waiting = [flow for flow in _flows(ways) if len(flow) >= least]
    while waiting:
        flow = waiting.pop()
        cut = _best_cut(ways, flow, sample.picture_size)
        ends = None if cut is None else _ends(cut, sample.picture_size)
        if ends is None:
            continue
        line = CountingLine(f"{role}-{len(flow)}-{flow[0]}", *ends, role=role)
        lane = next((index for index, (_, other) in enumerate(laid) if _side_by_side(other, line)), None)
        if lane is None:
            laid.append((flow, line))
        else:
            waiting.append(np.concatenate([laid.pop(lane)[0], flow]))
    return _without_repeats(sample, [line for _, line in laid], least)


def _flows(ways: Ways) -> list[Indices]:
    """Ways whose beginnings are alike, chained from neighbour to neighbour. Ways cut off by the sample are in none."""
    whole = np.flatnonzero(ways.begins_inside)
    if not len(whole):
        return []
    place, heading, size_px = ways.begin[whole], ways.heading[whole], ways.size_at_begin_px[whole]
    apart = place[None] - place[:, None]
    mean = heading[None] + heading[:, None]
    mean /= np.maximum(np.hypot(mean[..., 0], mean[..., 1]), 1e-9)[..., None]
    scale = np.sqrt(size_px[None] * size_px[:, None])
    aside = np.abs(mean[..., 0] * apart[..., 1] - mean[..., 1] * apart[..., 0]) / scale
    along = np.abs((mean * apart).sum(-1)) / scale
    turn = np.arccos(np.clip(heading @ heading.T, -1, 1))
    distance = np.maximum(turn / ALIKE_TURN, np.maximum(aside / ALIKE_ASIDE_SIZES, along / ALIKE_ALONG_SIZES))
    _, labels = connected_components(csr_array(distance < 1), directed=False)
    return [whole[labels == label] for label in np.unique(labels)]


def _best_cut(ways: Ways, flow: Indices, picture_size: tuple[int, int]) -> _Cut | None:
    heading = ways.heading[flow].mean(axis=0)
    heading /= np.hypot(*heading)
    begin = np.median(ways.begin[flow], axis=0)
    onward = heading * ways.sign
    reach_px = float(np.quantile(ways.reach_px(flow, begin, onward), 0.9))
    cuts = []
    for distance_px in np.linspace(0.0, max(reach_px, 0.0), CANDIDATES):
        cut = _cut(ways, flow, begin + onward * distance_px, heading, picture_size)
        # Once more across the direction that the flow has there: roads bend.
        cut = cut and _cut(ways, flow, cut.middle, cut.heading, picture_size)
        if cut is not None:
            cuts.append(cut)
    if not cuts:
        return None
    largest_px = max(cut.size_px for cut in cuts)
    return max(cuts, key=lambda cut: cut.worth * (cut.size_px / largest_px) ** SIZE_MATTERS)


def _cut(ways: Ways, flow: Indices, place: Floats, heading: Floats, picture_size: tuple[int, int]) -> _Cut | None:
    passed = ways.passing(place, heading, INSIDE_SIZES)
    mine = np.isin(passed.way, flow)
    if mine.sum() < LEAST_PATHS:
        return None
    aside_px = passed.aside_px[mine]
    size_px = float(np.median(passed.size_px[mine]))
    # Seen from the side, the carriageways of a road lie so close together that a line as wide as its flow would reach
    # into the other one.
    oncoming_px = -ways.passing(place, -heading, INSIDE_SIZES).aside_px
    low_px = -_reach(-aside_px, -oncoming_px, PAD_SIZES * size_px)
    high_px = _reach(aside_px, oncoming_px, PAD_SIZES * size_px)
    mine[mine] = (aside_px >= low_px) & (aside_px <= high_px)
    if mine.sum() < LEAST_PATHS:
        return None
    aside_px = passed.aside_px[mine]
    others = (passed.aside_px >= low_px) & (passed.aside_px <= high_px) & ~mine
    own = mine.sum() / (mine.sum() + others.sum())
    if own < LEAST_OWN:
        return None
    mean = passed.heading[mine].mean(axis=0)
    together = float(np.hypot(*mean))
    shift_px = float(np.median(aside_px))
    middle = place + np.array([heading[1], -heading[0]]) * shift_px
    frame = EDGE_SHARE * np.array(picture_size) + size_px / 2
    inside = bool((middle > frame).all() and (middle < np.array(picture_size) - frame).all())
    worth = mine.sum() / len(flow) * own * together**2 * (1.0 if inside else 0.3)
    return _Cut(middle, mean / max(together, 1e-9), low_px - shift_px, high_px - shift_px, size_px, float(worth))


def _reach(mine_px: Floats, oncoming_px: Floats, pad_px: float) -> float:
    """How far a line reaches on the side of rising places: to where it has most of `mine` and fewest of `oncoming`.

    It goes `pad_px` beyond the outermost of mine, but not beyond the middle between that and the nearest oncoming one.
    """
    beyond_px = oncoming_px[oncoming_px > np.median(mine_px)]
    outermost_px = float(mine_px.max())
    if not len(beyond_px):
        return outermost_px + pad_px
    # Every place between two of both kinds is as good as any other there: those of mine stand for all.
    ends_px = np.sort(mine_px)
    lost = len(ends_px) - np.arange(1, len(ends_px) + 1)
    caught = (beyond_px[None] <= ends_px[:, None]).sum(axis=1)
    last_px = float(ends_px[len(ends_px) - 1 - np.argmin((lost + caught)[::-1])])
    further_px = beyond_px[beyond_px > last_px]
    return last_px + min(pad_px, float(further_px.min() - last_px) / 2 if len(further_px) else pad_px)


def _ends(cut: _Cut, picture_size: tuple[int, int]) -> tuple[Point, Point] | None:
    """The line's ends: forward is to the right of someone walking from the first to the second, y down."""
    across = np.array([cut.heading[1], -cut.heading[0]])
    low, high = cut.low_px, cut.high_px
    for axis in (0, 1):
        if abs(across[axis]) < 1e-9:
            continue
        edges = EDGE_SHARE * picture_size[axis], (1 - EDGE_SHARE) * picture_size[axis]
        limits = sorted((edge - cut.middle[axis]) / across[axis] for edge in edges)
        low, high = max(low, limits[0]), min(high, limits[1])
    if high - low < cut.size_px:
        return None
    (x1, y1), (x2, y2) = (np.round(cut.middle + across * reach).tolist() for reach in (low, high))
    return (x1, y1), (x2, y2)


def _crossers(sample: PathSample, lines: Sequence[CountingLine]) -> dict[str, set[int]]:
    """Per line the vehicles that cross it forward."""
    found: dict[str, set[int]] = {line.name: set() for line in lines}
    for crossing in recount(sample.paths, lines):
        if crossing.direction == "forward":
            found[crossing.line].add(crossing.vehicle)
    return found


def _without_repeats(sample: PathSample, lines: list[CountingLine], least: float) -> list[CountingLine]:
    """Lines by falling flow, without those that hardly anybody crosses and those that repeat a larger one."""
    vehicles = _crossers(sample, lines)
    kept: list[CountingLine] = []
    for line in sorted(lines, key=lambda line: -len(vehicles[line.name])):
        mine = vehicles[line.name]
        repeats = any(len(mine & vehicles[other.name]) > SAME_FLOW * len(mine) for other in kept)
        if len(mine) >= least and not repeats:
            kept.append(line)
    return kept


def _straight_on(sample: PathSample, entries: list[CountingLine], exits: list[CountingLine]) -> list[CountingLine]:
    """All lines; of an entry and an exit that have the same vehicles only the first, which then only counts."""
    vehicles = _crossers(sample, [*entries, *exits])
    lines: list[CountingLine] = []
    left = list(exits)
    for entry in entries:
        mine = vehicles[entry.name]
        same = [
            exit_
            for exit_ in left
            if len(mine & vehicles[exit_.name])
            >= (SAME_FLOW if _over_one_another(entry, exit_) else NOBODY_TURNS)
            * max(len(mine), len(vehicles[exit_.name]))
        ]
        left = [exit_ for exit_ in left if exit_ not in same]
        lines.append(replace(entry, role="count") if same else entry)
    return [*lines, *left]


def _named(lines: list[CountingLine], picture_size: tuple[int, int]) -> tuple[CountingLine, ...]:
    """Lines of one arm get its number: `arm-1-in` and `arm-1-out` lie beside and against each other."""
    centre = np.array(picture_size) / 2
    exits = [line for line in lines if line.role == "exit"]
    arms = [[line] for line in lines if line.role != "exit"]
    costs = np.array([[_strangeness(arm[0], exit_) for exit_ in exits] for arm in arms]).reshape(len(arms), len(exits))
    paired: set[int] = set()
    for arm, exit_ in zip(*linear_sum_assignment(costs), strict=True):
        if costs[arm, exit_] < STRANGERS:
            arms[arm].append(exits[exit_])
            paired.add(int(exit_))
    arms += [[exit_] for index, exit_ in enumerate(exits) if index not in paired]

    def clockwise(arm: list[CountingLine]) -> float:
        x, y = np.mean([_middle(line) for line in arm], axis=0) - centre
        return float(np.arctan2(x, -y) % (2 * np.pi))

    words = {"entry": "{}-in", "exit": "{}-out", "count": "{}"}
    return tuple(
        replace(line, name=words[line.role].format(f"arm-{number}"))
        for number, arm in enumerate(sorted(arms, key=clockwise), 1)
        for line in arm
    )


def _middle(line: CountingLine) -> Floats:
    return (np.array(line.start) + line.end) / 2


def _length_px(line: CountingLine) -> float:
    return float(np.hypot(*(np.array(line.end) - line.start)))


def _apart(one: CountingLine, other: CountingLine) -> float:
    return float(np.hypot(*(_middle(one) - _middle(other))))


def _side_by_side(one: CountingLine, other: CountingLine) -> bool:
    """Whether the lines lie across lanes of one carriageway: in one direction, and hardly apart."""
    run, beside = np.array(one.end) - one.start, np.array(other.end) - other.start
    alike = float(run @ beside) > np.cos(ALIKE_TURN) * _length_px(one) * _length_px(other)
    return alike and _apart(one, other) < LANES_APART * (_length_px(one) + _length_px(other))


def _over_one_another(one: CountingLine, other: CountingLine) -> bool:
    """Whether there is no room for a turn between the lines, which lie across one carriageway."""
    return _side_by_side(one, other) and _apart(one, other) < NO_ROOM * (_length_px(one) + _length_px(other))


def _strangeness(entry: CountingLine, exit_: CountingLine) -> float:
    """0 where two lines may well be an arm's entry and exit, `STRANGERS` where they are not."""
    if entry.role != "entry":
        return STRANGERS
    run, back = np.array(entry.end) - entry.start, np.array(exit_.end) - exit_.start
    against = -float(run @ back) / (_length_px(entry) * _length_px(exit_))
    apart = _apart(entry, exit_) / (_length_px(entry) + _length_px(exit_))
    return STRANGERS if against < 0.5 or apart > FURTHEST_APART else apart + 2 * (1 - against)
