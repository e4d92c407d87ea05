"""URLs as users write them: which kind they are and how they may be shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|(sim|file):")
_USER_INFO: Final = re.compile(r"^(?!(?:file|sim):)([A-Za-z][A-Za-z0-9+.-]*:/{1,2})(?=[^/?#]*[:@]).*@", re.DOTALL)
"""Up to the last @, because a password that should have been encoded may hold / ? # and @ itself."""
_SECRET_PARAMETER: Final = re.compile(
    r"(?i)(?<=[?&;])([^=&;#]*(?:pass|pwd|token|secret|key|auth|sig|user|login)[^=&;#]*)=[^&;#]*"
)


def scheme_of(url: str) -> str:
    """The scheme in lower case; `file` for a plain path, also for one that exists and has a colon in its name."""
    match = _SCHEME.match(url)
    return "file" if match is None or _exists(url) else (match[1] or match[2]).lower()


def local_path(url: str) -> Path:
    """The path a `file:` URL or a plain path names."""
    if url.lower().startswith("file:") and not _exists(url):
        return Path(unquote(urlsplit(url).path))
    return Path(url)


def redact(url: str) -> str:
    """The URL without user name, password and any parameter that looks like a secret; safe to print and to store.

    >>> redact("http://admin:1234@10.0.0.9/live.mp4?token=abc&ch=2")
    'http://***@10.0.0.9/live.mp4?token=***&ch=2'
    """
    return _SECRET_PARAMETER.sub(r"\1=***", _USER_INFO.sub(r"\1***@", url))


def _exists(url: str) -> bool:
    try:
        return Path(url).exists()
    except (OSError, ValueError):
        return False
