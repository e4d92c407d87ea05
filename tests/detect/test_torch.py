from pathlib import Path

import numpy as np
import pytest

from pipeline.detect import Detector, load_detector
from pipeline.detect.classes import ClassMap
from pipeline.detect.letterbox import PAD_VALUE, Letterbox, input_size_for
from pipeline.detect.postprocess import vehicles_from_output
from pipeline.errors import InputError

torch = pytest.importorskip("torch", reason="PyTorch comes with the extra `gpu`")
ultralytics = pytest.importorskip("ultralytics", reason="Ultralytics comes with the extra `gpu`")

NAMES = ["person", "car", "motorcycle", *(f"thing {i}" for i in range(77))]
CONFIDENCE = 1e-4
"""Untrained weights are never sure of anything."""


def save_checkpoint(path: Path, kind: str = "yolo11n.yaml") -> Path:
    torch.manual_seed(0)
    model = ultralytics.YOLO(kind, verbose=False)
    model.model.names = dict(enumerate(NAMES))
    torch.save({"model": model.model.eval(), "train_args": {"task": model.task, "imgsz": 640}}, path)
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("torch") / "small.pt")


def noise(width: int, height: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def test_the_cpu_gives_what_the_module_itself_gives(checkpoint: Path) -> None:
    image = noise(320, 180, 1)
    letterbox = Letterbox((320, 180), input_size_for(320, 180))
    width, height = letterbox.input_size
    canvas = np.full((height, width, 3), PAD_VALUE, np.uint8)
    letterbox.place(image, canvas)
    module = torch.load(checkpoint, weights_only=False)["model"].float().fuse().eval()
    with torch.inference_mode():
        raw = module(torch.from_numpy(canvas[:, :, ::-1].copy()).permute(2, 0, 1)[None] / 255)[0][0].numpy()
    expected = vehicles_from_output(raw, ClassMap.from_names(NAMES), letterbox, confidence=CONFIDENCE, iou=0.6)

    with load_detector(checkpoint, "cpu", confidence=CONFIDENCE) as detector:
        assert isinstance(detector, Detector)
        assert detector.info.classes == ("motorcycle", "car")
        (found,) = detector.detect([image])
        assert detector.info.input_size == letterbox.input_size
    assert len(found) == len(expected) > 0
    np.testing.assert_allclose(found.xyxy, expected.xyxy, atol=0.05)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"not a checkpoint", b"PK\x03\x04 cut off"):
        (tmp_path / "broken.pt").write_bytes(content)
        with pytest.raises(InputError, match="no model that can be loaded, or is damaged"):
            load_detector(tmp_path / "broken.pt", "cpu")


def test_a_model_for_another_task_is_refused(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "masks.pt", "yolo11n-seg.yaml")
    with pytest.raises(InputError, match="export a YOLO detection model"):
        load_detector(path, "cpu")
