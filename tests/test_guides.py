"""What the guides tell people to type works, and what they link to is there."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from pipeline.__main__ import build_parser
from pipeline.config import SiteConfig
from pipeline.sink.store import EmbeddedStore
from pipeline.source.simulated import Scenario, SimulatedJunction
from tests.report.junctions import CAMERA, fill_morning

DOCS = Path(__file__).parents[1] / "docs"
GUIDES = [
    DOCS / name
    for name in (
        "quick-start.md",
        "training.md",
        "dashboard.md",
        "operations.md",
        "reports.md",
        "analysts-guide.md",
        "reading-a-count.md",
        "add-a-camera.md",
        "id/panduan-analis.md",
    )
]
NAMES = [path.stem for path in GUIDES]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_every_query_of_the_guides_is_answered(tmp_path: Path) -> None:
    queries = [sql for path in GUIDES for sql in blocks(path, "sql")]
    typed = [part for path in GUIDES for text in blocks(path, "") for part in re.findall(r'query .*?"(.*?)"', text)]
    assert len(queries) >= 6
    assert len(typed) >= 2
    with EmbeddedStore(tmp_path / "store") as store:
        fill_morning(store)
        for sql in [*queries, *typed]:
            assert store.query(sql).num_rows > 0, sql
        # The camera was blind yesterday: the store is of last summer.
        (blind,) = [sql for sql in queries if "percent_observed" in sql]
        assert store.query(blind).to_pylist() == [{"camera": CAMERA, "percent_observed": 0}]


@pytest.mark.parametrize("path", GUIDES, ids=NAMES)
def test_every_command_of_a_guide_is_one_that_the_program_takes(path: Path) -> None:
    parser = build_parser()
    for text in blocks(path, ""):
        for line in text.replace("\\\n", " ").splitlines():
            if line.startswith("simpang "):
                parser.parse_args(shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize("path", GUIDES, ids=NAMES)
def test_every_link_of_a_guide_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_the_geometry_of_the_guide_is_a_site_file() -> None:
    (geometry,) = blocks(DOCS / "reports.md", "toml")
    site = SiteConfig.model_validate(tomllib.loads('[[camera]]\nid = "a"\n' + geometry))
    assert [approach.approach for approach in site.camera[0].geometry.approach] == ["U", "T", "B"]  # type: ignore[union-attr]


def test_the_site_file_of_the_quick_start_fits_the_footage_it_lets_simpang_draw() -> None:
    site = SiteConfig.model_validate(tomllib.loads("\n".join(blocks(DOCS / "quick-start.md", "toml"))))
    (footage,) = [text for text in blocks(DOCS / "quick-start.md", "") if "--footage" in text]
    demo = build_parser().parse_args(shlex.split(footage)[1:])
    assert site.camera[0].url == str(demo.footage)
    with SimulatedJunction(Scenario.from_url(f"sim:?seed={demo.seed}&legs={demo.legs}&size=1280x720")) as junction:
        drawn = site.camera[0].counting_lines()
        assert [(line.name, line.role, line.approach) for line in drawn] == [
            (line.name, line.role, line.approach) for line in junction.lines
        ]
        for line, its_own in zip(drawn, junction.lines, strict=True):
            assert (*line.start, *line.end) == pytest.approx((*its_own.start, *its_own.end), abs=1)


@pytest.mark.parametrize("module", ["simulate", "train", "blend", "evaluate", "export", "pseudo_label"])
def test_every_training_command_of_the_guide_has_arguments_that_its_program_knows(module: str) -> None:
    typed = [
        line
        for text in blocks(DOCS / "training.md", "")
        for line in text.splitlines()
        if f"-m models.{module} " in line
    ]
    source = (DOCS.parent / "models" / f"{module}.py").read_text(encoding="utf-8")
    assert typed
    for line in typed:
        for option in re.findall(r"--[a-z-]+", line):
            assert f'"{option}"' in source, option
