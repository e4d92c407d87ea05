"""The peak hour: the highest four consecutive complete 15-minute bins of one local day (PKJI 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.report.survey import BIN, Status

BINS_PER_HOUR = 4


@dataclass(frozen=True, slots=True)
class PeakHour:
    """The hour that begins with bin `first`."""

    first: int
    vehicles: int
    phf: float | None
    """V60 / (4 V15max); None where nothing came."""

    @property
    def last(self) -> int:
        """The hour's last bin."""
        return self.first + BINS_PER_HOUR - 1


def hour_from(first: int, starts: Sequence[datetime], statuses: Sequence[Status]) -> bool:
    """Whether bin `first` begins an hour of one day that was observed whole."""
    hour = range(first, first + BINS_PER_HOUR)
    return (
        hour[-1] < len(starts)
        and starts[hour[-1]] - starts[first] == BIN * (BINS_PER_HOUR - 1)
        and starts[hour[-1]].date() == starts[first].date()
        and all(statuses[index] == "complete" for index in hour)
    )


def peak_hour(
    starts: Sequence[datetime], statuses: Sequence[Status], vehicles: Sequence[int | None]
) -> PeakHour | None:
    """The highest hour, of equals the earliest; None where no hour was observed whole."""
    best: PeakHour | None = None
    for first in range(len(starts)):
        if not hour_from(first, starts, statuses):
            continue
        volumes = [vehicles[index] or 0 for index in range(first, first + BINS_PER_HOUR)]
        if best is None or sum(volumes) > best.vehicles:
            phf = sum(volumes) / (BINS_PER_HOUR * max(volumes)) if max(volumes) else None
            best = PeakHour(first, sum(volumes), phf)
    return best
