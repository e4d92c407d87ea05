"""Changes the lines in the text of a site file and leaves its comments, order and layout as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tomlkit
from tomlkit.items import AoT

from pipeline.config import LineConfig
from pipeline.errors import InputError


def replace_lines(text: str, camera_id: str, lines: Sequence[LineConfig], names_before: Sequence[str | None]) -> str:
    """`text` with `lines` in place of the camera's.

    A line that stands in the text under its name in `names_before` is changed where it stands, one that no name asks
    for any more is taken out, and new ones are put at the end. Raises InputError where the camera is not in the text.
    """
    document = tomlkit.parse(text)
    camera = next((table for table in document.get("camera", []) if table.get("id") == camera_id), None)
    if camera is None:
        raise InputError(f"camera {camera_id!r} is not in the site file any more; load the page again")
    before = camera.as_string()
    if "line" not in camera:
        camera.append("line", tomlkit.aot())
    tables = camera["line"]
    wanted = dict(zip(names_before, lines, strict=True))
    fresh = [line for line, before in zip(lines, names_before, strict=True) if before is None]
    for index in reversed(range(len(tables))):
        line = wanted.get(str(tables[index]["name"]))
        if line is None:
            del tables[index]
        else:
            _fill(tables[index], line)
    for line in fresh:
        table = tomlkit.table() if isinstance(tables, AoT) else tomlkit.inline_table()
        _fill(table, line)
        if isinstance(tables, AoT):
            # A blank line before each, and one after the last where the file has one there.
            if before.endswith("\n\n"):
                table.add(tomlkit.nl())
            else:
                table.trivia.indent = "\n"
        tables.append(table)
    if not len(tables):
        del camera["line"]
    return tomlkit.dumps(document)


def _fill(table: Any, line: LineConfig) -> None:
    """Set what differs, and keep the comment behind it, which goes with the old value otherwise."""
    points = [[_number(value) for value in point] for point in line.points]
    values: dict[str, Any] = {"name": line.name, "points": points, "approach": line.approach, "role": line.role}
    for key, value in values.items():
        missing = value is None or (key == "role" and value == "count" and key not in table)
        if missing:
            table.pop(key, None)
        elif key not in table:
            table.append(key, value)
        elif _plain(table[key]) != value:
            old = table[key].trivia
            table[key] = value
            table[key].trivia.comment_ws, table[key].trivia.comment = old.comment_ws, old.comment


def _plain(item: Any) -> Any:
    return item.unwrap() if hasattr(item, "unwrap") else item


def _number(value: float) -> int | float:
    rounded = round(value, 1)
    return int(rounded) if rounded.is_integer() else rounded
