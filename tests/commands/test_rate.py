import json
from pathlib import Path

import pytest

from pipeline.commands.arguments import RECORDED_FPS
from pipeline.source.simulated import Scenario, SimulatedJunction, write_video
from tests.commands.conftest import Simpang

LINE = "mid:0,180,639,180"


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of twice the pictures a second that are looked at by default."""
    path = tmp_path_factory.mktemp("fast") / "junction.mp4"
    with SimulatedJunction(Scenario(seed=3, width=640, height=360, fps=2 * RECORDED_FPS, duration_s=2)) as junction:
        write_video(junction, path)
    return path


def test_every_second_picture_is_looked_at_and_all_are_told(simpang: Simpang, fast: Path, tmp_path: Path) -> None:
    outcome = simpang("count", fast, "--line", LINE, "--format", "json", "--annotate", tmp_path / "seen.mp4")
    result = json.loads(outcome.out)
    assert (result["frames"], result["looked_at"]) == (50, 25)
    assert "25 of 50 frames were looked at" in outcome.err
    assert result["duration_s"] == pytest.approx(1.92)
    every = simpang("count", tmp_path / "seen.mp4", "--line", LINE, "--format", "json", "--fps", "all")
    assert json.loads(every.out)["frames"] == 25


def test_all_pictures_are_looked_at_where_that_is_asked_for(simpang: Simpang, fast: Path) -> None:
    result = json.loads(simpang("count", fast, "--line", LINE, "--format", "json", "--fps", "all").out)
    assert (result["frames"], result["looked_at"]) == (50, 50)


def test_counting_at_another_rate_is_another_run(simpang: Simpang, fast: Path, tmp_path: Path) -> None:
    def revisions() -> int:
        store = ["--store", tmp_path / "store"]
        asked = simpang("query", *store, "SELECT uniqExact(run) AS runs FROM coverage", "--format", "json")
        return int(json.loads(asked.out)[0]["runs"])

    start = ["--start", "2025-03-17T07:00:00+08:00", "--store", tmp_path / "store"]
    for fps, runs in (("all", 1), ("all", 1), ("10", 2)):
        assert simpang("replay", fast, "--camera", "a", "--line", LINE, "--fps", fps, *start).status == 0
        assert revisions() == runs
