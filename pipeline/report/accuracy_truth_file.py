"""Reads hand counts: `load_truth` checks them, and says which windows belong to which counts.

A truth file gives, per clip and line, how many vehicles of each class crossed in each direction (`counts`), and in
which frames each of them touched the line (`windows`). Windows are grouped under a free label: a class (`car`), a way
across the picture (`L2R`, `up`), or any word (`pickup`). The label, the line's position and the counts together tell
which counts a group can belong to; where more than one answer is possible, all are kept and matching decides. A clip
may also be a simulated junction (`"sim:?seed=3&seconds=20": null`), which knows its own lines and crossings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import InputError
from pipeline.report.accuracy_simulated import simulated_clip
from pipeline.report.accuracy_truth import (
    ANY_CLASS,
    SIMULATED,
    FrameRange,
    TrueCount,
    Truth,
    TruthClip,
    TruthLine,
    Window,
    classes_of,
)
from pipeline.types import DIRECTIONS, VEHICLE_CLASSES, CountingLine, Direction

_WAYS: Final = {"up": (0, -1), "down": (0, 1), "l2r": (1, 0), "r2l": (-1, 0)}
"""Words for a way across the picture, as (x, y) with y down."""

_ALONG_THE_LINE: Final = math.cos(math.radians(75))
"""A way that is nearly parallel to a line does not tell on which side of it a vehicle ends."""

_FRAMES: Final = re.compile(r"\bf(\d+)(?:\s*-\s*(?:f?(\d+)|(end)))?")


def load_truth(path: Path) -> Truth:
    """Read a truth file.

    Raises:
        InputError: no such file, or its content is not in the form; the message names the place in the file.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the truth file {path}: {error.strerror}") from error
    try:
        content = _File.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(_key, first["loc"])) or "the file"
        raise InputError(f"{path}: {place}: {first['msg'].removeprefix('Value error, ')}") from error
    return Truth(tuple(_clip(name, clip) for name, clip in content.clips.items()))


def load_truths(paths: Sequence[Path]) -> Truth:
    """Read several truth files as one; files may have different lines of the same clip.

    Raises:
        InputError: as `load_truth`; no clip at all; or two files have the same line of a clip, or differ in its size.
    """
    clips: dict[str, TruthClip] = {}
    for path in paths:
        for clip in load_truth(path).clips:
            known = clips.get(clip.name, TruthClip(clip.name, clip.size, ()))
            if known.size != clip.size:
                raise InputError(f"{path}: clip {clip.name} is {clip.size} here but {known.size} in another truth file")
            if twice := {line.line.name for line in known.lines} & {line.line.name for line in clip.lines}:
                raise InputError(
                    f"{path}: line {min(twice)} of clip {clip.name} is in another truth file too; rename or remove one"
                )
            clips[clip.name] = TruthClip(clip.name, clip.size, known.lines + clip.lines)
    if not clips:
        raise InputError(f"{', '.join(map(str, paths))} names no clip; give at least one with its lines")
    return Truth(tuple(clips.values()))


def _key(part: int | str) -> str:
    text = str(part)
    return text if re.fullmatch(r"[\w-]+", text) else f'"{text}"'


def _known_class(label: str) -> str:
    if unknown := classes_of(label) - set(VEHICLE_CLASSES):
        raise ValueError(
            f"unknown class {min(unknown)!r}: use {', '.join(VEHICLE_CLASSES)}, {ANY_CLASS}, or two joined by _or_"
        )
    return label


def _ordered(window: tuple[int, int]) -> tuple[int, int]:
    if window[0] > window[1]:
        raise ValueError(f"the window ends at frame {window[1]}, before it begins at {window[0]}")
    return window


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


_FrameNumber = Annotated[int, Field(ge=0)]


class _Count(_Model):
    direction: Direction
    vehicle_class: Annotated[str, AfterValidator(_known_class)] = Field(alias="class")
    count: int = Field(ge=0)


class _Line(_Model):
    points: tuple[tuple[float, float], tuple[float, float]]
    counts: list[_Count]
    windows: dict[str, list[Annotated[tuple[_FrameNumber, _FrameNumber], AfterValidator(_ordered)]]] = {}
    straddling: list[str] = []

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.points[0] == self.points[1]:
            raise ValueError(f"points: the line has zero length, both ends are {list(self.points[0])}")
        cells = [(count.direction, count.vehicle_class) for count in self.counts]
        if twice := next((cell for cell in cells if cells.count(cell) > 1), None):
            raise ValueError(f"counts: {twice[0]} {twice[1]} is given twice")
        return self


class _Clip(_Model):
    size: tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]
    lines: dict[str, _Line]


class _File(_Model):
    clips: dict[str, _Clip | None]
    """None for a simulated one."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, clip in self.clips.items():
            if clip is not None and name.startswith(SIMULATED):
                raise ValueError(f"clips.{name}: a simulated junction has lines and a truth of its own: give null")
            if clip is None and not name.startswith(SIMULATED):
                raise ValueError(f"clips.{name}: give the size of the clip and its lines")
        return self


def _clip(name: str, raw: _Clip | None) -> TruthClip:
    if raw is None:
        return simulated_clip(name)
    return TruthClip(name, raw.size, tuple(_line(line, content) for line, content in raw.lines.items()))


def _line(name: str, raw: _Line) -> TruthLine:
    line = CountingLine(name, *raw.points)
    counts = tuple(TrueCount(count.direction, count.vehicle_class, count.count) for count in raw.counts)
    sizes = {label: len(windows) for label, windows in raw.windows.items()}
    untimed = max(0, sum(count.count for count in counts) - sum(sizes.values()))
    options = _options(line, counts, sizes, untimed)
    windows = [
        Window(FrameRange(first, last), options[index])
        for index, group in enumerate(raw.windows.values())
        for first, last in group
    ]
    windows += [Window(None, options[-1])] * untimed
    return TruthLine(line, counts, tuple(windows), tuple(map(_straddler, raw.straddling)))


def _straddler(text: str) -> FrameRange:
    """The frames named in words such as `van f0-51 (shadow only)`; the whole clip where none are."""
    if not (found := _FRAMES.search(text)):
        return FrameRange(0, None)
    first, last, end = found.groups()
    return FrameRange(int(first), None if end else int(last or first))


def _options(
    line: CountingLine, counts: Sequence[TrueCount], sizes: dict[str, int], untimed: int
) -> list[tuple[int, ...]]:
    """For each group of windows, and last for the vehicles without one, the indices of `counts` it can belong to."""
    room = (*sizes.values(), untimed)
    everything = tuple(range(len(counts)))
    readings = [
        [*(_fitting(line, counts, label, same) for label in sizes), everything]
        for same in (frozenset.__eq__, frozenset.__and__)
    ]
    for allowed in [*readings, [everything] * len(room)]:
        if shared := _whole_shares(counts, room, allowed):
            return shared
    return next((allowed for allowed in readings if all(allowed)), [everything] * len(room))


def _fitting(
    line: CountingLine,
    counts: Sequence[TrueCount],
    label: str,
    same: Callable[[frozenset[str], frozenset[str]], object],
) -> tuple[int, ...]:
    """Counts that a label can mean; a word that is neither a class nor a direction leaves every one possible."""
    words = re.findall(r"[a-z0-9]+", label.lower())
    classes = frozenset(VEHICLE_CLASSES if ANY_CLASS in words else set(words) & set(VEHICLE_CLASSES))
    directions = {direction for word in words for direction in _directions(line, word)} or set(DIRECTIONS)
    return tuple(
        index
        for index, count in enumerate(counts)
        if count.direction in directions and (not classes or same(count.classes, classes))
    )


def _directions(line: CountingLine, word: str) -> tuple[Direction, ...]:
    if word in _WAYS:
        dx, dy = line.end[0] - line.start[0], line.end[1] - line.start[1]
        # With y down, (-dy, dx) points to the right-hand side of someone walking from start to end.
        cosine = (-dy * _WAYS[word][0] + dx * _WAYS[word][1]) / math.hypot(dx, dy)
        if abs(cosine) > _ALONG_THE_LINE:
            return ("forward",) if cosine > 0 else ("backward",)
    return tuple(direction for direction in DIRECTIONS if direction == word)


def _whole_shares(
    counts: Sequence[TrueCount], room: tuple[int, ...], allowed: Sequence[tuple[int, ...]]
) -> list[tuple[int, ...]] | None:
    """Give each count whole to one group so that every group is filled exactly; all such ways, put together.

    Returns None where there is no such way.
    """

    @cache
    def ways(index: int, left: tuple[int, ...]) -> frozenset[tuple[int, int]] | None:
        if index == len(counts):
            return None if any(left) else frozenset()
        need = counts[index].count
        if need == 0:
            return ways(index + 1, left)
        found: frozenset[tuple[int, int]] | None = None
        for group, size in enumerate(left):
            if index in allowed[group] and size >= need:
                rest = ways(index + 1, (*left[:group], size - need, *left[group + 1 :]))
                if rest is not None:
                    found = (found or frozenset()) | rest | {(group, index)}
        return found

    pairs = ways(0, room)
    if pairs is None:
        return None
    return [tuple(sorted(index for owner, index in pairs if owner == group)) for group in range(len(room))]
