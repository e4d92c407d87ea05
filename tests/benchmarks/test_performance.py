import json
from pathlib import Path

import pytest

from benchmarks import performance
from benchmarks._stages import STAGES

MACHINE = {"cpu": "X", "cores": 2, "instruction_sets": ["avx2"], "python": "3.11", "packages": {}, "load_at_start": 0.1}
COMMON = {"machine": MACHINE, "at": "2025-01-01T00:00:00+00:00", "headline": "eight cameras", "cores": 2}
DENSITY = {
    "cameras": 8, "workers": 1, "analysed_per_s": 80.0, "still_share": 0.1, "dropped_share": 0.001, "p95_s": 0.3,
    "detail": 0.8, "cpu_ms": 22.0, "resident_mib": 500.0, "carried": True,
}  # fmt: skip


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(performance, "RESULTS", tmp_path)
    monkeypatch.setattr(performance, "PICTURE", tmp_path / "stages.png")
    return tmp_path


def page(*marks: str) -> str:
    return "".join(f"before\n<!--{mark}-->\nold\n<!--/{mark}-->\nafter\n" for mark in marks)


def save(folder: Path, name: str, **content: object) -> None:
    (folder / f"{name}.json").write_text(json.dumps(COMMON | content))


def test_what_was_not_measured_says_so_and_the_text_around_it_stays(results: Path) -> None:
    assert performance.up_to_date(page("live")) == page("live").replace("old", performance.NOT_RUN)


def test_figures_come_from_the_results_and_a_second_time_changes_nothing(results: Path) -> None:
    save(results, "live", carried={"measured": 8, "wanted": 8}, details=[1.0, 0.8], results=[DENSITY])
    once = performance.up_to_date(page("live", "fleets"))
    assert "| 8 | 1 | 80 | 10% | 0.10% | < 0.3 | 80% | 22 | 500 | yes |" in once
    assert "old" not in once and once.count("after") == 2
    assert performance.up_to_date(once) == once


def test_the_stages_are_drawn_and_their_shares_add_up(results: Path) -> None:
    spent = {stage: float(number) for number, stage in enumerate(STAGES, start=1)}
    save(results, "speed", cpu_ms_per_frame=spent, input_size="832x480", model="m")
    text = performance.up_to_date(page("stages"))
    assert f"| together | {sum(spent.values()):.0f} | 100 % |" in text
    assert (results / "stages.png").stat().st_size > 1000


def test_a_fleet_needs_cores_in_proportion_with_some_to_spare() -> None:
    assert performance.cores_for(8, carried=8, cores=2) == 3
    assert performance.cores_for(2800, carried=8, cores=2) == 875


def test_the_readme_tells_what_was_measured_and_leaves_out_what_was_not(results: Path) -> None:
    rates = {"simpang count, all frames": [200.0], "ObjectCounter, all defaults": [50.0]}
    save(results, "speed", frames_per_second=rates, peer_inputs={})
    assert "200 frames/s, 4.0 times" in performance.up_to_date(page("glance"))
    assert "killed" not in performance.up_to_date(page("glance"))
    save(results, "kills", kills=20, expected=161, missing=1, extra=2)
    assert "| worker killed 20 times | 1 of 161 crossings missing, 2 twice |" in performance.up_to_date(page("glance"))


def test_the_pages_have_a_place_for_every_block() -> None:
    text = performance.PAGE.read_text(encoding="utf-8") + performance.README.read_text(encoding="utf-8")
    assert all(f"<!--{mark}-->\n" in text and f"<!--/{mark}-->" in text for mark in performance.BLOCKS)
