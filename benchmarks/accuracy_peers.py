"""How well does Simpang count real footage, beside the counters people use today, with the same model?

    python -m benchmarks.accuracy_peers [--truth FILE ...] [--clips DIR] [--models FOLDER ...] [--counters NAME ...]

Simpang looks at 12.5 pictures a second, as `simpang count` does. The others are given every frame, as their
documentation does, and once ("fewer pictures") every n-th, so that 12 a second or more are left. All are judged by the
same hand counts with the same matching. Models and counters that are left out keep the result of an earlier run on the
same truth.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from contextlib import closing
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Final

import cv2

from benchmarks._report import RESULTS, SHARED, give_up, publish, table
from benchmarks.accuracy_tables import write_document
from pipeline.commands.arguments import RECORDED_FPS
from pipeline.report.accuracy import AccuracyReport, CountedClip, Truth, evaluate, load_truths
from pipeline.types import CountingLine, Crossing

NAME: Final = "accuracy_peers"
LEAST_FPS: Final = 12.0

CountClip = Callable[[Path, Path, list[CountingLine]], CountedClip]


def count_with_object_counter(
    model: Path, video: Path, lines: list[CountingLine], *, least_fps: float = inf
) -> CountedClip:
    from benchmarks._peers import UltralyticsObjectCounter

    return _count_with(UltralyticsObjectCounter(model, lines), video, _stride(video, least_fps))


def count_with_line_zone(model: Path, video: Path, lines: list[CountingLine], *, least_fps: float = inf) -> CountedClip:
    from benchmarks._peers import SupervisionLineZone

    fps, stride = cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FPS), _stride(video, least_fps)
    return _count_with(SupervisionLineZone(model, lines, fps / stride), video, stride)


def _stride(video: Path, least_fps: float) -> int:
    """How many frames to go on by, so that `least_fps` pictures a second or more are left."""
    return max(1, int(cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FPS) / least_fps + 0.01))


def count_with_simpang(model: Path, video: Path, lines: list[CountingLine]) -> CountedClip:
    from pipeline.count import CameraCounter
    from pipeline.detect import load_detector
    from pipeline.runtime.footage import FootageJob, count_footage
    from pipeline.source import open_source

    with (
        closing(load_detector(model, "cpu")) as detector,
        open_source(str(video), camera="benchmark", start_at_ns=0, look_fps=RECORDED_FPS) as source,
    ):
        counter = CameraCounter("benchmark", tuple(lines), revision=0, run="benchmark")
        job = FootageJob(source, counter, tuple(lines), video.name)
        count_footage([job], detector)
    return CountedClip(job.crossings, job.footage_frames, job.duration_s)


COUNTERS: dict[str, CountClip] = {
    "simpang": count_with_simpang,
    "ultralytics ObjectCounter": count_with_object_counter,
    "supervision LineZone + ByteTrack": count_with_line_zone,
    "ultralytics ObjectCounter, fewer pictures": partial(count_with_object_counter, least_fps=LEAST_FPS),
    "supervision LineZone + ByteTrack, fewer pictures": partial(count_with_line_zone, least_fps=LEAST_FPS),
}


def _count_with(peer: Any, video: Path, stride: int) -> CountedClip:
    capture = cv2.VideoCapture(str(video))
    crossings: list[Crossing] = []
    frames = 0
    while (read := capture.read())[0]:
        if frames % stride == 0:
            crossings += peer.update(frames, read[1])
        frames += 1
    return CountedClip(crossings, frames, frames / capture.get(cv2.CAP_PROP_FPS))


def _judge(truth: Truth, clips: Path, model: Path, count: CountClip) -> AccuracyReport:
    return evaluate(
        truth,
        {clip.name: count(model, clips / clip.name, [line.line for line in clip.lines]) for clip in truth.clips},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truth", type=Path, nargs="+", default=[SHARED / "data/truth.json"], metavar="FILE")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="default: clips/ beside the first truth file")
    parser.add_argument("--models", type=Path, nargs="+", metavar="FOLDER", help="OpenVINO exports of YOLO")
    parser.add_argument("--counters", nargs="+", choices=list(COUNTERS), default=list(COUNTERS), metavar="NAME")
    args = parser.parse_args()
    if absent := [path for path in args.truth if not path.exists()]:
        give_up(f"no hand counts at {absent[0]}: give --truth FILE, in the form that `simpang eval` reads")
    models = args.models or [SHARED / "weights/yolo11n_int8_openvino_model"]
    if missing := [model for model in models if not model.is_dir()]:
        give_up(f"no model at {missing[0]}: give --models FOLDER, an OpenVINO export of YOLO")
    truth, clips = load_truths(args.truth), args.clips or args.truth[0].parent / "clips"
    judged = _judged_before(truth.digest) | {
        (model.name, name): _judge(truth, clips, model, COUNTERS[name]).to_json()
        for model in models
        for name in args.counters
    }
    measures = ("wape", "precision", "recall", "effectiveness")
    rows = [
        [f"{name}, {model}", *(report["overall"][measure] for measure in measures)]
        + [report["clips"][clip.name]["wape"] for clip in truth.clips]
        for (model, name), report in judged.items()
    ]
    publish(
        NAME,
        "WAPE "
        + ", ".join(f"{report['overall']['wape']:.3f} {name} ({model})" for (model, name), report in judged.items()),
        table(["counter, model", *measures, *(Path(clip.name).stem[:8] for clip in truth.clips)], rows)
        + "\n(per clip: WAPE)",
        {
            "truth": truth.digest,
            "counters": [{"model": model, "counter": name, **report} for (model, name), report in judged.items()],
        },
    )
    write_document()


def _judged_before(truth: str) -> dict[tuple[str, str], Any]:
    """What earlier runs found; counts do not depend on the machine's speed, so the comparison may be made in parts."""
    path = RESULTS / f"{NAME}.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    if before.get("truth") != truth:
        return {}
    return {(entry.pop("model"), entry.pop("counter")): entry for entry in before["counters"]}


if __name__ == "__main__":
    main()
