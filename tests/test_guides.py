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
from tests.report.junctions import fill_morning

DOCS = Path(__file__).parents[1] / "docs"
GUIDES = [
    DOCS / name
    for name in ("reports.md", "analysts-guide.md", "reading-a-count.md", "add-a-camera.md", "id/panduan-analis.md")
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
        rows = [store.query(sql).num_rows for sql in [*queries, *typed]]
    # Only the question about yesterday finds nothing in a store of last summer.
    assert rows.count(0) == 1


@pytest.mark.parametrize("path", GUIDES, ids=NAMES)
def test_every_command_of_a_guide_is_one_that_the_program_takes(path: Path) -> None:
    parser = build_parser()
    for text in blocks(path, ""):
        for line in text.replace("\\\n", " ").splitlines():
            if line.startswith("simpang "):
                parser.parse_args(shlex.split(line)[1:])


@pytest.mark.parametrize("path", GUIDES, ids=NAMES)
def test_every_link_of_a_guide_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_the_geometry_of_the_guide_is_a_site_file() -> None:
    (geometry,) = blocks(DOCS / "reports.md", "toml")
    site = SiteConfig.model_validate(tomllib.loads('[[camera]]\nid = "a"\n' + geometry))
    assert [approach.approach for approach in site.camera[0].geometry.approach] == ["U", "T", "B"]  # type: ignore[union-attr]
