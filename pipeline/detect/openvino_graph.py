"""What Simpang adds to a YOLO network's graph before OpenVINO compiles it."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino import opset13 as op
from openvino.preprocess import ColorFormat, PrePostProcessor

BINS: Final = 16
"""Into how many bins YOLOv8 to YOLO12 divide the distance from an anchor to each side of its box."""


def for_size(model: ov.Model, width: int, height: int) -> ov.Model:
    """A copy of the network for one input size."""
    model = model.clone()
    if model.is_dynamic():
        model.reshape([1, 3, height, width])
    return model


def with_picture_input(model: ov.Model) -> ov.Model:
    """Let the network take (1, height, width, 3) uint8 BGR: colour order, layout and scale become its first steps."""
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().tensor().set_color_format(ColorFormat.BGR)
    steps.input().model().set_layout(ov.Layout("NCHW"))
    steps.input().preprocess().convert_element_type(ov.Type.f32).convert_color(ColorFormat.RGB).scale(255.0)
    return steps.build()


def decoding_candidates_only(model: ov.Model, rows: npt.NDArray[np.int64], confidence: float) -> ov.Model:
    """Let the network work out the boxes of those anchors alone whose best score in class `rows` reaches `confidence`.

    YOLO turns 4 x 16 numbers into a box at each of thousands of anchors, of which a full junction uses two hundred;
    that is 4 % of the network's time. The output keeps its meaning, (1, 4 + classes, N), with those anchors' columns
    in their order. `model`, of fixed size, is changed in place; it is returned as it was where its last steps are not
    those of YOLOv8 to YOLO12.
    """
    output = model.outputs[0].get_node().input(0).get_source_output()
    anchors = output.get_shape()[2]
    scores = next((source for source in _sources(output.get_node()) if _type(source) == "Sigmoid"), None)
    distances = _box_distances(model, anchors)
    if scores is None or distances is None or scores.get_shape()[2] != anchors:
        return model
    best = op.reduce_max(op.gather(scores, op.constant(rows), op.constant(1)), op.constant([0, 1]), False)
    reached = op.non_zero(op.greater_equal(best, op.constant(np.float32(confidence))), "i32")
    chosen = op.squeeze(reached, op.constant([0]))
    replaced = {_key(distances): _columns(distances, chosen)}
    changed = set(replaced)
    for node in model.get_ordered_ops():
        if changed.isdisjoint(map(_key, _sources(node))):
            continue
        changed.update(map(_key, node.outputs()))
        for port in node.inputs():
            source = port.get_source_output()
            key = _key(source)
            if key not in replaced and key not in changed and _has_a_column_each(source, anchors):
                replaced[key] = op.gather(source, chosen, op.constant(len(source.get_shape()) - 1)).output(0)
            if key in replaced:
                port.replace_source_output(replaced[key])
        if node.get_type_name() == "Reshape":
            _free_last_side(node, anchors)
    model.validate_nodes_and_infer_types()
    return model


def _box_distances(model: ov.Model, anchors: int) -> ov.Output | None:
    """The (1, 4 x 16, anchors) numbers before the softmax over bins, put together from one map for each stride."""
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Softmax" or sorted(node.get_output_shape(0)) != sorted([1, 4, BINS, anchors]):
            continue
        source = node.output(0)
        while _type(source) in ("Softmax", "Transpose", "Reshape"):
            source = _sources(source.get_node())[0]
        if list(source.get_shape()) == [1, 4 * BINS, anchors] and _maps(source):
            return source
    return None


def _maps(distances: ov.Output) -> list[ov.Output]:
    """The (1, channels, rows, columns) maps that `distances` are the first channels of; none if it is not built so."""
    joined = distances
    if _type(joined) == "VariadicSplit" and joined.get_index() == 0:
        joined = _sources(joined.get_node())[0]
    flat = _sources(joined.get_node()) if _type(joined) == "Concat" else []
    maps = [_sources(each.get_node())[0] for each in flat if _type(each) == "Reshape"]
    whole = len(maps) == len(flat) and all(len(each.get_partial_shape()) == 4 for each in maps)
    return maps if whole else []


def _columns(distances: ov.Output, chosen: ov.Node) -> ov.Output:
    """The chosen columns of `distances`.

    The convolutions leave an anchor's numbers side by side, so taking rows of theirs spares transposing all.
    """
    maps = _maps(distances)
    channels = maps[0].get_shape()[1]
    by_anchor = [
        op.reshape(op.transpose(each, op.constant([0, 2, 3, 1])), op.constant([-1, channels]), False) for each in maps
    ]
    taken = op.gather(op.concat(by_anchor, 0), chosen, op.constant(0))
    if channels > 4 * BINS:
        taken = op.slice(taken, op.constant([0]), op.constant([4 * BINS]), op.constant([1]), op.constant([1]))
    return op.unsqueeze(op.transpose(taken, op.constant([1, 0])), op.constant([0])).output(0)


def _free_last_side(reshape: ov.Node, anchors: int) -> None:
    """An export of fixed size spells the number of anchors out where it reshapes."""
    pattern = _sources(reshape)[1].get_node()
    if pattern.get_type_name() == "Constant" and pattern.get_data()[-1] == anchors:
        reshape.input(1).replace_source_output(op.constant([*pattern.get_data()[:-1], -1]).output(0))


def _has_a_column_each(source: ov.Output, anchors: int) -> bool:
    shape = source.get_partial_shape()
    return shape.is_static and len(shape) > 0 and shape[-1].get_length() == anchors


def _sources(node: ov.Node) -> list[ov.Output]:
    return [port.get_source_output() for port in node.inputs()]


def _type(output: ov.Output) -> str:
    return str(output.get_node().get_type_name())


def _key(output: ov.Output) -> tuple[str, int]:
    return output.get_node().get_friendly_name(), output.get_index()
