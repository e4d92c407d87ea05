"""Progress of long work on stderr: frames a second and time left."""

from __future__ import annotations

import sys
import time
from typing import Never

from tqdm import tqdm

from pipeline.closing import Closing

REDRAW_ON_A_TERMINAL_S = 0.2
LINE_IN_A_LOG_S = 10.0


class Progress(Closing):
    """A bar on a terminal; elsewhere a line every ten seconds, so that a log stays readable."""

    def __init__(self, label: str, total_frames: int | None) -> None:
        self._label = label
        self._total = total_frames
        self._done = 0
        self._began = self._last_line = time.monotonic()
        self._bar: tqdm[Never] | None = None
        if sys.stderr.isatty():
            self._bar = tqdm(
                desc=label, total=total_frames, unit="frame", mininterval=REDRAW_ON_A_TERMINAL_S, dynamic_ncols=True
            )

    def advance(self, frames: int = 1) -> None:
        """Say that so many more frames are done."""
        self._done += frames
        if self._bar is not None:
            self._bar.update(frames)
        elif time.monotonic() - self._last_line >= LINE_IN_A_LOG_S:
            self._last_line = time.monotonic()
            elapsed_s = self._last_line - self._began
            meter = tqdm.format_meter(
                self._done, self._total or 0, elapsed_s, ncols=0, prefix=self._label, unit="frame"
            )
            print(meter, file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the bar, so that what is printed next begins on a line of its own."""
        if self._bar is not None:
            self._bar.close()
