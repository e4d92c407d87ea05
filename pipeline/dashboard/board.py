"""What each page shows, as plain values for JSON: answers of the store, put together. Knows no HTTP.

Vehicles stay apart by class all the way to the page, which sums them or weighs them to SMP (with `emp`, per class):
changing class or unit needs no new answer. None means not observed and is never 0.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from pipeline.config import DEFAULT_TIMEZONE, SiteConfig
from pipeline.dashboard import questions, tables
from pipeline.dashboard.periods import DAY_S, HOUR_S, QUARTER_S, Period, midnight_s, period_of
from pipeline.dashboard.questions import Queryable
from pipeline.dashboard.tallies import Tallies
from pipeline.errors import InputError

LIVE_WITHIN_S: Final = 240
"""A minute is told once it is over; a camera whose last observed minute began earlier than this is late."""
LATE_WITHIN_S: Final = 900
RECENT_S: Final = 2 * HOUR_S
"""Where nothing was observed for so long, the store holds recorded footage: `now` is then its newest minute."""
WEEK_S: Final = 7 * DAY_S
DAYS_COMPARED: Final = 8
KNOWN_FOR_S: Final = 5.0
"""So long the cameras and the present are taken as they were found: every answer needs them, and few change them."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What `now` means on the pages."""

    at_s: int
    """The present where cameras are live, the end of the newest observed minute where footage is recorded."""
    newest_s: int | None
    """Start of the newest observed minute; None for an empty store."""
    recorded: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What every answer begins with."""

    until_s: float
    """By the monotonic clock; then it is found out anew."""
    anchor: Anchor
    cameras: list[dict[str, Any]]
    lines: Mapping[str, list[dict[str, Any]]]
    """By camera; empty for one that was never counted."""


class Board:
    """The pages' contents over one store. Threads may share it."""

    def __init__(
        self,
        store: Queryable,
        *,
        site: SiteConfig | None,
        now_s: Callable[[], float],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._site = site
        self._now_s = now_s
        self._monotonic_s = monotonic_s
        self._kept: Known | None = None

    def anchor(self) -> Anchor:
        """What `now` means, at most `KNOWN_FOR_S` ago."""
        return self.known().anchor

    def cameras(self) -> list[dict[str, Any]]:
        """Every camera of the site file and the store: id, name, district, timezone, emp per class. Never its URL."""
        return self.known().cameras

    def known(self) -> Known:
        """The present and the cameras. Two threads that find them too old both ask the store, which does no harm."""
        kept = self._kept
        if kept is None or kept.until_s <= self._monotonic_s():
            lines = tables.by_camera(questions.lines(self._store))
            found = self._find_anchor(), self._find_cameras(), lines
            kept = self._kept = Known(self._monotonic_s() + KNOWN_FOR_S, *found)
        return kept

    def _find_anchor(self) -> Anchor:
        now_s = int(self._now_s())
        newest_s = questions.newest_minute_s(self._store, now_s - RECENT_S)
        if newest_s is not None:
            return Anchor(now_s, newest_s, recorded=False)
        newest_s = questions.newest_minute_s(self._store, 0)
        return Anchor(now_s if newest_s is None else newest_s + 60, newest_s, recorded=newest_s is not None)

    def _find_cameras(self) -> list[dict[str, Any]]:
        emp: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        for row in questions.coefficients(self._store):
            emp[row["version"], row["facility"]][row["class"]] = row["emp"]
        found = {
            row["camera"]: {
                "id": row["camera"],
                "name": row["name"],
                "district": row["district"],
                "timezone": row["timezone"],
                "pcu": {"version": row["pcu_version"], "facility": row["facility"]},
                "emp": emp[row["pcu_version"], row["facility"]],
            }
            for row in questions.cameras(self._store)
        }
        for camera in self._site.camera if self._site is not None else ():
            known = found.setdefault(camera.id, {"id": camera.id})
            known |= {
                "name": camera.name,
                "district": camera.district,
                "timezone": str(self._zone_of({})),
                "pcu": {"version": camera.pcu_version, "facility": camera.facility},
                "emp": emp[camera.pcu_version, camera.facility],
            }
        for camera_ in found.values():
            camera_["timezone"] = str(self._zone_of(camera_))
        return sorted(found.values(), key=lambda camera_: (camera_["district"], camera_["id"]))

    def city(self) -> dict[str, Any]:
        """Every camera with its flow now, today and a week ago, its state and coverage; and what was noticed today."""
        anchor = self.anchor()
        midnight = midnight_s(anchor.at_s, self._zone_of({}))
        hour_from_s = anchor.at_s // QUARTER_S * QUARTER_S - 3 * QUARTER_S
        hour_to_s = hour_from_s + 4 * QUARTER_S
        shown = Period(min(midnight, hour_from_s), hour_to_s)
        hour_ago = Period(hour_from_s - WEEK_S, hour_to_s - WEEK_S)
        bins = self._quarters(shown, hour_ago)
        seen = {row["camera"]: row for row in questions.last_seen(self._store, anchor.at_s - DAY_S)}
        cameras = []
        for camera in self.cameras():
            id_ = camera["id"]
            today = _within(bins[id_], Period(midnight, hour_to_s))
            cameras.append(
                camera
                | {
                    "state": _state(seen.get(id_), anchor),
                    "seen_s": seen[id_]["seen_s"] or None if id_ in seen else None,
                    "reason": seen[id_]["reason"] if id_ in seen else "",
                    "now": tables.summed(_within(bins[id_], Period(hour_from_s, hour_to_s))),
                    "week_ago": tables.summed(_within(bins[id_], hour_ago)),
                    "today": tables.summed(today),
                    "elapsed_s": max(0, anchor.at_s - midnight),
                    "hours": tables.hourly(today, midnight),
                }
            )
        return {
            "anchor": _anchor(anchor),
            "hour": {"from_s": hour_from_s, "to_s": min(hour_to_s, anchor.at_s)},
            "midnight_s": midnight,
            "cameras": cameras,
            "incidents": questions.incidents(self._store, midnight, anchor.at_s + 1),
        }

    def _quarters(self, shown: Period, ago: Period) -> dict[str, list[tables.Row]]:
        """Each camera's quarters of an hour in the local days that the two periods touch."""
        zones = {camera["id"]: self._zone_of(camera) for camera in self.cameras()}
        # Whole days are read: whether a line is one of the junction's is a matter of its day.
        days = [
            Period(
                min((midnight_s(period.from_s, zone) for zone in zones.values()), default=period.from_s),
                max((midnight_s(period.to_s - 1, zone) + DAY_S for zone in zones.values()), default=period.to_s),
            )
            for period in (shown, ago)
        ]
        found = Tallies.by_camera(questions.line_tallies(self._store, *days))
        return {
            id_: found[id_].bins(Period(midnight_s(ago.from_s, zone), days[0].to_s), QUARTER_S, self._entries(id_))
            if id_ in found
            else []
            for id_, zone in zones.items()
        }

    def _entries(self, camera_id: str) -> set[str]:
        """The lines of which the newest word is that vehicles enter over them."""
        return {line["line"] for line in self.known().lines.get(camera_id, []) if line["role"] == "entry"}

    def junction(self, camera_id: str, range_name: str) -> dict[str, Any]:
        """One camera over the range: its profile, turns, totals per line and peak hour of each day; and days compared.

        The days are the range's last local day and the seven before it, by the hour.
        """
        anchor, camera, zone, period = self._place(camera_id, range_name)
        last_s = min(period.to_s, midnight_s(anchor.at_s, zone) + DAY_S)
        first_day = datetime.fromtimestamp(last_s - 1, zone).date() - timedelta(days=DAYS_COMPARED - 1)
        days = Period(period_of(first_day.isoformat(), anchor.at_s, zone).from_s, last_s)
        read = Period(min(period.from_s, days.from_s), max(period.to_s, days.to_s))
        tallies = Tallies.of(questions.tallies(self._store, camera_id, read))
        entries = self._entries(camera_id)
        return {
            "anchor": _anchor(anchor),
            "camera": camera,
            "period": _period(period),
            "lines": self.known().lines.get(camera_id, []),
            "bins": tallies.bins(period, period.bin_s, entries),
            "totals": tallies.line_totals(period),
            "turns": tallies.turns(period),
            "peaks": tables.peaks(tallies.bins(period, QUARTER_S, entries), camera["emp"], zone),
            "days": {"period": _period(days), "bins": tallies.bins(days, HOUR_S, entries)},
        }

    def health(self, camera_id: str, range_name: str) -> dict[str, Any]:
        """One camera's coverage per hour over the range."""
        anchor, camera, _, period = self._place(camera_id, range_name)
        rows = questions.coverage_hours(self._store, camera_id, period)
        seen = {row["camera"]: row for row in questions.last_seen(self._store, anchor.at_s - DAY_S, camera_id)}
        return {
            "anchor": _anchor(anchor),
            "camera": camera | {"state": _state(seen.get(camera_id), anchor)},
            "period": _period(period),
            "hours": rows,
        }

    def quiet_lines(self, camera_id: str) -> dict[str, float]:
        """Lines of the camera that nobody crossed in the last four weeks, by the seconds they were observed."""
        _, camera, _, period = self._place(camera_id, "28d")
        return {row["line"]: row["observed_s"] for row in questions.quiet_lines(self._store, camera["id"], period)}

    def _place(self, camera_id: str, range_name: str) -> tuple[Anchor, dict[str, Any], ZoneInfo, Period]:
        camera = next((known for known in self.cameras() if known["id"] == camera_id), None)
        if camera is None:
            raise InputError(f"there is no camera {camera_id[:60]!r} in the store or the site file")
        anchor = self.anchor()
        zone = self._zone_of(camera)
        return anchor, camera, zone, period_of(range_name, anchor.at_s, zone)

    def _zone_of(self, camera: dict[str, Any]) -> ZoneInfo:
        return ZoneInfo(camera.get("timezone") or (self._site.timezone if self._site is not None else DEFAULT_TIMEZONE))


def _within(bins: list[tables.Row], period: Period) -> list[tables.Row]:
    return [bin_ for bin_ in bins if period.from_s <= bin_["start_s"] < period.to_s]


def _anchor(anchor: Anchor) -> dict[str, Any]:
    return {"at_s": anchor.at_s, "newest_s": anchor.newest_s, "recorded": anchor.recorded}


def _period(period: Period) -> dict[str, int]:
    return {"from_s": period.from_s, "to_s": period.to_s, "bin_s": period.bin_s}


def _state(seen: dict[str, Any] | None, anchor: Anchor) -> str:
    """`live`, `late` or `dark`; `recorded` where the store holds footage; `none` where nothing was seen for a day."""
    if seen is None or not seen["seen_s"]:
        return "none"
    if anchor.recorded:
        return "recorded"
    age_s = anchor.at_s - seen["seen_s"]
    return "live" if age_s <= LIVE_WITHIN_S else "late" if age_s <= LATE_WITHIN_S else "dark"
