"""What the fault tests share: ten thousand crossings, and how to tell that each is in the store once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence

from pipeline.errors import PipelineError
from pipeline.sink.store import EmbeddedStore
from pipeline.types import Crossing, Event
from tests.sink.events import crossing

COUNT = 10_000
CAMERAS = 7


def crossings(first: int = 0, count: int = COUNT) -> list[Crossing]:
    """Crossings number `first` to `first + count` of a long day; the same number is the same crossing."""
    return [crossing(number / 2, camera=f"camera-{number % CAMERAS}", track=number) for number in range(first, count)]


def assert_each_is_stored_once(store: EmbeddedStore, sent: Sequence[Event]) -> None:
    """Compare event ids end to end."""
    found = Counter(store.query("SELECT event_id FROM crossings")["event_id"].to_pylist())
    wanted = Counter(event.event_id for event in sent if isinstance(event, Crossing))
    lost, strange = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    twice = [each for each, times in found.items() if times > 1]
    assert (len(lost), len(twice), len(strange)) == (0, 0, 0)
    assert len(found) == len(sent)


class Background:
    """Calls `step` in a thread again and again, through errors of ours, until the block ends."""

    def __init__(self, step: Callable[[], object]) -> None:
        self._step = step
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.failures: list[str] = []
        self._bug: Exception | None = None

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._step()
            except PipelineError as error:
                self.failures.append(str(error))
                self._stop.wait(0.1)
            except Exception as error:  # told to the test's own thread
                self._bug = error
                return

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=60)
        if self._bug is not None:
            raise self._bug
