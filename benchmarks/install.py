"""What does it cost to install Simpang: time, downloads, disk?

    python -m benchmarks.install

Builds a virtual environment outside the checkout, installs the checkout into it without extras and with no cached
downloads, and takes it apart again.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from benchmarks._report import ROOT, publish, table

MB = 1_000_000
UNITS = {"kB": 1_000, "MB": MB, "GB": 1000 * MB, "bytes": 1}
LARGEST = 10


def downloaded_bytes(log: str) -> int:
    """As pip states it, package by package."""
    return round(
        sum(float(n) * UNITS[unit] for n, unit in re.findall(r"Downloading \S+ \(([\d.]+) (bytes|kB|MB|GB)\)", log))
    )


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def package_sizes(site_packages: Path) -> dict[str, int]:
    """Bytes on disk of each installed distribution, by what its RECORD lists."""
    return {
        found.name: sum(
            path.stat().st_size for file in found.files or [] if (path := Path(str(found.locate_file(file)))).is_file()
        )
        for found in importlib.metadata.distributions(path=[str(site_packages)])
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder, source = Path(temporary) / "venv", Path(temporary) / "source"
        # pip builds inside the tree it is given; a copy keeps the checkout clean and out of the way of old builds.
        shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info", "runs", "demo-output"))
        began = time.perf_counter()
        venv.create(folder, with_pip=True)
        python = folder / "bin" / "python"
        done = subprocess.run(
            [python, "-m", "pip", "install", "--no-compile", "--no-cache-dir", "--progress-bar", "off", str(source)],
            check=True,
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - began
        subprocess.run([folder / "bin" / "simpang", "--help"], check=True, stdout=subprocess.DEVNULL)
        disk = size_of(folder)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        packages = package_sizes(folder / "lib" / version / "site-packages")
    downloaded = downloaded_bytes(done.stdout)
    largest = sorted(packages.items(), key=lambda item: -item[1])[:LARGEST]
    publish(
        "install",
        f"{seconds:.0f} s, {downloaded / MB:.0f} MB downloaded, {disk / MB:.0f} MB on disk",
        table(
            ["", "value"],
            [
                ["seconds", seconds],
                ["MB downloaded", downloaded / MB],
                ["MB on disk", disk / MB],
                ["packages", len(packages)],
            ],
        )
        + "\n\n"
        + table(["largest packages", "MB on disk"], [[name, size / MB] for name, size in largest]),
        {
            "seconds": seconds,
            "downloaded_bytes": downloaded,
            "disk_bytes": disk,
            "packages": len(packages),
            "largest_packages_bytes": dict(largest),
        },
    )


if __name__ == "__main__":
    main()
