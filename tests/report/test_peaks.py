from datetime import UTC, datetime, timedelta

import pytest

from pipeline.report.peaks import peak_hour
from pipeline.report.survey import Status

COMPLETE: Status = "complete"


def starts(number: int, first: datetime = datetime(2026, 6, 1, 8, tzinfo=UTC)) -> list[datetime]:
    return [first + timedelta(minutes=15 * index) for index in range(number)]


def test_the_highest_four_quarters_in_a_row_and_how_even_they_are() -> None:
    found = peak_hour(starts(7), [COMPLETE] * 7, [1, 5, 8, 20, 7, 9, 2])
    assert found is not None
    assert (found.first, found.last, found.vehicles) == (2, 5, 44)
    assert found.phf == pytest.approx(44 / (4 * 20))


def test_an_hour_is_whole_or_it_is_no_hour() -> None:
    statuses: list[Status] = ["complete", "partial", "complete", "complete", "complete", "complete"]
    found = peak_hour(starts(6), statuses, [90, 90, 1, 1, 1, 1])
    assert found is not None and found.first == 2


def test_three_quarters_make_no_hour() -> None:
    assert peak_hour(starts(3), [COMPLETE] * 3, [1, 2, 3]) is None


def test_an_hour_does_not_reach_over_midnight() -> None:
    times = starts(8, datetime(2026, 6, 1, 23, tzinfo=UTC))
    found = peak_hour(times, [COMPLETE] * 8, [1, 1, 1, 50, 50, 1, 1, 1])
    assert found is not None and found.first in (0, 4)
    assert found.vehicles == 53


def test_an_hour_in_which_nothing_came_has_no_factor() -> None:
    found = peak_hour(starts(4), [COMPLETE] * 4, [0, 0, 0, 0])
    assert found is not None and found.phf is None
