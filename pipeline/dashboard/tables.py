"""Rows of the store to what the pages draw. None means not observed, and stays None until something was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, tzinfo
from typing import Any

from pipeline.dashboard.periods import HOUR_S
from pipeline.report.peaks import peak_hour

Row = dict[str, Any]


def by_camera(rows: Iterable[Row]) -> defaultdict[str, list[Row]]:
    """The rows of each camera."""
    grouped: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["camera"]].append(row)
    return grouped


def peaks(quarters: list[Row], emp: Mapping[str, float], zone: tzinfo) -> list[Row]:
    """The peak hour of each local day, from bins of a quarter of an hour: day, hour_s, vehicles, smp, phf.

    The same as the store's `peak_hours`, which reads all that a camera ever had to answer for one day.
    """
    days: defaultdict[date, list[Row]] = defaultdict(list)
    for quarter in quarters:
        days[datetime.fromtimestamp(quarter["start_s"], zone).date()].append(quarter)
    found = []
    for day, of_day in sorted(days.items()):
        starts = [datetime.fromtimestamp(quarter["start_s"], zone) for quarter in of_day]
        volumes = [None if quarter["counts"] is None else sum(quarter["counts"].values()) for quarter in of_day]
        peak = peak_hour(starts, [quarter["status"] for quarter in of_day], volumes)
        if peak is None:
            continue
        hour = of_day[peak.first : peak.last + 1]
        smp = sum(n * emp.get(name, 0.0) for quarter in hour for name, n in (quarter["counts"] or {}).items())
        found.append(
            {
                "day": day.isoformat(),
                "hour_s": hour[0]["start_s"],
                "vehicles": peak.vehicles,
                "smp": smp,
                "phf": peak.phf,
            }
        )
    return found


def summed(bins: Iterable[Row]) -> Row:
    """Vehicles per class over bins, None where none of them was observed, and the seconds observed."""
    counts: dict[str, int] | None = None
    observed_s = 0.0
    for bin_ in bins:
        observed_s += bin_["observed_s"]
        if bin_["counts"] is not None:
            counts = {name: n + (counts[name] if counts else 0) for name, n in bin_["counts"].items()}
    return {"counts": counts, "observed_s": observed_s}


def hourly(bins: Iterable[Row], from_s: int) -> list[Row]:
    """`summed` per hour since `from_s`: hour, counts or None, observed_s."""
    by_hour: defaultdict[int, list[Row]] = defaultdict(list)
    for bin_ in bins:
        by_hour[(bin_["start_s"] - from_s) // HOUR_S].append(bin_)
    return [{"hour": hour, **summed(by_hour[hour])} for hour in sorted(by_hour)]
