"""Which worker reads which camera, and on which cores it runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from pipeline.runtime.messages import CameraSpec

Assignment = dict[str, tuple[CameraSpec, ...]]
"""Cameras by worker."""


def load_of(cameras: Sequence[CameraSpec]) -> float:
    """What cameras cost: frames a second, whatever their size, for the network's input is the same for all."""
    return sum(camera.fps for camera in cameras)


def assign(cameras: Sequence[CameraSpec], workers: Sequence[str], now: Mapping[str, Sequence[str]]) -> Assignment:
    """Share cameras out by load; one that a worker reads now (`now`, ids by worker) stays with it.

    New ones go to the worker with the least load, the costliest first.
    """
    home = {camera: worker for worker, ids in now.items() for camera in ids if worker in workers}
    shares: dict[str, list[CameraSpec]] = {worker: [] for worker in workers}
    for camera in cameras:
        if camera.camera in home:
            shares[home[camera.camera]].append(camera)
    for camera in sorted((c for c in cameras if c.camera not in home), key=lambda c: (-c.fps, c.camera)):
        shares[min(workers, key=lambda worker: (load_of(shares[worker]), workers.index(worker)))].append(camera)
    return {worker: tuple(share) for worker, share in shares.items()}


def share_cores(cores: Sequence[int], workers: int) -> list[tuple[int, ...]]:
    """A slice of the cores for each worker; where there are more workers than cores, some share one."""
    if workers >= len(cores):
        return [(cores[index % len(cores)],) for index in range(workers)]
    bounds = [round(index * len(cores) / workers) for index in range(workers + 1)]
    return [tuple(cores[begin:end]) for begin, end in pairwise(bounds)]
