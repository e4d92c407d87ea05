"""Readers of argument values that several commands share; each raises InputError that quotes what was given."""

from __future__ import annotations

import argparse
import contextlib
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

from pipeline.errors import InputError
from pipeline.sink.kafka_address import EXAMPLE, BusAddress
from pipeline.types import NS_PER_S

STORE_FORMS: Final = "a directory, or clickhouse://user@host:9000/database"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOO_LATE = datetime(2100, 1, 1, tzinfo=UTC)
"""The store's quarters of an hour reach into 2106, and footage lasts beyond its start."""


def instant_ns(text: str, zone: tzinfo) -> int:
    """ISO 8601 to nanoseconds since the epoch, UTC; a time without an offset is taken in `zone`.

    Raises InputError for what is no date, and for one that a store cannot keep.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is not a date and time; write ISO 8601, as in 2025-03-17T07:00:00+08:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    if not _EPOCH <= moment < _TOO_LATE:
        raise InputError(f"{text!r} cannot be kept; give a time from 1970 to 2099, UTC")
    since_epoch = moment - _EPOCH
    return (since_epoch.days * 86_400 + since_epoch.seconds) * NS_PER_S + since_epoch.microseconds * 1000


_CLOCK = re.compile(r"^(?:(?:(?P<h>\d+):)?(?P<m>\d{1,2}):)?(?P<s>\d+(?:\.\d+)?)$")


def offset_s(text: str) -> float:
    """A time into the footage, as seconds (90, 90.5) or as a clock (1:30, 0:01:30), in seconds."""
    match = _CLOCK.match(text)
    if match is None:
        raise InputError(f"{text!r} is not a time into the footage; write seconds (90) or h:mm:ss (0:01:30)")
    return int(match["h"] or 0) * 3600 + int(match["m"] or 0) * 60 + float(match["s"])


def check_place(out: Path, option: str) -> None:
    """Refuse a file to write that cannot be, before work is done for it; raises InputError."""
    if out.is_dir():
        raise InputError(f"{option} {out} is a folder; name a file in it")
    if not out.parent.is_dir():
        raise InputError(f"{option} {out} cannot be written: there is no folder {out.parent}; make it first")


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """--model and --device, the same everywhere."""
    parser.add_argument(
        "--model",
        metavar="PATH",
        help="detector: an OpenVINO folder or .xml, .onnx, .pt, .engine (default: the model shipped with Simpang)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda:0 ... (default: auto)")


RECORDED_FPS: Final = 12.5
"""Pictures of recorded footage that are looked at in a second; docs/performance.md has how well others count."""


def add_rate_argument(parser: argparse.ArgumentParser) -> None:
    """--fps: how many pictures a second are looked at; `look_fps` reads it."""
    parser.add_argument(
        "--fps",
        default=str(RECORDED_FPS),
        metavar="N",
        help="look at so many pictures a second, evenly spaced, or at all (default: %(default)s)",
    )


def look_fps(text: str) -> float | None:
    """Pictures a second, or None for "all". Raises InputError where it is neither."""
    if text == "all":
        return None
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise InputError(f"--fps {text} is no rate; give the pictures to look at in a second, as in 12.5, or all")


def add_region_argument(parser: argparse.ArgumentParser) -> None:
    """--whole-picture: where in the picture vehicles are looked for."""
    parser.add_argument(
        "--whole-picture",
        action="store_true",
        help="look for vehicles in the whole picture, not only around the lines, where they are shown larger",
    )


def add_camera_arguments(parser: argparse.ArgumentParser, *, camera_required: bool) -> None:
    """--site, --camera, --line: where the lines come from."""
    parser.add_argument("--site", type=Path, metavar="FILE.toml", help="site file with cameras and their lines")
    parser.add_argument("--camera", required=camera_required, metavar="ID", help="camera id, in the site file if given")
    parser.add_argument(
        "--line",
        action="append",
        default=[],
        metavar="NAME:x1,y1,x2,y2",
        help="a counting line in native pixels, once for each; forward is to the right of someone walking from 1 to 2",
    )


def add_period_arguments(parser: argparse.ArgumentParser, *, start_required: bool) -> None:
    """--start, --from, --to: when the footage was taken and how much of it to count."""
    parser.add_argument(
        "--start",
        required=start_required,
        metavar="ISO8601",
        help="when the footage begins; without an offset, in the site's time zone",
    )
    parser.add_argument("--from", dest="from_", metavar="TIME", help="begin this far into the footage (90 or 0:01:30)")
    parser.add_argument("--to", metavar="TIME", help="end this far into the footage")


def add_bus_argument(parser: argparse.ArgumentParser) -> None:
    """--bus, where there must be one; `bus_of` reads it."""
    parser.add_argument("--bus", required=True, metavar="BUS", help=f"{EXAMPLE}, or kafkas://user@host:9093/prefix")


def bus_of(args: argparse.Namespace, environment: Mapping[str, str]) -> BusAddress:
    """The bus that --bus names. Raises InputError where that is no address."""
    return BusAddress.parse(args.bus, bus_password(environment))


def add_service_arguments(parser: argparse.ArgumentParser) -> None:
    """Metrics and log of what runs day and night."""
    parser.add_argument("--metrics-port", type=int, metavar="PORT", help="serve Prometheus metrics on this port")
    parser.add_argument("--metrics-host", default="127.0.0.1", metavar="HOST", help="default: %(default)s")
    parser.add_argument("--log-format", choices=("lines", "json"), default="lines", help="default: %(default)s")


def store_password(environment: Mapping[str, str]) -> str:
    """The password for a ClickHouse server, from SIMPANG_CLICKHOUSE_PASSWORD or SIMPANG_CLICKHOUSE_PASSWORD_FILE."""
    return _secret(environment, "SIMPANG_CLICKHOUSE_PASSWORD")


def bus_password(environment: Mapping[str, str]) -> str:
    """The password for the Kafka broker, from SIMPANG_KAFKA_PASSWORD or SIMPANG_KAFKA_PASSWORD_FILE."""
    return _secret(environment, "SIMPANG_KAFKA_PASSWORD")


def _secret(environment: Mapping[str, str], name: str) -> str:
    """The variable `name`, or the content of the file that `name`_FILE names. InputError where that cannot be read."""
    path = environment.get(f"{name}_FILE")
    if not path:
        return environment.get(name, "")
    try:
        return Path(path).read_text(encoding="utf-8").strip("\r\n")
    except OSError as error:
        raise InputError(f"{name}_FILE names {path}, which cannot be read: {error.strerror}") from error
