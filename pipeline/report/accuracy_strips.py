"""Strips of pictures of wrong counts: what could be seen around the crossing place, with what was made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np

from pipeline.palette import CLASS_COLORS
from pipeline.report.accuracy_causes import AROUND_S, Mistake
from pipeline.report.accuracy_evidence import NOBODY, Evidence
from pipeline.types import VEHICLE_CLASSES, CountingLine, Frame, Image

TILES: Final = 6
COLUMNS: Final = 3
LEAST_TILE_PX: Final = 480
"""A tile is at least so wide: smaller crops are enlarged, larger ones keep their size."""
SMALLEST_CROP_PX: Final = 160
CROP_SIZES: Final = 4.0
"""Width of the crop in sizes of the vehicle."""
ASPECT: Final = 4 / 3
CAPTION_PX: Final = 24
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_BLACK: Final = (0, 0, 0)
_WHITE: Final = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class StripPlan:
    """What to cut out for one mistake."""

    mistake: Mistake
    line: CountingLine
    frames: tuple[int, ...]
    """`Frame.seq` of each tile."""
    crop: tuple[int, int, int, int]
    """x1, y1, x2, y2 in pixels of the source frame, inside it."""


@dataclass(slots=True)
class _Strip:
    plan: StripPlan
    tiles: list[Image] = field(default_factory=list)


def plan_strip(mistake: Mistake, line: CountingLine, size: tuple[int, int], evidence: Evidence) -> StripPlan | None:
    """Where to look: around the vehicle where it was seen, else at the whole line; None where no time is known."""
    if mistake.frame is None or not len(evidence.frame_seq):
        return None
    frames = tuple(evidence.frames_around(mistake.frame, AROUND_S, TILES))
    if mistake.finding.xyxy is not None:
        x1, y1, x2, y2 = mistake.finding.xyxy
        width = max(CROP_SIZES * max(x2 - x1, y2 - y1), SMALLEST_CROP_PX)
    else:
        (x1, x2), (y1, y2) = (sorted((line.start[axis], line.end[axis])) for axis in (0, 1))
        width = 1.2 * max(x2 - x1, (y2 - y1) * ASPECT, SMALLEST_CROP_PX)
    return StripPlan(mistake, line, frames, _crop_inside(((x1 + x2) / 2, (y1 + y2) / 2), width, size))


def draw_strips(
    frames: Iterable[Frame], plans: Sequence[StripPlan], evidence: Evidence
) -> Iterator[tuple[StripPlan, Image]]:
    """Each plan with its picture (H, W, 3) uint8 BGR, as soon as its last frame has come; reads one frame at a time."""
    waiting = [_Strip(plan) for plan in plans]
    for frame in frames:
        for strip in waiting:
            if frame.seq in strip.plan.frames:
                strip.tiles.append(_tile(frame, strip.plan, evidence))
        for strip in [s for s in waiting if len(s.tiles) == len(s.plan.frames)]:
            waiting.remove(strip)
            yield strip.plan, _montage(strip.tiles)
        if not waiting:
            return


def _crop_inside(centre: tuple[float, float], width: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    extent = min(width, size[0]), min(width / ASPECT, size[1])
    low = [round(min(max(c - e / 2, 0), s - e)) for c, e, s in zip(centre, extent, size, strict=True)]
    return low[0], low[1], low[0] + int(extent[0]), low[1] + int(extent[1])


def _tile(frame: Frame, plan: StripPlan, evidence: Evidence) -> Image:
    x1, y1, x2, y2 = plan.crop
    scale = max(1.0, LEAST_TILE_PX / (x2 - x1))
    cut = frame.image[y1:y2, x1:x2]
    tile = np.asarray(cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
    origin = np.array([x1, y1])

    def placed(point: Sequence[float]) -> tuple[int, int]:
        x, y = (np.asarray(point) - origin) * scale
        return round(float(x)), round(float(y))

    pen = _pen(tile)
    for colour, thickness in ((_BLACK, 4), (_WHITE, 2)):
        cv2.line(tile, placed(plan.line.start), placed(plan.line.end), colour, round(thickness * pen), cv2.LINE_AA)
    seen = evidence.seen.between(frame.seq, frame.seq)
    seen = seen.where(np.all((seen.xyxy[:, :2] < (x2, y2)) & (seen.xyxy[:, 2:] > (x1, y1)), axis=1))
    ours = seen.among(plan.mistake.finding.vehicles)
    for row in np.argsort(ours, kind="stable").tolist():  # what the mistake is about lies on top
        name = VEHICLE_CLASSES[int(seen.class_id[row])]
        vehicle = int(seen.vehicle[row])
        low, high = placed(seen.xyxy[row, :2].tolist()), placed(seen.xyxy[row, 2:].tolist())
        cv2.rectangle(tile, low, high, _bgr(name), round(pen * (3 if ours[row] else 1)), cv2.LINE_AA)
        # What nobody tracks shows its confidence only: its colour tells the class, and there may be a lot of it.
        text = "" if vehicle == NOBODY else f"#{vehicle} {name} "
        _write(tile, f"{text}{seen.confidence[row]:.2f}", (low[0], low[1] - 4), _bgr(name))
    return _with_caption(tile, frame, plan, evidence)


def _with_caption(tile: Image, frame: Frame, plan: StripPlan, evidence: Evidence) -> Image:
    assert plan.mistake.frame is not None
    middle_ns = float(np.interp(plan.mistake.frame, evidence.frame_seq, evidence.frame_at_ns))
    text = f"frame {frame.seq}  {(frame.captured_at_ns - middle_ns) / 1e9:+.2f} s"
    window = plan.mistake.window
    if window is not None and window.distance(frame.seq) == 0:
        text += "  on the line"
    pen = _pen(tile)
    height = round(CAPTION_PX * pen)
    caption = np.full((height, tile.shape[1], 3), 255, np.uint8)
    cv2.putText(caption, text, (6, round(height * 0.7)), _FONT, 0.5 * pen, _BLACK, round(pen), cv2.LINE_AA)
    return np.vstack((caption, tile))


def _write(tile: Image, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    """Black on the class's colour, inside the tile."""
    pen = _pen(tile)
    (width, height), _ = cv2.getTextSize(text, _FONT, 0.42 * pen, round(pen))
    x = min(max(at[0], 0), max(tile.shape[1] - width, 0))
    y = min(max(at[1], height + 2), tile.shape[0] - 2)
    cv2.rectangle(tile, (x, y - height - 2), (x + width, y + 3), colour, cv2.FILLED)
    cv2.putText(tile, text, (x, y), _FONT, 0.42 * pen, _BLACK, round(pen), cv2.LINE_AA)


def _pen(tile: Image) -> float:
    """How thick lines and letters are, so that they can be read where the whole strip is shown at a page's width."""
    return float(max(1.0, tile.shape[1] / LEAST_TILE_PX))


def _montage(tiles: Sequence[Image]) -> Image:
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // COLUMNS)
    sheet = np.full((rows * (height + 4), min(len(tiles), COLUMNS) * (width + 4), 3), 255, np.uint8)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, COLUMNS)
        y, x = row * (height + 4), column * (width + 4)
        sheet[y : y + height, x : x + width] = tile
    return sheet


def _bgr(vehicle_class: str) -> tuple[int, int, int]:
    red, green, blue = (int(CLASS_COLORS[vehicle_class][i : i + 2], 16) for i in (1, 3, 5))
    return blue, green, red
