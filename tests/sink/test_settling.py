from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pytest

from pipeline.sink import settling
from pipeline.sink.settling import LONGEST_PAUSE_S, _chunks


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
