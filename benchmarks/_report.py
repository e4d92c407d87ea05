"""What every benchmark shares: the machine's description, a table for people, a JSON file for comparison."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results"
README: Final = ROOT / "benchmarks" / "README.md"
SHARED: Final = ROOT.parent / "shared"
"""Real footage with hand counts, for use beside the project; it is not ours to redistribute."""

LOADAVG: Final = Path("/proc/loadavg")
IS_BENCHMARK: Final = Path(sys.argv[0]).resolve().parent == ROOT / "benchmarks"
"""Whether a benchmark runs, and not a test that imports one."""


def _load(samples: int = 20, pause_s: float = 0.1) -> float:
    """Threads of others that want a core: the mean over two seconds.

    The system's load average goes back a minute, and so to the benchmark that ran before.
    """
    if not LOADAVG.exists():
        return os.getloadavg()[0]
    running = 0
    for _ in range(samples):
        time.sleep(pause_s)
        running += int(LOADAVG.read_text().split()[3].partition("/")[0]) - 1
    return running / samples


LOAD_AT_START: Final = _load() if IS_BENCHMARK else 0.0
"""Before the benchmark has started anything; on an idle machine near 0."""
BUSY_ABOVE: Final = 0.5
"""A load at which rates say little."""

PACKAGES: Final = (
    "av",
    "chdb-core",
    "kafka-python",
    "numpy",
    "opencv-python",
    "openvino",
    "supervision",
    "torch",
    "trackers",
    "ultralytics",
)
INSTRUCTION_SETS: Final = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "asimddp", "i8mm")


def machine() -> dict[str, Any]:
    """CPU model, cores, instruction sets that matter to int8 inference, and versions."""
    cpuinfo = Path("/proc/cpuinfo")
    fields = dict(_fields(cpuinfo.read_text())) if cpuinfo.exists() else {}
    flags = fields.get("flags", fields.get("Features", "")).split()
    return {
        "cpu": fields.get("model name", platform.processor() or platform.machine()),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "instruction_sets": [name for name in INSTRUCTION_SETS if name in flags],
        "load_at_start": round(LOAD_AT_START, 2),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def publish(name: str, headline: str, table: str, results: Mapping[str, Any]) -> None:
    """Print the table, write `results/<name>.json`, and put the headline into the README where it has `<name>`."""
    here = machine()
    if LOAD_AT_START > BUSY_ABOVE:
        headline += f"; on a busy machine (load {LOAD_AT_START:.1f}), so rates say little"
    sets = ", ".join(here["instruction_sets"])
    print(f"{table}\n\n{headline}\non {here['cpu']}, {here['cores']} cores ({sets}), Python {here['python']}")
    RESULTS.mkdir(exist_ok=True)
    content = {
        "name": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "headline": headline,
        "machine": here,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(content | dict(results), indent=1) + "\n")
    marked = re.compile(f"(?<=<!--{name}-->).*?(?=<!--/{name}-->)")
    README.write_text(marked.sub(lambda _: f"{headline} ({here['cpu']}, {here['cores']} cores)", README.read_text()))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Aligned columns: the first to the left, the others to the right."""
    text = [[_shown(value) for value in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*text, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in text
    )


def give_up(sentence: str) -> NoReturn:
    """Say what is missing and end with status 2."""
    print(sentence, file=sys.stderr)
    raise SystemExit(2)


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return (
        f"{value:.3g}"
        if isinstance(value, float) and abs(value) < 10
        else f"{value:.1f}"
        if isinstance(value, float)
        else str(value)
    )


def _fields(cpuinfo: str) -> Iterable[tuple[str, str]]:
    for line in cpuinfo.split("\n\n")[0].splitlines():
        name, _, value = line.partition(":")
        yield name.strip(), value.strip()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
