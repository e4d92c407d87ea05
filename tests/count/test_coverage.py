"""Zero is not "no data": what was observed, minute by minute."""

import pytest
import supervision as sv

from pipeline.count import CameraCounter, CoverageMeter
from pipeline.types import Coverage
from tests.count.scenes import every, play, to_ns


def observe(times_s: list[float], *, lost: dict[float, int] | None = None) -> list[Coverage]:
    meter = CoverageMeter("cam-1")
    minutes = [minute for at_s in times_s for minute in meter.observe(to_ns(at_s), (lost or {}).get(at_s, 0))]
    return minutes + list(meter.finish())


def test_whole_minutes_are_observed_and_the_last_one_is_an_edge():
    minutes = observe(every(0.5, 150))
    assert [(m.minute_ns, m.observed_s, m.reason) for m in minutes] == [
        (to_ns(0), 60, ""),
        (to_ns(60), 60, ""),
        (to_ns(120), 30.5, "edge"),
    ]
    assert [m.frames_processed for m in minutes] == [120, 120, 61]


def test_footage_that_begins_within_a_minute_makes_an_edge():
    assert [(m.observed_s, m.reason) for m in observe([45 + t for t in every(1, 20)])] == [(15, "edge"), (6, "edge")]


def test_a_gap_is_not_observed():
    minutes = observe(every(0.5, 20) + [40 + t for t in every(0.5, 30)])
    assert (minutes[0].observed_s, minutes[0].reason) == (40, "gap")


def test_a_gap_across_minutes_is_taken_from_each_of_them():
    minutes = observe([*every(0.5, 50), *(190 + t for t in every(0.5, 60))])
    assert [(m.observed_s, m.reason) for m in minutes[:4]] == [(50, "gap"), (0, "gap"), (0, "gap"), (50, "gap")]
    assert [m.frames_seen for m in minutes[1:3]] == [0, 0]


def test_a_camera_of_one_frame_in_two_and_a_half_seconds_has_no_gaps():
    minutes = observe(every(2.5, 300))
    assert [m.observed_s for m in minutes[1:5]] == [60] * 4


def test_frames_lost_without_a_gap_are_counted_and_cost_nothing():
    minute = observe(every(0.5, 60), lost={10.0: 3, 20.5: 2})[0]
    assert (minute.observed_s, minute.reason) == (60, "")
    assert (minute.frames_seen, minute.frames_processed, minute.frames_dropped) == (125, 120, 5)


def test_a_gap_of_damaged_frames_says_so():
    minute = observe([*every(0.5, 10), *(20 + t for t in every(0.5, 40))], lost={20.0: 19})[0]
    assert (minute.observed_s, minute.reason, minute.frames_dropped) == (50, "damaged", 19)


def test_a_gap_of_frames_the_device_had_no_time_for_says_so():
    meter = CoverageMeter("cam-1")
    for at_s in every(0.5, 10):
        meter.observe(to_ns(at_s))
    meter.drop(to_ns(12), 19)
    minutes = [minute for at_s in every(0.5, 40) for minute in meter.observe(to_ns(20 + at_s))]
    assert (minutes[0].observed_s, minutes[0].reason, minutes[0].frames_dropped) == (50, "overload", 19)
    assert minutes[0].frames_seen == minutes[0].frames_processed + 19


def test_dropped_frames_count_in_the_minute_in_which_they_were_captured():
    meter = CoverageMeter("cam-1")
    meter.drop(to_ns(0), 1)
    meter.observe(to_ns(1))
    meter.drop(to_ns(59.5), 2)
    meter.drop(to_ns(60.5), 4)
    minutes = [*meter.observe(to_ns(61)), *meter.finish()]
    assert [m.frames_dropped for m in minutes] == [3, 4]


def test_a_counter_passes_dropped_frames_on():
    counter = CameraCounter("cam-1", [])
    counter.update(0, to_ns(0), sv.Detections.empty())
    counter.drop(to_ns(0.1), 5)
    assert counter.finish().coverage[0].frames_dropped == 5


def test_frames_are_counted_in_their_own_minute():
    minutes = observe([0, 59.9, 60, 61])
    assert [m.frames_processed for m in minutes] == [2, 2]


def test_a_clock_that_jumps_by_years_does_not_make_a_row_for_every_minute():
    minutes = observe([0, 1, 2, 3e8, 3e8 + 1])
    assert [m.reason for m in minutes] == ["edge", "edge"]


def test_no_frames_make_no_coverage():
    assert CoverageMeter("cam-1").finish() == ()


def test_frames_without_vehicles_are_covered():
    outcome = play([], [], every(0.5, 90))
    assert [m.observed_s for m in outcome.coverage] == pytest.approx([60, 30.5])
