"""A network small enough to build in a test that answers in YOLO's form and can be checked by eye.

Every 32 x 32 cell of the input is one anchor with a box of just that cell. Its scores are the cell's mean red, green
and blue above half, so a saturated patch on a black picture is one sure detection.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

CELL = 32
NAMES = ("car", "person", "motorbike")
"""What red, green and blue patches are called."""

BLUE, GREEN, RED = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def build_model(height: int | None = None, width: int | None = None) -> ov.Model:
    """The network; without `height` and `width` its input may have any size."""
    shape = ov.PartialShape([1, 3, -1 if height is None else height, -1 if width is None else width])
    picture = ops.parameter(shape, ov.Type.f32, name="images")
    cells = ops.avg_pool(picture, [CELL, CELL], [0, 0], [0, 0], [CELL, CELL], False)
    scores = ops.relu(ops.subtract(ops.multiply(cells, np.float32(2)), np.float32(1)))
    size = ops.shape_of(cells)
    rows, columns = (ops.gather(size, ops.constant(axis), ops.constant(0)) for axis in (2, 3))
    plane = ops.concat([ops.constant([1, 1]), ops.unsqueeze(rows, 0), ops.unsqueeze(columns, 0)], 0)

    def centres(count: ov.Output, axis: int) -> ov.Output:
        index = ops.range(ops.constant(np.float32(0)), ops.convert(count, "f32"), ops.constant(np.float32(1)), "f32")
        centre = ops.multiply(ops.add(index, np.float32(0.5)), np.float32(CELL))
        return ops.broadcast(ops.unsqueeze(centre, axis), plane)

    side = ops.broadcast(ops.constant(np.float32(CELL)), plane)
    grid = ops.concat([centres(columns, 0), centres(rows, 1), side, side, scores], 1)
    answer = ops.reshape(grid, ops.constant([1, 4 + len(NAMES), -1]), False)
    return ov.Model([answer], [picture], "tiny")


def save_model(
    folder: Path, *, height: int | None = None, width: int | None = None, names: tuple[str, ...] = NAMES
) -> Path:
    """Write tiny.xml, tiny.bin and metadata.yaml into `folder`; returns the .xml."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny.xml"
    ov.save_model(build_model(height, width), path, compress_to_fp16=False)
    listed = "".join(f"  {index}: {name}\n" for index, name in enumerate(names))
    (folder / "metadata.yaml").write_text(f"task: detect\nstride: 32\nnames:\n{listed}")
    return path


def picture(width: int, height: int, *patches: tuple[int, int, int, int, tuple[int, int, int]]) -> np.ndarray:
    """A black picture with rectangles (left, top, right, bottom, BGR colour)."""
    image = np.zeros((height, width, 3), np.uint8)
    for left, top, right, bottom, colour in patches:
        image[top:bottom, left:right] = colour
    return image
