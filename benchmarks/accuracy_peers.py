"""How well does Simpang count real footage, beside the counters people use today, with the same model?

    python -m benchmarks.accuracy_peers [--truth FILE] [--clips DIR] [--models FOLDER ...] [--counters NAME ...]

Every counter sees every decoded frame, and is judged by the same hand counts with the same matching.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2

from benchmarks._report import SHARED, give_up, publish, table
from pipeline.report.accuracy import AccuracyReport, CountedClip, Truth, evaluate, load_truth
from pipeline.types import CountingLine, Crossing

CountClip = Callable[[Path, Path, list[CountingLine]], CountedClip]


def count_with_object_counter(model: Path, video: Path, lines: list[CountingLine]) -> CountedClip:
    from benchmarks._peers import UltralyticsObjectCounter

    return _count_with(UltralyticsObjectCounter(model, lines), video)


def count_with_line_zone(model: Path, video: Path, lines: list[CountingLine]) -> CountedClip:
    from benchmarks._peers import SupervisionLineZone

    fps = cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FPS)
    return _count_with(SupervisionLineZone(model, lines, fps), video)


def count_with_simpang(model: Path, video: Path, lines: list[CountingLine]) -> CountedClip:
    from pipeline.count import CameraCounter
    from pipeline.detect import load_detector
    from pipeline.runtime.footage import FootageJob, count_footage
    from pipeline.source import open_source

    with (
        closing(load_detector(model, "cpu")) as detector,
        open_source(str(video), camera="benchmark", start_at_ns=0) as source,
    ):
        counter = CameraCounter("benchmark", tuple(lines), revision=0, run="benchmark")
        job = FootageJob(source, counter, tuple(lines), video.name)
        count_footage([job], detector)
    return CountedClip(job.crossings, job.frames, job.duration_s)


COUNTERS: dict[str, CountClip] = {
    "simpang": count_with_simpang,
    "ultralytics ObjectCounter": count_with_object_counter,
    "supervision LineZone + ByteTrack": count_with_line_zone,
}


def _count_with(peer: Any, video: Path) -> CountedClip:
    capture = cv2.VideoCapture(str(video))
    crossings: list[Crossing] = []
    frames = 0
    while (read := capture.read())[0]:
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
    parser.add_argument("--truth", type=Path, default=SHARED / "data/truth.json", metavar="FILE")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="default: clips/ beside the truth file")
    parser.add_argument("--models", type=Path, nargs="+", metavar="FOLDER", help="OpenVINO exports of YOLO")
    parser.add_argument("--counters", nargs="+", choices=list(COUNTERS), default=list(COUNTERS), metavar="NAME")
    parser.add_argument("--name", default="accuracy_peers", help="name of the result (default: %(default)s)")
    args = parser.parse_args()
    if not args.truth.exists():
        give_up(f"no hand counts at {args.truth}: give --truth FILE, in the form that `simpang eval` reads")
    models = args.models or [SHARED / "weights/yolo11n_int8_openvino_model"]
    if missing := [model for model in models if not model.is_dir()]:
        give_up(f"no model at {missing[0]}: give --models FOLDER, an OpenVINO export of YOLO")
    truth, clips = load_truth(args.truth), args.clips or args.truth.parent / "clips"
    reports = {
        (model.name, name): _judge(truth, clips, model, COUNTERS[name]) for model in models for name in args.counters
    }
    heads = [f"{name}, {model}" for model, name in reports]
    names = [clip.name for clip in truth.clips]
    rows = [[name, *(report.clips[name].wape for report in reports.values())] for name in names]
    rows += [["all: WAPE", *(report.overall.wape for report in reports.values())]]
    rows += [["all: precision", *(report.overall.precision for report in reports.values())]]
    rows += [["all: recall", *(report.overall.recall for report in reports.values())]]
    rows += [["all: effectiveness", *(report.overall.effectiveness for report in reports.values())]]
    publish(
        args.name,
        "WAPE " + ", ".join(f"{report.overall.wape:.3f} {name} ({model})" for (model, name), report in reports.items()),
        table(["WAPE", *heads], rows),
        {
            "counters": [
                {"model": model, "counter": name, **report.to_json()} for (model, name), report in reports.items()
            ]
        },
    )


if __name__ == "__main__":
    main()
