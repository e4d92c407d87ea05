"""Which time a page shows: names of ranges to UTC seconds, in local days of the site."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

from pipeline.errors import InputError

DAY_S: Final = 86_400
HOUR_S: Final = 3600
QUARTER_S: Final = 900

NAMED_DAYS: Final = {"today": 1, "7d": 7, "28d": 28}
MAX_DAYS: Final = 366
"""So many days one page may ask for; it bounds what a single request can cost."""

_DATES: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.\.(\d{4}-\d{2}-\d{2}))?")


@dataclass(frozen=True, slots=True)
class Period:
    """From `from_s` up to, not with, `to_s`: seconds since the epoch, both at local midnight."""

    from_s: int
    to_s: int

    @property
    def bin_s(self) -> int:
        """Width of a profile's bins: a quarter of an hour up to two days, an hour up to two weeks, then a day."""
        length_s = self.to_s - self.from_s
        if length_s <= 2 * DAY_S:
            return QUARTER_S
        return HOUR_S if length_s <= 14 * DAY_S else DAY_S


def period_of(name: str, anchor_s: int, zone: tzinfo) -> Period:
    """The period that `name` means at `anchor_s`.

    `name` is today, yesterday, 7d, 28d (the last one is the day of the anchor), a date `2025-03-17`, or two with `..`
    between them, both included. Raises InputError for anything else.
    """
    today = datetime.fromtimestamp(anchor_s, zone).date()
    if name == "yesterday":
        return _days(today - timedelta(days=1), today - timedelta(days=1), zone)
    if name in NAMED_DAYS:
        return _days(today - timedelta(days=NAMED_DAYS[name] - 1), today, zone)
    match = _DATES.fullmatch(name)
    try:
        if match is None:
            raise ValueError
        first = date.fromisoformat(match[1])
        last = date.fromisoformat(match[2] or match[1])
        if not 0 <= (last - first).days < MAX_DAYS:
            raise ValueError
        return _days(first, last, zone)
    except (ValueError, OverflowError):
        raise InputError(
            f"{name[:40]!r} is not a range; write today, yesterday, 7d, 28d, a date such as 2025-03-17, or two such as "
            f"2025-03-10..2025-03-17, at most {MAX_DAYS} days"
        ) from None


def midnight_s(at_s: int, zone: tzinfo) -> int:
    """The local midnight at or before `at_s`, in seconds since the epoch."""
    return period_of("today", at_s, zone).from_s


def _days(first: date, last: date, zone: tzinfo) -> Period:
    return Period(_start_s(first, zone), _start_s(last + timedelta(days=1), zone))


def _start_s(day: date, zone: tzinfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
