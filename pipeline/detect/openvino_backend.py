"""YOLO on the CPU through OpenVINO."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino as ov
import supervision as sv

from pipeline.closing import Closing
from pipeline.detect.classes import ClassMap
from pipeline.detect.cpu import instruction_set
from pipeline.detect.letterbox import PAD_VALUE, PIXEL_BUDGET, Letterbox, input_size_for
from pipeline.detect.metadata import metadata_beside, metadata_inside
from pipeline.detect.openvino_graph import decoding_candidates_only, for_size, with_picture_input
from pipeline.detect.postprocess import vehicles_from_output
from pipeline.detect.protocol import ModelInfo
from pipeline.detect.shipped import digest_of
from pipeline.errors import InputError
from pipeline.types import Image, Pixels, size_of

MAX_COMPILED: Final = 32
"""Input sizes kept compiled, the least recently used goes first: one for each aspect ratio among the regions of a
worker's cameras. More than a CPU carries cameras, because compiling one takes as long as thirty pictures."""

USUAL_PICTURE: Final = (1280, 720)
"""What is compiled for before the first picture comes; nearly every camera has its aspect ratio."""

COMPILE_OPTIONS: Final[dict[str, Any]] = {
    "PERFORMANCE_HINT": "THROUGHPUT",
    # bfloat16, the default where the CPU has it, moves boxes by more than a pixel and scores by 0.04 for 1 % of time.
    "INFERENCE_PRECISION_HINT": "f32",
    # Decoding and tracking share the cores; a pinned inference thread would wait for them on its own core.
    "ENABLE_CPU_PINNING": False,
}


@dataclass(slots=True)
class _Lane:
    """One inference at a time: a request and the input buffer it reads."""

    request: ov.InferRequest
    canvas: Image
    letterbox: Letterbox | None = None

    def start(self, pixels: Pixels, letterbox: Letterbox) -> None:
        if letterbox != self.letterbox:
            self.canvas.fill(PAD_VALUE)
            self.letterbox = letterbox
        letterbox.place(pixels, self.canvas)
        self.request.start_async()


@dataclass(slots=True)
class _Network:
    """The network compiled for one input size, and its idle lanes: as many exist as were ever busy at once."""

    compiled: ov.CompiledModel
    input_size: tuple[int, int]
    idle: deque[_Lane] = field(default_factory=deque)

    def take_lane(self) -> _Lane:
        try:
            return self.idle.pop()
        except IndexError:
            width, height = self.input_size
            canvas = np.full((1, height, width, 3), PAD_VALUE, np.uint8)
            request = self.compiled.create_infer_request()
            request.set_input_tensor(ov.Tensor(canvas, shared_memory=True))
            return _Lane(request, canvas[0])


@dataclass(slots=True)
class _Place:
    """Of the network for one input size. Whoever finds it empty compiles, and those who want the same one wait."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    network: _Network | None = None


class OpenVINODetector(Closing):
    """A `Detector` on OpenVINO's CPU device.

    The network is compiled once per input size. The graph itself turns uint8 BGR rows into the floats it was trained
    on, so a picture costs one resize in Python. `path` is an `.xml` or `.onnx` file. Raises InputError where it is not
    a YOLO detection network.
    """

    def __init__(self, path: Path, *, name: str, why: str, confidence: float, iou: float) -> None:
        self.pixel_budget = PIXEL_BUDGET
        self._path = path
        self._name = name
        self._confidence = confidence
        self._iou = iou
        self._lock = threading.Lock()
        self._networks: OrderedDict[tuple[int, int], _Place] = OrderedDict()
        self._core = ov.Core()
        self._model = _read_network(self._core, path)
        metadata = metadata_beside(path.parent, name) or metadata_inside(self._read_note, name)
        self._classes = ClassMap.from_names(metadata.names)
        self._fixed_size = _check_shapes(self._model, name, len(metadata.names))
        self._why = _describe_cpu(self._core, self._model, why)
        self._digest = digest_of([path, *path.parent.glob(f"{path.stem}.bin")])
        first = self._network_for(self._fixed_size or input_size_for(*USUAL_PICTURE))
        self._last_size = self._fixed_size
        self._concurrency = int(first.compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")) + 1

    @property
    def info(self) -> ModelInfo:
        """The model and the CPU it runs on."""
        vehicles = self._classes.vehicles
        return ModelInfo(self._name, self._path, "cpu", self._why, vehicles, self._last_size, self._digest)

    @property
    def concurrency(self) -> int:
        """One more than OpenVINO's streams: a stream would idle while its thread resizes a picture or reads boxes."""
        return self._concurrency

    @property
    def compiled_sizes(self) -> int:
        """For how many input sizes the network is held compiled; at most `MAX_COMPILED`."""
        return len(self._networks)

    def detect(self, pictures: Sequence[Pixels]) -> list[sv.Detections]:
        """See `Detector.detect`. Pictures of one call run at the same time on as many streams as there are."""
        results: list[sv.Detections] = []
        running: deque[tuple[_Network, _Lane]] = deque()
        for pixels in pictures:
            if len(running) == self._concurrency:
                results.append(self._finish(*running.popleft()))
            size = size_of(pixels)
            network = self._network_for(self._input_size(size, self.pixel_budget))
            lane = network.take_lane()
            lane.start(pixels, Letterbox(size, network.input_size))
            running.append((network, lane))
        results.extend(self._finish(*item) for item in running)
        return results

    def prepare(self, picture_sizes: Iterable[tuple[int, int]], pixel_budget: int) -> None:
        """See `Detector.prepare`."""
        sizes = set(picture_sizes)
        wanted = {self._input_size(size, pixel_budget) for size in sizes}
        for input_size in wanted:
            self._network_for(input_size)
        kept = wanted | {self._input_size(size, self.pixel_budget) for size in sizes}
        with self._lock:
            for input_size in self._networks.keys() - kept:
                del self._networks[input_size]

    def close(self) -> None:
        """Drop the compiled networks."""
        with self._lock:
            self._networks.clear()

    def _read_note(self, section: str, key: str) -> str | None:
        path = [section, key]
        return str(self._model.get_rt_info(path).value) if self._model.has_rt_info(path) else None

    def _finish(self, network: _Network, lane: _Lane) -> sv.Detections:
        lane.request.wait()
        assert lane.letterbox is not None
        output = lane.request.get_output_tensor(0).data[0]
        vehicles = vehicles_from_output(
            output, self._classes, lane.letterbox, confidence=self._confidence, iou=self._iou
        )
        network.idle.append(lane)
        return vehicles

    def _input_size(self, picture_size: tuple[int, int], pixel_budget: int) -> tuple[int, int]:
        return self._fixed_size or input_size_for(*picture_size, pixel_budget=pixel_budget)

    def _network_for(self, input_size: tuple[int, int]) -> _Network:
        with self._lock:
            place = self._networks.setdefault(input_size, _Place())
            if len(self._networks) > MAX_COMPILED:
                self._networks.popitem(last=False)
            self._networks.move_to_end(input_size)
            self._last_size = input_size
        with place.turn:
            if place.network is None:
                place.network = _Network(self._compile(input_size), input_size)
            return place.network

    def _compile(self, input_size: tuple[int, int]) -> ov.CompiledModel:
        """Compile for (width, height)."""
        model = with_picture_input(for_size(self._model, *input_size))
        model = decoding_candidates_only(model, self._classes.rows, self._confidence)
        return self._core.compile_model(model, "CPU", COMPILE_OPTIONS)


def _read_network(core: ov.Core, path: Path) -> ov.Model:
    """Read an .xml (with its .bin) or .onnx."""
    complaint = f"{path} is no network that can be read, or is damaged; export it again"
    # OpenVINO takes what it does not know for TensorFlow's and then prints that parser's complaints.
    if path.suffix == ".xml" and not path.read_bytes().rstrip(b"\0 \r\n").endswith(b"</net>"):
        raise InputError(complaint)
    try:
        return core.read_model(path)
    except RuntimeError as error:
        raise InputError(complaint) from error


def _check_shapes(model: ov.Model, name: str, class_count: int) -> tuple[int, int] | None:
    """The fixed input's (width, height), or None where it is free. Raises InputError unless it is a YOLO detector."""
    given, found = model.inputs[0].get_partial_shape(), model.outputs[0].get_partial_shape()
    if len(model.inputs) != 1 or given.rank.get_length() != 4 or (given[1].is_static and given[1].get_length() != 3):
        raise InputError(f"model {name} does not take one colour picture (input {given}); give a YOLO detection model")
    rows = found[1].get_length() if found.rank.get_length() == 3 and found[1].is_static else None
    if len(model.outputs) != 1 or rows != 4 + class_count:
        raise InputError(
            f"model {name} does not give a box and {class_count} class scores an anchor (output {found}); "
            "export a YOLO detection model without built-in non-maximum suppression"
        )
    height, width = given[2], given[3]
    return (width.get_length(), height.get_length()) if width.is_static and height.is_static else None


def _describe_cpu(core: ov.Core, model: ov.Model, why: str) -> str:
    quantised = any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())
    precision = "int8" if quantised and "INT8" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "float32"
    return f"CPU: {why}; OpenVINO in {precision} with {instruction_set() or 'its standard instruction set'}"
