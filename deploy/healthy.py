"""Is a service of Simpang well? `python healthy.py METRICS_URL [GAUGE]`: it answers, and GAUGE, if named, is 0."""

from __future__ import annotations

import sys
import urllib.request


def main(url: str, gauge: str | None = None) -> int:
    """0 where it is well, else 1."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError as error:
        print(f"no answer from {url}: {error}", file=sys.stderr)
        return 1
    if gauge is None:
        return 0
    values = [float(line.split()[-1]) for line in lines if line.split(" ")[0] == gauge]
    print(f"{gauge} {values}")
    return 0 if values == [0.0] else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
