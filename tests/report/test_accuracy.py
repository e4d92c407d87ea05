"""`evaluate` on hand counts small enough to work out on paper."""

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.report.accuracy import AccuracyReport, CountedClip, evaluate, load_truth
from pipeline.report.accuracy_measures import effectiveness, geh
from pipeline.types import Crossing, Direction

FRAMES, DURATION_S = 100, 10.0
TOLERANCE = 5  # half a second at 10 frames a second


def crossings(*at: tuple[int, Direction, str], line: str = "A") -> list[Crossing]:
    return [
        Crossing(f"{line}-{i}", "cam", line, direction, vehicle_class, 0, frame, i, 0.9, None, 0, "run")
        for i, (frame, direction, vehicle_class) in enumerate(at)
    ]


def judge(
    tmp_path: Path,
    counts: Sequence[tuple[Direction, str, int]],
    windows: dict[str, list[list[int]]] | None,
    counted: list[Crossing],
    straddling: Sequence[str] = (),
) -> AccuracyReport:
    line: dict[str, object] = {
        "points": [[0, 50], [100, 50]],
        "counts": [{"direction": d, "class": c, "count": n} for d, c, n in counts],
        "straddling": list(straddling),
    }
    if windows is not None:
        line["windows"] = windows
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"clips": {"x.mp4": {"size": [100, 100], "lines": {"A": line}}}}))
    return evaluate(load_truth(path), {"x.mp4": CountedClip(counted, FRAMES, DURATION_S)})


def cells(report: AccuracyReport) -> dict[tuple[str, str], tuple[int, int]]:
    return {(cell.direction, cell.vehicle_class): (cell.counted, cell.true) for cell in report.cells}


def test_a_perfect_count_is_perfect_in_every_measure(tmp_path: Path) -> None:
    report = judge(
        tmp_path,
        [("forward", "car", 2), ("backward", "motorcycle", 1)],
        {"car": [[10, 20], [50, 60]], "motorcycle": [[30, 34]]},
        crossings((15, "forward", "car"), (55, "forward", "car"), (32, "backward", "motorcycle")),
    )
    score = report.overall
    assert (score.wape, score.geh_below_5, score.effectiveness) == (0, 1, 1)
    assert (score.precision, score.recall, score.found) == (1, 1, 1)
    assert cells(report) == {("forward", "car"): (2, 2), ("backward", "motorcycle"): (1, 1)}


def test_a_miss_and_a_false_count_cancel_in_wape_but_show_in_precision_and_recall(tmp_path: Path) -> None:
    report = judge(
        tmp_path,
        [("forward", "car", 2)],
        {"car": [[10, 20], [50, 60]]},
        crossings((15, "forward", "car"), (90, "forward", "car")),
    )
    assert report.overall.wape == 0
    assert report.overall.precision == 0.5
    assert report.overall.recall == 0.5
    assert (report.overall.missed, report.overall.false) == (1, 1)


def test_wape_adds_the_errors_of_cells_that_have_no_vehicle(tmp_path: Path) -> None:
    report = judge(
        tmp_path,
        [("forward", "car", 2), ("forward", "truck", 2)],
        {"car": [[10, 20], [50, 60]], "truck": [[30, 40], [70, 80]]},
        crossings((15, "forward", "car"), (35, "forward", "truck"), (15, "backward", "bus")),
    )
    # |1 - 2| + |1 - 2| + |1 - 0| over 4
    assert report.overall.wape == pytest.approx(3 / 4)
    assert cells(report)[("backward", "bus")] == (1, 0)
    assert report.classes["car"].wape == 0.5
    assert report.classes["bus"].wape is None


def test_a_window_is_matched_by_one_crossing_only(tmp_path: Path) -> None:
    counted = crossings((14, "forward", "car"), (16, "forward", "car"))
    report = judge(tmp_path, [("forward", "car", 1)], {"car": [[10, 20]]}, counted)
    assert (report.overall.hits, report.overall.false) == (1, 1)
    assert report.overall.wape == 1


@pytest.mark.parametrize(("frame", "hits"), [(10 - TOLERANCE, 1), (20 + TOLERANCE, 1), (4, 0), (26, 0)])
def test_a_crossing_may_fall_half_a_second_outside_its_window(tmp_path: Path, frame: int, hits: int) -> None:
    report = judge(tmp_path, [("forward", "car", 1)], {"car": [[10, 20]]}, crossings((frame, "forward", "car")))
    assert report.overall.hits == hits


def test_overlapping_windows_are_matched_so_that_most_vehicles_are_hit(tmp_path: Path) -> None:
    # The crossing at 20 fits both windows, that at 35 only the second; taking the nearest first would lose one.
    counted = crossings((20, "forward", "car"), (35, "forward", "car"))
    report = judge(tmp_path, [("forward", "car", 2)], {"car": [[5, 16], [17, 33]]}, counted)
    assert report.overall.hits == 2


def test_a_wrong_class_is_told_apart_from_a_miss(tmp_path: Path) -> None:
    report = judge(
        tmp_path, [("forward", "motorcycle", 1)], {"motorcycle": [[10, 20]]}, crossings((15, "forward", "car"))
    )
    score = report.overall
    assert (score.hits, score.class_wrong, score.missed, score.false) == (0, 1, 0, 0)
    assert (score.recall, score.found, score.precision) == (0, 1, 0)
    assert report.classes["motorcycle"].recall == 0
    assert score.wape == 2


def test_the_right_class_is_preferred_where_two_windows_overlap(tmp_path: Path) -> None:
    report = judge(
        tmp_path,
        [("forward", "motorcycle", 1), ("forward", "car", 1)],
        {"motorcycle": [[10, 20]], "car": [[12, 22]]},
        crossings((13, "forward", "car"), (19, "forward", "motorcycle")),
    )
    assert report.overall.hits == 2


def test_the_other_direction_is_a_miss_and_a_false_count(tmp_path: Path) -> None:
    report = judge(tmp_path, [("forward", "car", 1)], {"car": [[10, 20]]}, crossings((15, "backward", "car")))
    assert (report.overall.missed, report.overall.false) == (1, 1)


def test_a_straddling_vehicle_is_neither_hit_nor_miss(tmp_path: Path) -> None:
    counts: list[tuple[Direction, str, int]] = [("forward", "car", 1)]
    windows = {"car": [[40, 50]]}
    straddling = ["van f0-8 (bottom below the line)", "red car L2R f90-end"]
    without = judge(tmp_path, counts, windows, crossings((45, "forward", "car")), straddling)
    counted = crossings((3, "forward", "truck"), (45, "forward", "car"), (97, "forward", "car"))
    with_them = judge(tmp_path, counts, windows, counted, straddling)
    assert with_them.overall.neutral == 2
    for report in (without, with_them):
        assert (report.overall.wape, report.overall.precision, report.overall.recall) == (0, 1, 1)
        assert cells(report) == {("forward", "car"): (1, 1)}


def test_a_straddling_vehicle_excuses_one_crossing_only(tmp_path: Path) -> None:
    counted = crossings((3, "forward", "car"), (5, "forward", "car"))
    report = judge(tmp_path, [("forward", "car", 1)], {"car": [[40, 50]]}, counted, ["van f0-8"])
    assert (report.overall.neutral, report.overall.false) == (1, 1)


@pytest.mark.parametrize("seen_as", ["car", "truck"])
def test_either_class_is_right_for_car_or_truck(tmp_path: Path, seen_as: str) -> None:
    report = judge(
        tmp_path,
        [("forward", "car", 1), ("forward", "car_or_truck", 1)],
        {"car": [[10, 20]], "pickup": [[50, 60]]},
        crossings((15, "forward", "car"), (55, "forward", seen_as)),
    )
    assert (report.overall.hits, report.overall.wape) == (2, 0)
    assert cells(report) == {("forward", "car"): (1, 1), ("forward", "car_or_truck"): (1, 1)}


def test_neither_class_of_car_or_truck_is_a_bus(tmp_path: Path) -> None:
    report = judge(
        tmp_path, [("forward", "car_or_truck", 1)], {"pickup": [[10, 20]]}, crossings((15, "forward", "bus"))
    )
    assert report.overall.class_wrong == 1
    assert cells(report) == {("forward", "car_or_truck"): (0, 1), ("forward", "bus"): (1, 0)}


def test_any_class_is_right_for_vehicle_and_all_are_added_under_it(tmp_path: Path) -> None:
    counted = crossings((15, "forward", "bus"), (55, "forward", "bicycle"), (80, "forward", "car"))
    report = judge(tmp_path, [("forward", "vehicle", 2)], {"vehicle": [[10, 20], [50, 60]]}, counted)
    assert cells(report) == {("forward", "vehicle"): (3, 2)}
    assert (report.overall.hits, report.overall.false) == (2, 1)
    assert report.classes["vehicle"].recall == 1
    assert list(report.classes) == ["vehicle"]


def test_windows_named_by_direction_hold_the_classes_of_that_direction_only_as_often_as_counted(tmp_path: Path) -> None:
    # Two of the three downward vehicles are cars; a counter that calls all of them cars has one class wrong.
    report = judge(
        tmp_path,
        [("forward", "car", 2), ("forward", "truck", 1), ("backward", "car", 3)],
        {"down": [[10, 20], [40, 50], [70, 80]], "up": [[5, 10], [30, 35], [60, 65]]},
        crossings(*((f, "forward", "car") for f in (15, 45, 75)), *((f, "backward", "car") for f in (7, 32, 62))),
    )
    assert (report.overall.hits, report.overall.class_wrong) == (5, 1)
    assert report.classes["truck"].recall == 0


def test_vehicles_without_windows_are_matched_at_any_time(tmp_path: Path) -> None:
    counted = crossings((3, "forward", "car"), (4, "forward", "car"))
    report = judge(tmp_path, [("forward", "car", 3)], None, counted)
    assert (report.overall.hits, report.overall.missed) == (2, 1)
    assert report.overall.effectiveness is None
    assert report.overall.wape == pytest.approx(1 / 3)


def test_a_window_beyond_the_counts_is_nobodys_error(tmp_path: Path) -> None:
    counted = crossings((15, "forward", "car"), (55, "forward", "car"))
    report = judge(tmp_path, [("forward", "car", 1)], {"car": [[10, 20], [50, 60]]}, counted)
    assert (report.overall.hits, report.overall.neutral, report.overall.wape) == (1, 1, 0)


def test_the_outcomes_add_up_whatever_is_counted(tmp_path: Path) -> None:
    frames = (2, 15, 33, 47, 58, 71, 99)
    kinds = itertools.cycle([("forward", "car"), ("backward", "truck"), ("forward", "motorcycle")])
    counted = crossings(*((frame, *kind) for frame, kind in zip(frames, kinds, strict=False)))  # type: ignore[arg-type]
    report = judge(
        tmp_path,
        [("forward", "car", 2), ("backward", "car_or_truck", 1), ("backward", "vehicle", 2)],
        {"x": [[0, 9], [30, 40]], "y": [[10, 20], [44, 50]]},
        counted,
        ["f95-end"],
    )
    score = report.overall
    assert score.hits + score.class_wrong + score.missed == score.true == 5
    assert score.hits + score.class_wrong + score.false + score.neutral == len(counted)
    assert score.counted + score.neutral == len(counted)


def test_effectiveness_follows_the_challenges_formula_on_a_worked_example() -> None:
    # True crossings in segments 1, 5 and 10; counted in 1 and 10, so segments 5 to 9 are one short.
    # sum of w_i = 2 (5 + 6 + 7 + 8 + 9) / 110 = 70 / 110; wRMSE = sqrt(70 / 110); N = 3.
    value = effectiveness([5, 95, 96], [5, 45, 95], frames=100)
    assert value == pytest.approx(1 - math.sqrt(70 / 110) / 3)


def test_effectiveness_is_never_below_zero() -> None:
    assert effectiveness(range(50), [99], frames=100) == 0


def test_effectiveness_is_averaged_by_the_number_of_vehicles(tmp_path: Path) -> None:
    report = judge(
        tmp_path,
        [("forward", "car", 3), ("forward", "bus", 1)],
        {"car": [[0, 8], [40, 48], [90, 98]], "bus": [[0, 8]]},
        crossings((5, "forward", "car"), (45, "forward", "car"), (95, "forward", "car")),
    )
    # The bus was missed from the first segment on: wRMSE = 1, N = 1, so 0; the cars are perfect.
    assert report.overall.effectiveness == pytest.approx((3 * 1 + 1 * 0) / 4)


def test_geh_is_taken_of_hourly_flows(tmp_path: Path) -> None:
    assert geh(110, 90) == pytest.approx(2.0)
    assert geh(0, 0) == 0
    report = judge(tmp_path, [("forward", "car", 1)], {"car": [[10, 20]]}, [])
    # One vehicle in 10 s is 360 an hour: sqrt(2 * 360^2 / 360)
    assert report.cells[0].geh == pytest.approx(math.sqrt(720))


def test_a_clip_that_was_not_counted_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"clips": {"night.mp4": {"size": [10, 10], "lines": {}}}}))
    with pytest.raises(InputError, match=r"night\.mp4"):
        evaluate(load_truth(path), {})


def test_a_clip_of_one_picture_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"clips": {"still.mp4": {"size": [10, 10], "lines": {}}}}))
    with pytest.raises(InputError, match=r"still\.mp4 has no duration"):
        evaluate(load_truth(path), {"still.mp4": CountedClip([], 1, 0.0)})


def test_the_table_and_the_json_carry_the_same_figures(tmp_path: Path) -> None:
    report = judge(tmp_path, [("forward", "car", 2)], {"car": [[10, 20]]}, crossings((15, "forward", "car")))
    table, content = report.to_table(), json.loads(json.dumps(report.to_json()))
    assert content["cells"][0] == {
        "clip": "x.mp4", "line": "A", "direction": "forward", "vehicle_class": "car",
        "counted": 1, "true": 2, "error": -1, "geh": report.cells[0].geh, "effectiveness": None,
    }  # fmt: skip
    assert content["overall"]["wape"] == content["clips"]["x.mp4"]["wape"] == content["classes"]["car"]["wape"] == 0.5
    row = next(line.split() for line in table.splitlines() if line.startswith("x.mp4"))
    assert row == ["x.mp4", "A", "forward", "car", "1", "2", "-1", f"{report.cells[0].geh:.3f}", "-"]
    assert any(line.split()[:4] == ["all", "1", "2", "0.500"] for line in table.splitlines())
