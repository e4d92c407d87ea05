"""Counts of one camera in 15-minute bins, read from the store by approach and movement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

import pyarrow as pa

from pipeline.errors import InputError
from pipeline.report.turns import APPROACHES, TURNS, turn_between
from pipeline.types import DIRECTIONS, VEHICLE_CLASSES

Status: TypeAlias = Literal["complete", "partial", "interrupted", "missed"]
Query: TypeAlias = Callable[[str, Mapping[str, Any]], pa.Table]
"""`Store.query`: SQL and its parameters in, rows out."""

BIN: Final = timedelta(minutes=15)
_DAY_S: Final = 86_400
"""Of every local day: zones with daylight-saving are refused."""
_WORST_LAST: Final[tuple[Status, ...]] = ("complete", "partial", "interrupted", "missed")


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera as the store knows it."""

    id: str
    name: str
    district: str
    zone: ZoneInfo
    facility: str
    pcu_version: str


@dataclass(frozen=True, slots=True)
class Stream:
    """Vehicles that do one thing: a movement, a direction over a line, or all that enter by an approach."""

    label: str
    counts: tuple[Mapping[str, int] | None, ...]
    """By bin: class -> vehicles; None where the bin was not observed."""


@dataclass(frozen=True, slots=True)
class Arm:
    """An approach of the junction, or a line that stands for itself."""

    label: str
    """U, S, T or B where the site file says so, else the line's name."""
    streams: tuple[Stream, ...]
    """Its movements, or the directions over the line."""
    entering: Stream | None
    """What crossed the entry lines, followed to an exit or not; None for a line that stands for itself."""
    statuses: tuple[Status, ...]
    listed: tuple[bool, ...]
    """By bin: whether one of its lines is the junction's then; where not, the junction's volume is without it."""

    @property
    def volume(self) -> tuple[Stream, ...]:
        """The streams that together are all vehicles of the arm, each once."""
        return self.streams if self.entering is None else (self.entering,)


@dataclass(frozen=True, slots=True)
class Survey:
    """What was counted at a camera in a period."""

    camera: Camera
    starts: tuple[datetime, ...]
    """Beginning of each bin, in the camera's zone."""
    arms: tuple[Arm, ...]
    observed_s: tuple[float, ...]
    """By bin, of 900."""
    statuses: tuple[Status, ...]
    """By bin, the worst of the arms' that are listed."""


def worst(statuses: Iterable[Status]) -> Status:
    """The status of what is made of several; missed where it is made of nothing."""
    return max(statuses, key=_WORST_LAST.index, default="missed")


def read_cameras(query: Query) -> list[Camera]:
    """Every camera that the store has counts of, by id; one that nobody registered has the store's defaults."""
    sql = """
    SELECT s.camera AS id, z.name AS name, z.district AS district,
           if(z.camera = '', 'Asia/Makassar', z.timezone) AS zone,
           if(z.camera = '', 'signalised_protected', z.facility) AS facility,
           if(z.camera = '', 'PKJI 2023', z.pcu_version) AS pcu_version
    FROM (SELECT DISTINCT camera FROM tallies) AS s LEFT JOIN cameras AS z ON s.camera = z.camera
    ORDER BY id
    """
    return [Camera(**(row | {"zone": ZoneInfo(row["zone"])})) for row in query(sql, {}).to_pylist()]


def find_camera(query: Query, camera: str) -> Camera:
    """The camera of that id. Raises InputError that lists the store's cameras where it has none of that id."""
    cameras = read_cameras(query)
    for known in cameras:
        if known.id == camera:
            return known
    ids = ", ".join(known.id for known in cameras) or "none at all"
    raise InputError(f"the store has no counts of camera {camera!r}; it has: {ids}")


def read_survey(query: Query, camera: Camera, start: datetime, end: datetime) -> Survey:
    """Counts from `start` to before `end`, both at a quarter of an hour.

    Bins that the store does not list are missed. Raises InputError where the camera never counted on a line in them.
    """
    starts = tuple(_bins(start.astimezone(camera.zone), end.astimezone(camera.zone)))
    midnight = int(datetime.combine(starts[0].date(), time(), camera.zone).timestamp())
    days = (starts[-1].date() - starts[0].date()).days + 1
    period = {"camera": camera.id, "start": midnight, "end": midnight + _DAY_S * days}
    cells = _Cells(starts, midnight, query(_LINES, period).to_pylist(), query(_TURNS, period).to_pylist())
    if not cells.keys:
        raise InputError(
            f"camera {camera.id} counted nothing from {start.isoformat(timespec='minutes')} "
            f"to {end.isoformat(timespec='minutes')}; give --from and --to within what the view counts_1d holds"
        )
    arms = tuple(_arms(cells, query(_ROLES, {"camera": camera.id}).to_pylist()))
    statuses = tuple(worst(arm.statuses[index] for arm in arms if arm.listed[index]) for index in range(len(starts)))
    return Survey(camera, starts, arms, tuple(cells.observed_s), statuses)


def _bins(start: datetime, end: datetime) -> Iterable[datetime]:
    while start < end:
        yield start
        start += BIN


class _Cells:
    """Rows of the count views by counter and bin. A key is (line, direction) or (entry line, exit line).

    Takes those of whole days: as in `camera_volumes_15m`, a counter that was not observed in all of a day, while others
    were, is none of that day's. It would be missed there for good where a replay named it otherwise.
    """

    def __init__(self, starts: Sequence[datetime], midnight_s: int, *tables: list[dict[str, Any]]) -> None:
        index_of = {int(start.timestamp()): index for index, start in enumerate(starts)}
        rows = [((row["line"], row["other"]), row) for table in tables for row in table]
        seen: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
        for key, row in rows:
            if row["observed_s"] > 0:
                seen[(row["at"] - midnight_s) // _DAY_S].add(key)
        self._counts: dict[tuple[str, str], list[dict[str, int] | None]] = {}
        self._statuses: dict[tuple[str, str], list[Status | None]] = {}
        self.observed_s = [0.0] * len(starts)
        for key, row in rows:
            index, of_day = index_of.get(row["at"]), seen[(row["at"] - midnight_s) // _DAY_S]
            if index is None or (of_day and key not in of_day):
                continue
            counts = self._counts.setdefault(key, [None] * len(starts))
            statuses = self._statuses.setdefault(key, [None] * len(starts))
            statuses[index] = row["status"]
            self.observed_s[index] = max(self.observed_s[index], row["observed_s"])
            if row["count"] is not None:
                by_class = counts[index] or dict.fromkeys(VEHICLE_CLASSES, 0)
                counts[index] = by_class | {row["class"]: row["count"]}

    @property
    def keys(self) -> list[tuple[str, str]]:
        return sorted(self._counts)

    def stream(self, label: str, keys: Sequence[tuple[str, str]]) -> Stream:
        """Several counters together: a bin that one of those that are listed in it missed is not known."""
        together: list[Mapping[str, int] | None] = []
        for index, statuses in enumerate(self._by_bin(keys)):
            listed = [
                self._counts[key][index] for key, status in zip(keys, statuses, strict=True) if status is not None
            ]
            known = [counts for counts in listed if counts is not None]
            whole = listed and len(known) == len(listed)
            together.append({name: sum(c[name] for c in known) for name in VEHICLE_CLASSES} if whole else None)
        return Stream(label, tuple(together))

    def statuses(self, keys: Sequence[tuple[str, str]]) -> tuple[Status, ...]:
        return tuple(worst(status for status in by_key if status is not None) for by_key in self._by_bin(keys))

    def listed(self, keys: Sequence[tuple[str, str]]) -> tuple[bool, ...]:
        return tuple(any(status is not None for status in by_key) for by_key in self._by_bin(keys))

    def _by_bin(self, keys: Sequence[tuple[str, str]]) -> Iterable[tuple[Status | None, ...]]:
        return zip(*(self._statuses[key] for key in keys), strict=True)


def _arms(cells: _Cells, lines: list[dict[str, Any]]) -> Iterable[Arm]:
    roles = {row["line"]: row["role"] for row in lines}
    approaches = {row["line"]: row["approach"] for row in lines}
    names = sorted({line for line, _ in cells.keys})
    entries = [name for name in names if roles.get(name) == "entry"]
    labels = {approaches[name] or name for name in entries}
    order = [*(name for name in APPROACHES if name in labels), *sorted(labels - set(APPROACHES))]
    for label in order:
        own = [name for name in entries if (approaches[name] or name) == label]
        turns: dict[str, list[tuple[str, str]]] = {}
        for key in cells.keys:
            if key[0] in own and key[1] not in DIRECTIONS:
                exit_ = approaches.get(key[1])
                turn = turn_between(label, exit_) if label in APPROACHES and exit_ else f"→ {key[1]}"
                turns.setdefault(turn, []).append(key)
        ranked = sorted(turns, key=lambda turn: (TURNS.index(turn) if turn in TURNS else len(TURNS), turn))
        keys = [(name, "forward") for name in own]
        streams = tuple(cells.stream(turn, turns[turn]) for turn in ranked)
        yield Arm(label, streams, cells.stream("entering", keys), cells.statuses(keys), cells.listed(keys))
    # Where no entry line is listed, as before the lines were given roles, every line counts, in both directions.
    with_entries = (
        cells.listed([(name, "forward") for name in entries]) if entries else (False,) * len(cells.observed_s)
    )
    for name in (name for name in names if name not in entries):
        keys = [(name, direction) for direction in DIRECTIONS]
        streams = tuple(cells.stream(key[1], [key]) for key in keys)
        arm = _left_out(Arm(name, streams, None, cells.statuses(keys), cells.listed(keys)), with_entries)
        if not entries or any(status != "missed" for status in arm.statuses):
            yield arm


def _left_out(arm: Arm, bins: Sequence[bool]) -> Arm:
    """`arm` as if nothing were listed in `bins`."""
    streams = tuple(
        replace(stream, counts=tuple(None if out else counts for counts, out in zip(stream.counts, bins, strict=True)))
        for stream in arm.streams
    )
    statuses: tuple[Status, ...] = tuple(
        "missed" if out else status for status, out in zip(arm.statuses, bins, strict=True)
    )
    return replace(
        arm,
        streams=streams,
        statuses=statuses,
        listed=tuple(listed and not out for listed, out in zip(arm.listed, bins, strict=True)),
    )


_PERIOD: Final = """camera = {camera:String} AND bin_start >= toDateTime64({start:Int64}, 0, 'UTC')
  AND bin_start < toDateTime64({end:Int64}, 0, 'UTC')"""

_LINES: Final = f"""
SELECT line, direction AS other, class, toInt64(toUnixTimestamp(bin_start)) AS at, count, observed_s, status
FROM counts_15m WHERE {_PERIOD}
"""

_TURNS: Final = f"""
SELECT from_line AS line, to_line AS other, class, toInt64(toUnixTimestamp(bin_start)) AS at, count, observed_s, status
FROM turning_counts_15m WHERE {_PERIOD}
"""

_ROLES: Final = """
SELECT line, argMax(role, registered_at) AS role, argMax(tuple(approach), registered_at).1 AS approach
FROM lines WHERE camera = {camera:String} GROUP BY line
"""
