"""One way to open whatever the user named."""

from __future__ import annotations

from dataclasses import replace

from pipeline.errors import InputError
from pipeline.source.protocol import FrameSource
from pipeline.source.url import scheme_of
from pipeline.source.video import VideoSource


def open_source(
    url: str,
    *,
    camera: str,
    start_at_ns: int,
    from_s: float | None = None,
    to_s: float | None = None,
    look_fps: float | None = None,
    threads: int = 1,
) -> FrameSource:
    """Open a file, an http(s):// URL or a simulated junction (`sim:...`) as a source of frames.

    `start_at_ns` is the capture time of the first picture, nanoseconds since the epoch, UTC; `from_s` and `to_s` choose
    a part, in seconds since then. Of footage with more than `look_fps` pictures a second so many are handed on, evenly
    spaced. `threads` is for decoding, 0 for one per core. Raises InputError where it cannot be read.
    """
    if scheme_of(url) != "sim":
        return VideoSource(
            url,
            camera=camera,
            start_at_ns=start_at_ns,
            from_s=from_s,
            to_s=to_s,
            look_fps=look_fps,
            threads=threads,
        )
    if from_s is not None or to_s is not None:
        raise InputError(f"{url} is simulated and cannot be read in part; set its length in the URL instead")
    from pipeline.source.simulated import Scenario, SimulatedJunction

    scenario = replace(Scenario.from_url(url), camera=camera, start_at_ns=start_at_ns)
    return SimulatedJunction(scenario, look_fps=look_fps)
