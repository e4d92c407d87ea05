"""From footage to an answer in SQL, with the shipped model."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pyarrow.parquet as pq
import pytest

from pipeline.count import CountUpdate
from pipeline.runtime.footage import FootageJob, count_footage
from pipeline.types import DIRECTIONS, VEHICLE_CLASSES, Frame
from tests.commands.conftest import Simpang

LINE = "mid:0,180,639,180"
START = "2025-03-17T07:00:00+08:00"
ALL_COUNTS = (
    "SELECT camera, line, direction, class, bin_start, count, observed_s, status FROM counts_15m "
    "ORDER BY camera, line, direction, class, bin_start"
)


def asked(simpang: Simpang, store: Path, sql: str = ALL_COUNTS) -> list[dict[str, object]]:
    outcome = simpang("query", sql, "--store", store, "--format", "json")
    assert outcome.status == 0, outcome.err
    return json.loads(outcome.out)


def test_a_simulated_junction_without_a_start_is_stored_at_its_own_time(simpang: Simpang, tmp_path: Path) -> None:
    junction = "sim:?seed=3&seconds=4&size=320x192&fps=5"
    assert simpang("count", junction, "--store", tmp_path / "store").status == 0
    asked = simpang("query", "--store", tmp_path / "store", "SELECT DISTINCT toString(minute) FROM coverage")
    assert "2025-01-01 08:00:00" in asked.out


def test_count_prints_one_json_object_of_the_contracts_form(simpang: Simpang, clip: Path) -> None:
    outcome = simpang("count", clip, "--line", LINE, "--format", "json")
    assert outcome.status == 0, outcome.err
    result = json.loads(outcome.out)
    assert list(result) == [
        "video", "model", "device", "frames", "looked_at", "duration_s", "elapsed_s", "fps", "lines", "movements",
    ]  # fmt: skip
    assert result["frames"] == 60
    assert result["duration_s"] == pytest.approx(5.9)
    assert list(result["lines"]) == ["mid"]
    for direction in DIRECTIONS:
        assert list(result["lines"]["mid"][direction]) == list(VEHICLE_CLASSES)
    assert sum(sum(by_class.values()) for by_class in result["lines"]["mid"].values()) > 0


def test_several_videos_give_one_object_each(simpang: Simpang, clip: Path) -> None:
    outcome = simpang("count", clip, clip, "--line", LINE, "--format", "json")
    videos = json.loads(outcome.out)["videos"]
    assert len(videos) == 2
    assert videos[0]["lines"] == videos[1]["lines"]


def test_events_say_the_same_in_every_format_and_as_often_as_the_totals(
    simpang: Simpang, clip: Path, tmp_path: Path
) -> None:
    totals = []
    for name in ("e.jsonl", "e.csv", "e.parquet"):
        outcome = simpang("count", clip, "--line", LINE, "--format", "json", "--events", tmp_path / name)
        lines = json.loads(outcome.out)["lines"]
        totals.append(sum(n for direction in lines["mid"].values() for n in direction.values()))
    as_json = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    with (tmp_path / "e.csv").open(newline="") as file:
        as_csv = list(csv.DictReader(file))
    as_parquet = pq.read_table(tmp_path / "e.parquet").to_pylist()
    assert totals == [len(as_json), len(as_csv), len(as_parquet)]
    for rows in (as_csv, as_parquet):
        assert [row["event_id"] for row in rows] == [row["event_id"] for row in as_json]


def test_the_annotated_video_has_a_picture_for_every_frame(simpang: Simpang, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "annotated.mp4"
    assert simpang("count", clip, "--line", LINE, "--annotate", out).status == 0
    with av.open(str(out)) as annotated, av.open(str(clip)) as original:
        drawn = [(frame.time, frame.width, frame.height) for frame in annotated.decode(video=0)]
        first = next(original.decode(video=0))
    assert len(drawn) == 60
    assert drawn[0][1:] == (first.width, first.height)
    assert drawn[-1][0] == pytest.approx(5.9, abs=0.02)


def test_counting_the_same_clip_again_adds_nothing(simpang: Simpang, clip: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    arguments = ("count", clip, "--camera", "grogot-1", "--line", LINE, "--start", START, "--store", store)
    assert simpang(*arguments).status == 0
    first = asked(simpang, store)
    assert sum(int(str(row["count"])) for row in first) > 0
    assert simpang(*arguments).status == 0
    assert asked(simpang, store) == first


def test_other_counts_of_the_same_time_are_refused_and_a_replay_replaces_them(
    simpang: Simpang, clip: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    common = ("--camera", "grogot-1", "--start", START, "--store", store)
    assert simpang("count", clip, "--line", LINE, *common).status == 0
    refused = simpang("count", clip, "--line", "low:0,250,639,250", *common)
    assert refused.status == 2
    assert "simpang replay" in refused.sentence
    assert simpang("replay", clip, "--line", "low:0,250,639,250", *common).status == 0
    counted = {row["line"]: row["count"] is not None for row in asked(simpang, store)}
    assert counted == {"low": True, "mid": False}, "a line on which the winning run did not count was not observed"


def test_three_replays_leave_every_count_as_after_the_first(simpang: Simpang, clip: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    arguments = ("replay", clip, "--camera", "grogot-1", "--line", LINE, "--start", START, "--store", store)
    answers = []
    for _ in range(3):
        assert simpang(*arguments).status == 0
        answers.append(asked(simpang, store))
    assert answers[0] == answers[1] == answers[2]
    assert sum(int(str(row["count"])) for row in answers[0]) > 0
    revisions = asked(simpang, store, "SELECT DISTINCT revision FROM coverage ORDER BY revision")
    assert [row["revision"] for row in revisions] == [0, 1, 2]


def test_a_truncated_video_is_counted_as_far_as_it_goes_and_said_to_be_truncated(
    simpang: Simpang, clip: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.mkv"
    with av.open(str(clip)) as original, av.open(str(whole), "w") as copy:
        stream = copy.add_stream_from_template(original.streams.video[0])
        for packet in original.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    outcome = simpang("count", cut, "--line", LINE, "--format", "json")
    assert outcome.status == 2
    assert "cut.mkv" in outcome.sentence
    assert "truncated" in outcome.sentence
    assert 0 < json.loads(outcome.out)["frames"] < 60


def test_a_count_that_is_interrupted_says_how_it_is_completed_and_then_counts_nothing_twice(
    simpang: Simpang, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(jobs: Any, detector: Any, *, observe: Any) -> None:
        def until_the_key(job: FootageJob, frame: Frame | None, update: CountUpdate) -> None:
            observe(job, frame, update)
            if frame is not None and frame.seq == 40:
                raise KeyboardInterrupt

        count_footage(jobs, detector, observe=until_the_key)

    def command(store: str) -> tuple[str | Path, ...]:
        return "count", clip, "--line", LINE, "--camera", "c", "--start", START, "--store", tmp_path / store

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.commands.count.count_footage", interrupted)
        outcome = simpang(*command("stopped"))
    assert outcome.status == 130
    assert "the same command counts the footage whole" in outcome.err
    for store in ("stopped", "whole"):
        assert simpang(*command(store)).status == 0
    assert asked(simpang, tmp_path / "stopped") == asked(simpang, tmp_path / "whole") != []


@pytest.mark.parametrize(("option", "name"), [("--events", "full.jsonl"), ("--annotate", "full.mkv")])
def test_a_full_disk_ends_with_status_1_and_one_sentence(
    simpang: Simpang, clip: Path, tmp_path: Path, option: str, name: str
) -> None:
    full = tmp_path / name
    full.symlink_to("/dev/full")
    outcome = simpang("count", clip, "--line", LINE, option, full)
    assert outcome.status == 1, outcome.err
    assert name in outcome.sentence
    assert "Traceback" not in outcome.err


def test_a_store_held_by_another_process_is_refused(simpang: Simpang, tmp_path: Path) -> None:
    store = tmp_path / "store"
    hold = (
        "import sys\nfrom pipeline.sink.store import open_store\n"
        f"with open_store({str(store)!r}):\n    print('open', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        outcome = simpang("query", "SELECT 1", "--store", store)
        holder.communicate("")
    assert outcome.status == 2
    assert str(store) in outcome.sentence
    assert "another process" in outcome.sentence


def test_sql_that_writes_or_is_wrong_is_refused(simpang: Simpang, tmp_path: Path) -> None:
    from pipeline.sink.store import open_store

    store = tmp_path / "store"
    open_store(store).close()
    for sql in ("DROP TABLE crossings_stored", "SELECT nothing FROM nowhere"):
        outcome = simpang("query", sql, "--store", store)
        assert outcome.status == 2
        assert outcome.out == ""
        assert len(outcome.err.strip().splitlines()) == 1


def test_the_demo_writes_footage_that_can_be_counted(simpang: Simpang, tmp_path: Path) -> None:
    assert simpang("demo", "--seconds", "2", "--footage", tmp_path / "junction.mp4").status == 0
    counted = simpang("count", tmp_path / "junction.mp4", "--line", "mid:0,360,1279,360", "--format", "json")
    assert json.loads(counted.out)["frames"] == 20


def test_the_demo_prints_counts_beside_truth_and_draws_pictures(simpang: Simpang, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    outcome = simpang("demo", "--seconds", "12", "--out", out)
    assert outcome.status == 0, outcome.err
    for part in ("counted / true", "without vehicles hidden", "movements as simulated", "counts_15m", "partial"):
        assert part in outcome.out
    assert (out / "chart.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "annotated.jpg").read_bytes().startswith(b"\xff\xd8")


def test_doctor_passes_a_good_site_and_names_a_line_outside_the_picture(
    simpang: Simpang, clip: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site.toml"
    text = f'[[camera]]\nid = "a"\nurl = "{clip}"\n[[camera.line]]\nname = "mid"\npoints = [[0, 180], [{{x}}, 180]]\n'
    site.write_text(text.format(x=639))
    good = simpang("doctor", "--site", site)
    assert good.status == 0, good.out
    assert f"ok    site: {site} has 1 camera\n" in good.out
    assert "ok    camera a: 640x360" in good.out
    assert ", 1 line inside the picture\n" in good.out
    site.write_text(text.format(x=639) + text.format(x=639).replace('"a"', '"b"'))
    assert f"ok    site: {site} has 2 cameras\n" in simpang("doctor", "--site", site).out
    site.write_text(text.format(x=900))
    bad = simpang("doctor", "--site", site)
    assert bad.status == 2
    assert "FAIL  camera a" in bad.out
    assert "900" in bad.out


def test_footage_of_a_live_camera_is_counted_without_its_password(
    simpang: Simpang, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CAM_PASSWORD", raising=False)
    site = tmp_path / "site.toml"
    site.write_text(
        '[[camera]]\nid = "a"\nurl = "rtsp://me:$CAM_PASSWORD@10.0.0.9/live"\n'
        '[[camera.line]]\nname = "mid"\npoints = [[0, 180], [639, 180]]\n'
    )
    outcome = simpang("count", clip, "--site", site, "--format", "json")
    assert (outcome.status, list(json.loads(outcome.out)["lines"])) == (0, ["mid"]), outcome.err
