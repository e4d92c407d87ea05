import threading

import pytest

from pipeline.detect import PIXEL_BUDGET
from pipeline.runtime.preparation import Preparation
from tests.runtime.fakes import PixelDetector

LESS = PIXEL_BUDGET // 2


@pytest.fixture
def detector() -> PixelDetector:
    return PixelDetector()


@pytest.fixture
def preparation(detector: PixelDetector):  # type: ignore[no-untyped-def]
    preparation = Preparation(detector)  # type: ignore[arg-type]
    yield preparation
    detector.may_prepare.set()
    preparation.close()


def test_a_camera_that_comes_back_or_is_like_another_needs_nothing(
    detector: PixelDetector, preparation: Preparation
) -> None:
    preparation.expect("a", (200, 100))
    assert preparation.take_running()
    preparation.expect("b", (200, 100))
    preparation.expect("a", (200, 100))
    assert not preparation.take_running()
    assert detector.prepared == [({(200, 100)}, PIXEL_BUDGET)]


def test_what_cameras_that_are_gone_needed_is_not_asked_for_any_more(
    detector: PixelDetector, preparation: Preparation
) -> None:
    preparation.expect("a", (200, 100))
    preparation.forget("a")
    preparation.expect("b", (64, 64))
    assert detector.prepared[-1] == ({(64, 64)}, PIXEL_BUDGET)


def test_pictures_are_looked_at_as_before_until_the_detector_is_ready(
    detector: PixelDetector, preparation: Preparation
) -> None:
    preparation.expect("a", (200, 100))
    preparation.take_running()
    detector.may_prepare.clear()
    preparation.look_with(LESS)
    while len(detector.prepared) < 2:
        pass
    assert preparation.take_running() and preparation.take_running()
    assert detector.pixel_budget == PIXEL_BUDGET
    detector.may_prepare.set()
    preparation.close()
    assert detector.pixel_budget == LESS
    assert detector.prepared[-2:] == [({(200, 100)}, LESS)] * 2, "the second time to let go of what was needed before"
    assert preparation.take_running() and not preparation.take_running()


def test_two_cameras_may_come_at_once(detector: PixelDetector, preparation: Preparation) -> None:
    detector.may_prepare.clear()
    threads = [
        threading.Thread(target=preparation.expect, args=(name, (100 + 32 * number, 100)))
        for number, name in enumerate("ab")
    ]
    for thread in threads:
        thread.start()
    while not detector.prepared:
        pass
    detector.may_prepare.set()
    for thread in threads:
        thread.join()
    assert detector.prepared[-1] == ({(100, 100), (132, 100)}, PIXEL_BUDGET)


def test_a_detector_that_cannot_be_made_ready_says_so_in_the_workers_thread(
    detector: PixelDetector, preparation: Preparation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(detector, "prepare", fail)
    preparation.look_with(LESS)
    with pytest.raises(RuntimeError, match="no memory"):
        while True:
            preparation.take_running()
    assert detector.pixel_budget == PIXEL_BUDGET
