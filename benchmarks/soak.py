"""Do memory, file handles and latency stay flat for hours?

    python -m benchmarks.soak [--hours 1] [--cameras 4] [--fps 5] [--size 640x360]

`simpang run` reads recordings of a simulated junction as cameras, and every ten seconds memory and open files of each
of its processes and the latency since the sample before are noted. What counts is the end against the state after five
minutes: wanted are at most 1.1 times the memory, 1.25 times the open files (the embedded engine's come and go with the
parts that it merges) and 1.2 times the mean latency. In a run of less than half an hour a sixth of it stands for the
five minutes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks._report import publish, table
from benchmarks.live import make_clips, running, site_text
from pipeline.runtime.exporter import PoolStatus, read_status
from pipeline.runtime.live_camera import latency_quantile_s

EVERY_S: Final = 10.0
SETTLED_S: Final = 300.0
SHARE: Final = 1 / 6
"""Of a run that is shorter than half an hour: so much of it is compared at both ends."""
FLOWS_VPH: Final = (600.0, 1800.0)
MOST_MEMORY: Final = 1.1
MOST_FILES: Final = 1.25
MOST_LATENCY: Final = 1.2


@dataclass(frozen=True)
class Sample:
    """The pool at one instant; latency and drops are of the time since the sample before."""

    at_s: float
    """Since all cameras were live."""
    resident_mib: dict[str, float]
    """By process."""
    files: dict[str, int]
    """Open file handles by process."""
    latency_s: float | None
    """Mean, from capture to counted."""
    p95_s: float | None
    """Upper bound of its bucket."""
    dropped: int
    analysed: int


def processes_of(status: PoolStatus) -> dict[str, int]:
    """The supervisor and its children by name, with their process ids."""
    workers = {row.status.pid: row.name for row in status.workers if row.status is not None}
    found, pid = {"supervisor": status.pid}, status.pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        # Besides workers there are the loader and, for shared resources, Python's own.
        other = "tracker" if any(b"resource_tracker" in part for part in command) else "loader"
        found[workers.get(int(child), other)] = int(child)
    return found


def resident_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def sample(at_s: float, before: PoolStatus, now: PoolStatus) -> Sample:
    earlier = {camera.camera: camera for camera in before.cameras()}
    pairs = [(earlier[camera.camera], camera) for camera in now.cameras()]
    counts = [
        sum(late.latency_counts[bucket] - early.latency_counts[bucket] for early, late in pairs)
        for bucket in range(len(pairs[0][0].latency_counts))
    ]
    analysed = sum(late.analysed - early.analysed for early, late in pairs)
    latency_s = sum(late.latency_sum_s - early.latency_sum_s for early, late in pairs)
    processes = processes_of(now)
    return Sample(
        at_s=at_s,
        resident_mib={name: resident_mib(each) for name, each in processes.items()},
        files={name: len(list(Path(f"/proc/{each}/fd").iterdir())) for name, each in processes.items()},
        latency_s=latency_s / analysed if analysed else None,
        p95_s=latency_quantile_s(counts, 0.95),
        dropped=sum(late.dropped - early.dropped for early, late in pairs),
        analysed=analysed,
    )


def run(directory: Path, seconds: float, cameras: int, fps: float, size: tuple[int, int]) -> list[Sample]:
    site, store = directory / "site.toml", directory / "store"
    site.write_text(site_text(make_clips(directory, size, fps, FLOWS_VPH), cameras, fps))
    samples: list[Sample] = []
    with running(directory, site, store, cameras, ["--device", "cpu"]) as spool:
        began_s, before = time.monotonic(), read_status(spool)
        while (at_s := time.monotonic() - began_s) < seconds:
            time.sleep(EVERY_S)
            now = read_status(spool)
            samples.append(sample(at_s + EVERY_S, before, now))
            before = now
    return samples


@dataclass(frozen=True)
class Drift:
    """Medians of a while after the start and of as long before the end."""

    name: str
    settled: float
    end: float

    @property
    def ratio(self) -> float:
        return self.end / self.settled if self.settled else 1.0


def drifts(samples: list[Sample]) -> tuple[list[Drift], list[Drift], Drift]:
    """Memory by process, files by process, and mean latency."""
    whole_s = samples[-1].at_s
    settled_s = SETTLED_S if whole_s > SETTLED_S / SHARE else whole_s * SHARE
    early = [each for each in samples if settled_s <= each.at_s <= 2 * settled_s]
    late = [each for each in samples if each.at_s >= whole_s - settled_s]
    names = [name for name in samples[-1].files if all(name in each.files for each in early)]
    return (
        [Drift(n, median(e.resident_mib[n] for e in early), median(e.resident_mib[n] for e in late)) for n in names],
        [Drift(n, median(e.files[n] for e in early), median(e.files[n] for e in late)) for n in names],
        Drift("latency", median(e.latency_s or 0.0 for e in early), median(e.latency_s or 0.0 for e in late)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0, metavar="N", help="how long (default: %(default)s)")
    parser.add_argument("--cameras", type=int, default=4, metavar="N", help="default: %(default)s")
    parser.add_argument("--fps", type=float, default=5.0, metavar="N", help="default: %(default)s")
    parser.add_argument("--size", default="640x360", metavar="WxH", help="default: %(default)s")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    with tempfile.TemporaryDirectory() as directory:
        samples = run(Path(directory), args.hours * 3600, args.cameras, args.fps, (width, height))
    memory, files, latency = drifts(samples)
    most_memory, most_files = (max(drift.ratio for drift in each) for each in (memory, files))
    flat = most_memory <= MOST_MEMORY and most_files <= MOST_FILES and latency.ratio <= MOST_LATENCY
    rows = [[f"{drift.name} MiB", drift.settled, drift.end, f"{drift.ratio:.2f}"] for drift in memory]
    rows += [[f"{drift.name} files", drift.settled, drift.end, f"{drift.ratio:.2f}"] for drift in files]
    rows += [["latency ms", 1000 * latency.settled, 1000 * latency.end, f"{latency.ratio:.2f}"]]
    analysed, dropped = sum(each.analysed for each in samples), sum(each.dropped for each in samples)
    publish(
        "soak",
        f"{args.cameras} cameras for {samples[-1].at_s / 3600:.2f} h, the end beside the settled state: memory at most "
        f"{most_memory:.2f} times (wanted: {MOST_MEMORY}), open files {most_files:.2f} (wanted: {MOST_FILES}), latency "
        f"{latency.ratio:.2f} (wanted: {MOST_LATENCY}); {dropped} of {analysed + dropped} frames dropped",
        table(["what", "settled", "at the end", "ratio"], rows),
        {
            "flat": flat,
            "memory": [asdict(drift) | {"ratio": drift.ratio} for drift in memory],
            "files": [asdict(drift) for drift in files],
            "latency": asdict(latency) | {"ratio": latency.ratio},
            "samples": [asdict(each) for each in samples],
        },
    )


if __name__ == "__main__":
    main()
