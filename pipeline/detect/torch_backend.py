"""YOLO through PyTorch and whatever else Ultralytics can load: `.pt` on CUDA or CPU, TensorRT engines, ONNX on CUDA."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import supervision as sv
import torch
from ultralytics.nn.autobackend import AutoBackend

from pipeline.closing import Closing
from pipeline.detect.classes import ClassMap
from pipeline.detect.cpu import instruction_set
from pipeline.detect.letterbox import PAD_VALUE, PIXEL_BUDGET, STRIDE, Letterbox, input_size_for
from pipeline.detect.metadata import ModelMetadata, names_from
from pipeline.detect.postprocess import vehicles_from_output
from pipeline.detect.protocol import ModelInfo
from pipeline.detect.shipped import digest_of
from pipeline.errors import InputError
from pipeline.types import Image, Pixels, size_of

CONCURRENCY: Final = 2
"""One thread prepares its pictures while the other's are on the device."""


class TorchDetector(Closing):
    """A `Detector` on PyTorch's device. Pictures of one call that share an input size run as one batch.

    Half precision on CUDA. Candidates are chosen on the device, so that a few hundred boxes and not 8000 a picture
    travel back. Raises InputError where the file is not a YOLO detection model.
    """

    def __init__(self, path: Path, *, name: str, device: str, why: str, confidence: float, iou: float) -> None:
        self._path, self._name, self._device = path, name, device
        self._confidence, self._iou = confidence, iou
        self.pixel_budget = PIXEL_BUDGET
        self._lock = threading.Lock()
        on_cuda = device.startswith("cuda")
        try:
            self._model: Any = AutoBackend(
                str(path), device=torch.device(device), fp16=on_cuda, verbose=False, end2end=False
            ).eval()
        except (OSError, RuntimeError, TypeError, ValueError, KeyError, AttributeError, EOFError, ImportError) as error:
            raise InputError(f"{path} is no model that can be loaded, or is damaged; export it again") from error
        metadata = ModelMetadata(name, names_from(self._model.names), str(self._model.task or "detect"))
        self._classes = ClassMap.from_names(metadata.names)
        self._rows = 4 + len(metadata.names)
        self._fixed_size = self._fixed_input_size()
        self._last_size = self._fixed_size
        self._digest = digest_of([path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()))
        self._why = _describe(device, why)
        width, height = self._fixed_size or (2 * STRIDE, 2 * STRIDE)
        self._candidates(np.zeros((1, height, width, 3), np.uint8))  # a wrong kind of model shows here, not in mid-run

    @property
    def info(self) -> ModelInfo:
        """The model and the device it runs on."""
        vehicles = self._classes.vehicles
        return ModelInfo(self._name, self._path, self._device, self._why, vehicles, self._last_size, self._digest)

    @property
    def concurrency(self) -> int:
        """Two: one prepares, one computes."""
        return CONCURRENCY

    def detect(self, pictures: Sequence[Pixels]) -> list[sv.Detections]:
        """See `Detector.detect`."""
        by_input: dict[tuple[int, int], list[int]] = {}
        letterboxes = []
        for index, pixels in enumerate(pictures):
            size = size_of(pixels)
            input_size = self._fixed_size or input_size_for(*size, pixel_budget=self.pixel_budget)
            letterboxes.append(Letterbox(size, input_size))
            by_input.setdefault(input_size, []).append(index)
        results: dict[int, sv.Detections] = {}
        for (width, height), indices in by_input.items():
            batch = np.full((len(indices), height, width, 3), PAD_VALUE, np.uint8)
            for canvas, index in zip(batch, indices, strict=True):
                letterboxes[index].place(pictures[index], canvas)
            for index, output in zip(indices, self._candidates(batch), strict=True):
                results[index] = vehicles_from_output(
                    output, self._classes, letterboxes[index], confidence=self._confidence, iou=self._iou
                )
            self._last_size = (width, height)
        return [results[index] for index in range(len(pictures))]

    def prepare(self, picture_sizes: Iterable[tuple[int, int]], pixel_budget: int) -> None:
        """Nothing: PyTorch takes inputs of any size as they come, and the others have one size."""

    def close(self) -> None:
        """Drop the model; the device's memory is freed with it."""
        self._model = None

    def _candidates(self, batch: Image) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
        """For each picture of `batch` (B, H, W, 3), the output columns whose vehicle score reaches the limit."""
        with self._lock, torch.inference_mode():
            pixels = torch.from_numpy(batch).to(self._device, non_blocking=True)
            pixels = pixels.flip(-1).permute(0, 3, 1, 2).contiguous()
            output = self._model((pixels.half() if self._model.fp16 else pixels.float()) / 255)
            if isinstance(output, list | tuple):
                output = output[0]
            shape = tuple(getattr(output, "shape", ()))
            if len(shape) != 3 or shape[1] != self._rows:
                raise InputError(
                    f"model {self._name} gives {shape or 'several outputs'}, not boxes and class scores an anchor; "
                    "export a YOLO detection model without built-in non-maximum suppression"
                )
            rows = torch.as_tensor(self._classes.rows + 4, device=output.device)
            possible = output.index_select(1, rows).amax(dim=1) >= self._confidence
            return [picture[:, mask].float().cpu().numpy() for picture, mask in zip(output, possible, strict=True)]

    def _fixed_input_size(self) -> tuple[int, int] | None:
        """(width, height) of an export with a fixed shape; None for a .pt or a dynamic export."""
        if self._model.format == "pt" or self._model.dynamic:
            return None
        height, width = self._model.imgsz
        return int(width), int(height)


def _describe(device: str, why: str) -> str:
    if device.startswith("cuda"):
        return f"{device}: {torch.cuda.get_device_name(torch.device(device))}, PyTorch in float16"
    return f"CPU: {why}; PyTorch in float32 with {instruction_set() or 'its standard instruction set'}"
