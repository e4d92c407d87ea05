"""When counts are worse than those on record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import InputError, StorageError
from pipeline.report.accuracy import AccuracyReport, evaluate
from pipeline.report.accuracy_baseline import Baseline, compare, load_baseline, make_baseline, save_baseline
from pipeline.report.accuracy_measures import CountedClip
from pipeline.report.accuracy_truth import FrameRange, TrueCount, Truth, TruthClip, TruthLine, Window
from pipeline.types import CountingLine, Crossing

N = 20
COUNTS = (TrueCount("forward", "motorcycle", N), TrueCount("forward", "car", N))
WINDOWS = tuple(Window(FrameRange(20 * i, 20 * i + 5), (int(i >= N),)) for i in range(2 * N))
LINE = TruthLine(CountingLine("A", (0, 50), (100, 50)), COUNTS, WINDOWS, ())
TRUTH = Truth((TruthClip("x.mp4", (100, 100), (LINE,)),))


def report(*, missed: int = 0, as_cars: int = 0, false: int = 0) -> AccuracyReport:
    """`missed` motorcycles are not counted, `as_cars` are counted as cars, `false` cars are counted too many."""
    seen = [(20 * i + 2, "motorcycle" if i < N else "car") for i in range(missed, 2 * N)]
    seen = [(frame, "car" if row < as_cars else kind) for row, (frame, kind) in enumerate(seen)]
    seen += [(20 * i + 14, "car") for i in range(false)]
    crossings = [
        Crossing(str(row), "cam", "A", "forward", kind, 0, frame, row, 0.9, None, 0, "run")
        for row, (frame, kind) in enumerate(seen)
    ]
    return evaluate(TRUTH, {"x.mp4": CountedClip(crossings, 40 * N, 80.0 * N / 20)})


def baseline(of: AccuracyReport) -> Baseline:
    return make_baseline(of, ("truth.json", TRUTH.digest), ("model", "0" * 64), {"confidence": 0.1})


def test_the_same_counts_are_as_good_as_the_baseline() -> None:
    verdict = compare(baseline(report(missed=2)), report(missed=2))
    assert (verdict.worse, verdict.better) == ((), ())
    assert verdict.summary == "as good as the baseline, to within 1 vehicle"


@pytest.mark.parametrize("change", [{"missed": 1}, {"as_cars": 1}, {"false": 1}])
def test_one_vehicle_more_may_go_wrong_in_any_way(change: dict[str, int]) -> None:
    assert compare(baseline(report()), report(**change)).worse == ()


@pytest.mark.parametrize(
    ("change", "measure"),
    [
        ({"missed": 2}, "recall of motorcycles"),
        ({"missed": 2}, "recall of all vehicles"),
        ({"as_cars": 2}, "recall of motorcycles"),
        ({"as_cars": 2}, "WAPE of all vehicles"),
        ({"false": 3}, "precision of all vehicles"),
        ({"missed": 4}, "effectiveness of motorcycles"),
    ],
)
def test_more_than_that_is_worse_and_the_sentence_names_measure_and_figures(
    change: dict[str, int], measure: str
) -> None:
    verdict = compare(baseline(report()), report(**change))
    sentence = next(sentence for sentence in verdict.worse if sentence.startswith(measure))
    assert "1.000" in sentence or "0.000" in sentence
    assert "worse by more than" in sentence
    assert verdict.summary.startswith("worse than the baseline")


def test_better_counts_are_said_to_be_better() -> None:
    verdict = compare(baseline(report(missed=5)), report())
    assert verdict.worse == ()
    assert any(sentence.startswith("recall of motorcycles was 0.750 and is 1.000") for sentence in verdict.better)
    assert "--save-baseline" in verdict.summary


def test_a_measure_that_cannot_be_told_any_more_is_worse() -> None:
    nothing = evaluate(TRUTH, {"x.mp4": CountedClip([], 40 * N, 80.0)})
    assert any("nothing was counted" in sentence for sentence in compare(baseline(report()), nothing).worse)


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    recorded = baseline(report(missed=1))
    save_baseline(tmp_path / "b.json", recorded)
    assert load_baseline(tmp_path / "b.json", TRUTH.digest) == recorded
    content = json.loads((tmp_path / "b.json").read_text())
    assert content["model"] == {"name": "model", "digest": "0" * 64}
    assert content["truth"] == {"name": "truth.json", "digest": TRUTH.digest}


def test_a_baseline_of_another_truth_is_refused(tmp_path: Path) -> None:
    save_baseline(tmp_path / "b.json", baseline(report()))
    other = Truth((TruthClip("x.mp4", (100, 100), (LINE, LINE)),))
    with pytest.raises(InputError, match=r"recorded for another truth \(truth\.json"):
        load_baseline(tmp_path / "b.json", other.digest)


@pytest.mark.parametrize("content", ["", "{}", '{"truth": 1}'])
def test_a_file_that_is_no_baseline_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(content)
    with pytest.raises(InputError, match="not a baseline"):
        load_baseline(path, TRUTH.digest)


def test_a_missing_baseline_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--save-baseline"):
        load_baseline(tmp_path / "none.json", TRUTH.digest)


def test_a_baseline_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="name another file"):
        save_baseline(tmp_path / "no" / "b.json", baseline(report()))
