"""A host's membership in the group that shares cameras, with a client that stops doing its part."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors
from kafka.consumer.subscription_state import ConsumerRebalanceListener

from pipeline.sink import kafka_group
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.kafka_group import MARGIN_S, CameraGroup
from pipeline.types import NS_PER_S
from tests.kafka_broker import Broker
from tests.kafka_broker import broker as broker
from tests.kafka_broker import running_broker as running_broker
from tests.sink.kafka_topic import address_of, until

SESSION_S = 6.0
ADDRESS = BusAddress.parse("kafka://127.0.0.1:1/simpang")


class Clock:
    """The module's `time`, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s

    def time_ns(self) -> int:
        return round(self.now_s * NS_PER_S)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Client:
    """What a group uses of a KafkaConsumer, given all its topics at the first poll; `stalled`, it does nothing."""

    def __init__(self) -> None:
        self.stalled = self.closed = False
        self._topics: Sequence[str] = ()
        self._listener: ConsumerRebalanceListener | None = None
        self._assigned: set[TopicPartition] = set()

    def subscribe(self, topics: Sequence[str], listener: ConsumerRebalanceListener) -> None:
        self._topics, self._listener = topics, listener

    def assignment(self) -> set[TopicPartition]:
        return self._assigned

    def pause(self, *_: TopicPartition) -> None:
        pass

    def poll(self, timeout_ms: int) -> None:
        if self.stalled or self._listener is None:
            return
        new = {TopicPartition(topic, 0) for topic in self._topics} - self._assigned
        self._assigned |= new
        if new:
            self._listener.on_partitions_assigned(sorted(new))

    def commit(self, offsets: object, timeout_ms: int) -> None:
        if self.stalled:
            raise kafka_errors.KafkaTimeoutError("no answer")

    def close(self, autocommit: bool, timeout_ms: int) -> None:
        self.closed = True


class Scene:
    """A group whose clients are kept, and who was told to let go when."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.clients, self.released_s = Clock(), list[Client](), list[float]()
        monkeypatch.setattr(kafka_group, "time", self.clock)
        monkeypatch.setattr(kafka_group, "make_camera_topics", lambda address, cameras: None)
        monkeypatch.setattr(kafka_group, "group_member", self._connect)
        self.group = CameraGroup(
            ADDRESS, ["a", "b"], session_timeout_s=SESSION_S, release=lambda: self.released_s.append(self.clock.now_s)
        )

    def _connect(self, address: BusAddress, group: str, session_timeout_s: float) -> Client:
        self.clients.append(Client())
        return self.clients[-1]

    def play(self, seconds: float) -> None:
        for _ in range(round(seconds * 4)):
            self.group.step(0.25)
            self.clock.now_s += 0.25


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


def test_a_member_that_proves_itself_stays_with_its_client(scene: Scene) -> None:
    scene.play(3600)
    assert len(scene.clients) == 1
    assert set(scene.group.held) == {"a", "b"}
    assert scene.group.until_ns > scene.clock.time_ns()
    assert scene.released_s == []


def test_a_member_whose_client_does_nothing_any_more_lets_go_and_joins_anew(scene: Scene) -> None:
    scene.play(10)
    scene.clients[0].stalled = True
    stalled_s, until_s = scene.clock.now_s, scene.group.until_ns / NS_PER_S
    assert until_s <= stalled_s + SESSION_S - MARGIN_S
    scene.play(30)
    assert len(scene.clients) == 2 and scene.clients[0].closed
    (released_s,) = scene.released_s
    assert until_s < released_s <= stalled_s + 2 * SESSION_S
    assert set(scene.group.held) == {"a", "b"}
    assert min(scene.group.held.values()) >= released_s * NS_PER_S, "ours again from then on, not from before"
    assert scene.group.until_ns > scene.clock.time_ns()


def test_a_client_that_stalls_before_its_first_proof_is_given_up_too(scene: Scene) -> None:
    scene.group.step(0.25)
    scene.group.until_ns, scene.clients[0].stalled = 0, True
    scene.play(2 * SESSION_S)
    assert len(scene.clients) == 2
    assert scene.group.until_ns > scene.clock.time_ns()


@pytest.fixture
def joined(broker: Broker) -> Iterator[CameraGroup]:
    group = CameraGroup(
        address_of(broker, f"group-{time.time_ns()}"), ["a", "b"], session_timeout_s=SESSION_S, release=lambda: None
    )
    until(lambda: stepped(group) and set(group.held) == {"a", "b"} and group.until_ns > time.time_ns())
    yield group
    group.close()


def stepped(group: CameraGroup) -> bool:
    group.step(0.1)
    return True


def test_on_a_real_broker_a_member_whose_client_stalls_after_a_reload_holds_the_new_cameras_in_the_end(
    joined: CameraGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalled = joined._consumer
    poll: Callable[..., object] = KafkaConsumer.poll
    commit: Callable[..., object] = KafkaConsumer.commit

    def poll_unless_stalled(self: KafkaConsumer, timeout_ms: int = 0) -> object:
        if self is not stalled:
            return poll(self, timeout_ms=timeout_ms)
        time.sleep(timeout_ms / 1000)
        return {}

    def commit_unless_stalled(self: KafkaConsumer, *arguments: object, **options: object) -> object:
        if self is stalled:
            raise kafka_errors.KafkaTimeoutError("no answer")
        return commit(self, *arguments, **options)

    monkeypatch.setattr(KafkaConsumer, "poll", poll_unless_stalled)
    monkeypatch.setattr(KafkaConsumer, "commit", commit_unless_stalled)
    joined.set_cameras(["b", "c"])
    until(lambda: stepped(joined) and set(joined.held) == {"b", "c"} and joined.until_ns > time.time_ns())
    assert joined._consumer is not stalled
