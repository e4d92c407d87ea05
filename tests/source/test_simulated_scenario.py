"""Scenarios: what may be asked for, and how a `sim:` URL says it."""

from dataclasses import replace

import pytest

from pipeline.errors import InputError
from pipeline.source.simulated import Scenario


def test_a_url_sets_what_it_names_and_leaves_the_rest() -> None:
    url = "sim:?seed=3&legs=3&light=dusk&weather=rain&seconds=90&fps=12.5&size=640x360&flow=900&mix=1,1,0,0,0&jpeg=70"
    assert Scenario.from_url(url) == Scenario(
        seed=3,
        legs=3,
        light="dusk",
        weather="rain",
        duration_s=90.0,
        fps=12.5,
        width=640,
        height=360,
        flow_vph=900.0,
        mix=(1.0, 1.0, 0.0, 0.0, 0.0),
        jpeg_quality=70,
    )
    assert Scenario.from_url("sim:") == Scenario()
    assert Scenario.from_url("sim:?dropped=0.1&camera=kuaro-1").camera == "kuaro-1"


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("sim:?colour=red", "'colour'"),
        ("sim:?seed=three", "seed='three'"),
        ("sim:?size=big", "size='big'"),
        ("sim:?legs=5", "legs"),
        ("sim:?mix=1,2", "mix"),
        ("sim:?mix=a,b", "write a value like mix=0.62,"),
        ("sim:?dropped=often", "write a value like dropped=0.0"),
        ("sim:?seconds=", "seconds=''"),
        ("sim:?fps=nan", "fps"),
        ("sim:?seconds=inf", "duration_s"),
        ("sim:?seed=1&seed=2", "seed"),
        ("sim:?seconds=5&duration_s=6", "duration_s"),
        ("sim:?seed", "seed"),
        ("rtsp://camera", "rtsp"),
        ("sim:seed=1", "sim:"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_by_name(url: str, named: str) -> None:
    with pytest.raises(InputError) as refused:
        Scenario.from_url(url)
    assert named in str(refused.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", -1),
        ("legs", 2),
        ("light", "noon"),
        ("weather", "snow"),
        ("width", 641),
        ("width", 320),
        ("height", 20),
        ("fps", 0.0),
        ("duration_s", 0.0),
        ("flow_vph", -1.0),
        ("mix", (0.0, 0.0, 0.0, 0.0, 0.0)),
        ("mix", (1.0, -1.0, 1.0, 1.0, 1.0)),
        ("noise", -1.0),
        ("jpeg_quality", 0),
        ("camera", ""),
        ("dropped", 1.0),
        ("duplicated", -0.1),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InputError) as refused:
        replace(Scenario(), **{field: value})  # type: ignore[arg-type]
    assert f"{field} is {value!r}" in str(refused.value)


def test_frames_cover_the_duration_and_no_more() -> None:
    scenario = Scenario(fps=10.0, duration_s=2.05)
    last = scenario.captured_at_ns(scenario.frame_count - 1) - scenario.start_at_ns
    assert scenario.frame_count == 21
    assert last < 2.05e9 <= last + 1e8
