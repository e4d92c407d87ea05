"""Which weights exactly: a digest of a model's files."""

from __future__ import annotations

import hashlib
from pathlib import Path


def model_digest(path: Path) -> str:
    """SHA-256 over a model file and, for OpenVINO's .xml, the .bin beside it, in hexadecimal digits."""
    digest = hashlib.sha256()
    for part in (path, path.with_suffix(".bin")):
        if part.is_file():
            digest.update(part.read_bytes())
    return digest.hexdigest()
