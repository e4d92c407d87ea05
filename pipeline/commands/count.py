"""`simpang count` and `simpang replay`: recorded footage to counts."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pipeline.commands.arguments import (
    STORE_FORMS,
    add_camera_arguments,
    add_model_arguments,
    add_period_arguments,
    add_rate_argument,
    add_region_argument,
    check_place,
    look_fps,
    store_password,
)
from pipeline.commands.footage import (
    Period,
    Place,
    announced_detector,
    lines_of,
    make_job,
    open_footage,
    run_id,
    total_frames,
)
from pipeline.config import CameraConfig
from pipeline.count import CountUpdate
from pipeline.detect import Detector, region_of
from pipeline.errors import InputError
from pipeline.report.counts import count_lines, count_movements, line_table, turning_matrix
from pipeline.runtime.delivery import StoreDelivery
from pipeline.runtime.footage import FootageJob, Observer, count_footage
from pipeline.runtime.progress import Progress
from pipeline.sink.annotated_video import AnnotatedVideo
from pipeline.sink.event_file import EventFileWriter
from pipeline.sink.registrations import CameraRegistration
from pipeline.source import redact
from pipeline.source.simulated import DEFAULT_START_NS
from pipeline.source.url import local_path, scheme_of
from pipeline.types import Frame

STOPPED: Final = (
    "simpang: what was counted so far is kept; the same command counts the footage whole, and nothing of it twice"
)


def add_count_parser(commands: Any) -> None:
    """The arguments of `simpang count`."""
    parser = commands.add_parser("count", help="count vehicles in recorded footage")
    parser.add_argument(
        "video", nargs="+", metavar="VIDEO", help="a file, an http(s) URL, or sim: for a simulated junction"
    )
    add_camera_arguments(parser, camera_required=False)
    add_period_arguments(parser, start_required=False)
    add_model_arguments(parser)
    add_region_argument(parser)
    add_rate_argument(parser)
    _add_output_arguments(parser)
    parser.add_argument("--store", metavar="STORE", help=f"also put the events into this store: {STORE_FORMS}")
    parser.set_defaults(run=run_count)


def add_replay_parser(commands: Any) -> None:
    """The arguments of `simpang replay`."""
    parser = commands.add_parser("replay", help="count footage again and replace what the store has for its minutes")
    parser.add_argument(
        "video", nargs=1, metavar="VIDEO", help="a file, an http(s) URL, or sim: for a simulated junction"
    )
    add_camera_arguments(parser, camera_required=True)
    add_period_arguments(parser, start_required=True)
    add_model_arguments(parser)
    add_region_argument(parser)
    add_rate_argument(parser)
    _add_output_arguments(parser)
    parser.add_argument("--store", metavar="STORE", required=True, help=f"the store to correct: {STORE_FORMS}")
    parser.set_defaults(run=run_replay)


def _add_output_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=("table", "json"), default="table", help="what stdout shows (default: table)"
    )
    parser.add_argument("--events", type=Path, metavar="FILE", help="write every crossing to .jsonl, .csv or .parquet")
    parser.add_argument(
        "--annotate",
        type=Path,
        metavar="OUT.mp4",
        help="write a video of the pictures looked at, with boxes, trails and totals; --fps all shows every picture",
    )


def run_count(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Count each video; returns the exit status."""
    if args.annotate and len(args.video) > 1:
        raise InputError("--annotate writes one video; count one video at a time with it")
    if args.store is not None and not args.start and not _all_simulated(args.video):
        raise InputError("a store must know when the footage was taken; give --start, as in 2025-03-17T07:00:00+08:00")
    return _count(args, environment, replay=False)


def run_replay(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Count one video under the next revision of its minutes; returns the exit status."""
    return _count(args, environment, replay=True)


def _count(args: argparse.Namespace, environment: Mapping[str, str], *, replay: bool) -> int:
    place, fps = Place.from_arguments(args, environment), look_fps(args.fps)
    period = Period.from_arguments(args, place.zone)
    if args.start is None and _all_simulated(args.video):
        # A simulated junction has a time of its own; without it a store would have its traffic in 1970.
        period = replace(period, start_at_ns=DEFAULT_START_NS)
    if args.start is not None or args.store is not None:
        _refuse_two_of_one_camera([place.camera_for(video) for video in args.video])
    if args.annotate is not None:
        _check_annotate(args.annotate, args.video[0])
    if args.store == "":
        raise InputError("--store is empty, so that nothing would be kept; name a directory, or leave --store out")
    with ExitStack() as stack:
        jobs: list[FootageJob] = []
        watchers: list[Observer] = []
        sources = [
            (video, stack.enter_context(open_footage(video, place.camera_for(video), period, fps)))
            for video in args.video
        ]
        # What the user named is checked before the model is loaded: a wrong line should not take seconds to say so.
        lines = [lines_of(source, place.lines, video) for video, source in sources]
        if args.events:
            watchers.append(_event_writer(stack.enter_context(EventFileWriter(args.events))))
        if args.annotate is not None:
            source = sources[0][1]
            region = None if args.whole_picture else region_of(lines[0], source.size)
            video_file = AnnotatedVideo(args.annotate, lines[0], source.size, source.fps, region=region)
            watchers.append(_annotator(stack.enter_context(video_file)))
        detector = stack.enter_context(announced_detector(args))
        delivery = None
        if args.store is not None:
            delivery = stack.enter_context(StoreDelivery(args.store, password=store_password(environment)))
            watchers.append(delivery.observe)
        for (video, source), job_lines in zip(sources, lines, strict=True):
            camera = place.camera_for(video)
            run = run_id(video, camera, period, job_lines, detector, whole_picture=args.whole_picture, fps=fps)
            revision = 0
            if delivery is not None:
                delivery.register_camera(_registration(camera, place))
                revision = delivery.begin(
                    run, camera, job_lines, source, period.from_s, detector.info, redact(video), replay=replay
                )
            jobs.append(
                make_job(
                    video,
                    source,
                    job_lines,
                    camera=camera,
                    revision=revision,
                    run=run,
                    whole_picture=args.whole_picture,
                )
            )
        progress = stack.enter_context(Progress("counting", total_frames(jobs)))
        watchers.append(lambda job, frame, update: progress.advance(frame is not None))
        try:
            count_footage(jobs, detector, observe=_all_of(watchers))
        except KeyboardInterrupt:
            if delivery is not None:
                print(STOPPED, file=sys.stderr)
            raise
        _say_what_was_spared(jobs)
        warnings = [warning for job in jobs for warning in job.source.warnings]
    _print_results(jobs, detector, args.format)
    for warning in warnings:
        print(f"simpang: {warning}", file=sys.stderr)
    return InputError.exit_status if any(job.source.stats.truncated for job in jobs) else 0


def _refuse_two_of_one_camera(cameras: list[str]) -> None:
    """One camera's videos cannot all begin at one time: their vehicles would be added up."""
    for camera in cameras:
        if cameras.count(camera) > 1:
            raise InputError(
                f"several videos are of camera {camera!r} and cannot all begin at one time; "
                "count them one by one, each with its --start, or with a --camera of its own"
            )


def _check_annotate(out: Path, video: str) -> None:
    check_place(out, "--annotate")
    if scheme_of(video) == "file" and out.resolve() == local_path(video).resolve():
        raise InputError(f"--annotate {out} is the footage itself and would be written over it; name another file")


def _registration(camera: str, place: Place) -> CameraRegistration:
    known = place.config or CameraConfig(id=camera)
    return CameraRegistration(camera, known.name, known.district, str(place.zone), known.facility, known.pcu_version)


def _all_simulated(videos: list[str]) -> bool:
    return all(scheme_of(video) == "sim" for video in videos)


def _say_what_was_spared(jobs: list[FootageJob]) -> None:
    still, looked_at = sum(job.still for job in jobs), sum(job.looked_at for job in jobs)
    frames = sum(job.footage_frames for job in jobs)
    if still or looked_at < frames:
        took_over = f"; in {still} nothing moved, and what the frame before showed was taken over" if still else ""
        print(f"{looked_at} of {frames} frames were looked at{took_over}", file=sys.stderr)


def _all_of(watchers: list[Observer]) -> Observer:
    def observe(job: FootageJob, frame: Frame | None, update: CountUpdate) -> None:
        for watch in watchers:
            watch(job, frame, update)

    return observe


def _event_writer(file: EventFileWriter) -> Observer:
    def watch(job: FootageJob, frame: Frame | None, update: CountUpdate) -> None:
        for crossing in update.crossings:
            file.write(crossing)

    return watch


def _annotator(video: AnnotatedVideo) -> Observer:
    def watch(job: FootageJob, frame: Frame | None, update: CountUpdate) -> None:
        if frame is not None:
            video.write(frame, update.tracked, update.crossings)

    return watch


def describe(job: FootageJob, detector: Detector) -> dict[str, Any]:
    """One video's result: the JSON object of the command's contract."""
    return {
        "video": job.label,
        "model": detector.info.name,
        "device": detector.info.device,
        "frames": job.footage_frames,
        "looked_at": job.looked_at,
        "duration_s": round(job.duration_s, 3),
        "elapsed_s": round(job.elapsed_s, 3),
        "fps": round(job.footage_frames / job.elapsed_s, 2) if job.elapsed_s else 0.0,
        "lines": count_lines(job.lines, job.crossings),
        "movements": count_movements(job.movements),
    }


def _print_results(jobs: list[FootageJob], detector: Detector, form: str) -> None:
    results = [describe(job, detector) for job in jobs]
    if form == "json":
        print(json.dumps(results[0] if len(results) == 1 else {"videos": results}))
        return
    for result in results:
        print(
            f"\n{result['video']}: {result['frames']} frames, {result['duration_s']:.1f} s of footage "
            f"in {result['elapsed_s']:.1f} s ({result['fps']:.1f} frames/s)\n"
        )
        print(line_table(result["lines"]))
        if result["movements"]:
            print(f"\nmovements\n{turning_matrix(result['movements'])}")
