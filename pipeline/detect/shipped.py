"""The models that come with Simpang, and proof that they are whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import models
from pipeline.errors import InputError


@dataclass(frozen=True, slots=True)
class ShippedModel:
    """One entry of models/manifest.json whose files were all found and have the digests written there."""

    name: str
    files: tuple[Path, ...]

    def file(self, suffix: str) -> Path | None:
        """The file with that suffix, such as `.xml` for OpenVINO or `.pt` for PyTorch; None where none is shipped."""
        return next((path for path in self.files if path.suffix == suffix), None)


def default_model(folder: Path | None = None) -> ShippedModel:
    """The model that is used where none is named. Raises InputError where it is missing or its files were changed."""
    folder = folder or Path(models.__path__[0])
    manifest = folder / "manifest.json"
    try:
        entries: list[dict[str, Any]] = list(json.loads(manifest.read_text(encoding="utf-8"))["models"])
    except FileNotFoundError as error:
        raise InputError("no model is shipped with this installation; name one with --model PATH") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{manifest} cannot be read; install Simpang again or name a model with --model PATH"
        ) from error
    entry = next((entry for entry in entries if entry.get("default")), None)
    if entry is None:
        raise InputError(f"{manifest} names no default model; name one with --model PATH")
    files = []
    for relative, expected in entry["files"].items():
        path = folder / relative
        if not path.is_file() or digest_of([path]) != expected:
            raise InputError(f"corrupt model {entry['name']}: {path} is missing or was changed; install Simpang again")
        files.append(path)
    return ShippedModel(str(entry["name"]), tuple(files))


def digest_of(paths: Iterable[Path]) -> str:
    """SHA-256 in hexadecimal over the contents of the files, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
