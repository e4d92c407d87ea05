"""What Grafana and its ClickHouse plugin make of a panel's SQL before the server sees it.

Macros as the plugin documents them (grafana-clickhouse-datasource 4, "Query editor" and "Template variables"),
variables as Grafana does ("Variable syntax": `:singlequote`, `:raw`). What is not known here is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

ALL: Final = "$__all"
_CALL: Final = re.compile(r"\$__(\w+)(\()?")


def expanded(sql: str, variables: Mapping[str, str], from_s: int, to_s: int) -> str:
    """`sql` for the time range and the values of the variables (`ALL`: all of them were chosen)."""
    macros: dict[str, Callable[[list[str]], str]] = {
        "fromTime": lambda _: f"toDateTime({from_s})",
        "toTime": lambda _: f"toDateTime({to_s})",
        "timeFilter": lambda a: f"{a[0]} >= toDateTime({from_s}) AND {a[0]} <= toDateTime({to_s})",
        "conditionalAll": lambda a: "1=1" if variables[a[1].strip().lstrip("$")] == ALL else a[0],
    }
    while found := _CALL.search(sql):
        end = _closing(sql, found.end()) if found[2] else found.end()
        arguments = _split(sql[found.end() : end - 1]) if found[2] else []
        sql = sql[: found.start()] + macros[found[1]](arguments) + sql[end:]
    return re.sub(r"\$\{(\w+):(singlequote|raw)\}", lambda match: _value(variables[match[1]], match[2]), sql)


def _value(value: str, form: str) -> str:
    if form == "raw":
        return value
    return ",".join("'" + one.replace("'", "\\'") + "'" for one in value.split(","))


def _closing(sql: str, at: int) -> int:
    """Just after the bracket that closes the one before `at`."""
    depth = 1
    while depth:
        depth += {"(": 1, ")": -1}.get(sql[at], 0)
        at += 1
    return at


def _split(arguments: str) -> list[str]:
    """At the commas outside of brackets."""
    parts, depth = [""], 0
    for character in arguments:
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
