"""What the processor offers for inference, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FEATURES: Final = (
    ("amx_int8", "AMX"),
    ("avx512_vnni", "AVX-512 VNNI"),
    ("avx_vnni", "AVX-VNNI"),
    ("avx512f", "AVX-512"),
    ("avx2", "AVX2"),
    ("i8mm", "NEON i8mm"),
    ("asimddp", "NEON dot product"),
)
"""Linux's names of what speeds up int8 and float inference, the fastest first."""


def instruction_set(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """The fastest instruction set for inference that Linux reports; None on other systems."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    flags = next((set(line.split()) for line in lines if line.startswith(("flags", "Features"))), set[str]())
    return next((words for flag, words in _FEATURES if flag in flags), None)
