"""A picture of one count: vehicles by line and class, and the turning matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pipeline.palette import CLASS_COLORS
from pipeline.report.counts import LineCounts
from pipeline.types import VEHICLE_CLASSES


def write_chart(
    path: Path, title: str, counted: LineCounts, movements: Sequence[dict[str, Any]], true: LineCounts | None = None
) -> None:
    """Write a PNG: stacked bars by line (with a mark at the true total, where known) beside the turning matrix."""
    figure = Figure(figsize=(12, 5), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    bars, matrix = figure.subplots(1, 2, width_ratios=(3, 2))
    names = list(counted)
    bottom = np.zeros(len(names))
    for vehicle_class in VEHICLE_CLASSES:
        heights = np.array([sum(by_class[vehicle_class] for by_class in counted[name].values()) for name in names])
        bars.bar(names, heights, bottom=bottom, color=CLASS_COLORS[vehicle_class], label=vehicle_class)
        bottom += heights
    if true is not None:
        totals = [sum(sum(by_class.values()) for by_class in true[name].values()) for name in names]
        bars.plot(names, totals, linestyle="none", marker="_", markersize=28, color="black", label="truth, all classes")
    bars.set_ylabel("vehicles")
    bars.set_title("Crossings by line")
    bars.legend()
    _draw_matrix(matrix, movements)
    figure.savefig(path, dpi=110)


def _draw_matrix(axes: Any, movements: Sequence[dict[str, Any]]) -> None:
    entries = sorted({m["from"] for m in movements})
    exits = sorted({m["to"] for m in movements})
    totals = np.zeros((len(entries), len(exits)), dtype=int)
    for movement in movements:
        totals[entries.index(movement["from"]), exits.index(movement["to"])] += movement["count"]
    axes.set_title("Movements, all classes")
    if not totals.size:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no movement", ha="center", va="center")
        return
    axes.imshow(totals, cmap="Blues", vmin=0)
    axes.set_xticks(range(len(exits)), exits)
    axes.set_yticks(range(len(entries)), entries)
    axes.set_xlabel("to")
    axes.set_ylabel("from")
    for (row, column), number in np.ndenumerate(totals):
        dark = number > totals.max() / 2
        axes.text(column, row, str(number), ha="center", va="center", color="white" if dark else "black")
