"""What answers from a store beside the process's own work."""

from __future__ import annotations

import logging
import threading

import pytest

from pipeline.runtime.beside import running_beside


class Service:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.began = threading.Event()
        self.told = threading.Event()
        self.ended = threading.Event()

    def run(self) -> None:
        self.began.set()
        if self.error is not None:
            raise self.error
        self.told.wait(60)
        self.ended.set()

    def stop(self) -> None:
        self.told.set()


def test_it_runs_while_the_context_lasts_and_has_ended_after_it() -> None:
    service = Service()
    with running_beside(service):
        assert service.began.wait(60)
        assert not service.ended.is_set()
    assert service.ended.is_set()


def test_one_that_fails_is_logged_and_ends_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    service = Service(RuntimeError("no room for a page"))
    with caplog.at_level(logging.ERROR), running_beside(service):
        assert service.began.wait(60)
    assert "counting goes on" in caplog.text
    assert "no room for a page" in caplog.text
