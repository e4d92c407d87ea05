"""Counts by camera, and what they say of others."""

import pytest

from benchmarks.accuracy_cameras import camera_of, of_cameras, wape_interval


def score(true, abs_error):
    return {"true": true, "abs_error": abs_error}


CLIPS = {"tfl/625_201708.mp4": score(10, 1), "tfl/625_201709.mp4": score(10, 3), "a_b.mp4": score(20, 0)}


def test_clips_of_one_camera_are_put_together_and_set_beside_the_others():
    first, second = of_cameras(CLIPS)
    assert (first.name, first.clips, first.wape, first.wape_of_others) == ("tfl/625", 2, pytest.approx(0.2), 0.0)
    assert (second.name, second.clips, second.wape, second.wape_of_others) == ("a_b.mp4", 1, 0.0, pytest.approx(0.2))


def test_a_camera_alone_has_no_others_and_one_without_vehicles_says_nothing():
    (camera,) = of_cameras({"a.mp4": score(4, 1), "b.mp4": score(0, 2)})
    assert camera.wape_of_others is None


def test_a_clip_in_no_folder_is_its_own_camera_whatever_its_name():
    assert camera_of("in_sanskar_traffic1.mp4") == "in_sanskar_traffic1.mp4"


def test_the_interval_is_as_wide_as_cameras_differ():
    alike = of_cameras({f"{n}.mp4": score(10, 1) for n in range(8)})
    assert wape_interval(alike) == (pytest.approx(0.1), pytest.approx(0.1))
    low, high = wape_interval(of_cameras({f"{n}.mp4": score(10, 8 if n == 0 else 0) for n in range(8)}))
    assert low == 0.0
    assert high == pytest.approx(0.3)  # the one camera is drawn three times of eight
