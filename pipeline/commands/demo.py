"""`simpang demo`: the whole chain on a simulated junction, beside the simulator's truth."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2

from pipeline.commands.arguments import add_model_arguments
from pipeline.commands.dashboard import DashboardSettings, add_dashboard_argument, serve_store
from pipeline.commands.footage import Period, announced_detector, lines_of, make_job, open_footage, run_id
from pipeline.config import DEFAULT_TIMEZONE
from pipeline.count import CountUpdate
from pipeline.errors import InputError, StorageError
from pipeline.report.accuracy import CountedClip, Truth, evaluate
from pipeline.report.accuracy_simulated import simulated_clip
from pipeline.report.counts import LineCounts, comparison_table, count_lines, count_movements, turning_matrix, wape
from pipeline.report.rows import text_table
from pipeline.runtime.delivery import StoreDelivery
from pipeline.runtime.footage import FootageJob, count_footage
from pipeline.runtime.progress import Progress
from pipeline.sink.annotated_video import CountPainter
from pipeline.sink.registrations import CameraRegistration
from pipeline.source.simulated import LIGHTS, Scenario, SimulatedJunction, write_video
from pipeline.types import NS_PER_S, Frame, Image

DEMO_START_NS = 1_735_686_000 * NS_PER_S
"""2025-01-01 07:00 in Asia/Makassar, a quarter of an hour's beginning."""

COUNTS_SQL = """
SELECT toTimeZone(bin_start, 'Asia/Makassar') AS bin_start, line, direction,
       sumIf(count, class = 'motorcycle') AS motorcycle, sumIf(count, class = 'car') AS car,
       sumIf(count, class = 'bus') AS bus, sumIf(count, class = 'truck') AS truck,
       sumIf(count, class = 'bicycle') AS bicycle, sum(count) AS vehicles,
       any(observed_s) AS observed_s, any(status) AS status
FROM counts_15m
WHERE camera = {camera:String}
GROUP BY bin_start, line, direction
HAVING vehicles > 0
ORDER BY bin_start, line, direction
"""


def add_demo_parser(commands: Any) -> None:
    """The arguments of `simpang demo`."""
    parser = commands.add_parser("demo", help="the whole chain on a simulated junction")
    parser.add_argument("--out", type=Path, default=Path("demo-output"), metavar="DIR", help="where its files go")
    parser.add_argument("--seed", type=int, default=1, help="which traffic (default: 1)")
    parser.add_argument("--seconds", type=int, default=120, help="how much of it (default: 120)")
    parser.add_argument("--light", choices=LIGHTS, default="day")
    parser.add_argument("--weather", choices=("clear", "rain"), default="clear")
    parser.add_argument("--legs", type=int, choices=(3, 4), default=4)
    parser.add_argument(
        "--footage",
        type=Path,
        metavar="FILE.mp4",
        help="only write the simulated pictures as a video",
    )
    add_model_arguments(parser)
    add_dashboard_argument(parser)
    parser.set_defaults(run=run_demo)


class _BusiestPicture:
    """Draws every frame's counting and keeps the picture with the most vehicles on it."""

    def __init__(self, painter: CountPainter) -> None:
        self._painter = painter
        self._most = -1
        self.image: Image | None = None

    def observe(self, job: FootageJob, frame: Frame | None, update: CountUpdate) -> None:
        if frame is None:
            return
        picture = self._painter.draw(frame.image, update.tracked, update.crossings)
        # The later of two equals, because its running totals tell more.
        if len(update.tracked) >= self._most:
            self._most, self.image = len(update.tracked), picture


def run_demo(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Simulate, count, store, query, draw, and with --dashboard serve; returns the exit status."""
    store = args.out / "store"
    dashboard = None
    if args.dashboard is not None:
        dashboard = DashboardSettings.beside(args.dashboard, None, environment)
    url = (
        f"sim:?seed={args.seed}&legs={args.legs}&light={args.light}&weather={args.weather}"
        f"&seconds={args.seconds}&fps=10&size=1280x720"
    )
    if args.footage is not None:
        with SimulatedJunction(Scenario.from_url(url)) as junction:
            print(f"wrote {write_video(junction, args.footage)} frames to {args.footage}")
        return 0
    camera = f"demo-{args.legs}-{args.light}-{args.weather}-{args.seed}"
    period = Period(DEMO_START_NS, None, None)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {args.out}: {error.strerror}; name another with --out") from error
    with ExitStack() as stack:
        source = stack.enter_context(open_footage(url, camera, period))
        assert isinstance(source, SimulatedJunction)
        lines = lines_of(source, (), url)
        detector = stack.enter_context(announced_detector(args))
        delivery = stack.enter_context(StoreDelivery(store))
        run = run_id(url, camera, period, lines, detector)
        delivery.register_camera(CameraRegistration(camera, "Simulated junction", "", DEFAULT_TIMEZONE))
        revision = delivery.begin(run, camera, lines, source, None, detector.info, url, replay=False)
        job = make_job(url, source, lines, camera=camera, revision=revision, run=run)
        picture = _BusiestPicture(CountPainter(lines, source.size))
        progress = stack.enter_context(Progress("demo", source.frame_count_estimate))

        def observe(job: FootageJob, frame: Frame | None, update: CountUpdate) -> None:
            delivery.observe(job, frame, update)
            picture.observe(job, frame, update)
            progress.advance(frame is not None)

        count_footage([job], detector, observe=observe)
        progress.close()
        truth = source.truth()
        bins = delivery.query(COUNTS_SQL, {"camera": camera})
    counted, true = count_lines(lines, job.crossings), count_lines(lines, truth.crossings)
    judged = evaluate(Truth((simulated_clip(url),)), {url: CountedClip(job.crossings, job.frames, job.duration_s)})
    in_sight = "" if judged.overall.wape is None else f", {judged.overall.wape:.3f} without vehicles hidden at the line"
    movements = count_movements(job.movements)
    print(f"\n{job.frames} frames, {job.duration_s:.0f} s of simulated traffic in {job.elapsed_s:.1f} s\n")
    print(f"crossings, counted / true (WAPE {wape(counted, true):.3f}{in_sight})\n{comparison_table(counted, true)}\n")
    print(f"movements as counted\n{turning_matrix(movements)}\n")
    print(f"movements as simulated\n{turning_matrix(count_movements(truth.movements))}\n")
    print(f"15-minute bins from ClickHouse, view counts_15m\n{text_table(bins)}\n")
    for path in _write_pictures(args.out, camera, picture.image, counted, movements, true):
        print(f"wrote {path}")
    print(f"ask it more: simpang query --store {store} 'SELECT * FROM turning_counts_15m WHERE count > 0'")
    if dashboard is None:
        print(f"look at it in a browser: simpang dashboard --store {store}")
    else:
        serve_store(store, dashboard)
    return 0


def _write_pictures(
    out: Path, camera: str, picture: Image | None, counted: LineCounts, movements: list[Any], true: LineCounts
) -> list[Path]:
    # Imported here: every command reads this file, and matplotlib takes a third of a second.
    from pipeline.report.chart import write_chart

    paths = [out / "chart.png"]
    try:
        write_chart(paths[0], f"{camera}: counted, and the simulator's truth", counted, movements, true)
        if picture is not None:
            encoded, data = cv2.imencode(".jpg", picture)
            if not encoded:
                raise StorageError(f"could not encode the annotated picture of {camera}")
            paths.append(out / "annotated.jpg")
            paths[-1].write_bytes(data.tobytes())
    except OSError as error:
        raise StorageError(
            f"cannot write into {out}: {error.strerror}; free space or name another with --out"
        ) from error
    return paths
