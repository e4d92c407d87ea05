"""How much of the bare network's rate is left when Simpang counts, and how does it compare with what people use?

    python -m benchmarks.speed [--video FILE --line NAME:x1,y1,x2,y2] [--model FOLDER] [--rounds N] [--no-peer]

`simpang count` looks at the region around the line, at 12.5 pictures of 25 a second, and takes over the boxes of the
frame before where nothing moved. Its rate is compared with the bare network's for the same region, and counts only the
frames that it looked at: what it spares by not looking is not credited to it, and is told apart.

One run on one machine. Each round measures everything once, one after the other, so that a machine that slows down or
speeds up does so for all; the medians over the rounds are compared. The bare network is the exported one at the input
size that Simpang gives the clip, at the best of several throughput settings, with an asynchronous queue and nothing
else to do. The peers run the same int8 weights; the table says which input each really infers: Ultralytics' default
of 640 is the long side of a picture-shaped input, fewer pixels than Simpang's, where the export allows it. They look
at every frame, as they are made to; one of them is also given every second frame alone, and its rate is that of all
frames too. `benchmarks.accuracy_peers` has what they count then.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino as ov

from benchmarks._report import ROOT, give_up, publish, table
from benchmarks._stages import cpu_ms_by_stage
from pipeline.commands.arguments import RECORDED_FPS
from pipeline.config import parse_line
from pipeline.count import CameraCounter
from pipeline.detect import cropped, load_detector, openvino_backend, region_of
from pipeline.detect.openvino_graph import for_size, with_picture_input
from pipeline.runtime.footage import FootageJob, count_footage
from pipeline.source import open_source
from pipeline.types import event_id

FPS: Final = 25.0
SIMULATED: Final = f"sim:?seed=7&seconds=24&fps={FPS:g}&size=1280x720&flow=1800"
SETTINGS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"ENABLE_CPU_PINNING": True},
    {"NUM_STREAMS": 1},
    {"PERFORMANCE_HINT": "LATENCY"},
)
"""What is tried on top of Simpang's own settings; the bare network's rate is that of the best."""
BARE_S: Final = 5.0
PEER_FRAMES: Final = 200
"""What each peer is given each round: its rate is steady from the start."""
BARE: Final = "bare network"
EVERY_SECOND: Final = ", every second frame"
LOOKED_AT: Final = "simpang count, frames looked at"
ALL: Final = "simpang count, all frames"
TOLD: Final = (BARE, "ObjectCounter")
"""Whose ratios the headline tells."""
WANTED_OF_BARE: Final = 0.92
WANTED_OF_PEERS: Final = 2.5


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


def bare_rate(compiled: ov.CompiledModel, seconds: float) -> tuple[float, float]:
    """Inferences per second with as many requests in flight as the device wants, and CPU seconds for each."""
    requests = ov.AsyncInferQueue(compiled, compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    picture = np.random.default_rng(1).integers(0, 255, tuple(compiled.input(0).shape), np.uint8)
    for _ in range(2 * len(requests)):
        requests.start_async({0: picture}, share_inputs=True)
    requests.wait_all()
    began, cpu_began, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < seconds:
        requests.start_async({0: picture}, share_inputs=True)
        count += 1
    requests.wait_all()
    return count / (time.perf_counter() - began), (time.process_time() - cpu_began) / count


def bare_networks(detector: Any, size: tuple[int, int]) -> list[tuple[dict[str, Any], ov.CompiledModel]]:
    """The network as it was exported, for this input size, once for each of `SETTINGS`.

    Only Simpang's first step is added: pictures come as bytes in BGR. What it spares in the last steps is not.
    """
    networks = []
    for settings in SETTINGS:
        model = with_picture_input(for_size(detector._model, *size))
        options = openvino_backend.COMPILE_OPTIONS | settings
        networks.append((settings, detector._core.compile_model(model, "CPU", options)))
    return networks


def count_rates(video: Path, line: str, model: Path) -> tuple[float, float, float]:
    """`simpang count` as a process of its own: its steady rate of frames looked at and of all frames, and all frames
    over the whole process' time."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "pipeline", "count", str(video), "--line", line]
    command += ["--model", str(model), "--device", "cpu", "--format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        give_up(f"simpang count failed: {done.stderr.strip().splitlines()[-1]}")
    result = json.loads(done.stdout)
    process_s = time.perf_counter() - began
    return (
        result["looked_at"] / result["elapsed_s"],
        result["frames"] / result["elapsed_s"],
        result["frames"] / process_s,
    )


def counting_cpu_ms(video: Path, line: str, detector: openvino_backend.OpenVINODetector) -> float:
    """CPU milliseconds of all threads for each frame of the video, of counting as `simpang count` does."""
    lines = (parse_line(line),)
    with open_source(str(video), camera="benchmark", start_at_ns=0, look_fps=RECORDED_FPS) as source:
        job = FootageJob(source, CameraCounter("benchmark", lines), lines, video.name)
        began = time.process_time()
        count_footage([job], detector)
        return 1000 * (time.process_time() - began) / job.footage_frames


def peers_for(line: str, model: Path, long_side: int) -> dict[str, Any]:
    """The peers on the same weights: at their default input, and at the long side of Simpang's."""
    from benchmarks import _peers

    lines = [parse_line(line)]
    peers: dict[str, Any] = {"ObjectCounter, all defaults": _peers.UltralyticsObjectCounter(model, lines)}
    for side in sorted({_peers.LONG_SIDE, long_side}):
        peers |= {
            f"ObjectCounter, ByteTrack, imgsz {side}": _peers.UltralyticsObjectCounter(
                model, lines, long_side=side, tracker=_peers.FASTEST_TRACKER
            ),
            f"Ultralytics track, ByteTrack, imgsz {side}": _peers.UltralyticsTrack(model, long_side=side),
            f"supervision LineZone, ByteTrack, imgsz {side}": _peers.SupervisionLineZone(
                model, lines, FPS, long_side=side
            ),
        }
    peers[f"ObjectCounter, ByteTrack, imgsz {_peers.LONG_SIDE}{EVERY_SECOND}"] = _peers.UltralyticsObjectCounter(
        model, lines, tracker=_peers.FASTEST_TRACKER
    )
    return peers


def peer_rate(peer: Any, video: Path, frames: int, every: int = 1) -> tuple[float, float, str]:
    """Frames per second of a peer that cv2 feeds, as in their documentation, the CPU milliseconds of each, and the
    input that it inferred, as WxH. It is shown one of `every` frames.
    """
    import cv2

    capture = cv2.VideoCapture(str(video))
    began, cpu_began, done, image = time.perf_counter(), time.process_time(), 0, None
    while done < frames and (read := capture.read())[0]:
        if done % every == 0:
            image = read[1]
            peer.update(done, image)
        done += 1
    rate = done / (time.perf_counter() - began)
    cpu_ms = 1000 * (time.process_time() - cpu_began) / done
    return rate, cpu_ms, "x".join(map(str, peer.input_size(image)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, metavar="FILE", help="default: a simulated junction, 1280x720, H.264")
    parser.add_argument("--line", metavar="NAME:x1,y1,x2,y2", help="needed with --video")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="an OpenVINO export (default: the shipped model)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--no-peer", action="store_true", help="leave the peers out; they need the bench extra")
    args = parser.parse_args()
    if args.video and not args.line:
        parser.error("--video needs --line")
    video, line = (args.video, args.line) if args.video else simulated_clip()
    with closing(load_detector(args.model, "cpu")) as detector:
        if not isinstance(detector, openvino_backend.OpenVINODetector):
            parser.error("--model is not an OpenVINO export")
        measure(video, line, detector, rounds=args.rounds, with_peers=not args.no_peer)


def measure(
    video: Path, line: str, detector: openvino_backend.OpenVINODetector, *, rounds: int, with_peers: bool
) -> None:
    """Run everything `rounds` times and publish."""
    first = next(decode(video))
    detector.detect([cropped(first.pixels, region_of((parse_line(line),), first.size))])
    input_size, model = detector.info.input_size, detector.info.path.parent
    assert input_size is not None
    shape = "x".join(map(str, input_size))
    networks = bare_networks(detector, input_size)
    tried = {json.dumps(settings): bare_rate(compiled, BARE_S / 2)[0] for settings, compiled in networks}
    settings, network = max(networks, key=lambda item: tried[json.dumps(item[0])])
    own_network = detector._compile(input_size)
    peers = peers_for(line, model, max(input_size)) if with_peers else {}
    # The first pictures compile and fill caches.
    inputs = {name: peer_rate(peer, video, PEER_FRAMES // 10)[2] for name, peer in peers.items()}

    measured: dict[str, list[float]] = defaultdict(list)
    cpu_ms: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        measured["decode alone"].append(rate(decode(video)))
        for name, compiled in ((BARE, network), ("the same, boxes of candidates only", own_network)):
            per_second, cpu_s = bare_rate(compiled, BARE_S)
            measured[name].append(per_second)
            cpu_ms[name].append(1000 * cpu_s)
        looked_at, steady, process = count_rates(video, line, model)
        measured[LOOKED_AT].append(looked_at)
        measured[ALL].append(steady)
        measured["its process"].append(process)
        cpu_ms[ALL].append(counting_cpu_ms(video, line, detector))
        for stage, spent_ms in cpu_ms_by_stage(video, (parse_line(line),), own_network, detector._classes).items():
            cpu_ms[stage].append(spent_ms)
        for name, peer in peers.items():
            per_second, peer_cpu_ms, _ = peer_rate(peer, video, PEER_FRAMES, 1 + name.endswith(EVERY_SECOND))
            measured[name].append(per_second)
            cpu_ms[name].append(peer_cpu_ms)

    median = {name: statistics.median(values) for name, values in measured.items()}
    spent = {name: statistics.median(values) for name, values in cpu_ms.items()}
    own = median[ALL]
    ratios: dict[str, tuple[float, float]] = {
        f"{BARE}, frames looked at": (median[LOOKED_AT] / median[BARE], WANTED_OF_BARE),
        f"{BARE}, all frames": (own / median[BARE], WANTED_OF_BARE),
    }
    ratios |= {f"{name}, {inputs[name]}": (own / median[name], WANTED_OF_PEERS) for name in peers}
    told = [
        f"{name} {value:.2f} (wanted {wanted})" for name, (value, wanted) in ratios.items() if name.startswith(TOLD)
    ]
    rates = [[name, inputs.get(name, "-"), median[name], min(many), max(many)] for name, many in measured.items()]
    publish(
        "speed",
        f"simpang count {own:.0f} frames/s, {model.name} at {shape}; as a multiple of: " + "; ".join(told),
        f"{model.name} at {shape}, {rounds} rounds\n\n"
        + table(["frames per second", "input", "median", "least", "most"], rates)
        + "\n\n"
        + table(
            ["simpang count as a multiple of", "measured", "wanted"], [[name, *pair] for name, pair in ratios.items()]
        )
        + "\n\n"
        + table(["CPU milliseconds a frame", "median"], list(spent.items())),
        {
            "model": model.name,
            "input_size": shape,
            "video": video.name,
            "bare_settings": settings,
            "bare_rates_tried": tried,
            "peer_inputs": inputs,
            "frames_per_second": measured,
            "cpu_ms_per_frame": spent,
            "ratios": {name: {"measured": value, "wanted": wanted} for name, (value, wanted) in ratios.items()},
        },
    )


if __name__ == "__main__":
    main()
