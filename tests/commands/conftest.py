from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.source.simulated import Scenario, SimulatedJunction, write_video


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The last line on stderr."""
        return self.err.strip().splitlines()[-1]


Simpang = Callable[..., Outcome]


@pytest.fixture
def simpang(capsys: pytest.CaptureFixture[str]) -> Simpang:
    """Run the command in this process."""

    def run(*arguments: str | Path) -> Outcome:
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of a simulated junction, 640x360."""
    path = tmp_path_factory.mktemp("footage") / "junction.mp4"
    with SimulatedJunction(Scenario(seed=3, width=640, height=360, duration_s=6)) as junction:
        write_video(junction, path)
    return path
