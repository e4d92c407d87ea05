"""`simpang eval`: accuracy against hand counts."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pipeline.commands.arguments import add_model_arguments
from pipeline.commands.footage import Period, announced_detector, lines_of, make_job, open_footage, total_frames
from pipeline.count import CountUpdate
from pipeline.errors import InputError
from pipeline.report.accuracy import CountedClip, evaluate, load_truth
from pipeline.runtime.footage import FootageJob, count_footage
from pipeline.runtime.progress import Progress
from pipeline.types import Frame


def add_eval_parser(commands: Any) -> None:
    """The arguments of `simpang eval`."""
    parser = commands.add_parser("eval", help="count clips that were counted by hand, and compare")
    parser.add_argument("truth", type=Path, metavar="TRUTH.json", help="hand counts by clip and line")
    parser.add_argument(
        "--clips", type=Path, metavar="DIR", help="where the clips are (default: clips/ beside TRUTH.json)"
    )
    parser.add_argument(
        "--format", choices=("table", "json"), default="table", help="form of the result (default: table)"
    )
    add_model_arguments(parser)
    parser.set_defaults(run=run_eval)


def run_eval(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Count every clip of the truth and print the comparison; returns the exit status."""
    truth = load_truth(args.truth)
    folder = args.clips or args.truth.parent / "clips"
    if not folder.is_dir():
        raise InputError(f"there is no folder of clips at {folder}; say where they are with --clips")
    with ExitStack() as stack:
        jobs = []
        for clip in truth.clips:
            video = str(folder / clip.name)
            source = stack.enter_context(open_footage(video, clip.name, Period(0, None, None)))
            lines = lines_of(source, tuple(line.line for line in clip.lines), video)
            jobs.append(make_job(video, source, lines, camera=clip.name, revision=0, run=""))
        detector = stack.enter_context(announced_detector(args))
        progress = stack.enter_context(Progress("counting", total_frames(jobs)))

        def observe(job: FootageJob, frame: Frame | None, update: CountUpdate) -> None:
            progress.advance(frame is not None)

        count_footage(jobs, detector, observe=observe)
    report = evaluate(
        truth,
        {
            clip.name: CountedClip(job.crossings, job.source.stats.frames_seen, job.duration_s)
            for clip, job in zip(truth.clips, jobs, strict=True)
        },
    )
    print(json.dumps(report.to_json()) if args.format == "json" else report.to_table())
    return 0
