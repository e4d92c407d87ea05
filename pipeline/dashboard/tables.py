"""Rows of the store to what the pages draw. None means not observed, and stays None until something was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from pipeline.dashboard.periods import HOUR_S

Row = dict[str, Any]

STATUSES: Final = ("missed", "complete", "partial", "interrupted")
"""Of several lines in one bin the last of these holds; a bin is `missed` only where every line is."""


def by_camera(rows: Iterable[Row]) -> defaultdict[str, list[Row]]:
    """The rows of each camera."""
    grouped: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["camera"]].append(row)
    return grouped


def counted_once(rows: list[Row], lines: list[Row]) -> list[Row]:
    """The rows that make a junction's volume: its entry lines where it has any, otherwise every line (`peak_hours`)."""
    entries = {line["line"] for line in lines if line["role"] == "entry"}
    return [row for row in rows if row["line"] in entries] if entries else rows


def bins(rows: list[Row]) -> list[Row]:
    """One record a bin, in order: start_s, observed_s, status, counts (vehicles per class) or None."""
    found: dict[int, Row] = {}
    for row in rows:
        bin_ = found.setdefault(
            row["bin_s"], {"start_s": row["bin_s"], "observed_s": 0.0, "status": "missed", "counts": None}
        )
        bin_["observed_s"] = max(bin_["observed_s"], row["observed_s"])
        bin_["status"] = max(bin_["status"], row["status"], key=STATUSES.index)
        if row["vehicles"] is not None:
            bin_["counts"] = _added(bin_["counts"], row)
    return list(found.values())


def line_totals(rows: list[Row]) -> list[Row]:
    """Vehicles per class over all bins, for each line and direction: line, direction, counts or None."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = (row["line"], row["direction"])
        total = found.setdefault(key, {"line": key[0], "direction": key[1], "counts": None})
        if row["vehicles"] is not None:
            total["counts"] = _added(total["counts"], row)
    return sorted(found.values(), key=lambda total: (total["line"], total["direction"] != "forward"))


def summed(rows: list[Row]) -> Row:
    """Vehicles per class over bins, None where none of them was observed, and the seconds observed."""
    counts: dict[str, int] | None = None
    observed_s: dict[int, float] = {}
    for row in rows:
        observed_s[row["bin_s"]] = max(observed_s.get(row["bin_s"], 0.0), row["observed_s"])
        if row["vehicles"] is not None:
            counts = _added(counts, row)
    return {"counts": counts, "observed_s": sum(observed_s.values())}


def hourly(rows: list[Row], from_s: int) -> list[Row]:
    """`summed` per hour since `from_s`: hour, counts or None, observed_s."""
    by_hour: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_hour[(row["bin_s"] - from_s) // HOUR_S].append(row)
    return [{"hour": hour, **summed(by_hour[hour])} for hour in sorted(by_hour)]


def _added(counts: dict[str, int] | None, row: Row) -> dict[str, int]:
    counts = counts if counts is not None else {}
    counts[row["class"]] = counts.get(row["class"], 0) + row["vehicles"]
    return counts
