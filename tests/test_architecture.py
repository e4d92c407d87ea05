"""Holds the code to docs/architecture.md: who may import whom, and which engine is known in which room."""

import ast
from pathlib import Path

import pytest

import pipeline

ROOT = Path(pipeline.__file__).parent

LEVELS = [
    {"types", "errors", "closing", "palette", "scaling", "metrics"},
    {"source", "detect", "count", "sink"},
    {"runtime", "report", "config"},
    {"dashboard"},
    {"commands"},
    {"__main__"},
]
LEVEL_OF = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

ENGINE_HOMES = {
    "av": {"source", "sink"},
    "clickhouse_driver": {"sink"},
    "openvino": {"detect"},
    "torch": {"detect"},
    "ultralytics": {"detect"},
    "chdb": {"sink"},
    "sqlite3": {"sink"},
    "kafka": {"sink"},
    "starlette": {"dashboard"},
    "uvicorn": {"dashboard"},
    "tomlkit": {"dashboard"},
    "threading": {"runtime", "detect", "sink"},
    "multiprocessing": {"runtime"},
    "concurrent": {"runtime"},
}
"""`threading` is in detect and sink for locks only; a test below says so."""

MODULES = sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    for name in imported(path):
        if not name.startswith("pipeline."):
            continue
        other = name.split(".")[1]
        lower = LEVEL_OF[other] < LEVEL_OF[room]
        assert lower or other == room, f"{path.relative_to(ROOT)} imports {name}, which is not below {room}"


def test_the_dashboard_knows_nothing_of_processes_and_threads() -> None:
    for path in (ROOT / "dashboard").rglob("*.py"):
        assert not any(name.startswith("pipeline.runtime") for name in imported(path)), path


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_engine_is_known_only_in_its_room(path: Path) -> None:
    for name in imported(path):
        homes = ENGINE_HOMES.get(name.split(".")[0])
        assert homes is None or room_of(path) in homes, f"{path.relative_to(ROOT)} imports {name}"


def test_the_kafka_client_is_known_only_in_the_files_named_after_it() -> None:
    knowing = {path.name for path in MODULES if any(name.split(".")[0] == "kafka" for name in imported(path))}
    assert knowing
    assert all(name.startswith("kafka_") for name in knowing)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_threads_are_started_only_in_runtime(path: Path) -> None:
    text = path.read_text()
    if room_of(path) != "runtime":
        assert "Thread(" not in text
        assert "ThreadPoolExecutor" not in text


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_command_reads_argv_and_the_environment(path: Path) -> None:
    if room_of(path) == "__main__":
        return
    text = path.read_text()
    assert "sys.argv" not in text
    assert "os.environ" not in text
    assert "getenv" not in text


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 450
