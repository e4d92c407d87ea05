"""Runs the SQL of docs/queries.md on known data."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import pipeline
from pipeline.sink.store import EmbeddedStore
from pipeline.types import CountingLine, Event
from tests.sink.events import CAMERA, crossing, minute, movement, rows

DOCUMENT = Path(pipeline.__file__).parents[1] / "docs" / "queries.md"
QUESTIONS = dict(re.findall(r"```sql (\w+)\n(.*?)```", DOCUMENT.read_text(), re.DOTALL))

DAY_S = 86_400
WEEK_LATER = 7 * DAY_S
LOST_MINUTE = 100
"""Of the first day, 100 minutes after 08:00 in Makassar, which is midnight UTC."""


def known_events() -> Iterator[Event]:
    """Two hours on a Monday and the same two hours a week later, one minute of the first lost."""
    for day_s, per_quarter in ((0, (2, 4, 6, 4, 2, 2, 2, 2)), (WEEK_LATER, (3, 4, 6, 5, 2, 2, 2, 2))):
        for number in range(120):
            lost = day_s == 0 and number == LOST_MINUTE
            yield minute(number + day_s // 60, 0.0 if lost else 60.0, reason="gap" if lost else "")
        for quarter, vehicles in enumerate(per_quarter):
            for vehicle in range(vehicles):
                second = day_s + 900 * quarter + 10 * vehicle + 1
                yield crossing(second, vehicle_class="car" if vehicle == 0 else "motorcycle", track=vehicle)
    yield movement(30)
    yield movement(31, vehicle_class="car")
    yield movement(40, to_line="B-out")


@pytest.fixture(scope="module")
def city(empty_store_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    path = tmp_path_factory.mktemp("queries") / "store"
    shutil.copytree(empty_store_path, path, symlinks=True)
    with EmbeddedStore(path) as store:
        places = [("U-in", "entry", "U"), ("S-out", "exit", "S"), ("B-out", "exit", "B")]
        store.register_lines(
            CAMERA,
            [CountingLine(name, (0, 0), (1, 1), role=role, approach=arm) for name, role, arm in places],  # type: ignore[arg-type]
            run="run-a",
        )
        store.insert(list(known_events()))
        yield store


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 6, day, hour, minute, tzinfo=UTC)


# 20 vehicles of 0.15 SMP, but for the first of each quarter, a car of 1.0
SMP_OF_FIRST_HOUR = 4 * 1.0 + 12 * 0.15

ANSWERS: dict[str, list[tuple[object, ...]]] = {
    # one quarter of the two hours lacks a minute
    "turning": [
        ("U-in", "B-out", "motorcycle", 1, 1),
        ("U-in", "S-out", "car", 1, 1),
        ("U-in", "S-out", "motorcycle", 1, 1),
    ],
    # the first day's best hour: 2 + 4 + 6 + 4; the second day's: 3 + 4 + 6 + 5
    "peak": [
        (date(2026, 6, 1), utc(1, 0), 16, pytest.approx(SMP_OF_FIRST_HOUR), round(16 / 24, 3)),
        (date(2026, 6, 8), utc(8, 0), 18, pytest.approx(4 * 1.0 + 14 * 0.15), round(18 / 24, 3)),
    ],
    # the second hour of the first day lacks a minute
    "smp": [
        ("U", utc(1, 0), pytest.approx(SMP_OF_FIRST_HOUR)),
        ("U", utc(8, 0), pytest.approx(4 * 1.0 + 14 * 0.15)),
        ("U", utc(8, 1), pytest.approx(4 * 1.0 + 4 * 0.15)),
    ],
    # 98.3 % of the second hour was observed, which is a complete hour
    "profile": [(0, 8, 17.0, 2), (0, 9, 8.0, 2)],
    "week": [(26, 24, 8.3, 2)],
    "quality": [
        (date(2026, 6, 1), round(100 * 119 / 1440, 2), 0.0, 0.75),
        (date(2026, 6, 8), round(100 * 120 / 1440, 2), 0.0, 0.75),
    ],
}


@pytest.mark.parametrize("question", ANSWERS)
def test_a_documented_question_is_answered_right(city: EmbeddedStore, question: str) -> None:
    found = rows(city.query(QUESTIONS[question]))
    assert [tuple(plain(value) for value in row) for row in found] == ANSWERS[question]


def test_holes_are_the_lost_minute_and_the_week_between(city: EmbeddedStore) -> None:
    found = rows(city.query(QUESTIONS["holes"]))
    assert [plain(value) for value in found[0]] == [utc(1, 1, 30), "interrupted", 60.0]
    between = found[1:]
    assert len(between) == 7 * 96 - 8
    assert {row[1:] for row in between} == {("missed", 900.0)}
    assert (plain(between[0][0]), plain(between[-1][0])) == (utc(1, 2), utc(7, 23, 45))


def test_every_documented_question_has_an_answer() -> None:
    assert set(QUESTIONS) == {*ANSWERS, "holes"}


def plain(value: object) -> object:
    """Instants as `datetime`, whatever pandas makes of them."""
    return value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
