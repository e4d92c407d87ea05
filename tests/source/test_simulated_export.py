"""Simulated recordings as training pictures and as video files."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pipeline.errors import StorageError
from pipeline.source.simulated import Scenario, SimulatedJunction, write_video, write_yolo_dataset

SMALL = {"width": 480, "height": 270}


def test_a_data_set_has_one_label_file_per_picture_with_shares_of_the_picture(tmp_path: Path) -> None:
    scenarios = [Scenario(seed=seed, duration_s=3, **SMALL) for seed in (1, 2)]
    assert write_yolo_dataset(scenarios, tmp_path, every_s=1.0) == 6
    pictures = sorted((tmp_path / "images").glob("*.jpg"))
    labels = sorted((tmp_path / "labels").glob("*.txt"))
    assert [p.stem for p in pictures] == [p.stem for p in labels]
    assert len(pictures) == 6
    image = cv2.imread(str(pictures[0]))
    assert image is not None
    assert image.shape == (270, 480, 3)
    rows = np.concatenate([np.loadtxt(path, ndmin=2) for path in labels])
    assert rows.shape[1] == 5
    assert set(rows[:, 0]) <= {0, 1, 2, 3, 4}
    low, high = rows[:, 1:3] - rows[:, 3:] / 2, rows[:, 1:3] + rows[:, 3:] / 2
    assert (low > -1e-5).all()
    assert (high < 1 + 1e-5).all()


def test_labels_are_the_visible_boxes_of_that_frame(tmp_path: Path) -> None:
    scenario = Scenario(seed=3, duration_s=1, flow_vph=2400, **SMALL)
    write_yolo_dataset([scenario], tmp_path, every_s=1.0, min_visible=0.5, min_px=12)
    (path,) = (tmp_path / "labels").glob("*.txt")
    rows = np.loadtxt(path, ndmin=2)
    _, _, boxes = next(SimulatedJunction(scenario).boxes_only())
    wanted = boxes[(boxes.data["visible"] >= 0.5) & (boxes.xyxy[:, 3] - boxes.xyxy[:, 1] >= 12)]
    assert 0 < len(wanted) < len(boxes)
    assert rows[:, 0].tolist() == wanted.class_id.tolist()
    centres = (wanted.xyxy[:, :2] + wanted.xyxy[:, 2:]) / 2
    np.testing.assert_allclose(rows[:, 1:3] * (480, 270), centres, atol=0.01)


def test_a_data_set_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file"):
        write_yolo_dataset([Scenario(duration_s=1, **SMALL)], tmp_path / "file")


def test_a_video_plays_every_picture_at_its_capture_time(tmp_path: Path) -> None:
    scenario = Scenario(seed=4, duration_s=2.4, fps=12.5, noise=0, dropped=0.2, **SMALL)
    path = tmp_path / "junction.mp4"
    written = write_video(SimulatedJunction(scenario), path, bitrate=1_500_000)
    sent = [frame for frame, _, _ in SimulatedJunction(scenario).as_sent()]
    assert written == len(sent) < scenario.frame_count
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))
    assert len(decoded) == written
    offset_s = sent[0].captured_at_ns / 1e9
    for picture, frame in zip(decoded, sent, strict=True):
        assert picture.time == pytest.approx(frame.captured_at_ns / 1e9 - offset_s + decoded[0].time, abs=2e-3)
        error = picture.to_ndarray(format="bgr24").astype(float) - frame.image
        assert np.abs(error).mean() < 8


def test_a_video_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere.junction\.mp4"):
        write_video(SimulatedJunction(Scenario(duration_s=1, **SMALL)), tmp_path / "nowhere" / "junction.mp4")
