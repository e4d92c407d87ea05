"""Reading truth files: which windows belong to which counts, and what is wrong with a malformed one."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import InputError
from pipeline.report.accuracy_truth import FrameRange, TruthLine
from pipeline.report.accuracy_truth_file import load_truth

SHARED_TRUTH = Path(__file__).parents[2].parent / "shared/data/truth.json"


def a_line(**changes: Any) -> dict[str, Any]:
    return {
        "points": [[0, 50], [100, 50]],
        "counts": [{"direction": "forward", "class": "car", "count": 1}],
        "windows": {"car": [[1, 2]]},
        "straddling": [],
        "note": "",
        "confidence": "high",
    } | changes


def write(tmp_path: Path, line: dict[str, Any], size: object = (100, 100)) -> Path:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"about": "", "clips": {"a/x.mp4": {"size": size, "lines": {"A": line}, "note": ""}}}))
    return path


def read(tmp_path: Path, counts: list[tuple[str, str, int]], sizes: dict[str, int], **changes: Any) -> TruthLine:
    line = a_line(
        counts=[{"direction": d, "class": c, "count": n} for d, c, n in counts],
        windows={label: [[i, i + 1] for i in range(n)] for label, n in sizes.items()},
        **changes,
    )
    return load_truth(write(tmp_path, line)).clips[0].lines[0]


def options(line: TruthLine) -> list[set[tuple[str, str]]]:
    return [
        {(line.counts[i].direction, line.counts[i].vehicle_class) for i in window.options} for window in line.windows
    ]


def test_windows_named_by_a_class_belong_to_that_class(tmp_path: Path) -> None:
    line = read(tmp_path, [("forward", "motorcycle", 1), ("forward", "car", 1)], {"car": 1, "motorcycle": 1})
    assert options(line) == [{("forward", "car")}, {("forward", "motorcycle")}]


def test_a_class_counted_in_both_directions_leaves_the_direction_open(tmp_path: Path) -> None:
    line = read(tmp_path, [("forward", "car", 1), ("backward", "car", 1), ("forward", "bus", 1)], {"car": 2, "bus": 1})
    assert options(line) == [{("forward", "car"), ("backward", "car")}] * 2 + [{("forward", "bus")}]


@pytest.mark.parametrize(
    ("points", "label", "direction"),
    [
        ([[0, 50], [100, 50]], "down", "forward"),
        ([[0, 50], [100, 50]], "up", "backward"),
        ([[100, 50], [0, 50]], "down", "backward"),
        ([[50, 0], [50, 100]], "R2L", "forward"),
        ([[50, 0], [50, 100]], "L2R", "backward"),
        ([[0, 0], [100, 100]], "L2R cars", "backward"),
        ([[50, 0], [50, 100]], "forward", "forward"),
    ],
)
def test_a_way_across_the_picture_is_read_from_the_lines_position(
    tmp_path: Path, points: list[list[int]], label: str, direction: str
) -> None:
    line = read(tmp_path, [("forward", "car", 1), ("backward", "car", 1)], {label: 1, "other": 1}, points=points)
    assert options(line)[0] == {(direction, "car")}


def test_an_unknown_word_is_understood_from_how_many_windows_it_has(tmp_path: Path) -> None:
    counts = [("backward", "car", 4), ("forward", "car", 2), ("forward", "truck", 1)]
    line = read(tmp_path, counts, {"towards town": 3, "out of town": 4})
    assert options(line)[:3] == [{("forward", "car"), ("forward", "truck")}] * 3
    assert options(line)[3:] == [{("backward", "car")}] * 4


def test_an_unknown_word_stays_open_where_the_numbers_do_not_tell(tmp_path: Path) -> None:
    line = read(tmp_path, [("backward", "car", 2), ("forward", "car", 2)], {"inbound": 2, "outbound": 2})
    assert options(line) == [{("backward", "car"), ("forward", "car")}] * 4


def test_a_pickup_takes_the_count_that_the_cars_leave(tmp_path: Path) -> None:
    line = read(tmp_path, [("forward", "car", 2), ("forward", "car_or_truck", 1)], {"car": 2, "pickup": 1})
    assert options(line)[2] == {("forward", "car_or_truck")}


def test_a_count_may_be_shared_by_two_labels(tmp_path: Path) -> None:
    line = read(tmp_path, [("forward", "car", 3)], {"car": 2, "van": 1})
    assert options(line) == [{("forward", "car")}] * 3


def test_vehicles_without_a_window_are_kept_without_a_time(tmp_path: Path) -> None:
    line = read(tmp_path, [("forward", "car", 2), ("forward", "bus", 1)], {"car": 2})
    assert [window.frames for window in line.windows] == [FrameRange(0, 1), FrameRange(1, 2), None]
    assert options(line)[2] == {("forward", "bus")}


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("van f0-51 (bottom ~9 px below line at f0)", FrameRange(0, 51)),
        ("red car L2R f471-end", FrameRange(471, None)),
        ("next car enters f308-end", FrameRange(308, None)),
        ("MPV f0-10 (shadow only)", FrameRange(0, 10)),
        ("car f0 - f7", FrameRange(0, 7)),
        ("lorry at f3", FrameRange(3, 3)),
        ("half a bus", FrameRange(0, None)),
    ],
)
def test_the_frames_of_a_straddling_vehicle_are_read_from_its_words(
    tmp_path: Path, text: str, frames: FrameRange
) -> None:
    assert load_truth(write(tmp_path, a_line(straddling=[text]))).clips[0].lines[0].straddling == (frames,)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"points": [[0, 0]]}, r'clips\."a/x\.mp4"\.lines\.A\.points'),
        ({"points": [[0, 0], ["a", 1]]}, r'clips\."a/x\.mp4"\.lines\.A\.points\.1\.0'),
        ({"points": [[3, 3], [3, 3]]}, r'clips\."a/x\.mp4"\.lines\.A: points: .*zero length'),
        ({"counts": [{"direction": "left", "class": "car", "count": 1}]}, r"lines\.A\.counts\.0\.direction"),
        (
            {"counts": [{"direction": "forward", "class": "tank", "count": 1}]},
            r"counts\.0\.class: unknown class 'tank'",
        ),
        ({"counts": [{"direction": "forward", "class": "car", "count": -1}]}, r"lines\.A\.counts\.0\.count"),
        ({"counts": [{"direction": "forward", "class": "car", "count": 1}] * 2}, "given twice"),
        ({"windows": {"car": [[9, 2]]}}, r"lines\.A\.windows\.car\.0: the window ends at frame 2, before"),
        ({"windows": [[1, 2]]}, r"lines\.A\.windows"),
        ({"straddling": [5]}, r"lines\.A\.straddling\.0"),
    ],
)
def test_a_malformed_file_is_an_input_error_that_names_the_place(
    tmp_path: Path, changes: dict[str, Any], place: str
) -> None:
    with pytest.raises(InputError, match=place):
        load_truth(write(tmp_path, a_line(**changes)))


def test_a_bad_size_is_named_too(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'clips\."a/x\.mp4"\.size'):
        load_truth(write(tmp_path, a_line(), size=[100]))


def test_no_file_and_no_json_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load_truth(tmp_path / "absent.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(InputError, match=r"broken\.json"):
        load_truth(tmp_path / "broken.json")


@pytest.mark.skipif(not SHARED_TRUTH.exists(), reason="the hand counts of real clips are not part of the project")
def test_every_vehicle_of_the_real_hand_counts_has_a_window_of_one_direction() -> None:
    lines = [line for clip in load_truth(SHARED_TRUTH).clips for line in clip.lines]
    assert lines
    for line in lines:
        assert len(line.windows) == sum(count.count for count in line.counts)
        assert all(window.frames is not None for window in line.windows)
        assert all(len({direction for direction, _ in found}) == 1 for found in options(line))
