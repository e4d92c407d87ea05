"""Progress of long work on stderr: frames a second and time left."""

from __future__ import annotations

import sys
from types import TracebackType

from tqdm import tqdm

REDRAW_ON_A_TERMINAL_S = 0.2
LINE_IN_A_LOG_S = 10.0


class Progress:
    """A bar on a terminal; elsewhere a line every ten seconds, so that a log stays readable."""

    def __init__(self, label: str, total_frames: int | None, *, quiet: bool = False) -> None:
        interactive = sys.stderr.isatty()
        self._bar = tqdm(
            desc=label,
            total=total_frames,
            unit="frame",
            disable=quiet,
            mininterval=REDRAW_ON_A_TERMINAL_S if interactive else LINE_IN_A_LOG_S,
            delay=0 if interactive else LINE_IN_A_LOG_S,
            leave=interactive,
            dynamic_ncols=interactive,
        )

    def advance(self, frames: int = 1) -> None:
        """Say that so many more frames are done."""
        self._bar.update(frames)

    def close(self) -> None:
        """End the bar, so that what is printed next begins on a line of its own."""
        self._bar.close()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
