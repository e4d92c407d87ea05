"""The count views against the same rules written down plainly in Python, on random deliveries.

Several cameras, runs and revisions that overlap, lines that change between runs, late, repeated and disordered events,
damaged minutes, and events on the borders of bins.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import product
from typing import Any, TypeAlias

import pytest

from pipeline.sink.store import EmbeddedStore
from pipeline.types import (
    DIRECTIONS,
    NS_PER_S,
    VEHICLE_CLASSES,
    CountingLine,
    Coverage,
    Crossing,
    Event,
    Movement,
    event_id,
)
from tests.sink.events import MINUTE_NS, T0_S, line

MINUTE_S, BIN_S, DAY_S = 60, 900, 86_400
START_S = T0_S + 30 * DAY_S - 90 * MINUTE_S
"""90 minutes before July begins in UTC, so that bins lie on both sides of the border of a partition."""
MINUTES = 150
OFFSETS_S = {"makassar": 8 * 3600, "accra": 0, "kathmandu": 5 * 3600 + 45 * 60}
"""By camera; a day of the second begins with July in UTC."""
ZONES = {"accra": "Africa/Accra", "kathmandu": "Asia/Kathmandu"}
"""Of the cameras that are registered."""
FACILITY = {"makassar": "signalised_protected", "accra": "unsignalised_from_1000", "kathmandu": "urban_4_2_from_1050"}
LINES = {"U-in": "entry", "S-in": "entry", "S-out": "exit", "B-out": "exit", "x": "count"}

BIN = "toInt64(toUnixTimestamp(bin_start))"

SEEDS = (1, 3)
"""Of deliveries in which some hours are whole and have a peak."""

Counted: TypeAlias = tuple[str, str]
"""(line, '') or (entry line, exit line)."""


@dataclass
class Run:
    """What a run counts on, and what it delivered."""

    camera: str
    name: str
    revision: int
    lines: list[CountingLine]
    events: list[Event] = field(default_factory=list)

    def counters(self) -> set[Counted]:
        by_role = {role: [one.name for one in self.lines if one.role == role] for role in ("entry", "exit")}
        return (
            {(one.name, "") for one in self.lines}
            | set(product(by_role["entry"], by_role["exit"]))
            | {(event.line, "") for event in self.events if isinstance(event, Crossing)}
            | {(event.from_line, event.to_line) for event in self.events if isinstance(event, Movement)}
        )


def random_runs(rng: random.Random) -> list[Run]:
    return [
        random_run(rng, camera, f"{camera}-{number}", rng.choice((0, 0, 0, 1, 1, 2)))
        for camera in OFFSETS_S
        for number in range(rng.randint(2, 4))
    ]


def random_run(rng: random.Random, camera: str, name: str, revision: int) -> Run:
    known = rng.sample(list(LINES), rng.randint(0, len(LINES)))
    run = Run(camera, name, revision, [line(one, LINES[one]) for one in known])
    whole = rng.random() < 0.4
    first = rng.randrange(MINUTES - 20)
    for number in range(first, min(MINUTES, first + rng.randint(1, 120))):
        start_ns = (START_S + number * MINUTE_S) * NS_PER_S
        for _ in range(rng.choice((1, 1, 1, 2))):
            some_s = rng.choice((60.0, 60.0, 60.0, 60.0, 59.0, 54.0, 53.9, rng.randint(0, 60_000_000) / 1e6, 0.0))
            observed_s = 60.0 if whole else some_s
            # The same reason each time: of equal observations either may be kept.
            reason = "" if observed_s == 60 else ("edge", "gap", "overload")[number % 3]
            if whole or rng.random() < 0.93:
                run.events.append(Coverage(camera, start_ns, observed_s, 600, 600, 0, reason, revision, name))
        for _ in range(rng.choice((0, 0, 1, 3))):
            instant_ns = start_ns + rng.choice((0, 1, MINUTE_NS - 1, MINUTE_NS - 1000, rng.randrange(MINUTE_NS)))
            class_, track = rng.choice(VEHICLE_CLASSES), 1000 * int(name[-1]) + len(run.events)
            if rng.random() < 0.7:
                over, direction = rng.choice((*known, "y")), rng.choice(DIRECTIONS)
                id_ = event_id(camera, over, direction, instant_ns, track, revision)
                run.events.append(
                    Crossing(id_, camera, over, direction, class_, instant_ns, 1, track, 0.5, None, revision, name)
                )
            else:
                from_line, to_line = rng.choice(("U-in", "S-in")), rng.choice(("S-out", "B-out"))
                entered_ns = instant_ns - rng.randint(1, 90) * NS_PER_S
                id_ = event_id("movement", camera, from_line, to_line, entered_ns, instant_ns, track, revision)
                run.events.append(
                    Movement(
                        id_, camera, from_line, to_line, class_, entered_ns, instant_ns, track, False, revision, name
                    )
                )
    return run


def deliver(store: EmbeddedStore, runs: list[Run], rng: random.Random) -> None:
    """Every event at least once, in any order and in batches of any size; the views are looked at in between."""
    for camera, zone in ZONES.items():
        store.register_camera(camera, timezone=zone, facility=FACILITY[camera])
    events = [event for run in runs for event in run.events]
    events += rng.sample(events, len(events) // 5)
    rng.shuffle(events)
    registrations = {rng.randrange(len(events)): run for run in runs}
    batch: list[Event] = []
    for number, event in enumerate(events):
        batch.append(event)
        if rng.random() < 0.01:
            store.insert(batch)
            batch = []
            if rng.random() < 0.5:
                store.settle()
        if number in registrations:
            run = registrations.pop(number)
            store.register_lines(run.camera, run.lines, run=run.name)
    store.insert(batch)


@dataclass
class Tally:
    n: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By direction ('' for a turn) and class."""
    minutes: dict[int, int] = field(default_factory=dict)
    """Observed microseconds by minute."""
    lossy: bool = False

    def add(self, other: Tally) -> None:
        self.n.update(other.n)
        self.minutes |= other.minutes
        self.lossy |= other.lossy

    def row(self, width_s: int) -> tuple[float, str]:
        """(observed_s, status)"""
        seen = sorted(minute for minute, us in self.minutes.items() if us)
        us = sum(self.minutes.values())
        if not us:
            return 0.0, "missed"
        if us >= 0.98e6 * width_s:
            return us / 1e6, "complete"
        between_s = seen[-1] - seen[0] - MINUTE_S
        inner_us = us - self.minutes[seen[0]] - self.minutes[seen[-1]]
        hole = between_s > 0 and inner_us < 0.98e6 * between_s
        return us / 1e6, "interrupted" if self.lossy or hole else "partial"


Tallies: TypeAlias = dict[tuple[str, Counted, int], Tally]


def tallies_of(runs: list[Run]) -> Tallies:
    """By camera, counter and bin: what is listed, and what was observed and counted."""
    coverage: dict[tuple[str, int, int, str], Coverage] = {}
    for run in runs:
        for event in run.events:
            if isinstance(event, Coverage):
                key = (event.camera, event.minute_ns // NS_PER_S, event.revision, event.run)
                if key not in coverage or event.observed_s > coverage[key].observed_s:
                    coverage[key] = event
    observed: defaultdict[tuple[str, int], Counter[int]] = defaultdict(Counter)
    for (camera, minute, revision, _), one in coverage.items():
        observed[camera, minute][revision] += round(one.observed_s * 1e6)
    won: dict[tuple[str, int], int] = {}
    for place, by_revision in observed.items():
        capped = {revision: min(us, 60_000_000) for revision, us in by_revision.items()}
        won[place] = max(r for r, us in capped.items() if 10 * us >= 9 * max(capped.values()))

    found: defaultdict[tuple[str, Counted, int], Tally] = defaultdict(Tally)
    spans: defaultdict[tuple[str, Counted], list[tuple[int, int]]] = defaultdict(list)
    for run in runs:
        own = {key[1]: one for key, one in coverage.items() if key[3] == run.name}
        for counter in run.counters():
            if own:
                spans[run.camera, counter].append((min(own) // BIN_S * BIN_S, max(own) // BIN_S * BIN_S))
            for minute, one in own.items():
                if won[run.camera, minute] == run.revision:
                    tally = found[run.camera, counter, minute // BIN_S * BIN_S]
                    us = tally.minutes.get(minute, 0) + round(one.observed_s * 1e6)
                    tally.minutes[minute] = min(us, 60_000_000)
                    tally.lossy |= one.reason not in ("", "edge")
    for (camera, counter), reaches in spans.items():  # none lies 31 days from the next
        for bin_s in range(min(reaches)[0], max(last for _, last in reaches) + BIN_S, BIN_S):
            _ = found[camera, counter, bin_s]
    for event in {event for run in runs for event in run.events if not isinstance(event, Coverage)}:
        crossed = isinstance(event, Crossing)
        instant_s = (event.captured_at_ns if crossed else event.exited_at_ns) // NS_PER_S
        if won.get((event.camera, instant_s // MINUTE_S * MINUTE_S)) == event.revision:
            counter = (event.line, "") if crossed else (event.from_line, event.to_line)
            cell = (event.direction if crossed else "", event.vehicle_class)
            found[event.camera, counter, instant_s // BIN_S * BIN_S].n[cell] += 1
    return found


def expected(tallies: Tallies, width_s: int, *, turns: bool) -> Iterator[tuple[Any, ...]]:
    wide: defaultdict[tuple[str, Counted, int], Tally] = defaultdict(Tally)
    for (camera, counter, bin_s), tally in tallies.items():
        offset_s = OFFSETS_S[camera] if width_s == DAY_S else 0
        wide[camera, counter, (bin_s + offset_s) // width_s * width_s - offset_s].add(tally)
    for (camera, counter, bin_s), tally in wide.items():
        if bool(counter[1]) == turns:
            observed_s, status = tally.row(width_s)
            for direction, class_ in product([""] if turns else DIRECTIONS, VEHICLE_CLASSES):
                n = tally.n[direction, class_] if observed_s else None
                place = (*counter, class_) if turns else (counter[0], direction, class_)
                yield (camera, *place, bin_s, n, round(observed_s, 6), status)


def expected_smp(tallies: Tallies, emp: dict[tuple[str, str], float]) -> Iterator[tuple[Any, ...]]:
    for (camera, (line_, to_line), bin_s), tally in tallies.items():
        if to_line:
            continue
        observed_s, status = tally.row(BIN_S)
        for direction in DIRECTIONS:
            smp = sum(tally.n[direction, name] * emp.get((FACILITY[camera], name), 0) for name in VEHICLE_CLASSES)
            yield camera, line_, direction, bin_s, round(smp, 6) if observed_s else None, round(observed_s, 6), status


def expected_peaks(
    tallies: Tallies, entries: set[Counted], emp: dict[tuple[str, str], float]
) -> Iterator[tuple[Any, ...]]:
    volumes: defaultdict[tuple[str, int], dict[int, tuple[int, float, bool]]] = defaultdict(dict)
    seen = {
        (camera, counted, (bin_s + OFFSETS_S[camera]) // DAY_S)
        for (camera, counted, bin_s), tally in tallies.items()
        if tally.row(BIN_S)[0]
    }
    for camera, bin_s in sorted({(camera, bin_s) for camera, (_, to_line), bin_s in tallies if not to_line}):
        day = (bin_s + OFFSETS_S[camera]) // DAY_S
        lines = [name for name in (*LINES, "y") if (camera, (name, ""), bin_s) in tallies]
        lines = [name for name in lines if (camera, (name, ""), day) in seen]
        entered = [name for name in lines if (camera, name) in entries]
        of = [tallies[camera, (name, ""), bin_s] for name in entered or lines]
        n: Counter[str] = Counter()
        for tally in of:
            for direction in DIRECTIONS[:1] if entered else DIRECTIONS:
                if tally.row(BIN_S)[0]:
                    n.update({name: tally.n[direction, name] for name in VEHICLE_CLASSES})
        smp = sum(count * emp.get((FACILITY[camera], name), 0) for name, count in n.items())
        whole = bool(of) and all(tally.row(BIN_S)[1] == "complete" for tally in of)
        volumes[camera, day][bin_s] = (n.total(), smp, whole)
    for (camera, day), bins in volumes.items():
        hours = [[bins.get(first + BIN_S * quarter) for quarter in range(4)] for first in bins]
        found = [
            (-sum(one[0] for one in hour), first, sum(one[1] for one in hour), max(one[0] for one in hour))
            for first, hour in zip(bins, hours, strict=True)
            if all(one and one[2] for one in hour)
        ]
        if found:
            vehicles, first, smp, most = min(found)
            phf = round(-vehicles / (4 * most), 6) if most else None
            yield (
                camera,
                str(date.fromordinal(date(1970, 1, 1).toordinal() + day)),
                first,
                -vehicles,
                round(smp, 6),
                phf,
            )


@pytest.mark.parametrize("seed", SEEDS)
def test_the_views_hold_what_a_plain_count_finds(store: EmbeddedStore, seed: int) -> None:
    rng = random.Random(seed)
    runs = random_runs(rng)
    deliver(store, runs, rng)
    tallies = tallies_of(runs)

    def assert_answer(sql: str, want: Iterable[tuple[Any, ...]]) -> None:
        found = [tuple(row.values()) for row in store.query(sql).to_pylist()]
        assert sorted(found, key=str) == sorted(want, key=str), sql

    for view, width_s, place in (
        ("counts_15m", BIN_S, "line, direction, class"),
        ("counts_1h", 3600, "line, direction, class"),
        ("counts_1d", DAY_S, "line, direction, class"),
        ("turning_counts_15m", BIN_S, "from_line, to_line, class"),
    ):
        assert_answer(
            f"SELECT camera, {place}, {BIN}, count, round(observed_s, 6), status FROM {view}",
            expected(tallies, width_s, turns=view.startswith("turning")),
        )
    coefficients = store.query(
        "SELECT facility, class, emp FROM pcu_coefficients WHERE version = 'PKJI 2023'"
    ).to_pylist()
    emp = {(row["facility"], row["class"]): row["emp"] for row in coefficients}
    assert_answer(
        f"SELECT camera, line, direction, {BIN}, round(smp, 6), round(observed_s, 6), status FROM pcu_15m",
        expected_smp(tallies, emp),
    )
    entries = {(run.camera, one.name) for run in runs for one in run.lines if one.role == "entry"}
    assert_answer(
        "SELECT camera, toString(day), toInt64(toUnixTimestamp(hour_start)), vehicles, round(smp, 6), round(phf, 6) "
        "FROM peak_hours",
        expected_peaks(tallies, entries, emp),
    )
