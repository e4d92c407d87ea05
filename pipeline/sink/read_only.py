"""Which SQL only reads.

The engine's own read-only mode refuses everything that changes data, settings or the schema. What it lets through is
handled here: `INTO OUTFILE`, which writes a file, and a second statement after the first.

The first is looked for in the whole text, also where it is quoted: the engine knows more quotes than are told apart
here (typographic ones, identifiers with a dollar sign), and a mistake would hide it.
"""

from __future__ import annotations

import re
from typing import Final

from pipeline.errors import InputError

READING: Final = ("SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS")

_QUOTED_OR_COMMENT: Final = re.compile(
    r"""
      '(?:[^'\\]|\\.|'')*'        # text
    | "(?:[^"\\]|\\.|"")*"        # identifier
    | `(?:[^`\\]|\\.|``)*`        # identifier
    | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$   # heredoc
    | --[^\n]*
    | \#[ !][^\n]*
    | /\*.*?\*/
    """,
    re.VERBOSE | re.DOTALL,
)


def refuse_writes(sql: str) -> None:
    """Raise InputError unless `sql` is one statement that reads and answers to the caller."""
    bare = _QUOTED_OR_COMMENT.sub(" '' ", sql).replace("''", " ").strip().rstrip(";").strip()
    if not bare:
        raise InputError("there is no SQL to run; give one SELECT")
    if ";" in bare:
        raise InputError("give one SQL statement at a time; this is more than one")
    first = re.match(r"[(\s]*(\w*)", bare)
    word = first[1].upper() if first is not None else ""
    if word not in READING:
        raise InputError(f"the store is read-only here: the SQL must begin with {', '.join(READING)}, not {word!r}")
    if "OUTFILE" in sql.upper():
        raise InputError(
            "the store is read-only here: leave INTO OUTFILE, and any word OUTFILE, out of the SQL and save the answer "
            "instead"
        )
