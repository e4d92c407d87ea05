"""What counts of some cameras say of a camera that nobody has seen: each one beside the others, and a bootstrap.

Clips of one camera err alike, so a camera, not a vehicle, is what is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np

DRAWS: Final = 10_000
SHARE: Final = 0.9
"""Of the draws lie within the interval."""


@dataclass(frozen=True, slots=True)
class Camera:
    """The counts of all clips of one camera."""

    name: str
    clips: int
    true: int
    abs_error: int
    """Sum of abs(counted - true) over lines, directions and classes."""
    wape_of_others: float | None
    """Of all vehicles that other cameras saw; None where there are none."""

    @property
    def wape(self) -> float:
        return self.abs_error / self.true


def camera_of(clip: str) -> str:
    """Clips in a folder are named CAMERA_TIME; a clip by itself is its own camera.

    >>> camera_of("tfl/625_201709042122.mp4"), camera_of("in_sanskar_traffic1.mp4")
    ('tfl/625', 'in_sanskar_traffic1.mp4')
    """
    path = PurePosixPath(clip)
    return clip if path.parent == PurePosixPath() else str(path.parent / path.name.partition("_")[0])


def of_cameras(clips: Mapping[str, Mapping[str, Any]]) -> list[Camera]:
    """The scores of clips put together by camera, in their order; cameras that saw no vehicle are left out."""
    seen: dict[str, list[Mapping[str, Any]]] = {}
    for clip, score in clips.items():
        if score["true"]:
            seen.setdefault(camera_of(clip), []).append(score)
    true = {name: sum(score["true"] for score in scores) for name, scores in seen.items()}
    error = {name: sum(score["abs_error"] for score in scores) for name, scores in seen.items()}
    cameras = []
    for name, scores in seen.items():
        others = sum(true.values()) - true[name]
        wape_of_others = (sum(error.values()) - error[name]) / others if others else None
        cameras.append(Camera(name, len(scores), true[name], error[name], wape_of_others))
    return cameras


def wape_interval(cameras: Sequence[Camera]) -> tuple[float, float]:
    """Between what WAPE lies in `SHARE` of `DRAWS` draws, with replacement, of as many cameras as there are."""
    drawn = np.random.default_rng(0).integers(len(cameras), size=(DRAWS, len(cameras)))
    error = np.array([camera.abs_error for camera in cameras])[drawn].sum(axis=1)
    true = np.array([camera.true for camera in cameras])[drawn].sum(axis=1)
    low, high = np.quantile(error / true, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return float(low), float(high)
