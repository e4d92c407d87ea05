"""What a user can get wrong: exit 2, one sentence that names the thing, and never a traceback."""

import json
from pathlib import Path

import pytest

from tests.commands.conftest import Outcome, Simpang

LINE = "mid:0,180,639,180"


def assert_refused(outcome: Outcome, *parts: str) -> None:
    assert outcome.status == 2, outcome
    assert outcome.sentence.startswith("simpang: "), outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    for part in parts:
        assert part in outcome.sentence


def test_a_file_that_does_not_exist(simpang: Simpang, tmp_path: Path) -> None:
    assert_refused(simpang("count", tmp_path / "none.mp4", "--line", LINE), "none.mp4")


def test_a_file_that_is_no_video(simpang: Simpang, tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("not a video at all")
    assert_refused(simpang("count", path, "--line", LINE), "notes.mp4")


def test_a_video_cut_off_before_its_index(simpang: Simpang, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.mp4"
    data = clip.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert_refused(simpang("count", path, "--line", LINE), "half.mp4")


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        (["mid"], ("'mid'", "NAME:x1,y1,x2,y2")),
        (["mid:1,2,3"], ("'mid:1,2,3'", "NAME:x1,y1,x2,y2")),
        (["mid:1,2,x,4"], ("'mid:1,2,x,4'",)),
        (["mid:5,5,5,5"], ("zero length", "'mid'")),
        (["mid:0,180,700,180"], ("'mid'", "700", "640x360")),
        (["mid:0,180,nan,180"], ("'mid'", "640x360")),
        ([LINE, LINE], ("'mid'", "twice")),
        ([], ("no counting line", "640x360")),
    ],
)
def test_a_line_that_cannot_count(simpang: Simpang, clip: Path, lines: list[str], parts: tuple[str, ...]) -> None:
    arguments = [argument for line in lines for argument in ("--line", line)]
    assert_refused(simpang("count", clip, *arguments), *parts)


@pytest.mark.parametrize("start", ["yesterday", "2025-13-01T00:00:00", "12:00"])
def test_a_start_that_is_no_date(simpang: Simpang, clip: Path, start: str) -> None:
    assert_refused(simpang("count", clip, "--line", LINE, "--start", start), repr(start), "ISO 8601")


def test_a_time_into_the_footage_that_is_none(simpang: Simpang, clip: Path) -> None:
    assert_refused(simpang("count", clip, "--line", LINE, "--from", "soon"), "'soon'", "0:01:30")


def test_an_unknown_camera(simpang: Simpang, clip: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[[camera]]\nid = "a"\n[[camera]]\nid = "b"\n')
    assert_refused(simpang("count", clip, "--site", site, "--camera", "c"), "'c'", "a, b")
    assert_refused(simpang("count", clip, "--site", site), "--camera", "a, b")


def test_a_model_that_does_not_exist(simpang: Simpang, clip: Path, tmp_path: Path) -> None:
    assert_refused(simpang("count", clip, "--line", LINE, "--model", tmp_path / "best.onnx"), "best.onnx")


def test_a_corrupt_model(simpang: Simpang, clip: Path, tmp_path: Path) -> None:
    model = tmp_path / "broken"
    model.mkdir()
    (model / "broken.xml").write_text("<net")
    (model / "broken.bin").write_bytes(b"")
    (model / "metadata.yaml").write_text("names: {0: car}\ntask: detect\n")
    assert_refused(simpang("count", clip, "--line", LINE, "--model", model), "broken")


def test_an_events_file_of_unknown_kind(simpang: Simpang, clip: Path, tmp_path: Path) -> None:
    assert_refused(
        simpang("count", clip, "--line", LINE, "--events", tmp_path / "events.xls"), ".jsonl, .csv, .parquet"
    )


def test_a_store_that_needs_a_start(simpang: Simpang, clip: Path, tmp_path: Path) -> None:
    assert_refused(simpang("count", clip, "--line", LINE, "--store", tmp_path / "s"), "--start")


def test_a_store_that_is_not_there(simpang: Simpang, tmp_path: Path) -> None:
    assert_refused(simpang("query", "SELECT 1", "--store", tmp_path / "none"), "none")


def test_a_truth_file_with_a_mistake(simpang: Simpang, tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"clips": {"a.mp4": {"size": [10, 10], "lines": {"L": {"points": [[1, 1]]}}}}}))
    (tmp_path / "clips").mkdir()
    assert_refused(simpang("eval", path), "truth.json", "points")


def test_a_camera_that_is_no_id(simpang: Simpang, clip: Path) -> None:
    outcome = simpang("count", clip, "--line", LINE, "--camera", "Jl. Sudirman 1")
    assert_refused(outcome, "'Jl. Sudirman 1'", "--camera jl-sudirman-1")


@pytest.mark.parametrize("start", ["0001-01-01", "1969-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "9999-12-31T23:00"])
def test_a_start_that_no_store_can_keep(simpang: Simpang, clip: Path, start: str) -> None:
    assert_refused(simpang("count", clip, "--line", LINE, "--start", start), repr(start), "from 1970 to 2099")


def test_videos_of_one_camera_that_would_be_counted_as_of_the_same_time(
    simpang: Simpang, clip: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[[camera]]\nid = "a"\n[[camera.line]]\nname = "mid"\npoints = [[0, 180], [639, 180]]\n')
    other = tmp_path / "other" / clip.name
    other.parent.mkdir()
    other.write_bytes(clip.read_bytes())
    start = ("--start", "2025-03-17T07:00")
    assert_refused(simpang("count", clip, "sim:?seconds=5", "--site", site, *start), "'a'", "one by one")
    assert_refused(simpang("count", clip, other, "--line", LINE, *start), "'junction'", "one by one")
    two = ("sim:?seconds=5", "sim:?seconds=5&seed=2")
    assert_refused(simpang("count", *two, "--store", tmp_path / "store"), "'simulated'", "one by one")
    assert not (tmp_path / "store").exists()


def test_a_store_that_is_named_by_nothing(simpang: Simpang, clip: Path) -> None:
    outcome = simpang("count", clip, "--line", LINE, "--start", "2025-03-17T07:00", "--store", "")
    assert_refused(outcome, "--store is empty")


def test_footage_is_not_written_over(simpang: Simpang, clip: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.mp4"
    mine.write_bytes(clip.read_bytes())
    (tmp_path / "link.mp4").symlink_to(mine)
    for out in (mine, tmp_path / "link.mp4"):
        assert_refused(simpang("count", mine, "--line", LINE, "--annotate", out), out.name, "the footage itself")
    assert mine.read_bytes() == clip.read_bytes()


@pytest.mark.parametrize(("out", "part"), [("no/out.mp4", "no folder"), ("", "is a folder")])
def test_a_place_where_no_file_can_be_is_told_before_the_work(
    simpang: Simpang, clip: Path, tmp_path: Path, out: str, part: str
) -> None:
    outcome = simpang("count", clip, "--line", LINE, "--annotate", tmp_path / out)
    assert_refused(outcome, "--annotate", part)
    assert "model" not in outcome.err


def test_a_part_that_ends_where_it_begins(simpang: Simpang, clip: Path) -> None:
    assert_refused(simpang("count", clip, "--line", LINE, "--to", "0"), "ends at 0 s and begins at 0 s")


def test_demo_footage_of_unknown_kind(simpang: Simpang, tmp_path: Path) -> None:
    assert_refused(simpang("demo", "--seconds", "1", "--footage", tmp_path / "junction.txt"), "junction.txt", ".mp4")
