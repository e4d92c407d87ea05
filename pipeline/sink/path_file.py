"""Path samples as files: one NumPy archive per camera, replaced whole."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.errors import InputError, StorageError
from pipeline.types import VEHICLE_CLASSES, PathSample, VehiclePath

VERSION: Final = 1
MOST_POINTS: Final = 2_000_000
"""About 20 MB; a sample of an hour at a busy junction has half of it."""


def write_paths(path: Path, sample: PathSample) -> None:
    """Write `sample`, whole or not at all. Raises StorageError where that cannot be done, InputError where too long."""
    points = sum(len(way) for way in sample.paths)
    if points > MOST_POINTS:
        raise InputError(f"the paths have {points} points, more than {MOST_POINTS}; take a shorter piece of footage")
    fresh = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as file:
            np.savez_compressed(
                file,
                version=VERSION,
                camera=sample.camera,
                picture_size=np.array(sample.picture_size),
                from_ns=sample.from_ns,
                duration_s=sample.duration_s,
                vehicle=np.array([way.vehicle for way in sample.paths], np.int64),
                vehicle_class=np.array([VEHICLE_CLASSES.index(way.vehicle_class) for way in sample.paths], np.int8),
                length=np.array([len(way) for way in sample.paths], np.int64),
                captured_at_ns=_joined([way.captured_at_ns for way in sample.paths], np.int64),
                points=_joined([way.points.ravel() for way in sample.paths], np.float32),
                size_px=_joined([way.size_px for way in sample.paths], np.float32),
            )
        os.replace(fresh, path)  # noqa: PTH105 - named for what it does: atomic
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise StorageError(f"cannot write {path}: {error.strerror}; check space and permissions") from error


def read_paths(path: Path) -> PathSample | None:
    """The sample in `path`; None where there is none. Raises StorageError where the file is none of ours."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if int(file["version"]) != VERSION:
                return None
            ends = np.cumsum(file["length"])[:-1]
            columns = (
                file["vehicle"].tolist(),
                (VEHICLE_CLASSES[number] for number in file["vehicle_class"].tolist()),
                np.split(file["captured_at_ns"], ends),
                np.split(file["points"].reshape(-1, 2), ends),
                np.split(file["size_px"], ends),
            )
            width, height = file["picture_size"].tolist()
            ways = tuple(VehiclePath(*row) for row in zip(*columns, strict=True)) if columns[0] else ()
            return PathSample(
                str(file["camera"]), (width, height), int(file["from_ns"]), float(file["duration_s"]), ways
            )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise StorageError(f"{path} cannot be read; remove it and observe the paths again") from error


def _joined(parts: list[npt.NDArray[Any]], dtype: type) -> npt.NDArray[Any]:
    return np.concatenate(parts).astype(dtype) if parts else np.empty(0, dtype)
