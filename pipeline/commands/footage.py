"""From arguments to jobs: which footage is counted on which lines, and under which run."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from pipeline.commands.arguments import instant_ns, offset_s
from pipeline.config import DEFAULT_TIMEZONE, CameraConfig, SiteConfig, check_lines, load_site, parse_line
from pipeline.count import CameraCounter
from pipeline.detect import Detector, load_detector
from pipeline.errors import InputError
from pipeline.runtime.footage import FootageJob
from pipeline.source import FrameSource, open_source, redact
from pipeline.source.simulated import SimulatedJunction
from pipeline.source.url import scheme_of
from pipeline.types import CountingLine, event_id

FINGERPRINT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """A camera and its lines, as the arguments and the site file tell."""

    camera: str | None
    """None where neither names one: then each video is a camera of its own, named after the file."""
    lines: tuple[CountingLine, ...]
    config: CameraConfig | None
    zone: tzinfo

    @classmethod
    def from_arguments(cls, args: argparse.Namespace, environment: Mapping[str, str]) -> Place:
        """Read --site, --camera and --line."""
        lines = tuple(parse_line(text) for text in args.line)
        if args.site is None:
            _check_camera_id(args.camera)
            return cls(args.camera, lines, None, ZoneInfo(DEFAULT_TIMEZONE))
        # The cameras' addresses are not needed for footage of them, and neither are the secrets that they name.
        site: SiteConfig = load_site(args.site, environment, fill_urls=False)
        config = site.find_camera(args.camera)
        return cls(config.id, config.counting_lines() + lines, config, site.zone)

    def camera_for(self, video: str) -> str:
        """The camera's id, or one made from the video's name in the form that ids have."""
        if self.camera is not None:
            return self.camera
        return camera_named_after(video)


def _check_camera_id(camera: str | None) -> None:
    if camera is None:
        return
    try:
        CameraConfig(id=camera)
    except ValidationError as error:
        raise InputError(
            f"--camera {camera!r} is no camera id, which has only a-z, 0-9 and -; give --camera {_id_of(camera)}"
        ) from error


def camera_named_after(video: str) -> str:
    """A camera's id made from the video's name, in the form that ids have."""
    return _id_of("simulated" if scheme_of(video) == "sim" else Path(video).stem)


def _id_of(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "camera"


@dataclass(frozen=True, slots=True)
class Period:
    """When the footage was taken and how much of it is wanted."""

    start_at_ns: int
    """0 (1970-01-01T00:00:00Z) where no start is given: times then read as times into the footage."""
    from_s: float | None
    to_s: float | None

    @classmethod
    def from_arguments(cls, args: argparse.Namespace, zone: tzinfo) -> Period:
        """Read --start, --from and --to."""
        return cls(
            0 if args.start is None else instant_ns(args.start, zone),
            None if args.from_ is None else offset_s(args.from_),
            None if args.to is None else offset_s(args.to),
        )


def open_footage(video: str, camera: str, period: Period, fps: float | None = None) -> FrameSource:
    """Open one video, or a `sim:` junction, for that camera and period; `fps` pictures a second of it, None for all."""
    return open_source(
        video, camera=camera, start_at_ns=period.start_at_ns, from_s=period.from_s, to_s=period.to_s, look_fps=fps
    )


@contextmanager
def announced_detector(args: argparse.Namespace) -> Iterator[Detector]:
    """The detector that --model and --device ask for; says on stderr what was chosen and why."""
    with load_detector(args.model, args.device) as detector:
        print(f"model {detector.info.name} on {detector.info.device}: {detector.info.why}", file=sys.stderr)
        yield detector


def lines_of(source: FrameSource, lines: tuple[CountingLine, ...], video: str) -> tuple[CountingLine, ...]:
    """The lines to count on: those given, else a simulated junction's own.

    Raises InputError where there are none, with a line that would fit, or where one does not fit the picture.
    """
    if not lines and isinstance(source, SimulatedJunction):
        lines = source.lines
    width, height = source.size
    if not lines:
        middle = f"--line middle:0,{height // 2},{width - 1},{height // 2}"
        raise InputError(
            f"no counting line for {redact(video)}: give --line NAME:x1,y1,x2,y2 or --site; "
            f"{middle} crosses the middle of its {width}x{height} picture"
        )
    check_lines(lines, source.size)
    return lines


def make_job(
    video: str,
    source: FrameSource,
    lines: tuple[CountingLine, ...],
    *,
    camera: str,
    revision: int,
    run: str,
    whole_picture: bool = False,
) -> FootageJob:
    """A job that counts `source` on `lines`, looking around them or at the whole picture."""
    counter = CameraCounter(camera, lines, revision=revision, run=run)
    return FootageJob(source, counter, lines, redact(video), whole_picture)


def run_id(
    video: str,
    camera: str,
    period: Period,
    lines: tuple[CountingLine, ...],
    detector: Detector,
    *,
    whole_picture: bool = False,
    fps: float | None = None,
) -> str:
    """The same for the same footage, period, lines, model and rate: counting them again adds nothing to a store."""
    return event_id(
        "run", _fingerprint(video), camera, period.start_at_ns, str(period.from_s), str(period.to_s), repr(lines),
        detector.info.digest, "whole picture" if whole_picture else "around the lines", str(fps),
    )  # fmt: skip


def _fingerprint(video: str) -> str:
    """Identifies footage by its length and its first and last MiB: reading whole days of video would take minutes."""
    path = Path(video)
    if not path.is_file():
        return video
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(FINGERPRINT_BYTES))
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - FINGERPRINT_BYTES))
        digest.update(file.read())
    return f"{size}:{digest.hexdigest()}"


def total_frames(jobs: Sequence[FootageJob]) -> int | None:
    """How many frames all jobs have together, for showing progress; None where a source does not say."""
    estimates = [job.source.frame_count_estimate for job in jobs]
    return None if None in estimates else sum(estimate or 0 for estimate in estimates)
