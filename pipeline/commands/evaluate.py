"""`simpang eval`: accuracy against hand counts."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.commands.arguments import (
    RECORDED_FPS,
    add_model_arguments,
    add_rate_argument,
    add_region_argument,
    check_place,
    look_fps,
)
from pipeline.commands.footage import Period, announced_detector, lines_of, open_footage, total_frames
from pipeline.count import CameraCounter, CountUpdate
from pipeline.detect import Detector, ModelInfo
from pipeline.detect.letterbox import PIXEL_BUDGET
from pipeline.detect.loading import DEFAULT_CONFIDENCE, DEFAULT_IOU
from pipeline.detect.region import MARGIN
from pipeline.errors import InputError
from pipeline.report.accuracy import AccuracyReport, CountedClip, Truth, evaluate, load_truths
from pipeline.report.accuracy_baseline import Verdict, compare, load_baseline, make_baseline, save_baseline
from pipeline.report.accuracy_evidence import WatchedCounter
from pipeline.report.accuracy_measures import TOLERANCE_S
from pipeline.report.accuracy_truth import SIMULATED
from pipeline.report.accuracy_wrong import cause_table, write_wrong
from pipeline.runtime.footage import FootageJob, count_footage
from pipeline.runtime.progress import Progress
from pipeline.source import FrameSource
from pipeline.types import Frame


def add_eval_parser(commands: Any) -> None:
    """The arguments of `simpang eval`."""
    parser = commands.add_parser("eval", help="count clips that were counted by hand, and compare")
    parser.add_argument(
        "truth",
        type=Path,
        nargs="+",
        metavar="TRUTH.json",
        help="hand counts by clip and line; a clip may be a sim: URL; several files are put together",
    )
    parser.add_argument(
        "--clips", type=Path, metavar="DIR", help="where the clips are (default: clips/ beside the first TRUTH.json)"
    )
    parser.add_argument(
        "--format", choices=("table", "json"), default="table", help="form of the result (default: table)"
    )
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE.json",
        help="end with status 1 where counts are worse than recorded",
    )
    parser.add_argument("--save-baseline", type=Path, metavar="FILE.json", help="record how well this model counts")
    parser.add_argument(
        "--wrong", type=Path, metavar="DIR", help="write a page with the cause and pictures of every wrong count"
    )
    add_model_arguments(parser)
    add_region_argument(parser)
    add_rate_argument(parser)
    parser.set_defaults(run=run_eval)


def run_eval(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Count every clip of the truth and print the comparison; returns the exit status."""
    truth, fps = load_truths(args.truth), look_fps(args.fps)
    baseline = load_baseline(args.baseline, truth.digest) if args.baseline else None
    if args.save_baseline is not None:
        check_place(args.save_baseline, "--save-baseline")
    with ExitStack() as stack:
        folder = args.clips or args.truth[0].parent / "clips"
        jobs = open_jobs(
            truth, folder, stack, watched=args.wrong is not None, whole_picture=args.whole_picture, fps=fps
        )
        detector = stack.enter_context(announced_detector(args))
        _count(jobs, detector)
        model = detector.info
    report = judge(truth, jobs)
    verdict = compare(baseline, report) if baseline else None
    _print(report, model, verdict, args.format)
    if args.wrong:
        evidence = {job.label: job.counter.evidence() for job in jobs if isinstance(job.counter, WatchedCounter)}
        mistakes = write_wrong(args.wrong, report, evidence, lambda clip: _open(clip, folder, None))
        print(f"{cause_table(mistakes)}\nsee {args.wrong / 'index.html'}", file=sys.stderr)
    if args.save_baseline:
        margin = 1.0 if args.whole_picture else MARGIN
        settings = {"confidence": DEFAULT_CONFIDENCE, "iou": DEFAULT_IOU, "pixel_budget": PIXEL_BUDGET}
        files = " ".join(path.name for path in args.truth)
        recorded = make_baseline(
            report,
            (files, truth.digest),
            (model.name, model.digest),
            settings | {"tolerance_s": TOLERANCE_S, "margin": margin} | ({} if fps is None else {"fps": fps}),
        )
        save_baseline(args.save_baseline, recorded)
    return 1 if verdict and verdict.worse else 0


def _open(clip: str, folder: Path, fps: float | None) -> FrameSource:
    return open_footage(clip if clip.startswith(SIMULATED) else str(folder / clip), clip, Period(0, None, None), fps)


def open_jobs(
    truth: Truth,
    folder: Path,
    stack: ExitStack,
    *,
    watched: bool = False,
    whole_picture: bool = False,
    fps: float | None = RECORDED_FPS,
) -> list[FootageJob]:
    """One for each clip, all opened, so that a missing one is found before anything is counted.

    `watched` counters keep what was seen, to tell why counts are wrong; `whole_picture` as in `FootageJob`, `fps` as in
    `open_footage`. Raises
    InputError where a clip is not there or does not fit its lines.
    """
    if not folder.is_dir() and any(not clip.name.startswith(SIMULATED) for clip in truth.clips):
        raise InputError(f"there is no folder of clips at {folder}; say where they are with --clips")
    jobs = []
    for clip in truth.clips:
        source = stack.enter_context(_open(clip.name, folder, fps))
        lines = lines_of(source, tuple(line.line for line in clip.lines), clip.name)
        counter = WatchedCounter(clip.name, lines) if watched else CameraCounter(clip.name, lines)
        jobs.append(FootageJob(source, counter, lines, clip.name, whole_picture))
    return jobs


def judge(truth: Truth, jobs: Sequence[FootageJob]) -> AccuracyReport:
    """What was counted, one job a clip in the order of the truth, against the truth."""
    return evaluate(
        truth,
        {
            clip.name: CountedClip(job.crossings, job.source.stats.frames_seen, job.duration_s)
            for clip, job in zip(truth.clips, jobs, strict=True)
        },
    )


def _count(jobs: Sequence[FootageJob], detector: Detector) -> None:
    with Progress("counting", total_frames(jobs)) as progress:

        def observe(job: FootageJob, frame: Frame | None, update: CountUpdate) -> None:
            progress.advance(frame is not None)

        count_footage(jobs, detector, observe=observe)


def _print(report: AccuracyReport, model: ModelInfo, verdict: Verdict | None, form: str) -> None:
    """The report on stdout; the verdict's sentences on stderr, and in the JSON."""
    if form == "json":
        content = {"model": model.name, "model_digest": model.digest} | report.to_json()
        print(json.dumps(content | ({"baseline": asdict(verdict)} if verdict else {})))
    else:
        print(report.to_table())
    for sentence in (*verdict.worse, *verdict.better, verdict.summary) if verdict else ():
        print(sentence, file=sys.stderr)
