from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pytest

from pipeline.sink import settling
from pipeline.sink.settling import LONGEST_PAUSE_S, SETTLE_BEHIND_S, SETTLE_EVERY_S, Pace, _chunks


def touches(starts: list[int]) -> pa.Table:
    return pa.table({"camera": ["grogot-1"] * len(starts), "bin_s": pa.array(starts, pa.uint32()), "touch": starts})


def test_touches_of_one_bin_are_rebuilt_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "BINS_AT_ONCE", 2)
    starts = [0, 0, 900, 900, 900, 1800, 1800, 2700]
    chunks = [chunk["bin_s"].to_pylist() for chunk in _chunks(touches(starts))]
    assert [start for chunk in chunks for start in chunk] == starts
    assert chunks == [[0, 0, 900, 900, 900], [1800, 1800, 2700]]
    assert all(before[-1] < after[0] for before, after in pairwise(chunks))


def test_a_replay_of_last_year_and_live_events_do_not_rebuild_the_year_between() -> None:
    year_s = 365 * 86_400
    starts = [0, 900, LONGEST_PAUSE_S + 900, year_s, year_s + 900]
    chunks = [chunk["bin_s"].to_pylist() for chunk in _chunks(touches(starts))]
    assert chunks == [starts[:3], starts[3:]]


def test_nothing_is_rebuilt_where_nothing_was_touched() -> None:
    assert list(_chunks(touches([]))) == []


def test_the_first_event_after_a_pause_is_counted_at_once_and_the_next_ones_every_second() -> None:
    pace = Pace(0)
    pace.settled(9.9, 10)
    assert pace.is_due(60, behind=False)
    pace.settled(60, 60.1)
    assert not pace.is_due(60.1 + 0.9 * SETTLE_EVERY_S, behind=False)
    assert pace.is_due(60.1 + SETTLE_EVERY_S, behind=False)


def test_a_backlog_is_counted_seconds_after_its_first_batch_however_long_ago_the_last_events_were() -> None:
    pace = Pace(0)
    assert not pace.is_due(100, behind=True)
    assert not pace.is_due(100 + 0.9 * SETTLE_BEHIND_S, behind=True)
    assert pace.is_due(100 + SETTLE_BEHIND_S, behind=True)
    pace.settled(105, 105.2)
    assert not pace.is_due(106, behind=True)
    assert not pace.is_due(106 + 0.9 * SETTLE_BEHIND_S, behind=True)
    assert pace.is_due(106 + SETTLE_BEHIND_S, behind=True)


@pytest.mark.parametrize(("behind", "share"), [(False, 0.2), (True, 0.05)])
def test_where_settling_is_slow_it_takes_no_more_than_its_share_of_the_time(behind: bool, share: float) -> None:
    pace, now_s, settling_s = Pace(0), 0.0, 0.0
    while now_s < 10_000:
        now_s += 1
        if pace.is_due(now_s, behind=behind):
            pace.settled(now_s, now_s + 3)
            now_s, settling_s = now_s + 3, settling_s + 3
    assert 0.9 * share < settling_s / now_s < 1.01 * share
