"""The manifest of the shipped weights, and the model card's tables made from it. Needs no PyTorch.

`python -m models.manifest` rewrites the tables of README.md from manifest.json.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pipeline.types import VEHICLE_CLASSES

FOLDER: Final = Path(__file__).parent
_MARKS: Final = ("<!-- tables: begin, written by models.manifest -->", "<!-- tables: end -->")


def read(folder: Path = FOLDER) -> dict[str, Any]:
    """The manifest of `folder` as it stands there."""
    content: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return content


def digests(folder: Path, name: str) -> dict[str, str]:
    """SHA-256 of every file of a model, by path relative to `folder`."""
    files = [path for path in sorted((folder / name).iterdir()) if path.is_file()]
    checkpoint = folder / f"{name}.pt"
    if checkpoint.exists():
        files.append(checkpoint)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def tables(model: Mapping[str, Any]) -> str:
    """The model card's tables of scores and data, in Markdown."""
    lines = []
    for title, result in model["scores"].items():
        networks = [key for key in result if key != "pictures"]
        lines += [f"**{title}** ({result['pictures']} pictures): AP50 / recall / precision", ""]
        lines += ["| class | labelled | " + " | ".join(networks) + " |", "|---|---" + "|---" * len(networks) + "|"]
        for name in model["classes"]:
            labelled = result[networks[0]][name]["labelled"]
            if labelled:
                cells = " | ".join(_cell(result[network][name]) for network in networks)
                lines.append(f"| {name} | {labelled} | {cells} |")
        pooled = {network: _pooled(result[network]) for network in networks}
        labelled = sum(result[networks[0]][name]["labelled"] for name in VEHICLE_CLASSES)
        lines += [f"| **vehicles** | {labelled} | " + " | ".join(_cell(pooled[each]) for each in networks) + " |", ""]
    lines += ["| training data | pictures | licence |", "|---|---|---|"]
    lines += [f"| {row['name']} | {row['images']} | {row['licence']} |" for row in model["data"]]
    return "\n".join(lines)


def with_tables(readme: str, model: Mapping[str, Any]) -> str:
    """The text of the model card with its tables brought up to date."""
    begin, end = map(re.escape, _MARKS)
    new = f"{_MARKS[0]}\n{tables(model)}\n{_MARKS[1]}"
    text, count = re.subn(f"{begin}.*?{end}", lambda _: new, readme, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"the model card must hold {_MARKS[0]!r} and {_MARKS[1]!r} once, in this order")
    return text


def _pooled(by_class: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    """Recall and precision over the vehicles of all classes; average precision is of one class."""
    scores = [by_class[name] for name in VEHICLE_CLASSES if by_class[name]["labelled"]]
    right = [score["labelled"] * score["recall"] for score in scores]
    found = sum(hits / score["precision"] for hits, score in zip(right, scores, strict=True) if hits)
    labelled = sum(score["labelled"] for score in scores)
    return {"ap50": None, "recall": sum(right) / labelled, "precision": sum(right) / found if found else None}


def _cell(score: Mapping[str, float | None]) -> str:
    return " / ".join("-" if score[key] is None else f"{score[key]:.2f}" for key in ("ap50", "recall", "precision"))


def main() -> None:
    """Bring README.md up to date with manifest.json."""
    card = FOLDER / "README.md"
    card.write_text(with_tables(card.read_text(encoding="utf-8"), read()["models"][0]), encoding="utf-8")


if __name__ == "__main__":
    main()
