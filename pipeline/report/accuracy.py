"""How well a counter counts, judged by hand counts: `evaluate` and its report.

What is measured and how: `accuracy_measures`. How crossings find their vehicles: `accuracy_matching`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

from tabulate import tabulate

from pipeline.errors import InputError
from pipeline.report.accuracy_measures import Cell, CountedClip, JudgedLine, Score, judge_line, score
from pipeline.report.accuracy_truth import ANY_CLASS, Truth
from pipeline.report.accuracy_truth_file import load_truth, load_truths
from pipeline.types import VEHICLE_CLASSES

__all__ = ["AccuracyReport", "CountedClip", "JudgedLine", "Score", "Truth", "evaluate", "load_truth", "load_truths"]


@dataclass(frozen=True, slots=True)
class AccuracyReport:
    """The result of `evaluate`."""

    lines: tuple[JudgedLine, ...]
    """Every line of every clip, in the order of the truth."""
    clips: Mapping[str, Score]
    classes: Mapping[str, Score]
    overall: Score

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every line's cells."""
        return tuple(cell for line in self.lines for cell in line.cells)

    def to_json(self) -> dict[str, object]:
        """Plain values for `json.dumps`: `cells` (a list), `clips` and `classes` (by name), and `overall`."""
        return {
            "cells": [{**asdict(cell), "error": cell.error} for cell in self.cells],
            "clips": {name: asdict(score) for name, score in self.clips.items()},
            "classes": {name: asdict(score) for name, score in self.classes.items()},
            "overall": asdict(self.overall),
        }

    def to_table(self) -> str:
        """Three aligned tables: every cell; the scores per clip, per class and over all; how they were matched."""
        cells = [
            [c.clip, c.line, c.direction, c.vehicle_class, c.counted, c.true, f"{c.error:+d}", c.geh, c.effectiveness]
            for c in self.cells
        ]
        scores = [
            [name, s.counted, s.true, s.wape, s.geh, s.geh_below_5, s.effectiveness, s.precision, s.recall, s.found]
            for name, s in self._scores()
        ]
        judged = [[name, s.hits, s.class_wrong, s.missed, s.false, s.neutral] for name, s in self._scores()]
        head = ["clip", "line", "direction", "class", "counted", "true", "error", "GEH", "effectiveness"]
        measures = ["WAPE", "GEH", "GEH < 5", "effectiveness", "precision", "recall", "found"]
        score_head = ["", "counted", "true", *measures]
        judged_head = ["", "hits", "class wrong", "missed", "false", "neutral"]
        return "\n\n".join(
            [_table(head, cells, names=4), _table(score_head, scores, names=1), _table(judged_head, judged, names=1)]
        )

    def _scores(self) -> list[tuple[str, Score]]:
        return [*self.clips.items(), *self.classes.items(), ("all", self.overall)]


def evaluate(truth: Truth, counted: Mapping[str, CountedClip]) -> AccuracyReport:
    """Judge what was counted, per clip of the truth.

    Raises:
        InputError: a clip of the truth was not counted, or has no duration.
    """
    if missing := [clip.name for clip in truth.clips if clip.name not in counted]:
        raise InputError(f"clip {missing[0]} is in the truth file but was not counted: give the folder that holds it")
    lines: list[JudgedLine] = []
    for clip in truth.clips:
        result = counted[clip.name]
        if result.duration_s <= 0:
            raise InputError(f"clip {clip.name} has no duration, only {result.frames} frames: hourly flows need one")
        if unknown := {crossing.line for crossing in result.crossings} - {line.line.name for line in clip.lines}:
            raise ValueError(f"crossings of {clip.name} at lines that the truth does not have: {sorted(unknown)}")
        lines += [judge_line(clip.name, line, result) for line in clip.lines]
    found = {cell.vehicle_class for line in lines for cell in line.cells}
    order = (*VEHICLE_CLASSES, *sorted(found - {*VEHICLE_CLASSES, ANY_CLASS}), ANY_CLASS)
    return AccuracyReport(
        lines=tuple(lines),
        clips={name: score(list(group)) for name, group in groupby(lines, key=lambda line: line.clip)},
        classes={name: score(lines, name) for name in order if name in found},
        overall=score(lines),
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[object]], names: int) -> str:
    """The first `names` columns to the left, numbers to the right."""
    sides = ["left"] * names + ["right"] * (len(head) - names)
    text = [[_shown(value) for value in row] for row in rows]
    return tabulate(text, headers=head, tablefmt="simple", colalign=sides, disable_numparse=True)


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
