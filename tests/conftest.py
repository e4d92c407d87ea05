"""Fixtures that several rooms share."""

from tests.kafka_broker import broker, running_broker

__all__ = ["broker", "running_broker"]
