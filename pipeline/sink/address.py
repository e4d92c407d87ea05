"""What the addresses of a bus and of a store have in common."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl


def holds_password(parts: SplitResult) -> bool:
    """Whether a password stands in an address, be it one with a raw `/`, `?` or `#` that cuts the address short."""
    names = "".join(name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return ":" in parts.netloc.rpartition("@")[0] or "@" in parts.path + names + parts.fragment
