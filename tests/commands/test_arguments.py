from zoneinfo import ZoneInfo

import pytest

from pipeline.commands.arguments import instant_ns, look_fps, offset_s
from pipeline.errors import InputError

WITA = ZoneInfo("Asia/Makassar")


def test_a_time_without_an_offset_is_the_sites_local_time() -> None:
    assert instant_ns("2025-01-01T08:00:00", WITA) == instant_ns("2025-01-01T00:00:00Z", WITA)
    assert instant_ns("1970-01-01T00:00:01.000001+00:00", WITA) == 1_000_001_000


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90.5", 90.5), ("1:30", 90), ("1:00:01", 3601), ("0", 0)])
def test_an_offset_reads_as_seconds_or_as_a_clock(text: str, seconds: float) -> None:
    assert offset_s(text) == seconds


@pytest.mark.parametrize("text", ["", "-5", "1h", "1:2:3:4", "nan"])
def test_an_offset_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="time into the footage"):
        offset_s(text)


@pytest.mark.parametrize(("text", "fps"), [("12.5", 12.5), ("1", 1.0), ("all", None)])
def test_a_rate_reads_as_pictures_a_second_or_all(text: str, fps: float | None) -> None:
    assert look_fps(text) == fps


@pytest.mark.parametrize("text", ["0", "-5", "nan", "inf", "every", ""])
def test_a_rate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--fps"):
        look_fps(text)
