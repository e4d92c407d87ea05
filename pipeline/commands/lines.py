"""`simpang lines suggest`: counting lines for a camera, from a recording of it."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from pipeline.commands.arguments import RECORDED_FPS, add_model_arguments, offset_s
from pipeline.commands.footage import announced_detector, camera_named_after
from pipeline.count.recount import recount
from pipeline.count.suggest import suggest_lines
from pipeline.report.rows import text_table
from pipeline.runtime.observation import observe_paths
from pipeline.runtime.progress import Progress
from pipeline.source import open_source, redact
from pipeline.source.url import scheme_of
from pipeline.types import CountingLine, PathSample

DEFAULT_TO: Final = "0:05:00"


def add_lines_parser(commands: Any) -> None:
    """The arguments of `simpang lines`."""
    parser = commands.add_parser("lines", help="suggest counting lines for a camera")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    suggest = actions.add_parser("suggest", help="print lines for the site file, from the paths of vehicles")
    suggest.add_argument("video", metavar="VIDEO", help="a recording: a file, an http(s) URL, or sim:")
    suggest.add_argument("--from", dest="from_", metavar="TIME", help="begin this far into it (90 or 0:01:30)")
    suggest.add_argument("--to", metavar="TIME", help=f"end this far into it (default: {DEFAULT_TO})")
    add_model_arguments(suggest)
    suggest.set_defaults(run=run_suggest)


def run_suggest(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Print the lines as TOML, and on stderr what they count; returns the exit status."""
    to = args.to or (None if scheme_of(args.video) == "sim" else DEFAULT_TO)
    name = camera_named_after(args.video)
    from_s, to_s = (None if text is None else offset_s(text) for text in (args.from_, to))
    with (
        open_source(args.video, camera=name, start_at_ns=0, from_s=from_s, to_s=to_s, look_fps=RECORDED_FPS) as source,
        announced_detector(args) as detector,
        Progress("observe", source.frame_count_estimate) as progress,
    ):
        sample = observe_paths(source, name, detector, tell=lambda _: progress.advance())
    lines = suggest_lines(sample)
    print(f"{len(sample.paths)} vehicles in {sample.duration_s:.0f} s of {redact(args.video)}", file=sys.stderr)
    if not lines:
        print("too few of them follow one another for a line; observe a longer or busier piece", file=sys.stderr)
        return 0
    print(_table(sample, lines), file=sys.stderr)
    print("\n".join(_toml(line) for line in lines), end="")
    return 0


def _table(sample: PathSample, lines: Sequence[CountingLine]) -> str:
    found = Counter((crossing.line, crossing.direction) for crossing in recount(sample.paths, lines))
    rows = [
        {
            "line": line.name,
            "role": line.role,
            "forward": found[line.name, "forward"],
            "backward": found[line.name, "backward"],
        }
        for line in lines
    ]
    return text_table(pa.Table.from_pylist(rows))


def _toml(line: CountingLine) -> str:
    (x1, y1), (x2, y2) = line.start, line.end
    role = "" if line.role == "count" else f'role = "{line.role}"\n'
    return f'[[camera.line]]\nname = "{line.name}"\npoints = [[{x1:g}, {y1:g}], [{x2:g}, {y2:g}]]\n{role}'
