"""Export a trained checkpoint to int8 OpenVINO: `python -m models.export CHECKPOINT --data DIR --out models/simpang-n`.

The export keeps height, width and batch dynamic, so the detector can be reshaped to each camera's proportions, and is
calibrated on traffic pictures that were trained on (never on the held-out ones).
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import torch
import yaml
from ultralytics import YOLO

INPUT_HEIGHT_WIDTH = (480, 832)
"""What a 16:9 camera gets within the pixel budget. Only the calibration uses it: the export takes multiples of 32."""


def export_openvino(checkpoint: Path, folder: Path, *, calibration: Path | None) -> Path:
    """Write `folder`/NAME.xml, NAME.bin and metadata.yaml, NAME being the folder's name; returns the folder.

    Args:
        checkpoint: an Ultralytics .pt.
        folder: where the files go; files of the same names are replaced.
        calibration: the data set description whose `val` pictures calibrate int8; None exports float32.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / f"{folder.name}.pt"
        shutil.copy(checkpoint, source)
        int8 = {"quantize": 8, "data": str(calibration)} if calibration else {}
        made = Path(
            YOLO(source).export(
                format="openvino", dynamic=True, imgsz=INPUT_HEIGHT_WIDTH, batch=1, device="cpu", verbose=False, **int8
            )
        )
        folder.mkdir(parents=True, exist_ok=True)
        for path in made.iterdir():
            shutil.copy(path, folder / path.name)
    metadata = folder / "metadata.yaml"
    content = yaml.safe_load(metadata.read_text())
    content["args"].pop("data", None)  # a path of the machine that exported
    content["description"] = f"{folder.name}: vehicles at road junctions, fine-tuned from YOLO11n"
    metadata.write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


def export_half_checkpoint(checkpoint: Path, target: Path) -> Path:
    """Write the model of a training checkpoint alone, its averaged weights in float16; returns `target`."""
    model = YOLO(checkpoint)
    network = model.model.half().eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    network.args = {"task": "detect", "imgsz": 640}  # the run's own arguments hold paths of the machine that trained
    network.pt_path = None
    torch.save({"model": network, "train_args": {"task": "detect", "imgsz": 640}}, target)
    return target


def main() -> None:
    """Command line of the export."""
    parser = argparse.ArgumentParser(prog="python -m models.export", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="the training run's data folder (calibration.yaml)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; its name becomes the model's name")
    args = parser.parse_args()
    export_openvino(args.checkpoint, args.out, calibration=args.data / "calibration.yaml")
    export_half_checkpoint(args.checkpoint, args.out.with_name(f"{args.out.name}.pt"))


if __name__ == "__main__":
    main()
