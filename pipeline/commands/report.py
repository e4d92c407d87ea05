"""`simpang report`: survey forms and summaries from the store, as XLSX, PDF or text."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from pipeline.commands.arguments import STORE_FORMS, check_place, instant_ns, store_password
from pipeline.config import GeometryConfig, SiteConfig, load_site
from pipeline.errors import InputError, StorageError
from pipeline.report.document import Document
from pipeline.report.forms import survey_document
from pipeline.report.pcu import Coefficients, read_coefficients
from pipeline.report.saturation import Approach, base_saturation_flow, city_size_factor, saturation_flow
from pipeline.report.summaries import STEPS, city_document, read_days, summary_document
from pipeline.report.survey import BIN, Camera, Query, find_camera, read_cameras, read_survey
from pipeline.report.text import document_text
from pipeline.report.words import LANGUAGES
from pipeline.sink.store import open_store
from pipeline.types import NS_PER_S

KINDS: Final = ("survey", *STEPS, "city")
LONGEST_SURVEY: Final = timedelta(days=7)
_SUFFIXES: Final = (".xlsx", ".pdf")


def add_report_parser(commands: Any) -> None:
    """The arguments of `simpang report`."""
    parser = commands.add_parser("report", help="survey forms and summaries as XLSX, PDF or text")
    parser.add_argument("--store", required=True, metavar="STORE", help=f"the store: {STORE_FORMS}")
    parser.add_argument(
        "--camera", action="append", default=[], metavar="ID", help="which camera; for city, several, or all without it"
    )
    parser.add_argument(
        "--from", dest="from_", required=True, metavar="ISO8601", help="begin, in the camera's time zone"
    )
    parser.add_argument("--to", required=True, metavar="ISO8601", help="end; what begins then is not in the report")
    parser.add_argument(
        "--kind",
        choices=KINDS,
        default="survey",
        help="survey: 15-minute turning counts (default); daily, weekly, monthly: summaries; city: compare cameras",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="a .xlsx or .pdf (default: text on standard output)")
    parser.add_argument("--facility", metavar="NAME", help="row of the coefficient table (default: the camera's)")
    parser.add_argument(
        "--pcu-version", metavar="NAME", help="version of the coefficient table (default: the camera's)"
    )
    parser.add_argument(
        "--site", type=Path, metavar="FILE.toml", help="site file with geometry, for saturation and delay"
    )
    parser.add_argument("--lang", choices=LANGUAGES, default="id", help="id: Indonesian (default); en: English")
    parser.set_defaults(run=run_report)


def run_report(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Write or print the report; returns the exit status."""
    if args.out is not None and args.out.suffix.lower() not in _SUFFIXES:
        raise InputError(f"--out {args.out} is neither .xlsx nor .pdf; name a file that ends in one of them")
    if args.out is not None:
        check_place(args.out, "--out")
    if args.kind != "city" and len(args.camera) != 1:
        raise InputError(f"a {args.kind} report is of one camera; name it with --camera, once")
    # The cameras' addresses are not needed here, and neither are the secrets that they name.
    site = None if args.site is None else load_site(args.site, environment, fill_urls=False)
    with open_store(args.store, create=False, password=store_password(environment)) as store:
        document = _document(args, store.query, site)
    if args.out is None:
        print(document_text(document), end="")
        return 0
    # Imported here: neither is needed for text, and together they take half a second.
    if args.out.suffix.lower() == ".xlsx":
        from pipeline.report.xlsx import xlsx_bytes as to_bytes
    else:
        from pipeline.report.pdf import pdf_bytes as to_bytes
    try:
        args.out.write_bytes(to_bytes(document))
    except OSError as error:
        raise StorageError(f"cannot write {args.out}: {error.strerror}; name another file with --out") from error
    return 0


def _document(args: argparse.Namespace, query: Query, site: SiteConfig | None) -> Document:
    if args.kind == "city":
        cameras = [find_camera(query, name) for name in args.camera] or read_cameras(query)
        if not cameras:
            raise InputError(f"the store {args.store} holds no counts; count or run into it first")
        compared = [
            (c, read_days(query, c, *_whole_days(args, c.zone)), _coefficients(args, query, c, site)) for c in cameras
        ]
        start, end = _whole_days(args, cameras[0].zone)
        return city_document(compared, start, end, args.lang)
    camera = find_camera(query, args.camera[0])
    coefficients = _coefficients(args, query, camera, site)
    if args.kind != "survey":
        days = read_days(query, camera, *_whole_days(args, camera.zone))
        return summary_document(camera, days, coefficients, args.kind, args.lang)
    start, end = _period(args, camera.zone)
    for name, moment in (("--from", start), ("--to", end)):
        if moment.timestamp() % BIN.total_seconds():
            raise InputError(f"{name} {moment.isoformat()} is not at a quarter of an hour; bins are 15 minutes")
    if end - start > LONGEST_SURVEY:
        raise InputError(
            f"a survey form is of at most {LONGEST_SURVEY.days} days, and --from to --to is {(end - start).days}; "
            "ask for less, or for --kind daily"
        )
    return survey_document(read_survey(query, camera, start, end), coefficients, args.lang, _geometry(site, camera))


def _period(args: argparse.Namespace, zone: ZoneInfo) -> tuple[datetime, datetime]:
    start, end = (datetime.fromtimestamp(instant_ns(text, zone) / NS_PER_S, zone) for text in (args.from_, args.to))
    if start >= end:
        raise InputError(f"--from {args.from_} is not before --to {args.to}; give a later --to")
    return start, end


def _whole_days(args: argparse.Namespace, zone: ZoneInfo) -> tuple[datetime, datetime]:
    start, end = _period(args, zone)
    for name, moment in (("--from", start), ("--to", end)):
        if moment.time() != time():
            raise InputError(f"{name} {moment.isoformat()} is not midnight; a {args.kind} report is of whole days")
    return start, end


def _coefficients(args: argparse.Namespace, query: Query, camera: Camera, site: SiteConfig | None) -> Coefficients:
    """Those that the arguments name, else the site file for a camera that it has, else the camera's in the store."""
    known = next((given for given in (site.camera if site else ()) if given.id == camera.id), camera)
    return read_coefficients(query, args.pcu_version or known.pcu_version, args.facility or known.facility)


def _geometry(site: SiteConfig | None, camera: Camera) -> list[Approach]:
    """The approaches whose geometry the site file gives. Raises InputError where it does not have the camera."""
    geometry = None if site is None else site.find_camera(camera.id).geometry
    return [] if geometry is None else known_approaches(geometry)


def known_approaches(geometry: GeometryConfig) -> list[Approach]:
    """What the report needs of a `[camera.geometry]`: capacities, or saturation flows with the signal's times."""
    found = []
    for given in geometry.approach:
        if given.capacity_smp_h is not None:
            found.append(Approach(given.approach, capacity_smp_h=given.capacity_smp_h))
            continue
        assert given.effective_width_m is not None or given.base_saturation_smp_h is not None
        base = given.base_saturation_smp_h or base_saturation_flow(given.effective_width_m or 0)
        city = city_size_factor(geometry.city_population) if geometry.city_population is not None else 1.0
        flow = saturation_flow(base, given.fhs, city, given.fg, given.fp, given.fbki, given.fbka)
        found.append(Approach(given.approach, saturation_smp_h=flow, green_s=given.green_s, cycle_s=geometry.cycle_s))
    return found
