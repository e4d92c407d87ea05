"""Which way a vehicle turned, from the approach it came by and the one it left by.

Approaches are U, S, T, B (utara, selatan, timur, barat: north, south, east, west). A movement is BKi (belok kiri:
left), LRS (lurus: straight), BKa (belok kanan: right) or PB (putar balik: U-turn). Who comes from the north drives
south, so that east is on the left.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Turn: TypeAlias = Literal["BKi", "LRS", "BKa", "PB"]

APPROACHES: Final = ("U", "T", "S", "B")
"""Clockwise from north, which is the order in which survey forms list them."""

TURNS: Final[tuple[Turn, ...]] = ("BKi", "LRS", "BKa", "PB")

_BY_QUARTER: Final[tuple[Turn, ...]] = ("PB", "BKi", "LRS", "BKa")
"""Clockwise quarters from the approach of entry to that of exit."""


def turn_between(entry: str, exit_: str) -> Turn:
    """The movement from approach `entry` to approach `exit_`, each one of APPROACHES."""
    return _BY_QUARTER[(APPROACHES.index(exit_) - APPROACHES.index(entry)) % 4]
