"""A live camera: RTSP, HTTP (MJPEG, HLS), V4L2, through PyAV (FFmpeg). One thread reads it, and connects it again."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, Protocol, TypeAlias

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline.errors import FeedError
from pipeline.source.choice import Coded
from pipeline.source.hardware import Decode, accelerator
from pipeline.source.live_clock import ClockQuality, LiveClock
from pipeline.source.live_rate import DecodeThrift, RateControl
from pipeline.source.picture import Converters, pixels_of, planes_of, upright_size
from pipeline.source.timeline import StutterFilter
from pipeline.source.url import redact, scheme_of
from pipeline.types import NS_PER_S, Frame

Transport: TypeAlias = Literal["tcp", "udp"]
OPEN_TIMEOUT_S: Final = 10.0
STALL_S: Final = 5.0
"""A stream that is silent, or sends nothing whole, for so long is given up and connected to again."""
MOST_DAMAGE: Final = 50
"""Consecutive packets that cannot be decoded after which a connection is given up."""

_Take: TypeAlias = Callable[[Coded, int | None], int | None]
"""Given what tells a picture's timestamp, and what to add to that to get the camera's own wall-clock time, if known."""
_NO_CLOCK: Final = ("mpjpeg", "mjpeg", "image2")
"""Formats without timestamps, for which FFmpeg invents a rate."""
_PULLED: Final = ("hls",)
"""Formats that are fetched in pieces of seconds: pictures are handed on at their own pace, not the link's."""
_PRODUCER_REFERENCE_TIME: Final = "prft"


@dataclass(slots=True)
class LiveStats:
    """What was met since the feed was made; it only grows, except `size` and `clock`, which are the latest."""

    connects: int = 0
    pictures: int = 0
    """Met. Pictures that the decoder was told to skip are not known."""
    wanted: int = 0
    """Pictures that the configured rate asks for."""
    chosen: int = 0
    """Handed on to be analysed."""
    damaged: int = 0
    """Packets and pictures that could not be decoded whole."""
    spoilt: int = 0
    """Pictures that were to be handed on and turned out damaged."""
    repeated: int = 0
    """Pictures equal to the one before, and pictures whose time did not advance."""
    resized: int = 0
    """Changes of the picture's size."""
    clock_resets: int = 0
    """How often a connection's clock had to be anchored anew."""
    size: tuple[int, int] | None = None
    """(width, height) in pixels as the camera sends."""
    clock: ClockQuality | None = None

    @property
    def thinned(self) -> int:
        """Pictures that the configured rate asks for and that were left out, because `LiveFeed.fps` was lowered."""
        return max(0, self.wanted - self.chosen - self.repeated - self.spoilt)


class LiveFeed(Protocol):
    """A camera that can be connected to again and again. One thread uses it, except `fps`, which any may set."""

    name: str
    """The URL as it may be shown."""
    stats: LiveStats
    fps: float
    """Frames a second to hand on: at first the configured ones, fewer when the device cannot keep up."""

    def frames(self) -> Generator[Frame, None, None]:
        """Connect and hand on frames in rising capture time, across connections too, until the connection is lost.

        Raises FeedError then, and also where there was none. All frames of a feed have the size of the first.
        """
        ...


class CameraFeed:
    """A camera on the network or a V4L2 device (`/dev/video0`).

    `transport` is for RTSP. Frames carry the capture time that `LiveClock` finds. Pictures beyond `fps` are left out
    before they are converted, and where the codec allows before they are decoded: of Motion JPEG, whose pictures stand
    alone, only those are decoded that are handed on.
    """

    def __init__(
        self,
        url: str,
        *,
        camera: str,
        fps: float,
        transport: Transport = "tcp",
        decode: Decode = "cpu",
        stall_s: float = STALL_S,
        now_ns: Callable[[], int] = time.time_ns,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self.name = redact(url)
        self.stats = LiveStats()
        self.fps = fps
        self._url, self._camera, self._transport, self._stall_s = url, camera, transport, stall_s
        self._decode = decode
        self._now_ns, self._wait = now_ns, wait
        self._wanted_fps = fps
        self._frame_size: tuple[int, int] | None = None
        self._converters = Converters()
        self._last_ns: int | None = None
        self._seq = 0
        self._lost = 0
        self._spoilt_since_ns: int | None = None
        """Since when all that came was damaged; None while pictures are whole."""

    def frames(self) -> Generator[Frame, None, None]:
        """See `LiveFeed.frames`."""
        with closing(self._open()) as container:
            self.stats.connects += 1
            stream = next((stream for stream in container.streams.video if stream.codec_context is not None), None)
            if stream is None:
                raise FeedError("failed", f"{self.name} sends no pictures that can be decoded; choose its video stream")
            # One thread: a frame-threaded decoder holds back a picture for each of its threads.
            stream.codec_context.thread_count = 1
            yield from self._read(container, stream)
        raise FeedError("ended", f"{self.name} ended its stream; it is connected to again")

    def _open(self) -> InputContainer:
        scheme = scheme_of(self._url)
        # Everything that matters is in the session description or the first key picture: do not wait to guess a rate.
        options = {"analyzeduration": "1000000", "fpsprobesize": "0", "fflags": "nobuffer"}
        form = None
        if scheme in ("rtsp", "rtsps"):
            options |= {"rtsp_transport": self._transport, "allowed_media_types": "video"}
        elif scheme == "file":
            form = "v4l2"
        try:
            return av.open(
                self._url,
                format=form,
                options=options,
                timeout=(OPEN_TIMEOUT_S, self._stall_s),
                hwaccel=accelerator(self._decode),
            )
        except av.error.FFmpegError as error:
            raise self._failure(error, opening=True) from error

    def _read(self, container: InputContainer, stream: VideoStream) -> Iterator[Frame]:
        clock = LiveClock(after_ns=self._last_ns, trust_pts=container.format.name not in _NO_CLOCK)
        pulled = container.format.name in _PULLED
        wanted, rate = RateControl(self._wanted_fps), RateControl(self.fps)
        thrift, stutter = DecodeThrift(self.fps), StutterFilter()
        began: tuple[int, int] | None = None

        def take(coded: Coded, wall_less_pts_ns: int | None) -> int | None:
            """When the picture was captured; None where it is not looked at."""
            nonlocal began
            self.stats.pictures += 1
            pts_ns = _to_ns(coded.pts, stream.time_base)
            wall_ns = None if pts_ns is None or wall_less_pts_ns is None else pts_ns + wall_less_pts_ns
            if pulled and pts_ns is not None:
                began = began or (pts_ns, self._now_ns())
                self._wait(max(0.0, min(STALL_S, (pts_ns - began[0] - (self._now_ns() - began[1])) / NS_PER_S)))
            captured_at_ns = clock.read(pts_ns, self._now_ns(), wall_ns)
            self.stats.clock = clock.quality
            if captured_at_ns is None:
                return None
            self.stats.wanted += wanted.take(captured_at_ns)
            if rate.fps != self.fps:
                rate.fps = self.fps
            thrift.decoded(captured_at_ns)
            stream.codec_context.skip_frame = "NONREF" if thrift.skips_nonreference else "DEFAULT"
            return captured_at_ns if rate.take(captured_at_ns) else None

        for picture, captured_at_ns in self._pictures(container, stream, take):
            frame = self._frame(picture, captured_at_ns, stutter)
            if frame is not None:
                yield frame
        self.stats.clock_resets += max(0, clock.anchors - 1)

    def _frame(self, picture: VideoFrame, captured_at_ns: int, stutter: StutterFilter) -> Frame | None:
        size = upright_size(picture)
        if self.stats.size is not None and size != self.stats.size:
            self.stats.resized += 1
        self.stats.size = size
        # Lines are drawn on the first picture's pixels, so that later sizes are scaled to it.
        self._frame_size = self._frame_size or size
        pixels = pixels_of(picture, self._frame_size, self._converters)
        if stutter.is_repeat(planes_of(pixels), captured_at_ns):
            self.stats.repeated += 1
            self._lost += 1
            return None
        frame = Frame(self._camera, self._seq, captured_at_ns, pixels, self._lost)
        self._seq, self._lost, self._last_ns = self._seq + 1, 0, captured_at_ns
        self.stats.chosen += 1
        return frame

    def _pictures(
        self, container: InputContainer, stream: VideoStream, take: _Take
    ) -> Iterator[tuple[VideoFrame, int]]:
        """The whole pictures that `take` takes, each with its capture time."""
        damage, self._spoilt_since_ns = 0, None
        wall_less_pts_ns: int | None = None
        stands_alone = stream.codec_context.codec.intra_only
        packets = container.demux(stream)
        while damage < MOST_DAMAGE:
            taken_ns: int | None = None
            try:
                packet = next(packets, None)
                if packet is None or packet.size == 0:
                    return
                wall_ns, pts_ns = _wall_ns(packet), _to_ns(packet.pts, packet.time_base)
                if wall_ns is not None and pts_ns is not None:
                    wall_less_pts_ns = wall_ns - pts_ns
                if stands_alone:
                    taken_ns = take(packet, wall_less_pts_ns)
                    if taken_ns is None:
                        continue
                pictures = packet.decode()
            except av.error.InvalidDataError:
                damage += 1
                self._count_damage(spoilt=taken_ns is not None)
                packets = container.demux(stream)
                continue
            except av.error.FFmpegError as error:
                raise self._failure(error, opening=False) from error
            for picture in pictures:
                damage = 0
                if picture.is_corrupt:
                    self._count_damage(spoilt=taken_ns is not None)
                    continue
                self._spoilt_since_ns = None
                captured_at_ns = taken_ns if stands_alone else take(picture, wall_less_pts_ns)
                if captured_at_ns is not None:
                    yield picture, captured_at_ns
        raise FeedError("damaged", f"{self.name} sends what cannot be decoded; check its link and codec")

    def _count_damage(self, *, spoilt: bool) -> None:
        """One packet or picture. Raises FeedError where nothing was whole for too long."""
        self.stats.damaged += 1
        self.stats.spoilt += spoilt
        self._lost += 1
        now_ns = self._now_ns()
        if self._spoilt_since_ns is None:
            self._spoilt_since_ns = now_ns
        elif now_ns - self._spoilt_since_ns > self._stall_s * NS_PER_S:
            raise FeedError("damaged", f"{self.name} sent no whole picture for {self._stall_s:g} s; check its link")

    def _failure(self, error: av.error.FFmpegError, *, opening: bool) -> FeedError:
        """By the kind of error alone: FFmpeg's own text may hold the URL and its password."""
        if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError | av.error.PermissionError):
            return FeedError("unauthorised", f"{self.name} refused user name or password; correct them in its url")
        if isinstance(error, av.error.HTTPNotFoundError | av.error.FileNotFoundError):
            return FeedError("missing", f"{self.name} is not there; check the path in its url")
        if isinstance(error, av.error.ConnectionRefusedError):
            return FeedError("refused", f"{self.name} refused the connection; check host, port and that it is on")
        if isinstance(error, av.error.ExitError | av.error.TimeoutError | av.error.BlockingIOError):
            if opening:
                return FeedError("unreachable", f"{self.name} did not answer within {OPEN_TIMEOUT_S:g} s")
            return FeedError("stalled", f"{self.name} sent nothing for {self._stall_s:g} s")
        if isinstance(error, av.error.InvalidDataError | av.error.EOFError):
            return FeedError("damaged", f"{self.name} sends no video that can be read")
        return FeedError("failed", f"{self.name} failed ({type(error).__name__}); check host and link")


def _to_ns(pts: int | None, time_base: Fraction | None) -> int | None:
    return None if pts is None or time_base is None else round(pts * time_base * NS_PER_S)


def _wall_ns(packet: Packet[VideoStream]) -> int | None:
    """The packet's time by the camera's own clock, from its RTCP sender reports; None before the first report.

    FFmpeg attaches it as an AVProducerReferenceTime: microseconds since the epoch in the machine's byte order.
    """
    if not packet.has_sidedata(_PRODUCER_REFERENCE_TIME):
        return None
    (wall_us,) = struct.unpack_from("=q", bytes(packet.get_sidedata(_PRODUCER_REFERENCE_TIME)))
    return int(wall_us) * 1000
