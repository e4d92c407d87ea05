"""A report on a terminal."""

from __future__ import annotations

from tabulate import tabulate

from pipeline.report.document import Document, Table, column_groups, formatted, value_of


def document_text(document: Document) -> str:
    """Every table under its title, its groups spelled out in the heads."""
    parts = [document.title, document.subtitle, ""]
    for table in document.tables:
        parts += [table.title, _table_text(table, document.language), *table.notes, ""]
    return "\n".join(parts)


def _table_text(table: Table, language: str) -> str:
    heads = [column.title for column in table.columns]
    for first, _, group in column_groups(table.columns):
        heads[first] = f"{group}\n{heads[first]}" if group else heads[first]
    rows = [*table.rows, *([table.total] if table.total is not None else [])]
    texts = [
        [formatted(value_of(cell), column.form, language) for cell, column in zip(row, table.columns, strict=True)]
        for row in rows
    ]
    align = ["left" if column.form == "text" else "right" for column in table.columns]
    return tabulate(texts, headers=heads, tablefmt="simple", colalign=align if texts else None, disable_numparse=True)
