"""A site file: which cameras there are and where their counting lines lie.

One TOML file describes a site, and `count`, `replay` and `run` read the same one. An unknown key is an error that names
its path. Secrets in URLs are written as `$NAME` and come from the environment given by the caller.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from pipeline.errors import InputError
from pipeline.sink.coefficients import DEFAULT_FACILITY, DEFAULT_PCU_VERSION, shipped_facilities
from pipeline.types import CountingLine, LineRole, Point

DEFAULT_TIMEZONE = "Asia/Makassar"

_ID: Final = r"^[a-z0-9-]+$"
_LINE_NAME: Final = r"^[^:\s]+$"
_APPROACH: Final = r"^[USTB]$"
CameraId = Annotated[str, StringConstraints(pattern=_ID)]
LineName = Annotated[str, StringConstraints(pattern=_LINE_NAME)]
Approach = Annotated[str, StringConstraints(pattern=_APPROACH)]


def _known_timezone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not a time zone; use a name such as {DEFAULT_TIMEZONE}")
    return name


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LineConfig(_Table):
    """One `[[camera.line]]`; points are native pixels of the camera's picture."""

    name: LineName
    points: tuple[Point, Point]
    approach: Approach | None = None
    role: LineRole = "count"

    @model_validator(mode="after")
    def _not_of_zero_length(self) -> LineConfig:
        if self.points[0] == self.points[1]:
            raise ValueError(f"line {self.name!r} has zero length: both ends are {self.points[0]}; give two points")
        return self

    def counting_line(self) -> CountingLine:
        """The line as the counter takes it."""
        return CountingLine(self.name, *self.points, role=self.role, approach=self.approach)


class ApproachConfig(_Table):
    """One `[[camera.geometry.approach]]`: its capacity, or the width and green that make it (PKJI 2023)."""

    approach: Approach
    capacity_smp_h: float | None = Field(default=None, gt=0)
    """C, for an approach without a signal or from a study; then nothing else is needed."""
    effective_width_m: float | None = Field(default=None, gt=0, le=30)
    """LE of a protected approach: J0 = 600 LE."""
    base_saturation_smp_h: float | None = Field(default=None, gt=0)
    """J0 itself, where it is not 600 LE: opposed approaches, or measured."""
    green_s: float | None = Field(default=None, gt=0)
    """wH, effective green."""
    fhs: float = Field(default=1.0, gt=0, le=2)
    """Side friction."""
    fg: float = Field(default=1.0, gt=0, le=2)
    """Gradient."""
    fp: float = Field(default=1.0, gt=0, le=2)
    """Parking."""
    fbki: float = Field(default=1.0, gt=0, le=2)
    """Left turns."""
    fbka: float = Field(default=1.0, gt=0, le=2)
    """Right turns."""

    @model_validator(mode="after")
    def _makes_a_capacity(self) -> ApproachConfig:
        given = [self.capacity_smp_h, self.effective_width_m, self.base_saturation_smp_h]
        if sum(value is not None for value in given) != 1:
            raise ValueError(
                f"approach {self.approach} needs one of capacity_smp_h, effective_width_m and base_saturation_smp_h"
            )
        if self.capacity_smp_h is None and self.green_s is None:
            raise ValueError(f"approach {self.approach} has no green_s, without which a width makes no capacity")
        return self


class GeometryConfig(_Table):
    """The `[camera.geometry]` of a junction, for degree of saturation and level of service."""

    cycle_s: float | None = Field(default=None, gt=0)
    """s, the signal's cycle time."""
    city_population: int | None = Field(default=None, gt=0)
    """Chooses the city-size factor FUK; without it the factor is 1."""
    approach: tuple[ApproachConfig, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _greens_fit_the_cycle(self) -> GeometryConfig:
        _require_distinct("approach", [approach.approach for approach in self.approach])
        for approach in self.approach:
            if approach.capacity_smp_h is not None or approach.green_s is None:
                continue
            if self.cycle_s is None or approach.green_s >= self.cycle_s:
                raise ValueError(
                    f"approach {approach.approach} has {approach.green_s:g} s of green; "
                    "give the whole cycle, which is longer, as cycle_s"
                )
        return self


class CameraConfig(_Table):
    """One `[[camera]]`."""

    id: CameraId
    name: str = ""
    district: str = ""
    url: str | None = None
    fps: float = Field(default=10.0, gt=0, le=60)
    """Frames a second to analyse of a live feed; recorded footage is analysed whole."""
    transport: Literal["tcp", "udp"] = "tcp"
    """How an rtsp:// camera sends: `udp` where a late picture is worth less than a lost one."""
    decode: Literal["cpu", "auto"] = "cpu"
    """Where a camera's video is decoded: `auto` on a graphics card, where there is one that can."""
    facility: str = DEFAULT_FACILITY
    pcu_version: str = DEFAULT_PCU_VERSION
    """Both together choose the coefficients that make SMP of vehicles."""
    live_picture: bool = False
    """Whether the dashboard may show what the camera sees."""
    line: tuple[LineConfig, ...] = ()
    geometry: GeometryConfig | None = None

    @model_validator(mode="after")
    def _coefficients_are_shipped(self) -> CameraConfig:
        shipped = shipped_facilities()
        if self.pcu_version not in shipped:
            raise ValueError(f"pcu_version {self.pcu_version!r} is not there; it can be: {', '.join(shipped)}")
        if self.facility not in shipped[self.pcu_version]:
            known = ", ".join(shipped[self.pcu_version])
            raise ValueError(f"{self.pcu_version} has no facility {self.facility!r}; it can be: {known}")
        return self

    @model_validator(mode="after")
    def _line_names_differ(self) -> CameraConfig:
        _require_distinct("line", [line.name for line in self.line])
        return self

    def counting_lines(self) -> tuple[CountingLine, ...]:
        """The camera's lines as the counter takes them."""
        return tuple(line.counting_line() for line in self.line)


class SiteConfig(_Table):
    """A whole site file."""

    timezone: Annotated[str, AfterValidator(_known_timezone)] = DEFAULT_TIMEZONE
    camera: tuple[CameraConfig, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _camera_ids_differ(self) -> SiteConfig:
        _require_distinct("camera id", [camera.id for camera in self.camera])
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which times without an offset are read and local days are cut."""
        return ZoneInfo(self.timezone)

    def find_camera(self, camera_id: str | None) -> CameraConfig:
        """The camera of that id; without an id, the only one there is.

        Raises InputError where there is no such camera, or no id and several cameras.
        """
        known = ", ".join(camera.id for camera in self.camera)
        if camera_id is None:
            if len(self.camera) == 1:
                return self.camera[0]
            raise InputError(f"the site has several cameras; say which with --camera: {known}")
        for camera in self.camera:
            if camera.id == camera_id:
                return camera
        raise InputError(f"camera {camera_id!r} is not in the site file; it has: {known}")


def _require_distinct(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{what} {name!r} is given twice; names must differ")


def load_site(path: Path, environment: Mapping[str, str], *, fill_urls: bool = True) -> SiteConfig:
    """Read a site file, filling `$NAME` in camera URLs from `environment` unless no camera will be opened.

    Raises InputError that names the file, the key's path and what to write instead.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # also as Windows' Notepad saves it
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"cannot read the site file {path}: {reason}") from error
    try:
        site = SiteConfig.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(
            f"{path}: {_dotted(first['loc'])}: {_mend(first['type'], first['msg'], first.get('ctx', {}))}"
        ) from error
    if not fill_urls:
        return site
    cameras = tuple(camera.model_copy(update={"url": _fill(camera, path, environment)}) for camera in site.camera)
    return site.model_copy(update={"camera": cameras})


def _dotted(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "site"


_MENDS: Final = {
    "extra_forbidden": "unknown key; see the site file's contract in docs/site-file.md",
    "missing": "this key is needed and is not there",
    "tuple_type": "this must be a list; one of tables is written with two brackets each, as in [[camera]]",
    "too_short": "there are too few; {min_length} is the least",
    "too_long": "there are too many; {max_length} is the most",
}
_PATTERNS: Final = {
    _ID: "only a-z, 0-9 and - may stand here, as in grogot-sudirman-1",
    _LINE_NAME: "a name without spaces and colons must stand here, as in U-in",
    _APPROACH: "U, S, T or B must stand here: north, south, east or west",
}


def _mend(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind == "string_pattern_mismatch":
        return _PATTERNS[context["pattern"]]
    return _MENDS.get(kind, message.removeprefix("Value error, ")).format(**context)


def _fill(camera: CameraConfig, path: Path, environment: Mapping[str, str]) -> str | None:
    if camera.url is None:
        return None
    try:
        return string.Template(camera.url).substitute(environment)
    except KeyError as error:
        name = error.args[0]
        raise InputError(
            f"{path}: the url of camera {camera.id!r} uses ${name}, and the environment has no {name}"
        ) from error
    except ValueError as error:
        raise InputError(f"{path}: the url of camera {camera.id!r} has a stray $; write $$ for a plain one") from error


_LINE = re.compile(r"^(?P<name>[^:\s]+):(?P<numbers>[^:]+)$")


def parse_line(text: str) -> CountingLine:
    """`NAME:x1,y1,x2,y2` as given on the command line, in native pixels.

    Raises InputError that quotes the text.
    """
    match = _LINE.match(text)
    numbers = match["numbers"].split(",") if match else []
    try:
        x1, y1, x2, y2 = (float(number) for number in numbers)
        if not match:
            raise ValueError
    except ValueError:
        raise InputError(f"line {text!r} is not of the form NAME:x1,y1,x2,y2, as in north:230,200,560,200") from None
    if (x1, y1) == (x2, y2):
        raise InputError(f"line {match['name']!r} has zero length: both ends are ({x1:g}, {y1:g}); give two points")
    return CountingLine(match["name"], (x1, y1), (x2, y2))


def check_lines(lines: tuple[CountingLine, ...], size: tuple[int, int]) -> None:
    """Refuse lines that cannot count on a picture of `size` (width, height) pixels.

    Raises InputError for two of one name and for an end outside the picture, by the line's name and the limit.
    """
    width, height = size
    names = [line.name for line in lines]
    for line in lines:
        if names.count(line.name) > 1:
            raise InputError(f"line {line.name!r} is given twice; give each line a name of its own")
        for x, y in (line.start, line.end):
            if not (0 <= x <= width and 0 <= y <= height):
                raise InputError(
                    f"line {line.name!r} leaves the picture: ({x:g}, {y:g}) is outside {width}x{height}; "
                    f"x goes to {width - 1} and y to {height - 1}"
                )
