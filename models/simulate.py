"""Simulated training and validation pictures: `python -m models.simulate --out DIR`.

Every scenario is another seed; conditions, picture sizes, sensor noise and compression vary. Seeds below 1000 are never
used, so that demonstrations, tests and benchmarks run on traffic the detector has not seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline.source.simulated.dataset import write_yolo_dataset
from pipeline.source.simulated.scenario import Scenario

TRAIN_SEED: Final = 1000
VAL_SEED: Final = 5000

_SIZES: Final = ((1280, 720), (1280, 720), (1280, 720), (1920, 1080), (960, 540), (768, 576))
_CONDITIONS: Final = (
    ("day", "clear"),
    ("day", "clear"),
    ("day", "rain"),
    ("dusk", "clear"),
    ("night", "clear"),
    ("dusk", "rain"),
    ("day", "clear"),
    ("night", "rain"),
)
_EVEN_MIX: Final = (0.35, 0.2, 0.15, 0.15, 0.15)
"""More of the rare classes than a real junction has."""
_CROWD_MIX: Final = (0.8, 0.09, 0.02, 0.03, 0.06)
"""Motorcycles that hide one another in front of a red light."""
_JPEG: Final = (None, 90, 60, None, 40)


def scenarios(first_seed: int, count: int, *, duration_s: float) -> Iterator[Scenario]:
    """`count` different scenarios, from `first_seed` up."""
    for index in range(count):
        light, weather = _CONDITIONS[index % len(_CONDITIONS)]
        width, height = _SIZES[(index // 2) % len(_SIZES)]
        yield Scenario(
            seed=first_seed + index,
            legs=3 if index % 3 == 2 else 4,
            light=light,
            weather=weather,
            width=width,
            height=height,
            flow_vph=(1200.0, 2600.0, 4200.0)[index % 3],
            mix=_CROWD_MIX if index % 3 == 2 else _EVEN_MIX if index % 5 else Scenario().mix,
            noise=(2.0, 4.0, 8.0, 4.0)[index % 4],
            jpeg_quality=_JPEG[index % len(_JPEG)],
            duration_s=duration_s,
            camera="sim",
        )


def main() -> None:
    """Command line of the simulated data set."""
    parser = argparse.ArgumentParser(prog="python -m models.simulate", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for train/ and val/ in YOLO layout")
    parser.add_argument("--train", type=int, default=48, help="number of training scenarios")
    parser.add_argument("--val", type=int, default=12, help="number of validation scenarios")
    args = parser.parse_args()
    duration_s, every_s = 48.0, 8.0
    for split, seed, count in (("train", TRAIN_SEED, args.train), ("val", VAL_SEED, args.val)):
        chosen = scenarios(seed, count, duration_s=duration_s)
        written = write_yolo_dataset(chosen, args.out / split, every_s=every_s)
        print(f"{split}: {written} pictures of {count} scenarios")


if __name__ == "__main__":
    main()
