"""Blend fine-tuned networks with the one they started from: `python -m models.blend START TUNED... --out FILE`.

Fine-tuning on few cameras makes a network better on what it saw and worse on cameras it did not see. The mean of both
networks' weights keeps most of what each is good at (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022).
It works because fine-tuning started from the very network it is blended with. Several runs with different pictures are
averaged first: their errors differ, what they learnt in common does not ("Model soups", Wortsman et al., 2022).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from ultralytics import YOLO

DEFAULT_SHARE = 0.5
State = dict[str, Tensor]


def blended(start: State, tuned: Sequence[State], share: float) -> State:
    """`start + share * (mean of tuned - start)` of state dicts; what is not floating point comes from the last tuned.

    Args:
        start: weights and batch-norm statistics of the network that was fine-tuned.
        tuned: the same after each run of fine-tuning.
        share: of the tuned networks, 0 to 1.

    Raises:
        ValueError: they are not of one architecture.
    """
    for state in tuned:
        if start.keys() != state.keys() or any(start[name].shape != state[name].shape for name in start):
            raise ValueError("the networks differ in their layers; blend networks with the one they started from")
    return {
        name: torch.lerp(start[name], torch.stack([state[name] for state in tuned]).mean(dim=0), share)
        if value.is_floating_point()
        else value
        for name, value in tuned[-1].items()
    }


def blend(start: Path, tuned: Sequence[Path], share: float, out: Path) -> Path:
    """Write the blend of Ultralytics checkpoints, in float16; returns `out`."""
    network = YOLO(tuned[-1]).model.float().eval()
    states = [_state(path) for path in tuned]
    network.load_state_dict(blended(_state(start), states, share))
    network.half()
    network.args = {"task": "detect", "imgsz": 640}
    torch.save({"model": network, "train_args": network.args}, out)
    return out


def _state(checkpoint: Path) -> State:
    state: State = YOLO(checkpoint).model.float().state_dict()
    return state


def main() -> None:
    """Command line of the blend."""
    parser = argparse.ArgumentParser(prog="python -m models.blend", description=__doc__)
    parser.add_argument("start", type=Path, help="start.pt of the first training run")
    parser.add_argument("tuned", type=Path, nargs="+", help="last.pt of one or more training runs")
    parser.add_argument("--share", type=float, default=DEFAULT_SHARE, help="of the tuned networks (default: 0.5)")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    blend(args.start, args.tuned, args.share, args.out)


if __name__ == "__main__":
    main()
