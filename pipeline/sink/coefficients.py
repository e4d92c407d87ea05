"""Which passenger-car coefficients are shipped: the versions of the table, and the facilities of each."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Final

DEFAULT_FACILITY: Final = "signalised_protected"
DEFAULT_PCU_VERSION: Final = "PKJI 2023"

_TABLE: Final = Path(__file__).parent / "schema" / "0005_pcu_coefficients.csv"


@cache
def shipped_facilities() -> dict[str, tuple[str, ...]]:
    """The facilities of each version, both in the order of the table."""
    found: dict[str, dict[str, None]] = {}
    with _TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["version"], {})[row["facility"]] = None
    return {version: tuple(facilities) for version, facilities in found.items()}
