"""`simpang doctor`: checks what a count needs and says how to mend what fails."""

from __future__ import annotations

import argparse
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import __version__
from pipeline.commands.arguments import STORE_FORMS, add_model_arguments, store_password
from pipeline.config import CameraConfig, check_lines, load_site
from pipeline.detect import load_detector
from pipeline.errors import InputError, PipelineError
from pipeline.sink.store import ServerStore, open_store
from pipeline.source import open_source, redact
from pipeline.source.live_open import open_live

ENGINES = ("openvino", "av", "chdb-core", "supervision", "opencv-python", "numpy")
LITTLE_SPACE_BYTES = 1 << 30
LIVE_ONLY = ("rtsp://", "rtsps://", "/dev/video")
TRIAL_PICTURE = (720, 1280, 3)

Check = tuple[str, Callable[[], str]]
"""A name, and a function that returns what it found or raises PipelineError with the mend."""


def add_doctor_parser(commands: Any) -> None:
    """The arguments of `simpang doctor`."""
    parser = commands.add_parser("doctor", help="check model, device, site file, cameras and store")
    parser.add_argument("-c", "--site", type=Path, metavar="FILE.toml", help="the site file to check, with its cameras")
    parser.add_argument("--store", metavar="STORE", help=f"the store to check: {STORE_FORMS}")
    add_model_arguments(parser)
    parser.set_defaults(run=run_doctor)


def run_doctor(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print a line a check; returns 0 when all passed, else 2."""
    failures = 0
    for name, check in _checks(args, environment):
        try:
            print(f"ok    {name}: {check()}")
        except PipelineError as error:
            failures += 1
            print(f"FAIL  {name}: {error}")
    print("all is well" if not failures else f"{failures} to mend")
    return InputError.exit_status if failures else 0


def _checks(args: argparse.Namespace, environment: Mapping[str, str]) -> Iterator[Check]:
    yield "simpang", lambda: f"{__version__} on Python {platform.python_version()}, {platform.machine()}"
    yield "engines", lambda: ", ".join(f"{name} {version(name)}" for name in ENGINES)
    yield "model", lambda: _try_model(args.model, args.device)
    if args.store:
        yield "store", lambda: _try_store(args.store, store_password(environment))
    if args.site:
        try:
            cameras = load_site(args.site, environment).camera
        except InputError as error:
            yield "site", partial(_fail, error)
            return
        yield "site", lambda: f"{args.site} has {_so_many(len(cameras), 'camera')}"
        for camera in cameras:
            yield f"camera {camera.id}", partial(_try_camera, camera)


def _fail(error: InputError) -> str:
    raise error


def _try_model(model: str | None, device: str) -> str:
    with load_detector(model, device) as detector:
        detector.detect([np.zeros(TRIAL_PICTURE, np.uint8)])
        return f"{detector.info.name} on {detector.info.device}, {detector.info.why}"


def _try_store(url: str, password: str) -> str:
    with open_store(url, create=False, password=password) as store:
        crossings = store.query("SELECT count() AS n FROM crossings").column("n")[0].as_py()
        if isinstance(store, ServerStore):
            return f"{url} answers, {_so_many(crossings, 'crossing')}"
        free = shutil.disk_usage(store.path).free
    if free < LITTLE_SPACE_BYTES:
        raise InputError(f"only {free >> 20} MiB are free beside {url}; make space before counting into it")
    return f"{url} opens, {_so_many(crossings, 'crossing')}, {free >> 30} GiB free"


def _picture_size(camera: CameraConfig, url: str) -> tuple[int, int]:
    if url.startswith(LIVE_ONLY):
        feed = open_live(url, camera=camera.id, fps=camera.fps, transport=camera.transport)
        with closing(feed.frames()) as frames:
            return next(frames).size
    with open_source(url, camera=camera.id, start_at_ns=0) as source:
        if next(source, None) is None:
            raise InputError(f"{redact(url)} opens and gives no picture; check the camera")
        return source.size


def _try_camera(camera: CameraConfig) -> str:
    if camera.url is None:
        return f"{_so_many(len(camera.line), 'line')}, no url"
    width, height = size = _picture_size(camera, camera.url)
    check_lines(camera.counting_lines(), size)
    return f"{width}x{height} from {redact(camera.url)}, {_so_many(len(camera.line), 'line')} inside the picture"


def _so_many(number: int, thing: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
