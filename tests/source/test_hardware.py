"""Where a live camera is decoded. There is no card in the machines that run these tests, so none decodes here."""

from collections.abc import Iterator

import av
import pytest
from av.codec.hwaccel import HWAccel

from pipeline.errors import FeedError
from pipeline.source import hardware
from pipeline.source.live import CameraFeed


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    hardware.has_hardware.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    hardware.has_hardware.cache_clear()


def opened_with(monkeypatch: pytest.MonkeyPatch, feed: CameraFeed) -> HWAccel | None:
    """What a feed gives to FFmpeg to decode with."""
    given: list[HWAccel | None] = []

    def refuse(*_: object, hwaccel: HWAccel | None, **__: object) -> None:
        given.append(hwaccel)
        raise av.error.ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(FeedError, match="refused"):
        next(feed.frames())
    return given[0]


def feed(decode: hardware.Decode) -> CameraFeed:
    return CameraFeed("rtsp://127.0.0.1:1/x", camera="a", fps=10, decode=decode)


def test_a_card_that_is_not_there_leaves_decoding_to_the_cpu(cards: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> HWAccel:
        raise av.error.PermissionError(1, "Operation not permitted")

    cards.setattr(hardware, "HWAccel", lambda *_, **__: type("Absent", (), {"create": none})())
    assert not hardware.has_hardware()
    assert opened_with(cards, feed("auto")) is None


def test_this_machine_says_whether_it_has_a_card_and_does_not_fail(cards: pytest.MonkeyPatch) -> None:
    assert (hardware.accelerator("auto") is not None) == hardware.has_hardware()


def test_a_card_decodes_where_the_camera_may_use_it_and_nowhere_else(cards: pytest.MonkeyPatch) -> None:
    cards.setattr(hardware, "has_hardware", lambda: True)
    used = opened_with(cards, feed("auto"))
    assert isinstance(used, HWAccel)
    assert opened_with(cards, feed("cpu")) is None
