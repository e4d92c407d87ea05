"""Recorded footage: files and HTTP(S) URLs, decoded with PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import Final

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline.closing import Closing
from pipeline.errors import InputError
from pipeline.source.choice import PictureChoice
from pipeline.source.container import frame_rate, open_video, stated_duration_s
from pipeline.source.picture import Converters, pixels_of, planes_of, upright_size
from pipeline.source.protocol import SourceStats
from pipeline.source.timeline import FALLBACK_FPS, StutterFilter, Timeline
from pipeline.source.url import local_path, redact, scheme_of
from pipeline.types import NS_PER_S, Frame

MAX_READ_ERRORS: Final = 100
"""Consecutive unreadable packets after which the rest of a stream is given up."""

TRUNCATION_TOLERANCE_S: Final = 1.0
"""Containers round their stated length and may count a longer audio track in."""

SEEK_MARGIN_S: Final = 1
"""Seeking goes by decoding time, which reordered pictures put ahead of their presentation time."""


class VideoSource(Closing):
    """The pictures of one video in order, each with its capture time.

    `captured_at_ns` is `start_at_ns` plus the picture's pts less the first picture's pts; `start_at_ns` is the time of
    the first picture of the whole file, also where `from_s` skips to a later one. `from_s` (included) and `to_s`
    (excluded) are seconds since that first picture.

    Where the video has more than `look_fps` pictures a second, so many are handed on, evenly spaced, and the others are
    decoded only where pictures that are handed on refer to them.

    `Frame.seq` counts pictures from 0, those that are not handed on included. After `from_s` the first one is
    `round(time * fps)`, which is exact for a constant frame rate and an estimate otherwise.

    A picture that repeats the one before, or whose timestamp does not advance, is left out and counted in
    `stats.duplicates` and the next frame's `lost_before`; a still scene yields one picture a second. A packet that
    cannot be decoded, or of which a part is missing, is counted in `stats.damaged` and reading goes on.

    Raises InputError where the video cannot be opened or holds no picture in the asked-for part.
    """

    def __init__(
        self,
        url: str,
        *,
        camera: str,
        start_at_ns: int,
        from_s: float | None = None,
        to_s: float | None = None,
        look_fps: float | None = None,
        threads: int = 1,
    ) -> None:
        self.camera = camera
        self.name = local_path(url).name if scheme_of(url) == "file" else redact(url)
        self.stats = SourceStats()
        self.warnings: list[str] = []
        self._url = url
        self._threads = threads
        self._look_fps = look_fps
        self._started_at_ns = start_at_ns
        self._from_ns = _part_bound_ns(from_s) or 0
        self._to_ns = _part_bound_ns(to_s)
        if self._to_ns is not None and self._to_ns <= self._from_ns:
            raise InputError(
                f"the part to read ends at {to_s:g} s and begins at {from_s or 0:g} s; give an end after the beginning"
            )
        self._stutter = StutterFilter()
        self._converters = Converters()
        self._seq = 0
        self._lost = 0
        self._ended_at_ns = 0
        self._last_shown_ticks = 0
        self._size = (0, 0)
        self._container, self._stream = open_video(url, threads=threads)
        try:
            self._frames: Iterator[Frame] = self._prime()
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, after the turn that a phone's orientation mark asks for."""
        return self._size

    @property
    def fps(self) -> float | None:
        """Average pictures per second as the container states it; None where it does not say."""
        return None if self._rate is None else float(self._rate)

    @property
    def duration_s(self) -> float | None:
        """Seconds between `from_s` and `to_s` or the stated end; None where no end is known."""
        ends = [
            end for end in (self._stated_s, None if self._to_ns is None else self._to_ns / NS_PER_S) if end is not None
        ]
        return max(0.0, min(ends) - self._from_ns / NS_PER_S) if ends else None

    @property
    def frame_count_estimate(self) -> int | None:
        """Pictures to hand on in that part at the average rate."""
        duration_s, fps = self.duration_s, self.fps
        if duration_s is None or fps is None:
            return None
        return round(duration_s * (fps if self._look_fps is None else min(fps, self._look_fps)))

    @property
    def started_at_ns(self) -> int:
        """Capture time of the file's first picture."""
        return self._started_at_ns

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        return next(self._frames)

    def close(self) -> None:
        """Close the file or connection; iteration ends. Only from the thread that reads."""
        self._frames = iter(())
        self._container.close()

    def _prime(self) -> Iterator[Frame]:
        """Decode the first picture, so that size, first pts and every input error are known at construction."""
        self._rate = frame_rate(self._stream)
        self._stated_s = stated_duration_s(self._container, self._stream)
        pictures = self._decode()
        first = next(pictures, None)
        if first is None:
            raise InputError(f"{self.name} opens but holds no picture that can be decoded; copy it again")
        self._size = upright_size(first)
        origin_pts = first.pts
        if self.stats.damaged and first.pts is not None and self._stream.start_time is not None:
            origin_pts = min(first.pts, self._stream.start_time)
        if self._from_ns:
            self._check_from(self._from_ns)
            pictures = self._seek(self._from_ns, origin_pts, first, pictures)
        else:
            pictures = chain([first], pictures)
        timeline = Timeline(self._stream.time_base or Fraction(1, 90_000), self._rate, origin_pts)
        frames = self._deliver(pictures, timeline)
        first_frame = next(frames, None)
        if first_frame is None:
            raise InputError(
                f"{self.name} has no picture between {self._from_ns / NS_PER_S:g} s and the end of the part to "
                f"read; it could be read to {self._ended_at_ns / NS_PER_S:.1f} s"
            )
        return chain([first_frame], frames)

    def _check_from(self, from_ns: int) -> None:
        if self._stated_s is not None and from_ns >= self._stated_s * NS_PER_S:
            raise InputError(
                f"the part to read begins at {from_ns / NS_PER_S:g} s, but {self.name} ends at {self._stated_s:.1f} s"
            )

    def _seek(
        self, from_ns: int, origin_pts: int | None, first: VideoFrame, pictures: Iterator[VideoFrame]
    ) -> Iterator[VideoFrame]:
        """Go to the keyframe at or before `from_ns`; where the input cannot seek, read on from the start."""
        if origin_pts is None or self._stream.time_base is None:
            return chain([first], pictures)
        target_s = max(Fraction(0), Fraction(from_ns, NS_PER_S) - SEEK_MARGIN_S)
        target_pts = origin_pts + int(target_s / self._stream.time_base)
        try:
            self._container.seek(target_pts, stream=self._stream, backward=True)
        except av.error.FFmpegError:
            self._container.close()
            self._container, self._stream = open_video(self._url, threads=self._threads)
        return self._decode()

    def _deliver(self, pictures: Iterator[VideoFrame], timeline: Timeline) -> Iterator[Frame]:
        started = self._from_ns == 0
        for picture in pictures:
            offset_ns = timeline.offset_ns(picture.pts)
            if offset_ns is not None:
                self._ended_at_ns, self._last_shown_ticks = offset_ns, picture.duration
                if self._to_ns is not None and offset_ns >= self._to_ns:
                    self._pass(self._choice.refused_before(self._ticks_before(picture.pts, offset_ns - self._to_ns)))
                    break
            passed = self._choice.refused_before(picture.pts)
            if not started:
                self._lost = 0
                if offset_ns is None or offset_ns < self._from_ns:
                    continue
                started, self._seq, passed = True, round(offset_ns / NS_PER_S * (self.fps or 0)), 0
            self._pass(passed)
            self.stats.frames_seen += 1
            frame = self._frame(picture, offset_ns)
            self._seq += 1
            if frame is None:
                self.stats.duplicates += 1
                self._lost += 1
                continue
            self._lost = 0
            yield frame
        else:
            self._pass(self._choice.refused_before(None))
        self._report_end(timeline)

    def _ticks_before(self, pts: int | None, ns: int) -> int | None:
        if pts is None or self._stream.time_base is None:
            return None
        return pts - int(Fraction(ns, NS_PER_S) / self._stream.time_base)

    def _pass(self, pictures: int) -> None:
        """So many pictures of the part were not looked at."""
        self._seq += pictures
        self.stats.frames_seen += pictures
        self.stats.passed_over += pictures

    def _frame(self, picture: VideoFrame, offset_ns: int | None) -> Frame | None:
        """The frame to deliver, or None where the picture is a duplicate."""
        if offset_ns is None:
            return None
        pixels = pixels_of(picture, self._size, self._converters)
        if self._stutter.is_repeat(planes_of(pixels), offset_ns):
            return None
        return Frame(self.camera, self._seq, self._started_at_ns + offset_ns, pixels, self._lost)

    def _decode(self) -> Iterator[VideoFrame]:
        """The wanted pictures that can be decoded from here to the end, in presentation order."""
        choice = self._choice = PictureChoice(self._look_fps, self._stream.time_base or Fraction(1, 90_000))
        for packet, wanted in choice.decide(self._packets()):
            try:
                self._stream.codec_context.skip_frame = "DEFAULT" if wanted else "NONREF"
                pictures = packet.decode()
            except av.error.InvalidDataError:
                self._count_damage()
                continue
            if packet.is_corrupt:
                # The transport stream has a hole there; the decoder makes up what is missing without a word.
                self._count_damage()
            yield from (picture for picture in pictures if not choice.refuses(picture.pts))

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """Packets to the end; one that cannot be read is skipped, a lost connection or disk ends the stream."""
        errors = 0
        packets = self._container.demux(self._stream)
        while errors < MAX_READ_ERRORS:
            try:
                packet = next(packets, None)
            except av.error.InvalidDataError:
                errors += 1
                self._count_damage()
                packets = self._container.demux(self._stream)
                continue
            except av.error.FFmpegError as error:
                self.stats.truncated = True
                self.warnings.append(f"{self.name} could not be read to its end: {error.strerror or 'read error'}")
                return
            if packet is None:
                return
            errors = 0
            yield packet
        self.stats.truncated = True

    def _count_damage(self) -> None:
        self.stats.damaged += 1
        self._lost += 1

    def _report_end(self, timeline: Timeline) -> None:
        interval_s = float(1 / (self._rate or FALLBACK_FPS))
        if self._stream.time_base is not None:
            interval_s = max(interval_s, float(self._last_shown_ticks * self._stream.time_base))
        end_s = self._ended_at_ns / NS_PER_S + interval_s
        wanted_s = self._stated_s
        if wanted_s is not None and self._to_ns is not None:
            wanted_s = min(wanted_s, self._to_ns / NS_PER_S)
        if wanted_s is not None and end_s < wanted_s - max(TRUNCATION_TOLERANCE_S, 2 * interval_s):
            self.stats.truncated = True
            self.warnings.append(
                f"{self.name} is truncated: it states {self._stated_s:.1f} s and could be read to {end_s:.1f} s"
            )
        if self.stats.damaged:
            packets = "1 packet" if self.stats.damaged == 1 else f"{self.stats.damaged} packets"
            self.warnings.append(f"{self.name} is damaged: {packets} could not be decoded whole")
        if timeline.restarts:
            self.warnings.append(
                f"the clock of {self.name} steps back {timeline.restarts} times; time was carried on from there"
            )
        if timeline.missing:
            self.warnings.append(
                f"{timeline.missing} pictures of {self.name} have no timestamp; they were spaced by the frame rate"
            )


def _part_bound_ns(seconds: float | None) -> int | None:
    if seconds is None:
        return None
    if not seconds >= 0:
        raise InputError(
            f"the part to read cannot begin or end at {seconds:g} s; give seconds from the start, 0 or more"
        )
    return round(seconds * NS_PER_S)
