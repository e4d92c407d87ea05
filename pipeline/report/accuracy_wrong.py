"""Where it went wrong: a page of every wrong count, with its cause and its pictures."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Final

import cv2
from tabulate import tabulate

from pipeline.errors import StorageError
from pipeline.report.accuracy import AccuracyReport
from pipeline.report.accuracy_causes import CAUSES, Mistake, explain
from pipeline.report.accuracy_evidence import Evidence
from pipeline.report.accuracy_strips import draw_strips, plan_strip
from pipeline.source import FrameSource
from pipeline.types import Image

_HEAD: Final = ["cause", "missed", "wrong class", "false", "all", "of motorcycles"]

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; color: #1a1a1a; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .25rem .8rem; border-bottom: 1px solid #ccc; text-align: right; }
th:first-child, td:first-child, th:last-child, td:last-child { text-align: left; }
article { border-top: 2px solid #888; margin-top: 2rem; padding-top: .5rem; }
h2 { font-size: 1.1rem; margin: .3rem 0; }
.cause { background: #d55e00; color: #fff; border-radius: .3rem; padding: .1rem .5rem; }
img { max-width: 100%; height: auto; }
"""


def find_causes(report: AccuracyReport, evidence: Mapping[str, Evidence]) -> list[Mistake]:
    """Every wrong count of the report with its cause; `evidence` is by clip."""
    return [mistake for line in report.lines for mistake in explain(line, evidence[line.clip])]


def cause_rows(mistakes: Sequence[Mistake]) -> list[list[str | int]]:
    """For each cause that occurs: how many were missed, of wrong class, false, all of them, and of motorcycles."""
    rows: list[list[str | int]] = []
    for cause in CAUSES:
        found = [mistake for mistake in mistakes if mistake.finding.cause == cause]
        kinds = [sum(mistake.kind == kind for mistake in found) for kind in ("missed", "class wrong", "false")]
        if found:
            rows.append([cause, *kinds, len(found), sum(mistake.vehicle_class == "motorcycle" for mistake in found)])
    return sorted(rows, key=lambda row: -int(row[4]))


def cause_table(mistakes: Sequence[Mistake]) -> str:
    """The same as an aligned table, the most frequent cause first."""
    return tabulate(cause_rows(mistakes), headers=_HEAD, tablefmt="simple")


def write_wrong(
    folder: Path,
    report: AccuracyReport,
    evidence: Mapping[str, Evidence],
    open_clip: Callable[[str], AbstractContextManager[FrameSource]],
) -> list[Mistake]:
    """Write `index.html`, `index.json` and a strip of pictures for each wrong count into `folder`.

    The page holds its pictures and needs nothing beside it. `open_clip` opens a clip by name, to be read once more.
    Raises StorageError where something cannot be written.
    """
    mistakes = find_causes(report, evidence)
    lines = {(line.clip, line.line.name): line.line for line in report.lines}
    names = {id(mistake): f"{number:03d}.jpg" for number, mistake in enumerate(mistakes, 1)}
    pictures: dict[str, bytes] = {}
    for clip in dict.fromkeys(mistake.clip for mistake in mistakes):
        with open_clip(clip) as source:
            plans = [
                plan_strip(mistake, lines[clip, mistake.line], source.size, evidence[clip])
                for mistake in mistakes
                if mistake.clip == clip
            ]
            for plan, picture in draw_strips(source, [plan for plan in plans if plan], evidence[clip]):
                pictures[names[id(plan.mistake)]] = _jpeg(picture)
    entries = [(mistake, names[id(mistake)]) for mistake in mistakes]
    index = [asdict(mistake) | {"strip": name if name in pictures else None} for mistake, name in entries]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in pictures.items():
            (folder / name).write_bytes(content)
        (folder / "index.json").write_text(json.dumps({"causes": CAUSES, "mistakes": index}, indent=1) + "\n")
        (folder / "index.html").write_text(_page(entries, pictures), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror}; name another folder") from error
    return mistakes


def _jpeg(picture: Image) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def _page(entries: Sequence[tuple[Mistake, str]], pictures: Mapping[str, bytes]) -> str:
    rows = cause_rows([mistake for mistake, _ in entries])
    body = "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}<td>{escape(CAUSES[str(row[0])])}</td></tr>\n"  # type: ignore[index]
        for row in rows
    )
    head = "".join(f"<th>{name}</th>" for name in [*_HEAD, "meaning"])
    articles = "".join(_article(mistake, name, pictures.get(name)) for mistake, name in entries)
    nothing = "" if entries else "<p>Nothing: every vehicle was counted, once and under its class.</p>"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Where it went wrong</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>Where it went wrong</h1>\n{nothing}"
        f"<table><tr>{head}</tr>\n{body}</table>\n"
        "<p>Pictures are from one second before to one second after. The white line is the counting line. Boxes are"
        " detections in the colour of their class, with the number of the track that took them and their confidence;"
        " thick ones are what the entry is about.</p>\n"
        f"{articles}</body></html>\n"
    )


def _article(mistake: Mistake, name: str, picture: bytes | None) -> str:
    what = {
        "missed": f"missed {mistake.vehicle_class}",
        "class wrong": f"{mistake.vehicle_class} counted as {mistake.counted_as}",
        "false": f"false {mistake.vehicle_class}",
    }[mistake.kind]
    when = f"frame {mistake.frame:.0f}" if mistake.frame is not None else "time unknown"
    if mistake.window is not None:
        when = f"frames {mistake.window.first} to {'the end' if mistake.window.last is None else mistake.window.last}"
    image = ""
    if picture is not None:
        data = base64.b64encode(picture).decode()
        image = f'<img alt="{escape(what)}, {when}" src="data:image/jpeg;base64,{data}">'
    return (
        f'<article id="{name.removesuffix(".jpg")}"><h2>{escape(mistake.clip)}, line {escape(mistake.line)}'
        f" {mistake.direction}: {escape(what)}, {when}</h2>\n"
        f'<p><span class="cause">{mistake.finding.cause}</span> {escape(mistake.finding.why)}</p>\n{image}</article>\n'
    )
