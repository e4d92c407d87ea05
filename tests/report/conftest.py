from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from pipeline.report.document import Document
from pipeline.report.forms import survey_document
from pipeline.report.pcu import read_coefficients
from pipeline.report.saturation import Approach
from pipeline.report.survey import find_camera, read_survey
from pipeline.sink.store import EmbeddedStore
from tests.report.junctions import CAMERA, fill_morning

EIGHT = datetime.fromisoformat("2026-06-01T08:00+08:00")
TEN = datetime.fromisoformat("2026-06-01T10:00+08:00")
SIGNAL = Approach("U", saturation_smp_h=1539.0, green_s=20.0, cycle_s=90.0)


def form(store: EmbeddedStore, facility: str = "signalised_protected", start: datetime = EIGHT) -> Document:
    """The English survey form of a store's camera, until ten o'clock."""
    camera = find_camera(store.query, CAMERA)
    coefficients = read_coefficients(store.query, camera.pcu_version, facility)
    return survey_document(read_survey(store.query, camera, start, TEN), coefficients, "en", [SIGNAL])


@pytest.fixture(scope="session")
def empty_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with every migration applied, closed; tests copy it instead of migrating anew."""
    path = tmp_path_factory.mktemp("stores") / "empty"
    EmbeddedStore(path).close()
    return path


@pytest.fixture
def store(empty_path: Path, tmp_path: Path) -> Iterator[EmbeddedStore]:
    """An empty store. The engine has one directory open per process, so that tests must let it be closed."""
    path = tmp_path / "store"
    shutil.copytree(empty_path, path, symlinks=True)
    with EmbeddedStore(path) as opened:
        yield opened


@pytest.fixture(scope="session")
def morning_path(empty_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the morning of `fill_morning`, closed; only to be read."""
    path = tmp_path_factory.mktemp("stores") / "morning"
    shutil.copytree(empty_path, path, symlinks=True)
    with EmbeddedStore(path) as store:
        fill_morning(store)
    return path


@pytest.fixture(scope="session")
def document(morning_path: Path) -> Document:
    """The survey form of the morning."""
    with EmbeddedStore(morning_path) as store:
        return form(store)
