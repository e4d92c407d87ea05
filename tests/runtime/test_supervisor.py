import signal
from collections.abc import Callable
from dataclasses import replace

import pytest

from pipeline.runtime.assignment import assign, share_cores
from pipeline.runtime.child import MACHINE_FAILED
from pipeline.runtime.member import FIRST_WORD_S, SILENT_S
from pipeline.runtime.messages import CameraSpec, Failed, LoaderStatus, Obeyed, Orders, Share, WorkerStatus
from pipeline.runtime.supervisor import (
    CRASHES,
    DRAIN_S,
    ISOLATION_S,
    LOADER_SILENT_S,
    OVERDUE_S,
    STOP_S,
    Supervisor,
)
from tests.runtime.live_fakes import spec

WELL = WorkerStatus((), 1, "cpu", "n", 0, 0, 0.0, 0.0, 1.0, 1.0, 0)
LOADED = LoaderStatus(0, 0.0, 0, "")


class FakeChild:
    def __init__(self, name: str, cameras: tuple[CameraSpec, ...] = ()) -> None:
        self.name, self.cameras = name, tuple(camera.camera for camera in cameras)
        self.alive, self.code, self.stopped = True, None, False  # type: ignore[var-annotated]
        self.obeys, self.speaks = True, True
        self.inbox: list[object] = []
        self.said: list[object] = []

    def is_alive(self) -> bool:
        return self.alive

    def exit_code(self) -> int | None:
        return self.code

    def messages(self) -> list[object]:
        said, self.said = self.said, []
        heartbeat = LOADED if self.name == "loader" else WELL
        return said + [heartbeat] * (self.alive and self.speaks)

    def send(self, message: object) -> None:
        self.inbox.append(message)
        if message is None and self.obeys:
            self.die(0)

    def kill(self) -> None:
        self.die(-signal.SIGKILL)

    def die(self, code: int) -> None:
        self.alive, self.code = False, code


class Pool:
    """A supervisor whose processes are objects, and whose time is a number."""

    def __init__(self, cameras: list[CameraSpec], workers: int) -> None:
        self.started: list[FakeChild] = []
        self.now_s = 1000.0
        self.on_start: Callable[[FakeChild], None] = lambda child: None
        self.supervisor = Supervisor(
            cameras,
            workers,
            start_worker=lambda name, orders, place, of: self.start(FakeChild(name, orders.cameras)),
            start_loader=lambda: self.start(FakeChild("loader")),
        )

    def start(self, child: FakeChild) -> FakeChild:
        self.started.append(child)
        self.on_start(child)
        return child

    def run(self, seconds: float, step_s: float = 0.5) -> None:
        for _ in range(round(seconds / step_s)):
            self.supervisor.step(self.now_s)
            self.now_s += step_s

    def living(self) -> dict[str, FakeChild]:
        return {child.name: child for child in self.started if child.alive}


def cameras(count: int) -> list[CameraSpec]:
    return [spec(f"c{index}") for index in range(count)]


def test_the_loader_is_there_before_any_worker_so_that_the_store_is_known_to_open() -> None:
    pool = Pool(cameras(4), 2)
    pool.on_start = lambda child: setattr(child, "speaks", False)
    pool.run(5)
    assert [child.name for child in pool.started] == ["loader"]
    pool.started[0].speaks = True
    pool.run(5)
    assert [child.name for child in pool.started] == ["loader", "worker-0", "worker-1"]


def test_a_dead_worker_comes_back_with_its_cameras_and_the_others_are_left_alone() -> None:
    pool = Pool(cameras(4), 2)
    pool.run(5)
    other = pool.living()["worker-1"]
    pool.living()["worker-0"].die(1)
    pool.run(5)
    assert pool.living()["worker-0"].cameras == ("c0", "c2")
    assert pool.living()["worker-1"] is other
    assert pool.supervisor.workers[0].restarts == 1


def test_a_worker_that_dies_at_every_start_is_started_less_and_less_often() -> None:
    pool = Pool(cameras(1), 1)
    pool.on_start = lambda child: None if child.name == "loader" else child.kill()
    pool.run(120)
    assert 5 <= len(pool.started) - 1 <= 9


def test_a_process_that_says_nothing_is_killed_and_replaced() -> None:
    pool = Pool(cameras(1), 1)
    pool.run(5)
    hung = pool.living()["worker-0"]
    hung.speaks = False
    pool.run(SILENT_S - 2)
    assert hung.alive
    pool.run(8)
    assert not hung.alive
    assert pool.living()["worker-0"] is not hung
    loading = pool.living()["worker-0"]
    pool.on_start = lambda child: setattr(child, "speaks", False)
    loading.die(1)
    pool.run(FIRST_WORD_S - 10)
    assert "worker-0" in pool.living(), "a model may take its time to load"


def test_a_loader_that_is_slow_is_left_to_its_work_and_one_that_hangs_is_replaced() -> None:
    pool = Pool(cameras(1), 1)
    pool.run(5)
    slow = pool.living()["loader"]
    slow.speaks = False
    pool.run(LOADER_SILENT_S - 2)
    assert pool.living()["loader"] is slow
    pool.run(8)
    assert pool.living()["loader"] is not slow


def test_the_camera_that_crashes_its_worker_is_found_and_isolated_and_the_others_are_read() -> None:
    pool = Pool(cameras(8), 2)

    def crash_with_c5(child: FakeChild) -> None:
        if "c5" in child.cameras:
            child.said.append(WELL)
            child.die(-signal.SIGSEGV)

    pool.on_start = crash_with_c5
    pool.run(400)
    (isolated,) = [member for member in pool.supervisor.workers if member.isolated]
    assert [camera.camera for camera in isolated.cameras] == ["c5"]
    living = [camera for child in pool.living().values() for camera in child.cameras]
    assert sorted(living) == ["c0", "c1", "c2", "c3", "c4", "c6", "c7"]
    starts = len(pool.started)
    pool.run(ISOLATION_S - 400)
    assert len(pool.started) == starts
    pool.on_start = lambda child: None
    pool.run(500)
    assert "c5" in [camera for child in pool.living().values() for camera in child.cameras]


def test_workers_killed_from_outside_blame_no_camera() -> None:
    pool = Pool(cameras(4), 1)
    for _ in range(3 * CRASHES):
        pool.run(40)
        pool.living()["worker-0"].kill()
    pool.run(40)
    assert list(pool.living()) == ["loader", "worker-0"]


def test_it_stops_in_flow_order_workers_first_and_then_the_loader() -> None:
    pool = Pool(cameras(2), 2)
    pool.run(5)
    living = pool.living()
    living["worker-1"].obeys = False
    pool.supervisor.stop(pool.now_s)
    pool.run(5)
    assert not living["worker-0"].alive
    assert living["loader"].alive, "the loader outlives every worker: their last records must be loaded"
    living["worker-1"].die(0)
    pool.run(2)
    assert pool.supervisor.phase == "done"
    assert living["loader"].inbox == [None]


def test_what_does_not_end_by_itself_is_killed() -> None:
    pool = Pool(cameras(1), 1)
    pool.on_start = lambda child: setattr(child, "obeys", False)
    pool.run(5)
    pool.supervisor.stop(pool.now_s)
    pool.run(STOP_S + DRAIN_S + 5)
    assert pool.supervisor.phase == "done"
    assert pool.living() == {}


def test_abort_ends_everything_at_once() -> None:
    pool = Pool(cameras(2), 2)
    pool.run(5)
    pool.supervisor.abort()
    assert pool.supervisor.phase == "done"
    assert pool.living() == {}


@pytest.mark.parametrize("who", ["loader", "worker-0"])
def test_input_that_can_never_work_stops_the_pool_instead_of_being_tried_for_ever(who: str) -> None:
    pool = Pool(cameras(1), 1)
    pool.on_start = lambda child: child.said.append(Failed("no such model", 2)) if child.name == who else None
    pool.run(5)
    assert pool.supervisor.phase == "done"
    assert pool.supervisor.failure == Failed("no such model", 2)


@pytest.mark.parametrize("who", ["loader", "worker-0"])
def test_what_has_worked_and_cannot_work_now_is_tried_again_and_the_others_go_on(who: str) -> None:
    pool = Pool(cameras(2), 2)
    pool.run(5)
    others = {name: child for name, child in pool.living().items() if name != who}
    gone = [True]

    def fail(child: FakeChild) -> None:
        if gone[0]:
            child.speaks = False
            child.said.append(Failed("no CUDA device", 2))
            child.die(0)

    pool.on_start = fail
    pool.living()[who].die(1)
    pool.run(60)
    assert pool.supervisor.failure is None
    assert pool.living() == others
    gone[0] = False
    pool.run(70)
    assert who in pool.living()


@pytest.mark.parametrize(("code", "said"), [(MACHINE_FAILED, [WELL]), (0, [WELL]), (1, []), (-signal.SIGSEGV, [])])
def test_a_worker_that_the_machine_lets_down_or_that_has_read_no_camera_yet_blames_none(
    code: int, said: list[object]
) -> None:
    pool = Pool(cameras(2), 1)

    def end(child: FakeChild) -> None:
        if child.name != "loader":
            child.said += said
            child.die(code)

    pool.on_start = end
    pool.run(300)
    assert [(member.name, member.isolated) for member in pool.supervisor.workers] == [("worker-0", False)]


def test_a_loader_that_is_gone_or_hangs_falls_behind_also_without_saying_so() -> None:
    pool = Pool(cameras(1), 1)
    assert pool.supervisor.loader_status(pool.now_s) is None
    pool.run(5)
    assert pool.supervisor.loader_status(pool.now_s) == LOADED
    pool.on_start = lambda child: child.die(-signal.SIGSEGV)
    pool.living()["loader"].die(-signal.SIGSEGV)
    pool.run(3 * OVERDUE_S)
    status = pool.supervisor.loader_status(pool.now_s)
    assert status is not None
    assert status.lag_s >= 2 * OVERDUE_S


def test_a_pool_that_begins_with_one_camera_grows_to_its_workers() -> None:
    pool = Pool(cameras(1), 2)
    pool.run(5)
    assert sorted(pool.living()) == ["loader", "worker-0"]
    first = pool.living()["worker-0"]
    pool.supervisor.reload(cameras(4))
    pool.run(5)
    assert pool.living()["worker-0"] is first
    assert len(pool.living()["worker-1"].cameras) == 2


def test_one_that_does_not_end_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    pool = Pool(cameras(1), 1)
    pool.run(5)
    stuck = pool.living()["worker-0"]
    stuck.obeys, stuck.speaks = False, False
    stuck.kill = lambda: None  # type: ignore[method-assign]
    pool.supervisor.stop(pool.now_s)
    pool.run(STOP_S + 30)
    assert caplog.text.count("did not end") == 1


def test_workers_that_begin_anew_blame_no_camera_and_the_loader_goes_on() -> None:
    pool = Pool(cameras(2), 2)
    pool.run(5)
    before = pool.living()
    for _ in range(CRASHES + 1):
        pool.supervisor.begin_anew()
        pool.run(30)
    after = pool.living()
    assert after["loader"] is before["loader"]
    assert {name: child.cameras for name, child in after.items()} == {
        name: child.cameras for name, child in before.items()
    }
    assert after["worker-0"] is not before["worker-0"]
    assert len(pool.supervisor.workers) == 2


def test_a_reload_tells_the_workers_concerned_and_restarts_none() -> None:
    pool = Pool(cameras(4), 2)
    pool.run(5)
    before = dict(pool.living())
    pool.supervisor.reload([*cameras(4), spec("new")])
    assert pool.living() == before
    told = {name: child.inbox for name, child in before.items() if child.inbox}
    assert [[camera.camera for camera in orders.cameras] for (orders,) in told.values()] == [["c0", "c2", "new"]]


def test_cameras_are_shared_out_by_load_and_stay_where_they_are() -> None:
    heavy = [spec("heavy", fps=25), *(spec(f"c{index}", fps=5) for index in range(5))]
    shares = assign(heavy, ["w0", "w1"], {})
    assert {worker: sum(camera.fps for camera in share) for worker, share in shares.items()} == {"w0": 25, "w1": 25}
    now = {"w0": ["c0", "c1", "c2"], "w1": ["heavy"]}
    shares = assign(heavy, ["w0", "w1"], now)
    assert {"c0", "c1", "c2"} <= {camera.camera for camera in shares["w0"]}


def test_cores_are_split_without_overlap_while_there_are_enough() -> None:
    assert share_cores([0, 1, 2, 3], 2) == [(0, 1), (2, 3)]
    assert share_cores([0, 1, 2], 2) == [(0, 1), (2,)]
    assert share_cores([0, 1], 1) == [(0, 1)]
    assert share_cores([0, 1], 3) == [(0,), (1,), (0,)]


class SharedPool(Pool):
    """A pool that reads what a membership, played by the test, says is its own."""

    def __init__(self, cameras: list[CameraSpec], workers: int) -> None:
        super().__init__(cameras, workers)
        self.asked_for: list[tuple[str, ...]] = []
        self.supervisor = Supervisor(
            cameras,
            workers,
            start_worker=lambda name, orders, place, of: self.start(FakeChild(name, orders.cameras)),
            start_loader=lambda: self.start(FakeChild("loader")),
            start_membership=self.join,
        )

    def join(self, cameras: tuple[str, ...]) -> FakeChild:
        self.asked_for.append(cameras)
        member = FakeChild("membership")
        member.speaks = False
        return self.start(member)

    def share(self, number: int, **since_ns: int) -> None:
        self.living()["membership"].said.append(Share(number, since_ns, until_ns=10 * number, message=""))
        self.run(1)

    def orders(self, worker: str) -> Orders:
        newest = self.living()[worker].inbox[-1]
        assert isinstance(newest, Orders)
        return newest

    def obey(self, worker: str, number: int) -> None:
        child = self.living()[worker]
        child.speaks = False
        child.said.append(replace(WELL, obeyed=number))
        self.run(1)


def test_workers_read_what_the_group_gives_them_and_are_ready_before_it_gives_anything() -> None:
    pool = SharedPool(cameras(4), 2)
    pool.run(5)
    assert pool.asked_for == [("c0", "c1", "c2", "c3")]
    assert [pool.living()[name].cameras for name in ("worker-0", "worker-1")] == [(), ()]
    pool.share(7, c1=100, c2=200)
    (first,), (second,) = pool.orders("worker-0").cameras, pool.orders("worker-1").cameras
    assert {(spec.camera, spec.since_ns) for spec in (first, second)} == {("c1", 100), ("c2", 200)}
    assert pool.orders("worker-0").until_ns == 70
    pool.share(7, c1=100, c2=200)
    assert pool.orders("worker-0").cameras == (first,), "what stays is left alone"


def test_a_camera_is_confirmed_as_given_up_only_when_every_worker_has_obeyed() -> None:
    pool = SharedPool(cameras(2), 2)
    pool.run(5)
    pool.share(1, c0=1, c1=1)
    pool.obey("worker-0", 1)
    pool.obey("worker-1", 1)
    member = pool.living()["membership"]
    assert member.inbox == [Obeyed(1)]
    pool.share(2, c0=1)
    assert member.inbox == [Obeyed(1)]
    pool.obey("worker-0", 2)
    assert member.inbox == [Obeyed(1)]
    pool.obey("worker-1", 2)
    assert member.inbox == [Obeyed(1), Obeyed(2)]


def test_a_dead_membership_is_started_again_and_what_it_said_last_is_left_to_run_out() -> None:
    pool = SharedPool(cameras(1), 1)
    pool.run(5)
    pool.share(1, c0=1)
    pool.living()["membership"].die(-signal.SIGSEGV)
    pool.run(5)
    assert len(pool.asked_for) == 2
    assert pool.orders("worker-0").until_ns == 10
    pool.share(2)
    assert pool.orders("worker-0").cameras == ()


def test_a_reload_of_a_shared_site_asks_the_group_for_the_new_cameras() -> None:
    pool = SharedPool(cameras(1), 1)
    pool.run(5)
    pool.share(1, c0=1)
    pool.supervisor.reload([spec("c0", fps=3), spec("new")])
    assert pool.living()["membership"].inbox[-1] == ("c0", "new")
    assert [(camera.camera, camera.fps) for camera in pool.orders("worker-0").cameras] == [("c0", 3)]


def test_the_group_is_left_when_the_workers_have_ended() -> None:
    pool = SharedPool(cameras(1), 1)
    pool.run(5)
    pool.share(1, c0=1)
    worker, member = pool.living()["worker-0"], pool.living()["membership"]
    worker.obeys = False
    pool.supervisor.stop(pool.now_s)
    pool.run(2)
    assert None not in member.inbox
    worker.die(0)
    pool.run(2)
    assert None in member.inbox
    assert pool.supervisor.phase == "done"
