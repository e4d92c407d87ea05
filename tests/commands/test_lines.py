"""`simpang lines suggest` as a user types it."""

from __future__ import annotations

import tomllib

import pytest

from pipeline.__main__ import main
from pipeline.config import SiteConfig
from pipeline.source.simulated import Scenario, SimulatedJunction


def test_suggested_lines_can_be_put_into_a_site_file(capsys: pytest.CaptureFixture[str]) -> None:
    url = "sim:?seed=5&seconds=45&size=640x360&flow=3600"
    assert main(["lines", "suggest", url]) == 0
    printed, said = capsys.readouterr()
    site = SiteConfig.model_validate(tomllib.loads(f'[[camera]]\nid = "a"\n{printed}'))
    lines = site.camera[0].counting_lines()
    assert {line.role for line in lines} == {"entry", "exit"}
    width, height = SimulatedJunction(Scenario.from_url(url)).size
    assert all(0 <= x < width and 0 <= y < height for line in lines for x, y in (line.start, line.end))
    assert all(line.name in said for line in lines)


def test_what_is_no_video_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lines", "suggest", "missing.mp4"]) == 2
    assert "there is no file missing.mp4" in capsys.readouterr().err
