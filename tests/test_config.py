from pathlib import Path

import pytest

from pipeline.config import load_site
from pipeline.errors import InputError
from pipeline.types import CountingLine

SITE = """
timezone = "Asia/Makassar"
[[camera]]
id = "grogot-1"
name = "Perempatan"
url = "rtsp://$CAM_USER:$CAM_PASSWORD@camera/stream"
[[camera.line]]
name = "U-in"
points = [[230, 200], [560, 200]]
approach = "U"
role = "entry"
[[camera.line]]
name = "count-only"
points = [[0, 10], [5, 10]]
"""
ENVIRONMENT = {"CAM_USER": "paser", "CAM_PASSWORD": "s3cret"}


def load(tmp_path: Path, text: str, environment: dict[str, str] = ENVIRONMENT) -> object:
    path = tmp_path / "site.toml"
    path.write_text(text)
    return load_site(path, environment)


def test_a_site_file_gives_cameras_and_counting_lines(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE)
    camera = load_site(path, ENVIRONMENT).find_camera("grogot-1")
    assert camera.url == "rtsp://paser:s3cret@camera/stream"
    assert camera.counting_lines() == (
        CountingLine("U-in", (230, 200), (560, 200), "entry", "U"),
        CountingLine("count-only", (0, 10), (5, 10)),
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "Perempatan"', 'nam = "Perempatan"', r"camera\[0\]\.nam: unknown key"),
        ('role = "entry"', 'role = "enter"', r"camera\[0\]\.line\[0\]\.role"),
        ("[560, 200]", "[230, 200]", r"camera\[0\]\.line\[0\].*zero length"),
        ('"count-only"', '"U-in"', r"camera\[0\]: line 'U-in' is given twice"),
        ('"grogot-1"', '"Grogot 1"', r"camera\[0\]\.id: only a-z, 0-9 and - "),
        ('"U-in"', '"U in"', r"camera\[0\]\.line\[0\]\.name: a name without spaces"),
        ('approach = "U"', 'approach = "N"', r"camera\[0\]\.line\[0\]\.approach: U, S, T or B"),
        ("[[camera]]", "[camera]", "camera: this must be a list.*two brackets"),
        ("[560, 200]]", "[560, 200], [1, 2]]", r"camera\[0\]\.line\[0\]\.points: there are too many; 2 "),
        (SITE, "camera = []", "camera: there are too few; 1 "),
        ('"Asia/Makassar"', '"Asia/Paser"', r"timezone: 'Asia/Paser' is not a time zone"),
        ("[[camera]]", "[[camera", "not valid TOML"),
        ('id = "grogot-1"', "", r"camera\[0\]\.id: this key is needed"),
        (
            'id = "grogot-1"',
            'id = "a"\nfacility = "bundaran"',
            r"camera\[0\].*no facility 'bundaran'.*signalised_opposed",
        ),
        ('id = "grogot-1"', 'id = "a"\npcu_version = "PKJI 2030"', r"camera\[0\].*can be: PKJI 2023, MKJI 1997"),
    ],
)
def test_a_mistake_is_named_by_file_and_path(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path, SITE.replace(old, new, 1))
    assert "site.toml" in str(caught.value)


def test_a_site_file_may_begin_with_the_mark_that_some_editors_write(tmp_path: Path) -> None:
    load(tmp_path, "\ufeff" + SITE)


def test_a_secret_that_the_environment_lacks_is_named_without_the_others(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\$CAM_PASSWORD") as caught:
        load(tmp_path, SITE, {"CAM_USER": "paser"})
    assert "paser" not in str(caught.value)


def test_two_cameras_of_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="camera id 'a' is given twice"):
        load(tmp_path, '[[camera]]\nid = "a"\n[[camera]]\nid = "a"\n')
