"""How well does Simpang count real clips and simulated scenes, class by class, and what goes wrong?

    python -m benchmarks.accuracy_tables [--clips DIR] [--model PATH] [--only real|simulated] [--wrong DIR] [--no-count]

Runs `simpang eval` on each truth, records what the regression gate compares with (`tests/baselines`), and rewrites the
tables of docs/accuracy.md; `accuracy_peers` and `accuracy_speed` rewrite theirs. `--no-count` only rewrites the tables.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks._report import RESULTS, ROOT, SHARED, give_up, publish, table
from benchmarks.accuracy_cameras import of_cameras, wape_interval
from pipeline.__main__ import main as simpang
from pipeline.report.accuracy_causes import CAUSES

NAME: Final = "accuracy_tables"
DOCUMENT: Final = ROOT / "docs/accuracy.md"
BASELINES: Final = ROOT / "tests/baselines"

MEASURES: Final = {
    "true": "true",
    "counted": "counted",
    "wape": "WAPE",
    "geh": "GEH",
    "effectiveness": "effectiveness",
    "precision": "precision",
    "recall": "recall",
}
"""Key of a score, and its head in a table."""


@dataclass(frozen=True, slots=True)
class Case:
    """A truth to be counted against, and where its baseline is kept."""

    name: str
    truths: tuple[Path, ...]
    """Those that exist are put together."""

    @property
    def baseline(self) -> Path:
        return BASELINES / f"{self.name}.json"

    @property
    def found(self) -> list[Path]:
        return [path for path in self.truths if path.exists()]


REAL: Final = Case("real", (SHARED / "data/truth.json", ROOT / "benchmarks/truth_further.json"))
"""Real clips; the first file lies beside the clips, the second has further lines on them."""
SIMULATED: Final = Case("simulated", (BASELINES / "simulated_truth.json",))
CASES: Final = (REAL, SIMULATED)


def count(case: Case, clips: Path, model: str | None, wrong: Path) -> dict[str, Any]:
    """The report of `simpang eval`, with how often each cause of a wrong count was found; records the baseline."""
    said, page = io.StringIO(), wrong / case.name
    arguments = ["eval", *map(str, case.found), "--clips", str(clips), "--format", "json", "--wrong", str(page)]
    arguments += ["--device", "cpu", *(["--model", model] if model else ["--save-baseline", str(case.baseline)])]
    with contextlib.redirect_stdout(said):
        if status := simpang(arguments):
            raise SystemExit(status)
    mistakes = json.loads((page / "index.json").read_text())["mistakes"]
    causes = {
        cause: {kind: sum(m["kind"] == kind and m["finding"]["cause"] == cause for m in mistakes) for kind in KINDS}
        for cause in CAUSES
    }
    return json.loads(said.getvalue()) | {"causes": causes, "truths": [path.name for path in case.found]}


KINDS: Final = ("missed", "class wrong", "false")


def score_table(scores: Mapping[str, Mapping[str, Any]], head: str) -> str:
    """Markdown: a row for each score."""
    return markdown([head, *MEASURES.values()], [[name, *(s[key] for key in MEASURES)] for name, s in scores.items()])


def case_tables(report: Mapping[str, Any]) -> str:
    """Markdown: by class, by clip, and by cause."""
    everything = {"**all**": report["overall"]}
    causes = {cause: kinds for cause, kinds in report["causes"].items() if any(kinds.values())}
    rows = [[cause, *(kinds[kind] for kind in KINDS), CAUSES[cause]] for cause, kinds in causes.items()]
    tables = [score_table(report["classes"] | everything, "class"), score_table(report["clips"], "clip")]
    if rows:
        tables.append(markdown(["cause", *KINDS, "meaning"], rows))
    if "model" in report:
        tables.insert(0, f"Model {report['model']}, weights `{report['model_digest'][:12]}`.")
    return "\n\n".join(tables)


def camera_tables(report: Mapping[str, Any]) -> str:
    """Markdown: each camera beside all others, and between what another set of such cameras would lie."""
    cameras = of_cameras(report["clips"])
    rows = [[c.name, c.clips, c.true, c.wape, c.wape_of_others] for c in cameras]
    low, high = wape_interval(cameras)
    drawn = f"Were {len(cameras)} other such cameras drawn, nine times in ten their WAPE would lie between"
    table_of_cameras = markdown(["camera", "clips", "true", "WAPE", "WAPE of the others"], rows)
    return f"{table_of_cameras}\n\n{drawn} {low:.3f} and {high:.3f}."


def peer_tables(results: Mapping[str, Any]) -> str:
    rows = []
    for entry in results["counters"]:
        overall, motorcycles = entry["overall"], entry["classes"].get("motorcycle", {})
        figures = [overall[key] for key in ("wape", "effectiveness", "precision", "recall")]
        rows.append([entry["counter"], entry["model"], *figures, motorcycles.get("wape"), motorcycles.get("recall")])
    head = ["counter", "model", "WAPE", "effectiveness", "precision", "recall", "motorcycle WAPE", "motorcycle recall"]
    return markdown(head, rows)


def speed_tables(results: Mapping[str, Any]) -> str:
    rows = [
        [
            f"**{point['model']}, {point['input']}** (default)"
            if point["default"]
            else f"{point['model']}, {point['input']}",
            round(point["detector_fps"]),
            *(point["overall"][key] for key in ("wape", "precision", "recall")),
            (point["motorcycle"] or {}).get("wape"),
            (point["motorcycle"] or {}).get("recall"),
        ]
        for point in results["points"]
    ]
    head = ["model, input", "frames/s", "WAPE", "precision", "recall", "motorcycle WAPE", "motorcycle recall"]
    return f"{markdown(head, rows)}\n\n{results['headline']} ({results['machine']['cpu']})."


def markdown(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    words = [any(isinstance(row[column], str) for row in rows) for column in range(len(head))]
    lines = ["| " + " | ".join(head) + " |", "|" + "".join("---|" if left else "---:|" for left in words)]
    return "\n".join([*lines, *("| " + " | ".join(map(_shown, row)) + " |" for row in rows)])


def with_tables(document: str, name: str, tables: str) -> str:
    """The document with what stands between the marks of that name replaced."""
    begin, end = f"<!-- {name}: begin, written by benchmarks.accuracy_tables -->", f"<!-- {name}: end -->"
    pattern = f"{re.escape(begin)}.*?{re.escape(end)}"
    text, found = re.subn(pattern, lambda _: f"{begin}\n{tables}\n{end}", document, flags=re.DOTALL)
    if found != 1:
        raise ValueError(f"the document must hold {begin!r} and {end!r} once, in this order")
    return text


def up_to_date(text: str) -> str:
    """The document with the tables of all results that there are."""
    for name, report in reports_before().items():
        text = with_tables(text, name, case_tables(report))
        if name == REAL.name:
            text = with_tables(text, "cameras", camera_tables(report))
    for name, tables in (("accuracy_peers", peer_tables), ("accuracy_speed", speed_tables)):
        if (path := RESULTS / f"{name}.json").exists():
            text = with_tables(text, name, tables(json.loads(path.read_text())))
    return text


def write_document() -> None:
    """Bring docs/accuracy.md up to date with the results that there are."""
    DOCUMENT.write_text(up_to_date(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


def reports_before() -> dict[str, Any]:
    """What earlier runs found, by case."""
    path = RESULTS / f"{NAME}.json"
    return dict(json.loads(path.read_text())["reports"]) if path.exists() else {}


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return (
        f"{value:.3f}"
        if isinstance(value, float) and abs(value) < 10
        else f"{value:.1f}"
        if isinstance(value, float)
        else str(value).replace("|", "\\|")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=SHARED / "data/clips", metavar="DIR", help="the real clips")
    parser.add_argument("--model", metavar="PATH", help="another model; then no baseline is recorded")
    parser.add_argument("--only", choices=[case.name for case in CASES], help="leave the others as they were")
    parser.add_argument("--wrong", type=Path, metavar="DIR", help="keep the pages that show each wrong count")
    parser.add_argument("--no-count", action="store_true", help="rewrite the tables from earlier results")
    args = parser.parse_args()
    reports = reports_before()
    wanted = [] if args.no_count else [case for case in CASES if args.only in (None, case.name)]
    if args.only == REAL.name and not args.clips.is_dir():
        give_up(f"no clips at {args.clips}: give --clips DIR")
    with tempfile.TemporaryDirectory() as scratch:
        for case in wanted:
            if case is not REAL or args.clips.is_dir():
                reports[case.name] = count(case, args.clips, args.model, args.wrong or Path(scratch))
    if wanted:
        publish(
            NAME,
            "; ".join(
                f"{name}: WAPE {report['overall']['wape']:.3f}, of motorcycles "
                f"{report['classes']['motorcycle']['wape']:.3f}, {report['overall']['true']} vehicles"
                for name, report in reports.items()
            ),
            table(
                ["", *MEASURES.values()],
                [
                    [f"{name}, {group}", *(score[key] for key in MEASURES)]
                    for name, report in reports.items()
                    for group, score in (report["classes"] | {"all": report["overall"]}).items()
                ],
            ),
            {"reports": reports},
        )
    write_document()


if __name__ == "__main__":
    main()
