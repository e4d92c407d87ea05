"""Train the shipped detector: `python -m models.train --road-traffic DIR --base yolo11n.pt --out DIR`.

Starts from COCO YOLO11n: keeps the rows of its head that belong to our classes (`surgery`), mixes real and simulated
traffic (`data`), and fine-tunes with Ultralytics. Run it again with `--resume` after an interruption. Export and score
the result with `models.export` and `models.evaluate`.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import WeightedRandomSampler
from ultralytics import YOLO
from ultralytics.data.build import InfiniteDataLoader
from ultralytics.models.yolo.detect import DetectionTrainer

from models import data, paste
from models.classes import CLASSES
from models.degrade import Degrade
from models.surgery import keep_classes, recalibrate_batch_norm

TILE_WIDTH = 640
"""Wide enough for a near lorry to be seen whole."""
PICTURES_PER_EPOCH = 320
"""An epoch is a random part of the pictures: checkpoints are frequent, the learning rate falls in small steps."""
SHARES = {"road_traffic": 0.3, "vn_roundabout": 0.12, "medan": 0.12, "simulated": 0.26, "pasted": 0.2}
"""Of the pictures shown in an epoch. One Vietnamese camera has more pictures than all others together."""
EMA_DECAY = 0.98
"""The saved weights are averaged over about 50 steps; Ultralytics' 0.9999 is made for runs a hundred times longer."""
VEHICLES_IN_COCO = (1, 2, 3, 5, 7)
"""bicycle, car, motorcycle, bus, truck in COCO's 80 classes."""


class FineTuner(DetectionTrainer):  # type: ignore[misc]
    """Ultralytics' trainer, but it trains the model it is given instead of rebuilding one for `nc` classes."""

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
        """Return the checkpoint's own model, float32, ready to train."""
        if weights is None:
            raise ValueError("give a checkpoint to start from; a model from scratch is not what this recipe makes")
        return weights.float()

    def _setup_train(self) -> None:
        super()._setup_train()
        self.ema.decay = lambda updates: EMA_DECAY * (1 - math.exp(-updates / 20))
        if self.args.device == "cpu" and torch.cpu._is_avx512_bf16_supported():
            self._train_in_bfloat16()

    def _train_in_bfloat16(self) -> None:
        """Forward and backward in bfloat16, the loss in float32: about half the time per step where a CPU has it.

        Ultralytics' own `amp="bf16"` insists on CUDA.
        """
        network = self.model.to(memory_format=torch.channels_last)
        loss = network.loss

        def mixed_precision_loss(batch: Any, preds: Any = None) -> Any:
            with torch.autocast("cpu", torch.bfloat16):
                preds = network(batch["img"].contiguous(memory_format=torch.channels_last))
            return loss(batch, _in_float32(preds))

        network.loss = mixed_precision_loss

    def get_dataloader(self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
        """Ultralytics' loader; in training over `PICTURES_PER_EPOCH` pictures drawn anew every epoch by `SHARES`."""
        loader = super().get_dataloader(dataset_path, batch_size=batch_size, rank=rank, mode=mode)
        if mode != "train":
            return loader
        dataset = loader.dataset
        dataset.transforms.insert(len(dataset.transforms.transforms) - 1, Degrade(self.args.seed))
        weights = picture_weights([Path(path) for path in dataset.im_files], [row["cls"] for row in dataset.labels])
        return InfiniteDataLoader(
            dataset=dataset,
            batch_size=batch_size,
            sampler=WeightedRandomSampler(weights.tolist(), num_samples=PICTURES_PER_EPOCH),
            num_workers=0,
            collate_fn=dataset.collate_fn,
        )


def _in_float32(preds: Any) -> Any:
    if isinstance(preds, dict):
        return {name: _in_float32(value) for name, value in preds.items()}
    if isinstance(preds, list | tuple):
        return type(preds)(_in_float32(value) for value in preds)
    return preds.float()


def picture_weights(paths: Sequence[Path], class_ids: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float64]:
    """How often to draw each training picture: by `SHARES` between sources, by rare classes within one.

    Args:
        paths: pictures in folders named `train-SOURCE`; a source without a share is not drawn.
        class_ids: per picture, the (N,) or (N, 1) class ids in it.

    Returns:
        (number of pictures,) weights that add up to 1.
    """
    repeats = data.repeat_factors([ids.reshape(-1).astype(np.int64) for ids in class_ids], threshold=0.3).astype(float)
    sources = np.array([path.parent.name.removeprefix("train-") for path in paths])
    weights = np.zeros(len(paths))
    for source, share in SHARES.items():
        of_source = sources == source
        if of_source.any():
            weights[of_source] = share * repeats[of_source] / repeats[of_source].sum()
    return weights / weights.sum()


def prepare(args: argparse.Namespace) -> Path:
    """Write the training and validation pictures under `args.out`; returns the data set description's path."""
    root: Path = args.out / "data"
    description = root / "dataset.yaml"
    if description.exists():
        return description
    find = _confident_vehicles(YOLO(args.base))
    sources: dict[str, Iterator[data.LabelledPicture]] = {
        "road_traffic": data.without_unlabelled_vehicles(data.road_traffic(args.road_traffic, held_out=False), find)
    }
    if args.vn_roundabout:
        sources["vn_roundabout"] = data.vn_roundabout(args.vn_roundabout)
    if args.medan:
        sources["medan"] = data.medan(args.medan, held_out=False)
        data.write_yolo(data.medan(args.medan, held_out=True), root, "val-medan")
    if args.simulated:
        sources["simulated"] = data.labelled(args.simulated / "train" / "images")
        data.write_yolo(data.labelled(args.simulated / "val" / "images"), root, "val-simulated")
    data.write_yolo(data.road_traffic(args.road_traffic, held_out=True), root, "val")
    used = {name: _write_source(pictures, root, name) for name, pictures in sources.items()}
    _write_pasted(args, root)
    (root / "sources.json").write_text(json.dumps(used, indent=1) + "\n")
    paths = sorted(path.resolve() for images in (root / "images").glob("train-*") for path in images.iterdir())
    (root / "train.txt").write_text("".join(f"{path}\n" for path in paths))
    data.write_dataset_yaml(root / "calibration.yaml", train="images/calibration", val="images/calibration")
    return data.write_dataset_yaml(description, train="train.txt", val="images/val")


def _confident_vehicles(base: Any) -> Callable[[Any], data.Boxes]:
    def find(image: Any) -> data.Boxes:
        result = base.predict(image, imgsz=960, conf=0.35, classes=list(VEHICLES_IN_COCO), verbose=False)[0]
        return np.asarray(result.boxes.xyxy.cpu().numpy(), dtype=np.float64)

    return find


def _write_source(pictures: Iterator[data.LabelledPicture], root: Path, name: str) -> int:
    """Write one source's tiles and, whole, every eighth picture for the calibration; returns the number of pictures."""
    count, rng = 0, random.Random(name)
    for count, picture in enumerate(pictures, start=1):
        data.write_yolo(data.tiles(picture, TILE_WIDTH, count=2), root, f"train-{name}")
        near = data.close_up(picture, TILE_WIDTH, rng)
        if near is not None:
            data.write_yolo([near], root, f"train-{name}")
        if count % 8 == 0:
            data.write_yolo([picture], root, "calibration")
    return count


def _write_pasted(args: argparse.Namespace, root: Path) -> None:
    """Write tiles of real pictures in which vehicles from others stand; twice of each picture, with different ones."""
    rng = random.Random("pasted")
    real = [data.road_traffic(args.road_traffic, held_out=False)]
    if args.vn_roundabout:
        real.append(data.vn_roundabout(args.vn_roundabout))
    choice = paste.cutouts(chain.from_iterable(real), rng)
    for round_name in ("a", "b"):
        for split in ("train-road_traffic", "train-medan"):
            if (root / "images" / split).exists():
                tiles = (
                    replace(picture, name=f"{picture.name}-{round_name}")
                    for picture in data.labelled(root / "images" / split)
                    if not picture.name.endswith("-near")
                )
                data.write_yolo(paste.pasted(tiles, choice, rng), root, "train-pasted")


def altered_base(base: Path, dataset: Path, out: Path) -> Path:
    """Write the COCO model with our classes' rows only and honest batch-norm statistics; returns its path."""
    path: Path = out / "start.pt"
    if not path.exists():
        model = YOLO(base)
        network = model.model.float().eval()
        keep_classes(network, CLASSES)
        recalibrate_batch_norm(network, calibration_batches(dataset.parent / "images", pictures=240))
        model.save(path)
    return path


def calibration_batches(folder: Path, *, pictures: int, batch: int = 8) -> Iterator[Tensor]:
    """A fixed random sample of the training tiles as (batch, 3, 480, `TILE_WIDTH`) float32 in 0..1, RGB."""
    paths = sorted(folder.glob("train-*/*.jpg"))
    chosen = random.Random(0).sample(paths, min(pictures, len(paths)))
    for start in range(0, len(chosen) - batch + 1, batch):
        images = [_picture(path) for path in chosen[start : start + batch]]
        yield torch.from_numpy(np.stack(images)[..., ::-1].transpose(0, 3, 1, 2).copy()).float() / 255


def _picture(path: Path) -> Any:
    image = cv2.imread(str(path))
    if image is None:
        raise ValueError(f"{path} cannot be read as a picture")
    return cv2.resize(image, (TILE_WIDTH, 480))


def train(args: argparse.Namespace) -> Path:
    """Run the recipe; returns the trained checkpoint's path."""
    args.out.mkdir(parents=True, exist_ok=True)
    last: Path = args.out / "run" / "weights" / "last.pt"
    if args.resume:
        YOLO(last).train(trainer=FineTuner, resume=True)
        return last
    dataset = prepare(args)
    start = args.start_from or altered_base(args.base, dataset, args.out)
    YOLO(start).train(
        trainer=FineTuner,
        data=dataset,
        project=str(args.out.resolve()),
        name="run",
        exist_ok=True,
        epochs=args.epochs,
        time=args.hours,
        imgsz=TILE_WIDTH,
        batch=8,
        nbs=8,
        optimizer="AdamW",
        lr0=args.lr,
        lrf=args.lrf,
        cos_lr=True,
        warmup_epochs=args.warmup,
        warmup_bias_lr=0.0,
        weight_decay=5e-4,
        freeze=args.freeze,
        mosaic=0.5,
        close_mosaic=0,
        scale=0.5,
        translate=0.1,
        hsv_h=0.015,
        hsv_s=0.5,
        hsv_v=0.4,
        cache="ram",
        workers=0,
        device=args.device,
        val=False,
        plots=False,
        save_period=1,
        seed=0,
        amp=args.device != "cpu",
    )
    return last


def main() -> None:
    """Command line of the recipe."""
    parser = argparse.ArgumentParser(prog="python -m models.train", description=__doc__)
    parser.add_argument("--road-traffic", type=Path, required=True, help='folder of "Road Traffic 4" in YOLO layout')
    parser.add_argument("--vn-roundabout", type=Path, help="folder of the Vietnamese roundabout in YOLO layout")
    parser.add_argument("--medan", type=Path, help="folder of the Medan pictures; their labels are in models/labels")
    parser.add_argument("--simulated", type=Path, help="folder written by models.simulate")
    parser.add_argument("--base", type=Path, required=True, help="yolo11n.pt as trained on COCO")
    parser.add_argument("--start-from", type=Path, help="a checkpoint of an earlier stage instead of the base")
    parser.add_argument("--out", type=Path, required=True, help="folder for the data, checkpoints and the log")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--hours", type=float, help="fit the learning-rate schedule into this time instead of --epochs")
    parser.add_argument("--warmup", type=float, default=0.3, help="epochs over which the learning rate rises")
    parser.add_argument("--lr", type=float, default=4e-4)
    parser.add_argument("--lrf", type=float, default=0.05, help="what share of --lr the last epoch has")
    parser.add_argument("--freeze", type=int, default=5, help="first layers that keep COCO's weights")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run in --out")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
