"""`simpang report` as a planner runs it."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import openpyxl
import pypdf
import pytest

from pipeline.config import load_site
from pipeline.errors import InputError
from pipeline.sink.store import EmbeddedStore
from tests.commands.conftest import Simpang
from tests.report.junctions import CAMERA, fill_morning, passage, register, watched

OTHER = "kuaro-1"
DAY = ("--from", "2026-06-01", "--to", "2026-06-02")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The morning of `fill_morning`, and at another camera two whole days with one car an hour by day."""
    found = tmp_path_factory.mktemp("stores") / "two cameras"
    with EmbeddedStore(found) as store:
        fill_morning(store)
        register(store, OTHER)
        # From 16 h after 08:00 in Makassar, which is midnight, for two days.
        cars = [e for h in range(16, 64) for e in passage(3600 * h + 60, "U", "S", "car", h, OTHER)]
        store.insert([*watched(range(16 * 60, 64 * 60), OTHER), *cars])
    return found


def test_a_form_is_printed_in_indonesian_by_default(simpang: Simpang, path: Path) -> None:
    found = simpang("report", "--store", path, "--camera", CAMERA, *DAY)
    assert found.status == 0, found.err
    assert "Formulir survei" in found.out
    assert "Jumlah (tidak lengkap)" in found.out
    assert "Belok kiri (BKi)" in found.out


def test_the_site_file_chooses_the_coefficients(simpang: Simpang, path: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(f'[[camera]]\nid = "{CAMERA}"\nfacility = "signalised_opposed"\npcu_version = "MKJI 1997"\n')
    options = ("report", "--store", path, "--camera", CAMERA, *DAY, "--site", site)
    assert "MKJI 1997, signalised_opposed" in simpang(*options).out
    chosen = simpang(*options, "--pcu-version", "PKJI 2023", "--facility", "signalised_protected").out
    assert "PKJI 2023, signalised_protected" in chosen


def test_a_form_is_written_as_workbook_and_as_pages(simpang: Simpang, path: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(
        f'[[camera]]\nid = "{CAMERA}"\nurl = "rtsp://$NOT_IN_THE_ENVIRONMENT@host/1"\n'
        "[camera.geometry]\ncycle_s = 90\ncity_population = 300000\n"
        '[[camera.geometry.approach]]\napproach = "U"\neffective_width_m = 3.0\ngreen_s = 20\nfhs = 0.95\n'
        '[[camera.geometry.approach]]\napproach = "B"\ncapacity_smp_h = 400\n'
    )
    for suffix in ("xlsx", "pdf"):
        options = ("--camera", CAMERA, *DAY, "--lang", "en", "--site", site, "--out", tmp_path / f"form.{suffix}")
        assert simpang("report", "--store", path, *options).status == 0
    summary = openpyxl.load_workbook(tmp_path / "form.xlsx", data_only=True)["Summary"]
    rows = [row for row in summary.iter_rows(values_only=True) if row[0] in ("North (U)", "West (B)")]
    north, west = rows[-2:]
    # J = 600 x 3.0 x 0.95 (FHS) x 0.90 (a city of 300,000), C = J x 20 / 90
    assert north[2] == pytest.approx(1539.0)
    assert north[5:7] == (pytest.approx(342.0), pytest.approx(25 / 342))
    assert west[5:7] == (400, pytest.approx(5.2 / 400))
    assert west[8] is None
    pages = pypdf.PdfReader(io.BytesIO((tmp_path / "form.pdf").read_bytes())).pages
    assert "Degree of saturation" in pages[0].extract_text()


@pytest.mark.parametrize(
    ("kind", "first", "days"), [("daily", "2026-06-02", 1), ("weekly", "2026-06-01", 2), ("monthly", "2026-06", 2)]
)
def test_summaries_add_whole_days(
    simpang: Simpang, path: Path, tmp_path: Path, kind: str, first: str, days: int
) -> None:
    out = tmp_path / "summary.xlsx"
    period = ("--from", "2026-06-02", "--to", "2026-06-05", "--lang", "en", "--out", out)
    assert simpang("report", "--store", path, "--camera", OTHER, "--kind", kind, *period).status == 0
    sheet = openpyxl.load_workbook(out, data_only=True).worksheets[0]
    row = next(row for row in sheet.iter_rows(values_only=True) if row[0] == first)
    assert row[3:10] == (0, 24 * days, 0, 0, 0, 24 * days, 24.0 * days)
    if kind == "daily":
        assert row[1:3] == ("complete", "100%")
        # One car in each hour: the earliest of equal hours, and all of it in one of its quarters.
        assert row[10:13] == ("00:00", 1, 0.25)
    else:
        # Two complete days of three; the third was not watched and is not in the mean.
        assert row[1:3] == ("partial", "67%")
        assert row[10:13] == (2, 24.0, 24.0)


def test_a_day_that_nobody_watched_is_blank(simpang: Simpang, path: Path, tmp_path: Path) -> None:
    out = tmp_path / "daily.xlsx"
    period = ("--from", "2026-06-02", "--to", "2026-06-05", "--lang", "en", "--out", out)
    assert simpang("report", "--store", path, "--camera", OTHER, "--kind", "daily", *period).status == 0
    rows = list(openpyxl.load_workbook(out, data_only=True).worksheets[0].iter_rows(values_only=True))
    assert next(row for row in rows if row[0] == "2026-06-04")[1:] == ("missed", "0%", *[None] * 10)
    assert next(row for row in rows if str(row[0]).startswith("Total"))[:2] == ("Total (incomplete)", None)


def test_cameras_of_a_city_stand_beside_one_another(simpang: Simpang, path: Path) -> None:
    found = simpang(
        "report", "--store", path, "--kind", "city", "--from", "2026-06-01", "--to", "2026-06-04", "--lang", "en"
    )
    assert found.status == 0, found.err
    lines = [line for line in found.out.splitlines() if line.startswith((CAMERA, OTHER))]
    # Who has a complete day comes first; the other has no mean day.
    assert [line.split()[0] for line in lines] == [OTHER, CAMERA]
    assert "24.0" in lines[0]
    assert str(date(2026, 6, 1)) in lines[1]


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--camera", "other", *DAY), ("'other'", CAMERA)),
        ((*DAY,), ("--camera",)),
        (("--camera", CAMERA, "--from", "2026-06-02", "--to", "2026-06-01"), ("2026-06-02", "--to")),
        (("--camera", CAMERA, "--from", "2026-06-01T08:05", "--to", "2026-06-02"), ("08:05", "quarter")),
        (("--camera", CAMERA, "--from", "2026-06-01", "--to", "2026-07-01"), ("7 days", "30", "--kind daily")),
        (
            ("--camera", CAMERA, "--kind", "daily", "--from", "2026-06-01T06:00", "--to", "2026-07-01"),
            ("06:00", "midnight"),
        ),
        (("--kind", "city", "--from", "2026-06-01", "--to", "2026-06-01T12:00"), ("12:00", "whole days")),
        (("--camera", CAMERA, *DAY, "--out", "form.docx"), ("form.docx", ".xlsx")),
        (("--camera", CAMERA, *DAY, "--facility", "roundabout"), ("'roundabout'", "signalised_opposed")),
        (("--camera", CAMERA, "--from", "monday", "--to", "2026-07-01"), ("'monday'", "ISO 8601")),
    ],
)
def test_what_cannot_be_reported_is_refused_in_one_sentence(
    simpang: Simpang, path: Path, options: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    found = simpang("report", "--store", path, *options)
    assert found.status == 2, found
    assert found.out == ""
    assert all(part in found.sentence for part in parts), found.sentence


@pytest.mark.parametrize(
    ("geometry", "part"),
    [
        ('[[camera.geometry.approach]]\napproach = "U"\n', "needs one of"),
        ('[[camera.geometry.approach]]\napproach = "U"\neffective_width_m = 3\n', "green_s"),
        (
            'cycle_s = 20\n[[camera.geometry.approach]]\napproach = "U"\neffective_width_m = 3\ngreen_s = 20\n',
            "cycle_s",
        ),
        (
            '[[camera.geometry.approach]]\napproach = "X"\ncapacity_smp_h = 3\n',
            "camera[0].geometry.approach[0].approach",
        ),
    ],
)
def test_a_geometry_that_makes_no_capacity_is_refused(tmp_path: Path, geometry: str, part: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text('[[camera]]\nid = "a"\n[camera.geometry]\n' + geometry)
    with pytest.raises(InputError) as caught:
        load_site(path, {})
    assert part in str(caught.value)
