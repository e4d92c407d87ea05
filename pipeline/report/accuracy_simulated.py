"""A simulated junction as a clip of a truth: its own lines, and its exact crossings in place of hand counts."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.report.accuracy_geometry import touches
from pipeline.report.accuracy_truth import FrameRange, TrueCount, TruthClip, TruthLine, Window
from pipeline.source.simulated import Scenario, SimulatedJunction, TrueCrossing
from pipeline.types import CountingLine

LEAST_VISIBLE: Final = 0.25
"""A vehicle of which less can be seen while it crosses is neither right nor wrong to count: no reader could tell."""

Touching = npt.NDArray[np.intp]
"""(F,) rising numbers of the frames in which one vehicle's box touches one line."""


def simulated_clip(url: str) -> TruthClip:
    """The clip named by a `sim:` URL, judged as a reader of real footage would.

    A vehicle's window is when its box touches the line, as in hand counts. Vehicles on a line in the first or last
    frame straddle, and so do those that are hidden. Raises InputError where the URL cannot be read.
    """
    junction = SimulatedJunction(Scenario.from_url(url))
    crossings = junction.truth().crossings
    touching = _touching(junction)
    last = junction.scenario.frame_count - 1
    lines = tuple(_line(line, [c for c in crossings if c.line == line.name], touching, last) for line in junction.lines)
    return TruthClip(url, junction.size, lines)


def _touching(junction: SimulatedJunction) -> dict[tuple[str, int], Touching]:
    """By line and vehicle."""
    frames: dict[tuple[str, int], list[int]] = {}
    for seq, _, boxes in junction.boxes_only():
        if boxes.tracker_id is None:
            continue
        for line in junction.lines:
            for vehicle in boxes.tracker_id[touches(boxes.xyxy.astype(np.float32), line)].tolist():
                frames.setdefault((line.name, vehicle), []).append(seq)
    return {key: np.array(value) for key, value in frames.items()}


def _line(
    line: CountingLine, crossings: list[TrueCrossing], touching: dict[tuple[str, int], Touching], last: int
) -> TruthLine:
    straddling = [
        run
        for (name, _), frames in touching.items()
        if name == line.name
        for run in _runs(frames)
        if run.first == 0 or run.last == last
    ]
    counted: list[tuple[TrueCrossing, FrameRange]] = []
    for crossing in crossings:
        window = _window(crossing, touching.get((line.name, crossing.vehicle)))
        if window.first == 0 or window.last == last:
            continue
        if crossing.visible < LEAST_VISIBLE:
            straddling.append(window)
        else:
            counted.append((crossing, window))
    tally = Counter((crossing.direction, crossing.vehicle_class) for crossing, _ in counted)
    counts = tuple(TrueCount(direction, vehicle_class, n) for (direction, vehicle_class), n in sorted(tally.items()))
    index = {(count.direction, count.vehicle_class): i for i, count in enumerate(counts)}
    windows = tuple(Window(window, (index[c.direction, c.vehicle_class],)) for c, window in counted)
    return TruthLine(line, counts, windows, tuple(straddling))


def _window(crossing: TrueCrossing, touching: Touching | None) -> FrameRange:
    """The frames in a row around the crossing in which the vehicle touches the line; at least the two beside it."""
    before, after = crossing.frame - 1, crossing.frame
    for run in _runs(touching) if touching is not None else []:
        assert run.last is not None
        if run.first <= after and before <= run.last:
            return FrameRange(min(run.first, before), max(run.last, after))
    return FrameRange(before, after)


def _runs(frames: Touching) -> list[FrameRange]:
    """Frames in a row."""
    pieces = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    return [FrameRange(int(piece[0]), int(piece[-1])) for piece in pieces]
