"""Make a release of a trained model: export it, score it, write the manifest and the model card's tables.

`python -m models.release --run OUT --base yolo11n.pt`, with the folder `models.train` wrote. Every number in the
manifest comes from here. The comparison is the COCO model it started from, cut down to the same classes and run on the
same pictures.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ultralytics import YOLO

from models import data, evaluate, export, manifest
from models.classes import CLASSES
from models.surgery import keep_classes

NAME = "simpang-n"
BASE = "COCO YOLO11n"
LICENCES = {
    "road_traffic": ("Road Traffic 4 (Roboflow Universe)", "CC BY 4.0"),
    "vn_roundabout": ("minhtrietcancode/vietnamese-vehicle-detection (GitHub), one roundabout camera", "not stated"),
    "medan": ("a junction camera in Medan, labelled in models/labels", "not stated"),
    "simulated": ("pipeline.source.simulated", "AGPL-3.0-only (part of this project)"),
}
SPLITS = {
    "val": "Cameras left out of the training",
    "val-medan": "Indonesian junction, dusk left out",
    "val-simulated": "Simulated junction, seeds left out",
}
NOT_TESTED_ON = (
    "cameras in Paser: none of their pictures were at hand",
    "night without street lighting",
    "motor becak, horse carts and other three-wheelers",
    "fisheye lenses and cameras that look straight down",
    "GPU inference",
)


def scores(networks: dict[str, Path], pictures: Sequence[data.LabelledPicture]) -> dict[str, Any]:
    """Per network, per class: the score on the same pictures."""
    result: dict[str, Any] = {}
    for name, path in networks.items():
        by_class = evaluate.score(pictures, evaluate.detector(path))
        result[name] = {class_name: asdict(value) for class_name, value in by_class.items()}
    return result


def base_scores(run: Path, base: Path, splits: dict[str, list[data.LabelledPicture]]) -> dict[str, Any]:
    """Per split, per class: the base model's score; computed once for a run, since it never changes."""
    known = run / "base-scores.json"
    if not known.exists():
        cut = run / "base-cut.pt"
        original = YOLO(base)
        keep_classes(original.model.float(), CLASSES)
        original.save(cut)
        result = {title: scores({BASE: cut}, pictures)[BASE] for title, pictures in splits.items()}
        known.write_text(json.dumps(result, indent=1) + "\n")
    content: dict[str, Any] = json.loads(known.read_text())
    return content


def release(run: Path, trained: Path, base: Path, folder: Path, recipe: str) -> dict[str, Any]:
    """Export the checkpoint `trained` of a run into `folder`, score it, write manifest.json there and return it."""
    checkpoint = export.export_half_checkpoint(trained, folder / f"{NAME}.pt")
    export.export_openvino(checkpoint, folder / NAME, calibration=run / "data" / "calibration.yaml")
    networks = {"int8": folder / NAME, "float": checkpoint}
    root = run / "data" / "images"
    splits = {title: list(data.labelled(root / folder)) for folder, title in SPLITS.items() if (root / folder).exists()}
    compared = base_scores(run, base, splits)
    sources: dict[str, int] = json.loads((run / "data" / "sources.json").read_text())
    entry = {
        "name": NAME,
        "default": True,
        "files": manifest.digests(folder, NAME),
        "classes": list(CLASSES),
        "input": {"pixel_budget": data.PIXEL_BUDGET, "stride": 32},
        "licence": "AGPL-3.0-only",
        "base": "yolo11n COCO (Ultralytics, AGPL-3.0)",
        "data": [
            {"name": LICENCES[key][0], "licence": LICENCES[key][1], "images": count} for key, count in sources.items()
        ],
        "recipe": recipe,
        "trained": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "scores": {
            title: {"pictures": len(pictures), **scores(networks, pictures), BASE: compared[title]}
            for title, pictures in splits.items()
        },
        "not_tested_on": list(NOT_TESTED_ON),
    }
    content = {"models": [entry]}
    (folder / "manifest.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return content


def main() -> None:
    """Command line of the release."""
    parser = argparse.ArgumentParser(prog="python -m models.release", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="the folder models.train wrote (--out)")
    parser.add_argument("--checkpoint", type=Path, help="what to release (default: the run's last.pt)")
    parser.add_argument("--base", type=Path, required=True, help="yolo11n.pt as trained on COCO")
    parser.add_argument("--folder", type=Path, default=manifest.FOLDER, help="where the weights and manifest go")
    parser.add_argument("--recipe", default="models/train.py", help="how the run was made, for the manifest")
    args = parser.parse_args()
    trained = args.checkpoint or args.run / "run" / "weights" / "last.pt"
    release(args.run, trained, args.base, args.folder, args.recipe)
    if args.folder == manifest.FOLDER:
        manifest.main()


if __name__ == "__main__":
    main()
