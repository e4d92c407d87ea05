from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.sink.store import EmbeddedStore


@pytest.fixture(scope="session")
def empty_store_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with every migration applied, closed; tests copy it instead of migrating anew."""
    path = tmp_path_factory.mktemp("stores") / "empty"
    EmbeddedStore(path).close()
    return path


@pytest.fixture
def store(empty_store_path: Path, tmp_path: Path) -> Iterator[EmbeddedStore]:
    """An empty store. The engine has one directory open per process, so that tests must let it be closed."""
    path = tmp_path / "store"
    shutil.copytree(empty_store_path, path, symlinks=True)
    with EmbeddedStore(path) as opened:
        yield opened
