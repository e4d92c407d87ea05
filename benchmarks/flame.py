"""Where a live worker's CPU time goes, as a flame graph.

    python -m benchmarks.flame [--cameras 4] [--seconds 30] [--fps 10] [--size 1280x720]

Starts `simpang run` as `benchmarks.live` does and lets py-spy look at the stacks of its worker's Python threads a
hundred times a second, with the libraries that they are in. How much CPU time each thread takes is read from the
system before, while nobody looks: py-spy halts the worker for each look, which costs a thread that mostly waits as much
time again. Its samples only share out that time. Inference runs in threads of OpenVINO's own, which have no Python
stack and are shown as one block. The figure is `docs/images/flame.svg`; its width is CPU milliseconds for each analysed
frame.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from benchmarks._report import ROOT, give_up, publish, table
from benchmarks.live import (
    FLOWS,
    TICKS_PER_S,
    WARM_UP_S,
    make_clips,
    running,
    site_text,
    worker_pids,
)
from pipeline.runtime.exporter import PoolStatus, read_status

NAME: Final = "flame"
PICTURE: Final = ROOT / "docs/images/flame.svg"
SAMPLES_PER_S: Final = 100
NATIVE: Final = "without Python: inference"
"""Threads that have no Python stack: OpenVINO's, and others that do next to nothing."""
NARROWEST: Final = 0.002
"""Of the whole width: what is narrower is left out."""
LETTERS: Final = 200
"""So many fill the whole width."""
COLOURS: Final = {"thread": "#c9d2db", "ours": "#8fc1e3", "python": "#b5dfb0", "library": "#f2c285"}

_SAMPLE: Final = re.compile(r'thread \((?:0x)?(\w+)\): "?([^;"]*)"?;?(.*) (\d+)$')
_PYTHON: Final = re.compile(r"^(?P<function>.+) \((?P<file>[^()]+\.(?:py|pyx|pxd)):\d+\)$")
_LIBRARY: Final = re.compile(
    r"\((?:.*/)?(?P<library>[\w+-]+?)(?:-[0-9a-f]{6,})?(?:\.cpython[\w-]*|\.abi3)?\.so[\w.]*\)$"
)
_PLUMBING: Final = ("libc", "libpython3", "ld-linux-x86-64", "libpthread", "libstdc++")
"""Libraries that only carry calls from one frame to the next."""
_WAITING: Final = re.compile(r"PyThread_acquire_lock|\bwait \(threading\.py")

Stack: TypeAlias = tuple[str, ...]


def threads_cpu_s(pid: int) -> dict[int, float]:
    """Seconds of CPU that each thread took so far."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        found[int(task.name)] = (int(fields[11]) + int(fields[12])) / TICKS_PER_S
    return found


def frames_of(stack: str) -> Iterator[str]:
    """What a person wants to see of one of py-spy's stacks: our functions and what they call, and libraries by name."""
    frames, last = stack.split(";") if stack else [], ""
    first = next((at for at, frame in enumerate(frames) if "pipeline/" in frame), len(frames))
    for frame in frames[first:]:
        python, library = _PYTHON.match(frame), _LIBRARY.search(frame)
        if python:
            shown = f"{python['function']} ({short(python['file'])})"
        elif library and library["library"] not in _PLUMBING:
            shown = library["library"]
        else:
            continue
        if shown != last:
            yield shown
        last = shown


def short(file: str) -> str:
    """A source file's path as it is imported."""
    return file.rpartition("site-packages/")[2]


def kind(thread: str) -> str:
    """Threads of one kind are one column."""
    return {"MainThread": "count, deliver"}.get(thread, re.sub(r"[-_ ]?[\d_-]*$", "", thread.partition("-")[0]))


def shared_out(sampled: str, spent_s: Mapping[int, float]) -> dict[Stack, float]:
    """Seconds of CPU by stack: each thread's, shared out over its samples."""
    samples: defaultdict[int, Counter[Stack]] = defaultdict(Counter)
    for line in sampled.splitlines():
        match = _SAMPLE.match(line)
        if match:
            thread, name, stack, count = match.groups()
            waits = _WAITING.search(stack) is not None
            frames = (kind(name),) if waits else (kind(name), *frames_of(stack))
            # One that waits takes no time, and is seen at it only because it is about to be woken on a busy machine.
            samples[int(thread)][frames] += 0 if waits else int(count)
    seconds: defaultdict[Stack, float] = defaultdict(float)
    for thread_id, cpu_s in spent_s.items():
        stacks = samples.get(thread_id) or Counter({(NATIVE,): 1})
        if not stacks.total():
            stacks = Counter(dict.fromkeys(stacks, 1))
        for frames, count in stacks.items():
            seconds[frames] += cpu_s * count / stacks.total()
    return dict(seconds)


def draw(ms: Mapping[Stack, float], path: Path) -> None:
    """One row for each depth, as wide as the CPU time; siblings in order of their time."""
    total = sum(ms.values())
    boxes = list(_boxes(ms, 0, 0.0, total))
    depth = 1 + max(level for level, *_ in boxes)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": NAME}):
        figure = Figure(figsize=(14, 0.6 + 0.24 * depth), layout="constrained")
        canvas = FigureCanvasSVG(figure)
        axes = figure.subplots()
        for level, begin, width, name in boxes:
            axes.add_patch(Rectangle((begin, level), width, 0.94, facecolor=_colour(level, name), linewidth=0))
            letters = int(LETTERS * width / total)
            if letters > 2:
                text = name if len(name) <= letters else name[: letters - 1] + "…"
                axes.text(begin + 0.002 * total, level + 0.42, text, fontsize=6, va="center", clip_on=True)
        axes.set(xlim=(0, total), ylim=(depth, 0), yticks=[], xlabel="CPU milliseconds for each analysed frame")
        axes.spines[:].set_visible(False)
        axes.tick_params(labelsize=7)
        canvas.print_svg(path, metadata={"Date": None})


def _boxes(
    ms: Mapping[Stack, float], level: int, begin: float, total: float
) -> Iterator[tuple[int, float, float, str]]:
    """(level, where it begins, width, name) of all boxes from `level` on."""
    below: defaultdict[str, dict[Stack, float]] = defaultdict(dict)
    for stack, took in ms.items():
        if len(stack) > level:
            below[stack[level]][stack] = took
    for name, part in sorted(below.items(), key=lambda item: -sum(item[1].values())):
        width = sum(part.values())
        if width < NARROWEST * total:
            continue
        yield level, begin, width, name
        yield from _boxes(part, level + 1, begin, total)
        begin += width


def _colour(level: int, name: str) -> str:
    if level == 0:
        return COLOURS["thread"]
    return COLOURS["ours" if "pipeline/" in name else "python" if "(" in name else "library"]


def spent(pid: int, seconds: float) -> dict[int, float]:
    """Seconds of CPU that each thread takes during the next so many seconds."""
    before = threads_cpu_s(pid)
    time.sleep(seconds)
    return {thread: cpu_s - before.get(thread, 0.0) for thread, cpu_s in threads_cpu_s(pid).items()}


def record(pid: int, seconds: float, path: Path) -> str:
    """py-spy's stacks of so many seconds."""
    spy = shutil.which("py-spy", path=f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ.get('PATH', '')}")
    if spy is None:
        give_up("py-spy is missing; install it with: pip install simpang[bench]")
    options = ["--native", "--threads", "--format", "raw", "--rate", str(SAMPLES_PER_S)]
    done = subprocess.run(
        [spy, "record", *options, "--duration", f"{seconds:g}", "--pid", str(pid), "--output", path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        give_up(
            f"py-spy could not look into the worker; it may need the right to trace processes: {done.stderr[-300:]}"
        )
    return path.read_text()


def measure(directory: Path, args: argparse.Namespace) -> dict[Stack, float]:
    """CPU milliseconds for each analysed frame, by stack."""
    width, height = map(int, args.size.split("x"))
    site, store = directory / "site.toml", directory / "store"
    site.write_text(site_text(make_clips(directory, (width, height), args.fps, FLOWS), args.cameras, args.fps))
    with running(directory, site, store, args.cameras, ["--device", "cpu"]) as spool:
        time.sleep(WARM_UP_S)
        before = read_status(spool)
        pid = worker_pids(before)[0]
        spent_s = spent(pid, args.seconds)
        frames = analysed(read_status(spool)) - analysed(before)
        sampled = record(pid, args.seconds, directory / "stacks.txt")
    return {stack: 1000 * cpu_s / max(1, frames) for stack, cpu_s in shared_out(sampled, spent_s).items()}


def analysed(status: PoolStatus) -> int:
    return sum(camera.analysed for camera in status.cameras())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=4, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--seconds", type=float, default=30, metavar="N", help="measured, and then recorded (default: %(default)s)"
    )
    parser.add_argument("--fps", type=float, default=10, metavar="N", help="default: %(default)s")
    parser.add_argument("--size", default="1280x720", metavar="WxH", help="default: %(default)s")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        ms = measure(Path(directory), args)
    draw(ms, PICTURE)
    threads: defaultdict[str, float] = defaultdict(float)
    for stack, took in ms.items():
        threads[stack[0]] += took
    total = sum(threads.values())
    longest_first = dict(sorted(threads.items(), key=lambda item: -item[1]))
    rows = [[name, took, f"{took / total:.1%}"] for name, took in longest_first.items()]
    publish(
        NAME,
        f"{total:.1f} CPU ms a frame with {args.cameras} cameras, of which "
        + ", ".join(f"{name} {share}" for name, _, share in rows[:3]),
        table(["threads", "CPU ms a frame", "share"], rows),
        {
            "cameras": args.cameras,
            "size": args.size,
            "fps": args.fps,
            "cpu_ms_by_thread": longest_first,
        },
    )


if __name__ == "__main__":
    main()
