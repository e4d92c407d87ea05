from pathlib import Path

import pytest

from pipeline.commands import count
from pipeline.runtime.footage import FootageJob
from pipeline.types import Region
from tests.commands.conftest import Simpang

LINE = "mid:200,180,400,180"
AROUND = Region(104, 84, 392, 192)


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[FootageJob]:
    """What was to be counted; nothing is."""
    asked: list[FootageJob] = []
    monkeypatch.setattr(count, "count_footage", lambda jobs, detector, observe: asked.extend(jobs))
    return asked


def test_count_looks_around_the_lines_unless_told_otherwise(
    simpang: Simpang, clip: Path, jobs: list[FootageJob]
) -> None:
    assert simpang("count", clip, "--line", LINE).status == 0
    assert simpang("count", clip, "--line", LINE, "--whole-picture").status == 0
    assert [job.region for job in jobs] == [AROUND, Region.whole((640, 360))]
