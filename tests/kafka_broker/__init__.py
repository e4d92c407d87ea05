"""A real Kafka broker for the tests, and the fixture that shares one over a whole run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kafka_broker.broker import PASSWORD, USER, Broker

__all__ = ["PASSWORD", "USER", "Broker", "broker", "running_broker"]


@pytest.fixture(scope="session")
def running_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker for the run; use `broker`, which starts it again where a test has killed it."""
    shared = Broker(tmp_path_factory.mktemp("kafka") / "broker")
    shared.start()
    yield shared
    shared.kill()


@pytest.fixture
def broker(running_broker: Broker) -> Broker:
    """The running broker. It may hold other tests' topics: name yours after the test."""
    running_broker.start()
    return running_broker
