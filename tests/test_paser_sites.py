"""The site files in deploy/paser can be read, and hold nothing that nobody knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.config import SiteConfig, load_site
from pipeline.errors import InputError

FOLDER = Path(__file__).parents[1] / "deploy" / "paser"
FILES = sorted(FOLDER.glob("*.toml"))
PLACES = ("Stadion Sadurengas", "Simpang tiga Makam Pahlawan", "Perempatan Jl. Jenderal Sudirman")
DISTRICTS = {
    "Tanah Grogot",
    "Long Kali",
    "Long Ikis",
    "Muara Komam",
    "Batu Sopang",
    "Muara Samu",
    "Paser Belengkong",
    "Batu Engau",
    "Tanjung Harapan",
    "Kuaro",
}


def read(path: Path) -> SiteConfig:
    names = re.findall(r"\$(\w+)", path.read_text(encoding="utf-8"))
    return load_site(path, {name: f"rtsp://192.0.2.1/{name.lower()}" for name in names})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_site_file_of_paser_can_be_read(path: Path) -> None:
    site = read(path)
    assert site.timezone == "Asia/Makassar"
    for camera in site.camera:
        assert camera.name and camera.district
        assert camera.url == f"rtsp://192.0.2.1/paser_{camera.id.replace('-', '_')}_url"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_address_that_is_not_known_is_asked_for_by_its_variable(path: Path) -> None:
    with pytest.raises(InputError, match=r"\$PASER_\w+_URL, and the environment has no PASER_"):
        load_site(path, {})


def test_every_place_and_district_that_was_named_is_there_under_an_id_of_its_own() -> None:
    cameras = [camera for path in FILES for camera in read(path).camera]
    assert {camera.district for camera in cameras} == DISTRICTS
    assert set(PLACES) <= {camera.name for camera in cameras}
    ids = [camera.id for camera in cameras]
    assert len(set(ids)) == len(ids)
