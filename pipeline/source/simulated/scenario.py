"""What to simulate: one frozen record, also readable from a `sim:` URL."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Final
from urllib.parse import parse_qsl

from pipeline.errors import InputError
from pipeline.types import VEHICLE_CLASSES

DEFAULT_MIX: Final = (0.62, 0.23, 0.03, 0.07, 0.05)
"""Shares of `VEHICLE_CLASSES`: most vehicles at an Indonesian junction are motorcycles."""

DEFAULT_START_NS: Final = 1_735_718_400_000_000_000
"""2025-01-01 08:00:00 UTC, 16:00 in Asia/Makassar."""

LIGHTS: Final = ("day", "dusk", "night")
_WEATHERS: Final = ("clear", "rain")
_MIN_SIZE: Final = (160, 90)
_MAX_SIZE: Final = (3840, 2160)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One simulated recording; equal scenarios give equal pictures and equal truth.

    Raises:
        InputError: a value is outside its range; the message names the field, the value and the range.
    """

    seed: int = 1
    legs: int = 4
    """3 (no western arm) or 4."""
    light: str = "day"
    """`day`, `dusk` (dim, headlights on) or `night` (street lamps and headlights only)."""
    weather: str = "clear"
    """`clear` or `rain`."""
    width: int = 1280
    height: int = 720
    fps: float = 10.0
    duration_s: float = 60.0
    flow_vph: float = 1800.0
    """Vehicles per hour arriving on all arms together."""
    mix: tuple[float, ...] = DEFAULT_MIX
    """Relative shares of the classes in the order of `VEHICLE_CLASSES`."""
    noise: float = 4.0
    """Standard deviation of the sensor's noise, in grey levels of 255."""
    jpeg_quality: int | None = None
    """1 to 100: compress and decode every picture; None leaves it clean."""
    camera: str = "sim-1"
    start_at_ns: int = field(default=DEFAULT_START_NS)
    """Capture time of frame 0, UTC nanoseconds."""
    dropped: float = 0.0
    """Probability that a frame never arrives: a hole in `Frame.seq`, counted in `Frame.lost_before`."""
    duplicated: float = 0.0
    """Probability that a frame shows the previous picture again, as a stuttering encoder does."""

    def __post_init__(self) -> None:
        self._require(self.seed >= 0, "seed", "0 or more")
        self._require(self.legs in (3, 4), "legs", "3 or 4")
        self._require(self.light in LIGHTS, "light", "day, dusk or night")
        self._require(self.weather in _WEATHERS, "weather", "clear or rain")
        self._require(_MIN_SIZE[0] <= self.width <= _MAX_SIZE[0] and self.width % 2 == 0, "width", "even, 160 to 3840")
        self._require(
            _MIN_SIZE[1] <= self.height <= _MAX_SIZE[1] and self.height % 2 == 0, "height", "even, 90 to 2160"
        )
        self._require(1.3 <= self.width / self.height <= 2.0, "width", "1.3 to 2 times the height")
        self._require(1 <= self.fps <= 60, "fps", "1 to 60")
        self._require(0 < self.duration_s <= 7 * 86_400, "duration_s", "more than 0 and at most a week")
        self._require(0 <= self.flow_vph <= 6000, "flow_vph", "0 to 6000")
        known = len(self.mix) == len(VEHICLE_CLASSES) and all(0 <= share < float("inf") for share in self.mix)
        self._require(known and sum(self.mix) > 0, "mix", "five shares, 0 or more, not all 0")
        self._require(0 <= self.noise <= 60, "noise", "0 to 60")
        self._require(self.jpeg_quality is None or 1 <= self.jpeg_quality <= 100, "jpeg_quality", "1 to 100")
        self._require(bool(self.camera), "camera", "not empty")
        self._require(0 <= self.dropped < 1, "dropped", "0 or more and less than 1")
        self._require(0 <= self.duplicated < 1, "duplicated", "0 or more and less than 1")

    def _require(self, holds: bool, name: str, allowed: str) -> None:
        if not holds:
            raise InputError(f"simulated junction: {name} is {getattr(self, name)!r} but must be {allowed}")

    @property
    def frame_count(self) -> int:
        """Frames on the nominal grid: all with a capture time in [0, duration_s)."""
        return max(1, int(-(-self.duration_s * self.fps // 1)))

    def captured_at_ns(self, seq: int) -> int:
        """Capture time of frame `seq`, UTC nanoseconds."""
        return self.start_at_ns + round(seq * 1e9 / self.fps)

    @classmethod
    def from_url(cls, url: str) -> Scenario:
        """Read `sim:?seed=3&legs=3&light=dusk&weather=rain&seconds=60&fps=10&size=1280x720&flow=1800`.

        Every field may be given by its own name too, except `mix`, which is five numbers separated by commas.

        Raises:
            InputError: another scheme, an unknown key, a key given twice, or a value that cannot be used.
        """
        scheme, colon, rest = url.partition(":")
        if scheme != "sim" or not colon or (rest and not rest.startswith("?")):
            raise InputError(f"{url!r} is not a simulated junction: write sim:?seed=1&legs=4&light=day&seconds=60")
        values: dict[str, object] = {}
        for key, text in parse_qsl(rest[1:], keep_blank_values=True):
            for name, value in _parse(key, text).items():
                if name in values:
                    raise InputError(f"simulated junction: {key} is given twice; keep one")
                values[name] = value
        return replace(cls(), **values)  # type: ignore[arg-type]


_ALIASES: Final = {"seconds": "duration_s", "flow": "flow_vph", "jpeg": "jpeg_quality"}
_TYPES: Final = {f.name: str(f.type) for f in fields(Scenario)}


def _parse(key: str, text: str) -> dict[str, object]:
    """One key of a `sim:` URL as scenario fields."""
    name = _ALIASES.get(key, key)
    try:
        if key == "size":
            width, height = (int(part) for part in text.split("x"))
            return {"width": width, "height": height}
        if name == "mix":
            return {name: tuple(float(part) for part in text.split(","))}
        if name not in _TYPES:
            known = ", ".join(sorted({*_TYPES, *_ALIASES, "size"}))
            raise InputError(f"simulated junction: unknown key {key!r}; known keys are {known}")
        if _TYPES[name].startswith("int"):
            return {name: int(text)}
        return {name: float(text) if _TYPES[name] == "float" else text}
    except ValueError as error:
        raise InputError(
            f"simulated junction: {key}={text!r} cannot be read; write a value like {_example(key)}"
        ) from error


def _example(key: str) -> str:
    """A value of this key that works."""
    if key == "size":
        return "size=1280x720"
    value = getattr(Scenario(jpeg_quality=80), _ALIASES.get(key, key))
    return f"{key}={','.join(map(str, value)) if isinstance(value, tuple) else value}"
