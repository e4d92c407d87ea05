"""Which cameras are this host's: a Kafka consumer group to which each camera is a topic.

The topics hold nothing. What is used of Kafka is how it keeps a group: it shares the topics, of one partition each,
evenly over the members, takes those of a silent member away, moves no more than it must (cooperative-sticky), and gives
a topic only to members that asked for it, so that hosts whose site files differ for a while still read each camera
once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Final

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka import errors as kafka_errors
from kafka.consumer.subscription_state import ConsumerRebalanceListener

from pipeline.closing import Closing
from pipeline.sink.kafka_address import BusAddress
from pipeline.sink.kafka_clients import group_member, make_camera_topics, spoken
from pipeline.types import NS_PER_S

PROVE_EVERY_S: Final = 1.0
PROOF_TIMEOUT_MS: Final = 2_000
CLOSE_TIMEOUT_MS: Final = 3_000
MARGIN_S: Final = 3.0
"""So long before the group gives our cameras to others we let go of them: hosts' clocks, and those of cameras whose
capture times are believed, agree to two seconds."""


class CameraGroup(Closing):
    """This host as a member of the group; connects when it is first stepped.

    `held` and `until_ns` say what is ours and till when. Membership is proved by a commit once a second: only a current
    member can make one, and the broker begins the member's session anew with it. The proof counts from when it was
    sent, so `until_ns` is `MARGIN_S` before the broker can take the cameras away, whatever became of the answer.

    Before a camera is given up `release` is called, with `held` already without it. It must return only when the camera
    is not read any more, or when `until_ns` has passed. Not for use by several threads at once.
    """

    def __init__(
        self, address: BusAddress, cameras: Sequence[str], *, session_timeout_s: float, release: Callable[[], None]
    ) -> None:
        self.held: dict[str, int] = {}
        """Our cameras, with the time in UTC nanoseconds at which each became ours."""
        self.until_ns = 0
        """UTC nanoseconds: till then they are surely ours."""
        self._address, self._cameras, self._session_timeout_s = address, tuple(cameras), session_timeout_s
        self._release = release
        self._consumer: KafkaConsumer | None = None
        self._subscribed: tuple[str, ...] = ()
        self._proved_s = 0.0

    def set_cameras(self, cameras: Sequence[str]) -> None:
        """The site has these cameras now; takes effect with the next step."""
        self._cameras = tuple(cameras)

    def step(self, timeout_s: float) -> None:
        """Take part in the group for about `timeout_s`. Raises BusError, after which it can be tried again."""
        with spoken(self._address):
            try:
                self._take_part(timeout_s)
            except kafka_errors.KafkaError:
                self._drop_consumer()
                raise

    def close(self) -> None:
        """Leave the group, so that others take the cameras at once."""
        self._drop_consumer()

    def _take_part(self, timeout_s: float) -> None:
        if self._is_stuck():
            self._drop_consumer()
        if not self._cameras:
            self._drop_consumer()
            time.sleep(timeout_s)
            return
        if self._consumer is None:
            make_camera_topics(self._address, self._cameras)
            self._consumer = group_member(self._address, self._address.camera_group, self._session_timeout_s)
            self._subscribe(self._consumer)
        elif self._subscribed != self._cameras:
            make_camera_topics(self._address, self._cameras)
            self._subscribe(self._consumer)
        self._consumer.pause(*self._consumer.assignment())  # there is nothing to read
        self._consumer.poll(timeout_ms=round(timeout_s * 1000))
        if self.held and time.monotonic() - self._proved_s >= PROVE_EVERY_S:
            self._prove(self._consumer)

    def _is_stuck(self) -> bool:
        """Whether we hold cameras and could not prove it for so long that only joining anew can help.

        Seen once with kafka-python 3.0.12, on a busy machine after a change of the subscription: it never rejoined.
        """
        if not self.held:
            return False
        known_ns = max(self.until_ns, *self.held.values())
        return time.time_ns() > known_ns + round(self._session_timeout_s * NS_PER_S)

    def _subscribe(self, consumer: KafkaConsumer) -> None:
        consumer.subscribe([self._address.camera_topic(camera) for camera in self._cameras], listener=_Listener(self))
        self._subscribed = self._cameras

    def _prove(self, consumer: KafkaConsumer) -> None:
        began_ns = time.time_ns()
        ours = min(consumer.assignment(), default=None)
        if ours is None:
            return
        try:
            consumer.commit({ours: OffsetAndMetadata(0, "", -1)}, timeout_ms=PROOF_TIMEOUT_MS)
        except kafka_errors.KafkaError:
            return  # not proved; whether we are a member still is for the next poll to find out
        self._proved_s = time.monotonic()
        self.until_ns = began_ns + round((self._session_timeout_s - MARGIN_S) * NS_PER_S)

    def gain(self, partitions: Sequence[TopicPartition]) -> None:
        """These became ours; nothing is read before the membership has been proved once."""
        now_ns = time.time_ns()
        self.held |= {self._address.camera_of_topic(each.topic): now_ns for each in partitions}
        self._proved_s = 0.0

    def lose(self, partitions: Sequence[TopicPartition]) -> None:
        """These are about to be taken from us."""
        for each in partitions:
            self.held.pop(self._address.camera_of_topic(each.topic), None)
        self._release()

    def _drop_consumer(self) -> None:
        if self._consumer is not None:
            dropped, self._consumer = self._consumer, None
            # Where it fails, the group forgets us when the session times out.
            with contextlib.suppress(kafka_errors.KafkaError):
                dropped.close(autocommit=False, timeout_ms=CLOSE_TIMEOUT_MS)
            if self.held:
                self.held.clear()
                self._release()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Hears from kafka-python, within `poll` and `close`, what the group decides."""

    def __init__(self, group: CameraGroup) -> None:
        self._group = group

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self._group.gain(assigned)

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        self._group.lose(revoked)

    def on_partitions_lost(self, lost: Sequence[TopicPartition]) -> None:
        self._group.lose(lost)
