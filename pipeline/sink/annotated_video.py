"""What the counter saw, drawn on the picture: boxes, trails, lines and running totals; and a video of such pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import supervision as sv

from pipeline.closing import Closing
from pipeline.errors import InputError, StorageError
from pipeline.palette import CLASS_COLORS
from pipeline.types import NS_PER_S, VEHICLE_CLASSES, CountingLine, Crossing, Frame, Image, Region

TRAIL_FRAMES = 40
REGION_COLOR = (160, 160, 160)
"""BGR."""
TIME_BASE = Fraction(1, 90_000)
"""The usual clock of video streams, fine enough for any camera's frame times."""


class CountPainter:
    """Draws one camera's counting; keeps the totals and trails from picture to picture."""

    def __init__(
        self,
        lines: Sequence[CountingLine],
        size: tuple[int, int],
        *,
        region: Region | None = None,
        trails: bool = True,
    ) -> None:
        """`size` is (width, height) of the pictures; line widths and text follow it.

        `region` is the part in which vehicles are looked for; it is outlined where it is not the whole picture.
        `trails` show where vehicles were in the pictures before, which must follow one another closely.
        """
        palette = sv.ColorPalette.from_hex([CLASS_COLORS[name] for name in VEHICLE_CLASSES])
        scale = max(0.35, min(size) / 1200)
        thickness = max(1, round(min(size) / 400))
        self._lines = tuple(lines)
        self._region = None if region == Region.whole(size) else region
        self._scale = scale
        self._thickness = thickness
        self._boxes = sv.BoxAnnotator(palette, thickness=thickness)
        self._trails = (
            sv.TraceAnnotator(palette, sv.Position.BOTTOM_CENTER, TRAIL_FRAMES, thickness=thickness) if trails else None
        )
        self._labels = sv.LabelAnnotator(
            palette, text_color=sv.Color.BLACK, text_scale=scale * 0.8, text_padding=max(2, round(scale * 6))
        )
        self._totals: Counter[tuple[str, str]] = Counter()

    def draw(self, image: Image, tracked: sv.Detections, crossings: Iterable[Crossing]) -> Image:
        """A new picture (H, W, 3) uint8 BGR with everything drawn on a copy of `image`.

        `tracked` holds the boxes with class_id and tracker_id; `crossings` are those new since the last call.
        """
        self._totals.update((crossing.line, crossing.direction) for crossing in crossings)
        scene = image.copy()
        if self._region is not None:
            x, y, (width, height) = self._region.x, self._region.y, self._region.size
            cv2.rectangle(scene, (x, y), (x + width - 1, y + height - 1), REGION_COLOR, self._thickness)
        for line in self._lines:
            self._draw_line(scene, line)
        if self._trails is not None:
            scene = self._trails.annotate(scene, tracked)
        scene = self._boxes.annotate(scene, tracked)
        if tracked.class_id is not None and tracked.tracker_id is not None and len(tracked):
            labels = [
                f"{VEHICLE_CLASSES[class_id]} {track}"
                for class_id, track in zip(tracked.class_id, tracked.tracker_id, strict=True)
            ]
            scene = self._labels.annotate(scene, tracked, labels=labels)
        for line in self._lines:
            self._draw_totals(scene, line)
        return np.asarray(scene, dtype=np.uint8)

    def _draw_line(self, scene: Image, line: CountingLine) -> None:
        start = (round(line.start[0]), round(line.start[1]))
        end = (round(line.end[0]), round(line.end[1]))
        cv2.line(scene, start, end, (0, 0, 0), self._thickness * 3, cv2.LINE_AA)
        cv2.line(scene, start, end, (255, 255, 255), self._thickness, cv2.LINE_AA)
        middle, forward = _middle_and_forward(line)
        tip = middle + forward * 12 * self._thickness
        cv2.arrowedLine(
            scene,
            (round(middle[0]), round(middle[1])),
            (round(tip[0]), round(tip[1])),
            (255, 255, 255),
            self._thickness,
            cv2.LINE_AA,
            tipLength=0.4,
        )

    def _draw_totals(self, scene: Image, line: CountingLine) -> None:
        text = f"{line.name}: {self._totals[line.name, 'forward']}"
        if self._totals[line.name, "backward"]:
            text += f", back {self._totals[line.name, 'backward']}"
        (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, self._scale, self._thickness)
        # Behind the line, so that neither the line nor its arrow is covered.
        middle, forward = _middle_and_forward(line)
        x, y = middle - forward * (height / 2 + 8 * self._thickness + width / 2 * abs(forward[0]))
        picture_height, picture_width = scene.shape[:2]
        anchor = sv.Point(
            float(np.clip(x, width / 2 + 6, max(width / 2 + 6, picture_width - width / 2 - 6))),
            float(np.clip(y, height + 6, picture_height - height - 6)),
        )
        sv.draw_text(
            scene,
            text,
            anchor,
            text_color=sv.Color.WHITE,
            text_scale=self._scale,
            text_thickness=max(1, self._thickness - 1),
            text_padding=4,
            background_color=sv.Color.BLACK,
        )


def _middle_and_forward(line: CountingLine) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The middle of a line, and the unit vector to its forward side; both (2,), pixels."""
    start, end = np.array(line.start, dtype=np.float64), np.array(line.end, dtype=np.float64)
    along = (end - start) / np.hypot(*(end - start))
    return (start + end) / 2, np.array([-along[1], along[0]])


class AnnotatedVideo(Closing):
    """Writes annotated pictures as H.264, at the times at which they were captured."""

    def __init__(
        self,
        path: Path,
        lines: Sequence[CountingLine],
        size: tuple[int, int],
        fps: float | None,
        *,
        region: Region | None = None,
    ) -> None:
        """`size` is (width, height) of the frames to come; `fps` the nominal rate, where known; `region` as above.

        Raises InputError when the path's suffix is no video container, StorageError when it cannot be written.
        """
        self._path = path
        self._painter = CountPainter(lines, size, region=region)
        self._first_ns: int | None = None
        # H.264 with 4:2:0 colour needs even sides: an odd last row or column is left out.
        self._width, self._height = size[0] // 2 * 2, size[1] // 2 * 2
        try:
            self._container = av.open(str(path), "w")
            self._stream = self._container.add_stream("libx264", rate=Fraction(fps or 25).limit_denominator(1000))
        except ValueError as error:
            raise InputError(f"cannot write a video as {path}; give a name that ends in .mp4 or .mkv") from error
        except OSError as error:
            raise self._failed(error) from error
        self._stream.width, self._stream.height = self._width, self._height
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"preset": "veryfast", "crf": "24"}
        self._stream.codec_context.time_base = TIME_BASE

    def write(self, frame: Frame, tracked: sv.Detections, crossings: Iterable[Crossing]) -> None:
        """Draw and append one frame; StorageError when the disk will not take it."""
        if self._first_ns is None:
            self._first_ns = frame.captured_at_ns
        picture = self._painter.draw(frame.image, tracked, crossings)[: self._height, : self._width]
        video_frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
        video_frame.pts = round((frame.captured_at_ns - self._first_ns) / NS_PER_S / TIME_BASE)
        video_frame.time_base = TIME_BASE
        try:
            self._container.mux(self._stream.encode(video_frame))
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Write what the encoder still holds and end the file."""
        try:
            if self._first_ns is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> StorageError:
        return StorageError(
            f"cannot write the annotated video {self._path}: {error.strerror}; free space or name another"
        )
