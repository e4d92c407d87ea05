"""How much is imported before a command begins."""

import subprocess
import sys

import pytest

from pipeline.__main__ import build_parser

HEAVY = ("supervision", "cv2", "av", "openvino", "matplotlib", "torch")


@pytest.mark.parametrize("command", ["--version", "query", "export", "db", "report"])
def test_what_only_asks_does_not_wait_for_what_detects(command: str) -> None:
    arguments = [command] if command == "--version" else [command, "--help"]
    script = f"""
import sys
from pipeline.__main__ import main
try:
    main({arguments!r})
except SystemExit as end:
    assert not end.code
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"


def test_the_help_names_every_command() -> None:
    text = build_parser().format_help()
    for name in ("demo", "count", "replay", "run", "query", "report", "eval", "doctor"):
        assert f"\n    {name} " in text
