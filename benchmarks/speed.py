"""How much of the bare network's rate is left when Simpang counts, and how does it compare with ObjectCounter?

    python -m benchmarks.speed [--video FILE --line NAME:x1,y1,x2,y2] [--model FOLDER] [--rounds N] [--no-peer]

One run on one machine. Each round measures everything once, one after the other, so that a machine that slows down or
speeds up does so for all; the medians over the rounds are compared. The network is measured as Simpang compiles it for
the clip's shape, at the best of several throughput settings, with an asynchronous queue and nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from unittest import mock

import numpy as np
import openvino as ov

from benchmarks._report import ROOT, give_up, publish, table
from pipeline.detect import load_detector, openvino_backend
from pipeline.source import open_source
from pipeline.types import event_id

SIMULATED: Final = "sim:?seed=7&seconds=30&fps=20&size=1280x720&flow=1800"
SETTINGS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"ENABLE_CPU_PINNING": True},
    {"NUM_STREAMS": 1},
    {"PERFORMANCE_HINT": "LATENCY"},
)
"""What is tried on top of Simpang's own settings; the bare network's rate is that of the best."""
BARE_S: Final = 5.0
PEER_FRAMES: Final = 200
"""What ObjectCounter is given each round: its rate is steady from the start."""


def simulated_clip() -> tuple[Path, str]:
    """An H.264 recording of a simulated junction, kept between runs, and one of its lines as an argument."""
    from pipeline.source.simulated import Scenario, SimulatedJunction, write_video

    junction = SimulatedJunction(Scenario.from_url(SIMULATED))
    path = Path(tempfile.gettempdir()) / f"simpang-benchmark-{event_id(SIMULATED)[:8]}.mp4"
    if not path.exists():
        print(f"drawing {junction.frame_count_estimate} frames of a simulated junction", file=sys.stderr)
        unfinished = path.with_suffix(".part.mp4")
        write_video(junction, unfinished)
        unfinished.rename(path)
    line = junction.lines[0]
    return path, f"{line.name}:" + ",".join(f"{value:.0f}" for value in (*line.start, *line.end))


def decode(video: Path) -> Iterator[Any]:
    with open_source(str(video), camera="benchmark", start_at_ns=0) as source:
        yield from source


def rate(frames: Iterator[Any]) -> float:
    began, count = time.perf_counter(), 0
    for _ in frames:
        count += 1
    return count / (time.perf_counter() - began)


def bare_rate(compiled: ov.CompiledModel, seconds: float) -> float:
    """Inferences per second with as many requests in flight as the device wants."""
    requests = ov.AsyncInferQueue(compiled, compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    picture = np.random.default_rng(1).integers(0, 255, tuple(compiled.input(0).shape), np.uint8)
    for _ in range(2 * len(requests)):
        requests.start_async({0: picture}, share_inputs=True)
    requests.wait_all()
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        requests.start_async({0: picture}, share_inputs=True)
        count += 1
    requests.wait_all()
    return count / (time.perf_counter() - began)


def bare_networks(
    video: Path, model: Path | None
) -> tuple[list[tuple[dict[str, Any], ov.CompiledModel]], tuple[int, int], Path]:
    """The network as Simpang compiles it for this clip, once for each of `SETTINGS`; its input's size; its folder."""
    with closing(load_detector(model, "cpu")) as detector:
        detector.detect([next(decode(video)).image])
        size = detector.info.input_size
        compiled = []
        for settings in SETTINGS:
            # The detector's own compile step, since only the very same graph is a fair yardstick.
            with mock.patch.dict(openvino_backend.COMPILE_OPTIONS, settings):
                compiled.append((settings, detector._compile(size)))
        return compiled, size, Path(detector.info.path).parent


def count_rates(video: Path, line: str, model: Path) -> tuple[float, float]:
    """`simpang count` as a process of its own: its steady rate, and frames over the whole process' time."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "pipeline", "count", str(video), "--line", line]
    command += ["--model", str(model), "--device", "cpu", "--format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        give_up(f"simpang count failed: {done.stderr.strip().splitlines()[-1]}")
    result = json.loads(done.stdout)
    return result["frames"] / result["elapsed_s"], result["frames"] / (time.perf_counter() - began)


def object_counter(line: str, model: Path, long_side: int) -> Callable[[Path, int], float]:
    """`ultralytics.solutions.ObjectCounter` on the same weights and line, fed by cv2 as in its documentation.

    `long_side` is that of the network's input, for which its default is 640.
    """
    import cv2

    from benchmarks._peers import UltralyticsObjectCounter
    from pipeline.config import parse_line

    folder = model
    if not model.name.endswith("_openvino_model"):  # the only name by which Ultralytics knows such a folder
        folder = Path(tempfile.mkdtemp()) / f"{model.name}_openvino_model"
        shutil.copytree(model, folder)
    counter = UltralyticsObjectCounter(folder, [parse_line(line)], long_side=long_side)

    def measure(video: Path, frames: int) -> float:
        capture = cv2.VideoCapture(str(video))
        began, done = time.perf_counter(), 0
        while done < frames and (read := capture.read())[0]:
            counter.update(done, read[1])
            done += 1
        return done / (time.perf_counter() - began)

    return measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, metavar="FILE", help="default: a simulated junction, 1280x720, H.264")
    parser.add_argument("--line", metavar="NAME:x1,y1,x2,y2", help="needed with --video")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="an OpenVINO export (default: the shipped model)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--no-peer", action="store_true", help="leave Ultralytics out; it needs the bench extra")
    args = parser.parse_args()
    if args.video and not args.line:
        parser.error("--video needs --line")
    video, line = (args.video, args.line) if args.video else simulated_clip()

    networks, input_size, model = bare_networks(video, args.model)
    shape = f"{input_size[0]}x{input_size[1]}"
    tried = {json.dumps(settings): bare_rate(compiled, BARE_S / 2) for settings, compiled in networks}
    settings, network = max(networks, key=lambda item: tried[json.dumps(item[0])])
    peers: dict[str, Callable[[Path, int], float]] = {}
    if not args.no_peer:
        peers = {
            f"ObjectCounter at {size}": object_counter(line, model, size) for size in sorted({640, max(input_size)})
        }
    measured: dict[str, list[float]] = {"decode alone": [], "bare network": [], "simpang count": [], "its process": []}
    for name, measure in peers.items():
        measured[name] = []
        measure(video, PEER_FRAMES // 10)  # compiles and fills caches
    for _ in range(args.rounds):
        measured["decode alone"].append(rate(decode(video)))
        measured["bare network"].append(bare_rate(network, BARE_S))
        steady, process = count_rates(video, line, model)
        measured["simpang count"].append(steady)
        measured["its process"].append(process)
        for name, measure in peers.items():
            measured[name].append(measure(video, PEER_FRAMES))

    median = {name: statistics.median(values) for name, values in measured.items()}
    ratios = {"simpang count / bare network": (median["simpang count"] / median["bare network"], 0.9)}
    ratios |= {f"simpang count / {name}": (median["simpang count"] / median[name], 2.0) for name in peers}
    rates = [[name, median[name], min(values), max(values)] for name, values in measured.items()]
    publish(
        "speed",
        "; ".join(f"{name} {value:.2f} (wanted {wanted})" for name, (value, wanted) in ratios.items())
        + f"; {median['simpang count']:.0f} frames/s, {model.name} at {shape}",
        f"{model.name} at {shape}, {args.rounds} rounds\n\n"
        + table(["frames per second", "median", "least", "most"], rates)
        + "\n\n"
        + table(["ratio", "measured", "wanted"], [[name, *pair] for name, pair in ratios.items()]),
        {
            "model": model.name,
            "input_size": shape,
            "video": "simulated" if not args.video else video.name,
            "bare_settings": settings,
            "bare_rates_tried": tried,
            "frames_per_second": measured,
            "ratios": {name: {"measured": value, "wanted": wanted} for name, (value, wanted) in ratios.items()},
        },
    )


if __name__ == "__main__":
    main()
