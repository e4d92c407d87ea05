"""Alterations to a pretrained YOLO detection model that leave what it computes alone.

A fresh head forgets what COCO taught about motorcycles, and 875 labelled motorcycles do not bring it back. So the
rows of the COCO classification head that belong to our classes are kept, and everything before them too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def keep_classes(model: Any, names: Sequence[str]) -> None:
    """Cut the classification head of an Ultralytics `DetectionModel` down to `names`, in that order, in place.

    Only the last 1x1 convolution of each scale's class branch changes (80 rows to `len(names)`); the logits of a kept
    class stay exactly what they were.

    Raises:
        ValueError: a name is not among the classes the model was trained on.
    """
    known = {name: index for index, name in model.names.items()}
    missing = [name for name in names if name not in known]
    if missing:
        raise ValueError(f"the base model does not know the classes {missing}; it knows {sorted(known)}")
    rows = torch.tensor([known[name] for name in names])
    head = model.model[-1]
    for branch in head.cv3:
        full: nn.Conv2d = branch[-1]
        cut = nn.Conv2d(full.in_channels, len(names), kernel_size=1)
        cut.weight.data = full.weight.data[rows].clone()
        if full.bias is None:
            raise ValueError("the class branch of the base model has no bias; this is not a YOLO detection head")
        cut.bias.data = full.bias.data[rows].clone()
        branch[-1] = cut
    head.nc = len(names)
    head.no = head.nc + 4 * head.reg_max
    model.nc = len(names)
    model.yaml["nc"] = len(names)
    model.names = dict(enumerate(names))


def recalibrate_batch_norm(model: nn.Module, batches: Iterable[Tensor]) -> int:
    """Give folded batch-norm layers real statistics without changing what the model computes in eval mode.

    Weights taken from an export have their batch norm folded into the convolution: running mean 0, variance 1, scale 1.
    Batch statistics in train mode would then normalise activations that were never meant to be normalised. This
    measures mean m and variance v of every layer's input and rewrites the layer as

        running_mean = m
        running_var = v
        weight = w * sqrt((v + eps) / (v0 + eps))
        bias = b + (m - m0) * w / sqrt(v0 + eps)

    which is the same affine map (m0, v0, w, b being the old values). In eval mode no layer's input depends on how an
    earlier layer is written, so one pass measures them all.

    Args:
        model: the model; its mode is left as eval.
        batches: pictures as the model takes them, (N, 3, H, W) float32 in 0..1.

    Returns:
        The number of layers rewritten.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    moments = {id(layer): _Moments(layer.num_features) for layer in layers}

    def record(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        moments[id(layer)].add(inputs[0])

    hooks = [layer.register_forward_pre_hook(record) for layer in layers]
    model.eval()
    with torch.no_grad():
        try:
            for batch in batches:
                model(batch)
        finally:
            for hook in hooks:
                hook.remove()
        for layer in layers:
            _rewrite(layer, *moments[id(layer)].result())
    return len(layers)


def _rewrite(layer: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    """Give a layer new statistics and the scale and shift that keep its affine map."""
    if layer.running_mean is None or layer.running_var is None:
        raise ValueError("a batch-norm layer without running statistics cannot be recalibrated")
    gain = layer.weight.double() / torch.sqrt(layer.running_var.double() + layer.eps)
    layer.bias.copy_(layer.bias.double() + (mean - layer.running_mean.double()) * gain)
    layer.weight.copy_(gain * torch.sqrt(variance + layer.eps))
    layer.running_mean.copy_(mean)
    layer.running_var.copy_(variance)


class _Moments:
    """Running per-channel sums in float64."""

    def __init__(self, channels: int) -> None:
        self._n = 0
        self._sum = torch.zeros(channels, dtype=torch.float64)
        self._sum_of_squares = torch.zeros(channels, dtype=torch.float64)

    def add(self, x: Tensor) -> None:
        """Take in one activation, (N, C, H, W)."""
        per_channel = x.detach().transpose(0, 1).flatten(1).double()
        self._n += per_channel.shape[1]
        self._sum += per_channel.sum(1)
        self._sum_of_squares += per_channel.square().sum(1)

    def result(self) -> tuple[Tensor, Tensor]:
        """(mean, variance), each (C,) float64."""
        if self._n == 0:
            raise ValueError("no picture reached a batch-norm layer; give at least one batch")
        mean = self._sum / self._n
        return mean, (self._sum_of_squares / self._n - mean.square()).clamp_min(0)
