"""Blend a fine-tuned network with the one it started from: `python -m models.blend START TUNED --share 0.5 --out FILE`.

Fine-tuning on few cameras makes a network better on what it saw and worse on cameras it did not see. The mean of both
networks' weights keeps most of what each is good at (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022).
It works because fine-tuning started from the very network it is blended with.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor
from ultralytics import YOLO

DEFAULT_SHARE = 0.5


def blended(start: dict[str, Tensor], tuned: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """`start + share * (tuned - start)` of two state dicts; what is not floating point comes from `tuned`.

    Args:
        start: weights and batch-norm statistics of the network that was fine-tuned.
        tuned: the same after fine-tuning.
        share: of the tuned network, 0 to 1.

    Raises:
        ValueError: the two are not of one architecture.
    """
    if start.keys() != tuned.keys() or any(start[name].shape != tuned[name].shape for name in start):
        raise ValueError("the two networks differ in their layers; blend a network with the one it started from")
    return {
        name: torch.lerp(start[name], value, share) if value.is_floating_point() else value
        for name, value in tuned.items()
    }


def blend(start: Path, tuned: Path, share: float, out: Path) -> Path:
    """Write the blend of two Ultralytics checkpoints, in float16; returns `out`."""
    network = YOLO(tuned).model.float().eval()
    network.load_state_dict(blended(YOLO(start).model.float().state_dict(), network.state_dict(), share))
    network.half()
    network.args = {"task": "detect", "imgsz": 640}
    torch.save({"model": network, "train_args": network.args}, out)
    return out


def main() -> None:
    """Command line of the blend."""
    parser = argparse.ArgumentParser(prog="python -m models.blend", description=__doc__)
    parser.add_argument("start", type=Path, help="start.pt of the first training run")
    parser.add_argument("tuned", type=Path, help="last.pt of the last training run")
    parser.add_argument("--share", type=float, default=DEFAULT_SHARE, help="of the tuned network (default: 0.5)")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    blend(args.start, args.tuned, args.share, args.out)


if __name__ == "__main__":
    main()
