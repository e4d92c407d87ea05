"""The process by which a pool shares the cameras with those of other hosts: it is the host's member in the group.

It is a process of its own because a rebalance and a lost broker make the client wait, which neither the supervisor nor
a worker must. What it says holds for seconds only: when it, the supervisor or the network stops, the workers stop
reading before the group gives the cameras to others.
"""

from __future__ import annotations

import logging
import time
from multiprocessing.connection import Connection
from typing import Final

from pipeline.errors import BusError
from pipeline.runtime.child import begin_child, say, told
from pipeline.runtime.messages import Obeyed, Share
from pipeline.sink.kafka_address import BusAddress

log = logging.getLogger(__name__)

STEP_S: Final = 0.25
LISTEN_S: Final = 0.02


class _Member:
    """Carries between the group and the supervisor; see `CameraGroup` for what `release` must do."""

    def __init__(
        self, bus: BusAddress, cameras: tuple[str, ...], session_timeout_s: float, connection: Connection
    ) -> None:
        # Not above: the client takes a third of a second to import, and only this process needs it.
        from pipeline.sink.kafka_group import CameraGroup

        self._connection = connection
        self.group = CameraGroup(bus, cameras, session_timeout_s=session_timeout_s, release=self._release)
        self._told: dict[str, int] | None = None
        self._number = 0
        self._obeyed = 0
        self._message = ""
        self.ends = self.orphaned = False

    def step(self) -> None:
        before = self._message
        try:
            self.group.step(STEP_S)
            self._message = ""
        except BusError as error:
            self._message = str(error)
        if self._message and not before:
            log.warning("the cameras cannot be shared out: %s", self._message)
        self._tell()
        self.listen(STEP_S if self._message else 0.0)

    def listen(self, wait_s: float) -> None:
        """Take what the supervisor says; a list of cameras is the site's from now on."""
        try:
            while self._connection.poll(wait_s):
                message = self._connection.recv()
                if message is None:
                    self.ends = True
                    return
                if isinstance(message, Obeyed):
                    self._obeyed = message.number
                else:
                    self.group.set_cameras(message)
        except (EOFError, OSError):
            self.ends = self.orphaned = True

    def _tell(self) -> None:
        held = dict(self.group.held)
        if held != self._told:
            # By the clock, so that no number of an earlier membership process comes again.
            self._told, self._number = held, time.time_ns()
            log.info("%d cameras are this host's: %s", len(held), ", ".join(sorted(held)) or "none")
        say(self._connection, Share(self._number, held, self.group.until_ns, self._message))

    def _release(self) -> None:
        self._tell()
        while self._obeyed != self._number and time.time_ns() <= self.group.until_ns:
            if self.orphaned:
                time.sleep(LISTEN_S)
            else:
                self.listen(LISTEN_S)


def run_membership(
    bus: BusAddress, cameras: tuple[str, ...], session_timeout_s: float, log_json: bool, connection: Connection
) -> None:
    """The membership's process."""
    begin_child(log_json)
    with told(connection):
        member = _Member(bus, cameras, session_timeout_s, connection)
        while not member.ends:
            member.step()
        if not member.orphaned:
            member.group.close()
        # Else the workers may still be finishing: the group is left to notice by itself, after they have.
