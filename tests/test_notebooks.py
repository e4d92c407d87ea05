"""Every notebook runs from its first cell to its last on a store whose traffic is known."""

from __future__ import annotations

import ast
import dataclasses
import json
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from pipeline.sink.store import EmbeddedStore
from tests.report.junctions import CAMERA, fill_morning, passage, watched

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def run(path: Path, monkeypatch: pytest.MonkeyPatch, store: Path) -> dict[str, Any]:
    """What the names hold at the end. One process runs every notebook: a kernel each would cost seconds."""
    matplotlib.use("Agg", force=True)
    monkeypatch.chdir(FOLDER)
    monkeypatch.setenv("SIMPANG_STORE", str(store))
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        for number, cell in enumerate(cells(path, "code")):
            exec(compile("".join(cell["source"]), f"{path.name}, code cell {number}", "exec"), names)
    finally:
        if "store" in names:
            names["store"].close()
        matplotlib.pyplot.close("all")
    return names


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stores") / "morning"
    with EmbeddedStore(path) as store:
        fill_morning(store)
    return path


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_the_notebooks_find_what_the_store_holds(
    morning: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(FOLDER / "01_first_look.ipynb", monkeypatch, morning)
    assert first["camera"] == CAMERA
    assert (first["entered"], first["followed"]) == (265, 259)
    assert list(first["status"]) == [*["complete"] * 4, "missed", "partial", "complete"]
    assert first["by_class"].loc[first["status"] == "missed"].isna().all(axis=None)

    peaks = run(FOLDER / "02_peak_hours_and_smp.ipynb", monkeypatch, morning)
    assert list(peaks["peaks"]["vehicles"]) == [118]
    assert list(peaks["peaks"]["hour"]) == ["08:00"]
    assert peaks["by_facility"]["PKJI 2023", "signalised_protected"] == pytest.approx(230 * 0.15 + 23 + 12 * 1.3)

    change = run(FOLDER / "03_before_after.ipynb", monkeypatch, morning)
    assert [list(found) for found in change["flows"].values()] == [[13, 24], [35, 46, 79]]
    low, high = change["interval"]
    assert change["difference"] == pytest.approx(160 / 3 - 18.5)
    assert 0 < low < change["difference"] < high
    assert change["found"]["after"].delay_s < change["found"]["before"].delay_s

    quality = run(FOLDER / "04_quality_of_counts.ipynb", monkeypatch, morning)
    assert (quality["entered"], quality["left"]) == (265, 259)
    assert quality["share"] == pytest.approx(85 / 105)
    assert "265" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_what_was_replayed_was_watched_and_passed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedStore(tmp_path / "store") as store:
        fill_morning(store)
        again = [*watched(range(60)), *passage(100, "U", "S", "car", 1)]
        store.insert([dataclasses.replace(event, revision=1, run="replay") for event in again])
    quality = run(FOLDER / "04_quality_of_counts.ipynb", monkeypatch, tmp_path / "store")
    assert list(quality["cameras"]["observed_h"]) == pytest.approx([85 / 60])
    assert quality["share"] == pytest.approx(85 / 105)
    assert list(quality["daily"]["seen"]) == [85 * 600]
    # the two quarters after the replayed hour, and the one vehicle of the hour
    assert (quality["entered"], quality["left"], quality["movements"]["n"][0]) == (265 - 118 + 1, 148 - 2, 148 - 2)


def test_the_benchmarks_notebook_reads_every_result(
    morning: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = run(FOLDER / "05_benchmark_results.ipynb", monkeypatch, morning)
    written = {path.stem for path in (FOLDER.parent / "benchmarks" / "results").glob("*.json")}
    assert set(names["results"]) == written
    printed = capsys.readouterr().out
    assert all(found["headline"] in printed for found in names["results"].values())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_public_names_and_holds_no_results(path: Path) -> None:
    for cell in cells(path, "code"):
        assert cell["outputs"] == [] and cell["execution_count"] is None
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, ast.ImportFrom):
                names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
                assert not [name for name in names if name.startswith("_")]
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_")


def test_every_notebook_is_in_the_list() -> None:
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert NOTEBOOKS
    assert all(f"({path.name})" in listed for path in NOTEBOOKS)
