"""Keeps the pool alive: starts the loader and the workers, restarts the dead, stops them in flow order.

Like the worker it is a `step` that is called again and again with the time, so that tests need neither threads nor
waiting; real processes are behind the `Child` protocol.

    starting ──> running ──> stopping (workers) ──> draining (loader) ──> done

A worker that crashes again and again has a camera that makes it crash, for everything else is the same for all: its
cameras are halved over two workers, and so on, until the one that crashes alone is known. That camera is isolated: it
is tried again after `ISOLATION_S`, and the others are not disturbed any more.

Where several hosts share the cameras, a membership process says which are ours (`Share`), and the workers are told
again and again, since what they are told holds for seconds. They are kept ready also while no camera is ours.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Literal, TypeAlias

from pipeline.runtime.assignment import assign
from pipeline.runtime.child import MACHINE_FAILED
from pipeline.runtime.member import Child, Member
from pipeline.runtime.messages import CameraSpec, Failed, LoaderStatus, Obeyed, Orders, Share, WorkerStatus
from pipeline.runtime.schedule import delay_s

log = logging.getLogger(__name__)

Phase: TypeAlias = Literal["starting", "running", "stopping", "draining", "done"]

LOADER_SILENT_S: Final = 600.0
"""The loader speaks when all that waits is in the store, and works at the lowest priority: behind a backlog, or on a
machine that is busy with other work, that takes minutes. To end it then would only make it begin again; while it is
slow nothing is lost and no camera waits."""
STOP_S: Final = 15.0
DRAIN_S: Final = 60.0
CRASHES: Final = 3
CRASH_WINDOW_S: Final = 300.0
ISOLATION_S: Final = 900.0
OVERDUE_S: Final = 10.0
"""A loader that has said nothing for so long leaves records waiting that it does not know of."""


StartWorker = Callable[[str, Orders, int, int], Child]
"""Starts a worker by name with its orders; the numbers are its place and how many workers there are."""


class Supervisor:
    """See the module's text."""

    def __init__(
        self,
        cameras: Sequence[CameraSpec],
        workers: int,
        *,
        start_worker: StartWorker,
        start_loader: Callable[[], Child],
        start_membership: Callable[[tuple[str, ...]], Child] | None = None,
    ) -> None:
        """`start_membership` is given the site's cameras; None where all of them are ours."""
        self._start_worker, self._start_loader = start_worker, start_loader
        self._start_membership = start_membership
        self._site = tuple(cameras)
        self._obeyed = 0
        self._phase: Phase = "starting"
        self._phase_began_s: float | None = None
        self.loader = Member("loader", may_be_silent_s=LOADER_SILENT_S)
        self.membership = Member("membership")
        self._most_workers = workers
        self.workers: list[Member] = []
        self._made = 0
        self._share_out()
        self.failure: Failed | None = None
        """Why the pool gave up, where it did: what it was given cannot work."""

    @property
    def phase(self) -> Phase:
        """Where the pool is between start and end."""
        return self._phase

    @property
    def group(self) -> str:
        """One sentence about our part of the site's cameras; empty where all are ours."""
        if self._start_membership is None:
            return ""
        share = self.membership.status
        if not isinstance(share, Share):
            return "this host is not in the group yet"
        problem = f"; {share.message}" if share.message else ""
        return f"{len(share.since_ns)} of the site's {len(self._site)} cameras are this host's{problem}"

    def loader_status(self, now_s: float) -> LoaderStatus | None:
        """What the loader last said; one that died or hangs is behind by as long as it has been silent, too."""
        status, said_s = self.loader.status, self.loader.said_s
        if not isinstance(status, LoaderStatus) or said_s is None:
            return None
        silent_s = now_s - said_s
        return status if silent_s < OVERDUE_S else replace(status, lag_s=status.lag_s + silent_s)

    def step(self, now_s: float) -> None:
        """Listen, replace the dead, and go on to the next phase where it is time."""
        if self._phase_began_s is None:
            self._phase_began_s = now_s
        for member in [self.loader, self.membership, *self.workers]:
            self._listen(member, now_s)
        if self._phase == "starting" and self.loader.heard_s is not None:
            self._enter("running", now_s)
        if self._phase in ("starting", "running", "stopping"):
            self._revive(self.loader, self._start_loader, now_s)
        if self._phase == "running":
            for place, member in enumerate(self.workers):
                if member.cameras or self._start_membership:
                    self._revive(member, self._starter(member, place), now_s)
            if self._start_membership:
                self._revive(self.membership, self._membership_starter(self._start_membership), now_s)
        elif self._phase == "stopping":
            self._await([*self.workers], STOP_S, "draining", now_s)
        elif self._phase == "draining":
            self._await([self.loader, self.membership], DRAIN_S, "done", now_s)
        self._confirm()

    def reload(self, cameras: Sequence[CameraSpec]) -> None:
        """Read these cameras from now on. Workers are told, none is restarted; isolated cameras get a new chance."""
        for member in [member for member in self.workers if member.isolated]:
            member.isolated, member.start_at_s = False, 0.0
            member.crashes.clear()
        self._site = tuple(cameras)
        if self.membership.child is not None:
            self.membership.child.send(tuple(camera.camera for camera in cameras))
        self._share_out()

    def begin_anew(self) -> None:
        """The clock was set back: workers and membership finish what they have and are started again."""
        self.membership.status = None
        for member in [*self.workers, self.membership]:
            if member.child is not None:
                member.child.send(None)

    def _ours(self) -> list[CameraSpec]:
        """The site's cameras that are to be read here."""
        if self._start_membership is None:
            return list(self._site)
        share = self.membership.status
        since_ns = share.since_ns if isinstance(share, Share) else {}
        return [replace(camera, since_ns=since_ns[camera.camera]) for camera in self._site if camera.camera in since_ns]

    def _orders(self, member: Member) -> Orders:
        if self._start_membership is None:
            return Orders(member.cameras)
        share = self.membership.status
        return Orders(member.cameras, share.number, share.until_ns) if isinstance(share, Share) else Orders((), 0, 0)

    def _share_out(self) -> None:
        while len(self.workers) < max(1, min(self._most_workers, len(self._site))):
            self.workers.append(self._made_worker())
        now = {member.name: [camera.camera for camera in member.cameras] for member in self.workers}
        shares = assign(self._ours(), [member.name for member in self.workers], now)
        for member in self.workers:
            changed = member.cameras != shares[member.name]
            member.cameras = shares[member.name]
            if member.child is not None and (changed or self._start_membership):
                member.child.send(self._orders(member))

    def _confirm(self) -> None:
        """Tell the membership process when every worker has obeyed the newest share; one yet to start will."""
        share, child = self.membership.status, self.membership.child
        if not isinstance(share, Share) or child is None or share.number == self._obeyed:
            return
        working = [member.status for member in self.workers if member.child is not None and member.heard_s is not None]
        if all(isinstance(status, WorkerStatus) and status.obeyed == share.number for status in working):
            self._obeyed = share.number
            child.send(Obeyed(share.number))

    def stop(self, now_s: float) -> None:
        """Workers finish what they have counted, then the loader loads it; call `step` until `phase` is done."""
        if self._phase in ("starting", "running"):
            self._enter("stopping", now_s)
            for member in self.workers:
                if member.child is not None:
                    member.child.send(None)

    def abort(self) -> None:
        """End everything at once. What is in the outboxes stays there and is loaded by the next run."""
        for member in [*self.workers, self.loader, self.membership]:
            if member.child is not None:
                member.child.kill()
        self._phase = "done"

    def _enter(self, phase: Phase, now_s: float) -> None:
        self._phase, self._phase_began_s = phase, now_s
        log.info(phase)

    def _starter(self, member: Member, place: int) -> Callable[[], Child]:
        return lambda: self._start_worker(member.name, self._orders(member), place, len(self.workers))

    def _membership_starter(self, start: Callable[[tuple[str, ...]], Child]) -> Callable[[], Child]:
        return lambda: start(tuple(camera.camera for camera in self._site))

    def _listen(self, member: Member, now_s: float) -> None:
        if member.child is None:
            return
        alive = member.child.is_alive()  # asked first, so that the last words of one that ended are heard
        for message in member.child.messages():
            if isinstance(message, Failed):
                self._take_failure(member, message)
            elif isinstance(message, WorkerStatus | LoaderStatus | Share):
                member.heard_s = member.said_s = now_s
                member.status = message
                if isinstance(message, Share):
                    self._share_out()
        if self.failure is not None:
            self.stop(now_s)
        if not alive:
            self._bury(member, now_s)
        elif not member.hung and member.silent_s(now_s) > 0 and self._phase in ("starting", "running"):
            log.error("hangs", extra={"child": member.name})
            member.hung = True
            member.child.kill()

    def _take_failure(self, member: Member, failure: Failed) -> None:
        """What has worked before may work again, and the rest of the pool works: only at the start it is a mistake."""
        alike = self.workers if member in self.workers else [member]
        if any(other.said_s is not None for other in alike):
            log.error("cannot work now: %s", failure.message, extra={"child": member.name})
        else:
            self.failure = self.failure or failure

    def _bury(self, member: Member, now_s: float) -> None:
        assert member.child is not None
        worked_s = now_s - member.started_s
        # Somebody outside killed it (or the system, for memory), or it ended by itself, saying why: no camera's fault.
        code = member.child.exit_code()
        blameless = code in (-signal.SIGKILL, MACHINE_FAILED, 0) and not member.hung
        # One that has not said a word has read no camera yet: its model or its device ended it.
        blameless = blameless or member.heard_s is None
        member.child = None
        if self._phase not in ("starting", "running"):
            return
        member.restarts += 1
        member.start_at_s = now_s + delay_s(member.backoff, worked_s)
        log.log(
            logging.ERROR if code else logging.INFO,
            "died" if code else "ended",
            extra={"child": member.name, "after_s": round(worked_s, 1)},
        )
        if blameless:
            return
        member.crashes.append(now_s)
        while member.crashes[0] < now_s - CRASH_WINDOW_S:
            member.crashes.popleft()
        if member.cameras and len(member.crashes) >= CRASHES:
            self._narrow_down(member, now_s)

    def _narrow_down(self, member: Member, now_s: float) -> None:
        if len(member.cameras) == 1:
            member.isolated, member.start_at_s = True, now_s + ISOLATION_S
            log.error("isolated: its worker died %d times", CRASHES, extra={"camera": member.cameras[0].camera})
            return
        middle = len(member.cameras) // 2
        other = self._made_worker()
        other.cameras, other.start_at_s = member.cameras[middle:], now_s
        member.cameras, member.start_at_s = member.cameras[:middle], now_s
        member.crashes.clear()
        self.workers.append(other)
        log.warning("split, to find the camera that ends it", extra={"child": member.name, "into": other.name})

    def _made_worker(self) -> Member:
        self._made += 1
        return Member(f"worker-{self._made - 1}")

    def _revive(self, member: Member, start: Callable[[], Child], now_s: float) -> None:
        if member.child is not None or now_s < member.start_at_s:
            return
        member.started_s, member.heard_s, member.isolated, member.hung = now_s, None, False, False
        member.child = start()

    def _await(self, members: Sequence[Member], limit_s: float, following: Phase, now_s: float) -> None:
        assert self._phase_began_s is not None
        running = [member for member in members if member.child is not None]
        if now_s - self._phase_began_s > limit_s:
            for member in running:
                assert member.child is not None
                if not member.hung:
                    log.error("did not end in %g s; killed", limit_s, extra={"child": member.name})
                member.hung = True
                member.child.kill()
        if not running:
            self._enter(following, now_s)
            for member in (self.loader, self.membership):
                if following == "draining" and member.child is not None:
                    member.child.send(None)
