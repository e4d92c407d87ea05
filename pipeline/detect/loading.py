"""Which model, on which device, through which backend."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Final

from pipeline.detect.protocol import Detector
from pipeline.detect.shipped import default_model
from pipeline.errors import InputError

DEFAULT_CONFIDENCE: Final = 0.1
"""Weak boxes are kept: a tracker can use them to hold a vehicle that is half hidden."""

DEFAULT_IOU: Final = 0.6
"""Above it two boxes are one vehicle; a rider in front of a bus overlaps it far less."""

NVIDIA_DRIVER: Final = tuple(map(Path, ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/nvmap", "/dev/dxg")))
"""One of these exists on Linux where there is an NVIDIA driver (desktop, server, Jetson, WSL)."""

_DEVICE: Final = re.compile(r"auto|cpu|cuda(:\d+)?")
_FOR_OPENVINO: Final = (".xml", ".onnx")
_SUFFIXES: Final = (*_FOR_OPENVINO, ".pt", ".torchscript", ".engine")


def load_detector(
    model: str | Path | None,
    device: str = "auto",
    *,
    confidence: float = DEFAULT_CONFIDENCE,
    iou: float = DEFAULT_IOU,
) -> Detector:
    """Load a model onto a device.

    `model` is an OpenVINO `.xml` (or its folder), an `.onnx`, or what Ultralytics loads (`.pt`, `.torchscript`,
    `.engine`); None is the shipped one. A `.pt` can run code when it is opened: load only your own. `device` is `auto`,
    `cpu`, `cuda` or `cuda:N`; `auto` takes a CUDA device where the model can use one. Boxes below `confidence` are left
    out, and of two that overlap by more than `iou` the weaker.

    Raises InputError where the model is missing, damaged or no vehicle detector, or the device is not there.
    """
    if not _DEVICE.fullmatch(device):
        raise InputError(f"device {device!r} is not known; give auto, cpu, cuda or cuda:N")
    name, files = _locate(model)
    cuda, why_cpu = _choose_cuda(device, files)
    if cuda is None and device.startswith("cuda"):
        raise InputError(f"model {name} cannot run on {device}: {why_cpu}; give --device cpu or another model")
    usable = [path for path in files if path.suffix in _FOR_OPENVINO] if cuda is None else []
    if usable:
        from pipeline.detect.openvino_backend import OpenVINODetector

        return OpenVINODetector(usable[0], name=name, why=why_cpu, confidence=confidence, iou=iou)
    _require_gpu_extra(name)
    from pipeline.detect.torch_backend import TorchDetector

    path = next(path for path in files if path.suffix != ".xml")
    return TorchDetector(path, name=name, device=cuda or "cpu", why=why_cpu, confidence=confidence, iou=iou)


def _locate(model: str | Path | None) -> tuple[str, tuple[Path, ...]]:
    """The model's name and the files it can be loaded from; one alternative is enough for a device."""
    if model is None:
        shipped = default_model()
        return shipped.name, tuple(path for path in shipped.files if path.suffix in _SUFFIXES)
    path = Path(model)
    if not path.exists():
        raise InputError(f"there is no model {path}; check the path, or leave --model out to use the shipped one")
    if path.is_dir():
        networks = sorted(path.glob("*.xml"))
        if len(networks) != 1:
            raise InputError(f"{path} holds {len(networks)} OpenVINO networks (.xml); name one model file")
        path = networks[0]
    if path.suffix not in _SUFFIXES:
        raise InputError(f"{path} is not a model that is known; give one of {', '.join(_SUFFIXES)}")
    return path.stem, (path,)


def _choose_cuda(device: str, files: tuple[Path, ...]) -> tuple[str | None, str]:
    """(the CUDA device to use, "") or (None, why it is the CPU)."""
    if device == "cpu":
        return None, "as asked for"
    if all(path.suffix == ".xml" for path in files):
        return None, "an OpenVINO model"
    if sys.platform == "linux" and not any(path.exists() for path in NVIDIA_DRIVER):
        return None, "no CUDA device"
    if importlib.util.find_spec("torch") is None:
        return None, "PyTorch is not installed (pip install 'simpang[gpu]')"
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = int(device.partition(":")[2] or 0)
    if index < count:
        return f"cuda:{index}", ""
    return None, f"only {count} CUDA devices" if count else "no CUDA device"


def _require_gpu_extra(name: str) -> None:
    missing = [package for package in ("torch", "ultralytics") if importlib.util.find_spec(package) is None]
    if missing:
        raise InputError(
            f"model {name} needs {' and '.join(missing)}, not installed here; "
            "run pip install 'simpang[gpu]', or give an OpenVINO model (.xml)"
        )
