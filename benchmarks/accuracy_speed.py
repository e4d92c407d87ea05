"""What does accuracy cost? Counting errors against frames a second, for models and sizes of the network's input.

    python -m benchmarks.accuracy_speed [--model PATH ...] [--input WxH ...] [--truth FILE ...] [--clip NAME ...]

Each point counts all clips and then measures the detector alone, so that a machine that is busy for a while is busy for
both. An input is given for 16:9 pictures; others get as many pixels in their own proportions, as always.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks._report import ROOT, give_up, publish, table
from benchmarks.accuracy_tables import REAL, SIMULATED, write_document
from pipeline.commands.evaluate import judge, open_jobs
from pipeline.detect import Detector, load_detector
from pipeline.detect.letterbox import PIXEL_BUDGET, input_size_for
from pipeline.report.accuracy import Truth, load_truths
from pipeline.runtime.footage import count_footage

NAME: Final = "accuracy_speed"
PICTURE: Final = ROOT / "docs/images/accuracy_speed.png"
HD: Final = (1280, 720)
INPUTS: Final = ("512x288", "640x384", "832x480", "1088x608", "1280x736")
REAL_TIME: Final = 40
"""Frames a second of four cameras at 10."""
RATE_S: Final = 4.0
PICTURES: Final = 8


def detector_rate(detector: Detector, seconds: float) -> float:
    """Pictures of 1280 x 720 a second through resize, network and boxes, with nothing else to do."""
    noise = np.random.default_rng(1).integers(0, 255, (HD[1], HD[0], 3), np.uint8)
    detector.detect([noise] * PICTURES)
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        detector.detect([noise] * PICTURES)
        done += PICTURES
    return done / (time.perf_counter() - began)


def measure(model: str | None, shape: str, truth: Truth, clips: Path) -> dict[str, Any]:
    """One point of the curve."""
    width, height = map(int, shape.split("x"))
    is_default = (width, height) == input_size_for(*HD)
    with ExitStack() as stack:
        jobs = open_jobs(truth, clips, stack)
        detector = stack.enter_context(load_detector(model, "cpu"))
        detector.pixel_budget = PIXEL_BUDGET if is_default else width * height
        began = time.perf_counter()
        count_footage(jobs, detector)
        counting_s = time.perf_counter() - began
        report = judge(truth, jobs).to_json()
        return {
            "model": detector.info.name,
            "input": shape,
            "default": is_default and model is None,
            "detector_fps": round(detector_rate(detector, RATE_S), 1),
            "counting_fps": round(sum(job.frames for job in jobs) / counting_s, 1),
            "overall": report["overall"],
            "motorcycle": report["classes"].get("motorcycle"),  # type: ignore[attr-defined]
        }


def draw(points: Sequence[dict[str, Any]]) -> None:
    """Error against rate: to the right is faster, down is better."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for number, model in enumerate(dict.fromkeys(point["model"] for point in points)):
        mine = [point for point in points if point["model"] == model]
        rates = [point["detector_fps"] for point in mine]
        for key, style, what in (("overall", "-", "all vehicles"), ("motorcycle", ":", "motorcycles")):
            if all(point[key] and point[key]["wape"] is not None for point in mine):
                errors = [point[key]["wape"] for point in mine]
                axes.plot(rates, errors, style, marker="o", color=f"C{number}", label=f"{model}, {what}")
        for point, rate in zip(mine, rates, strict=True):
            at = (rate, point["overall"]["wape"])
            axes.annotate(point["input"], at, textcoords="offset points", xytext=(4, 6), fontsize=8, rotation=35)
            if point["default"]:
                axes.plot(*at, marker="o", markersize=15, markerfacecolor="none", color="black", linestyle="none",
                          label="default")  # fmt: skip
    axes.axvline(REAL_TIME, color="grey", linewidth=1, label="four cameras at 10 frames/s")
    axes.set_xlabel("frames per second of the detector")
    axes.set_ylabel("WAPE (lower is better)")
    axes.margins(0.12)  # for the names beside the outermost points
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.legend(fontsize=8)
    figure.savefig(PICTURE, dpi=110)


def only(truth: Truth, clips: Iterable[str]) -> Truth:
    wanted = set(clips)
    return Truth(tuple(clip for clip in truth.clips if clip.name in wanted)) if wanted else truth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", metavar="PATH", help="besides the shipped one; may be repeated")
    parser.add_argument("--input", nargs="+", default=INPUTS, metavar="WxH")
    parser.add_argument("--truth", type=Path, nargs="+", metavar="FILE", help="default: real clips, else simulated")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="default: clips/ beside the first truth file")
    parser.add_argument("--clip", nargs="+", default=(), metavar="NAME", help="only these, to try it out")
    args = parser.parse_args()
    truths = args.truth or (REAL.found if REAL.truths[0].exists() else SIMULATED.found)
    truth = only(load_truths(truths), args.clip)
    if not truth.clips:
        give_up(f"none of the clips {', '.join(args.clip)} is in {', '.join(map(str, truths))}")
    clips = args.clips or truths[0].parent / "clips"
    points = [measure(model, shape, truth, clips) for model in [None, *(args.model or [])] for shape in args.input]
    draw(points)
    default = next((point for point in points if point["default"]), points[0])
    vehicles = default["overall"]["true"]
    publish(
        NAME,
        f"{default['model']} at {default['input']}: WAPE {default['overall']['wape']:.3f} at "
        f"{default['detector_fps']:.0f} frames/s, over {vehicles} vehicles in {len(truth.clips)} clip(s)",
        table(
            ["model, input", "frames/s", "counting", "WAPE", "precision", "recall", "motorcycle WAPE"],
            [
                [
                    f"{point['model']}, {point['input']}{' (default)' if point['default'] else ''}",
                    point["detector_fps"],
                    point["counting_fps"],
                    *(point["overall"][key] for key in ("wape", "precision", "recall")),
                    (point["motorcycle"] or {}).get("wape"),
                ]
                for point in points
            ],
        ),
        {"points": points, "clips": [clip.name for clip in truth.clips], "truths": [path.name for path in truths]},
    )
    write_document()


if __name__ == "__main__":
    main()
