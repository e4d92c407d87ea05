import pytest

from pipeline.runtime import progress
from pipeline.runtime.progress import Progress


def test_a_log_gets_whole_lines_with_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with Progress("counting", 1000) as bar:
        for _ in range(250):
            now += 0.1
            bar.advance()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "counting:" in lines[0]
    assert "/1000" in lines[0]
    assert "10.00frame/s" in lines[1]
    assert "01:2" in lines[0] or "01:3" in lines[0], "900 frames at 10 a second are a minute and a half"
