"""What an exported model says of itself: its task and the names of its classes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline.detect.classes import ClassMap
from pipeline.errors import InputError
from pipeline.types import VEHICLE_CLASSES


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """Checked at construction: a detection model with at least one class that Simpang counts."""

    name: str
    names: tuple[str, ...]
    """The model's classes in the order of its scores."""
    task: str = "detect"

    def __post_init__(self) -> None:
        if self.task != "detect":
            raise InputError(f"model {self.name} is for the task {self.task!r}; give one for detection")
        if not self.names:
            raise InputError(f"model {self.name} does not name its classes; export it again with Ultralytics")
        if not ClassMap.from_names(self.names).vehicles:
            known = ", ".join(self.names[:8])
            raise InputError(
                f"model {self.name} knows none of {', '.join(VEHICLE_CLASSES)} but {known}; give a model for vehicles"
            )


def metadata_beside(folder: Path, name: str) -> ModelMetadata | None:
    """Read the `metadata.yaml` that Ultralytics writes beside an exported network; None where there is none."""
    path = folder / "metadata.yaml"
    if not path.is_file():
        return None
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read; export the model again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is not a mapping; export the model again")
    return ModelMetadata(name, names_from(content.get("names")), str(content.get("task", "detect")))


def metadata_inside(read: Callable[[str, str], str | None], name: str) -> ModelMetadata:
    """Read what the network file itself carries.

    `read` looks a (section, key) up: OpenVINO exports name classes in (`model_info`, `labels`), separated by spaces; of
    an ONNX file OpenVINO shows Ultralytics' own metadata in the section `framework`.
    """
    labels = (read("model_info", "labels") or "").split()
    names = tuple(label.replace("_", " ") for label in labels) or names_from(read("framework", "names"))
    return ModelMetadata(name, names, read("framework", "task") or "detect")


def names_from(value: object) -> tuple[str, ...]:
    """Class names from a list, a mapping of index to name, or the text of either."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            return ()
    if isinstance(value, Mapping):
        value = [value[index] for index in sorted(value)]
    return tuple(str(name) for name in value) if isinstance(value, list | tuple) else ()
