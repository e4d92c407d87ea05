"""SMP (satuan mobil penumpang, passenger-car units) by a versioned table of coefficients (emp)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.errors import InputError
from pipeline.report.document import Cell, Column, Formula, Ref, Table, number_of
from pipeline.report.survey import Query
from pipeline.report.words import Language, word
from pipeline.types import VEHICLE_CLASSES

COEFFICIENTS_KEY: Final = "coefficients"
_EMP_COLUMN: Final = 2


@dataclass(frozen=True, slots=True)
class Coefficient:
    """The emp of one class, and where it is from."""

    vehicle_class: str
    pkji_class: str
    emp: float
    source: str


@dataclass(frozen=True, slots=True)
class Coefficients:
    """One facility of one version of the table; a class that is not in it (bicycles) is not part of SMP."""

    version: str
    facility: str
    rows: tuple[Coefficient, ...]

    def smp(self, counts: Mapping[str, int]) -> float:
        """The sum over classes of vehicles times emp."""
        return sum(counts[row.vehicle_class] * row.emp for row in self.rows)

    def cell(self, key: str, row: int, columns: Mapping[str, tuple[int, ...]], cells: tuple[Cell, ...]) -> Cell:
        """SMP of one row of the table `key`, whose classes stand in `columns`; blank where a count is."""
        terms: list[str] = []
        refs: list[Ref] = []
        total = 0.0
        for index, coefficient in enumerate(self.rows):
            for column in columns[coefficient.vehicle_class]:
                number = number_of(cells[column])
                if number is None:
                    return None
                terms.append(f"{{{len(refs)}}}*{{{len(refs) + 1}}}")
                refs += [Ref(key, column, row), Ref(COEFFICIENTS_KEY, _EMP_COLUMN, index)]
                total += number * coefficient.emp
        return Formula(total, "+".join(terms), tuple(refs))

    def table(self, language: Language) -> Table:
        """The coefficients with their sources; the formulas of the other tables refer to it."""
        return Table(
            key=COEFFICIENTS_KEY,
            sheet=word("coefficients", language),
            title=f"{word('coefficients', language)}: {self.version}, {self.facility}",
            columns=(
                Column(word("class", language), width=2),
                Column(word("pkji class", language), width=2),
                Column(word("factor", language), "ratio", width=2),
                Column(word("source", language), width=14),
            ),
            rows=tuple((word(r.vehicle_class, language), r.pkji_class, r.emp, r.source) for r in self.rows),
            notes=(word("note smp", language),),
        )


def read_coefficients(query: Query, version: str, facility: str) -> Coefficients:
    """One facility's coefficients. Raises InputError that lists those of the version where there is none such."""
    rows = query(
        "SELECT facility, class, pkji_class, emp, source FROM pcu_coefficients WHERE version = {version:String}",
        {"version": version},
    ).to_pylist()
    own = {row["class"]: row for row in rows if row["facility"] == facility}
    if not own:
        known = ", ".join(sorted({row["facility"] for row in rows}))
        raise InputError(f"there are no coefficients of {version} for {facility!r}; --facility can be: {known}")
    return Coefficients(
        version,
        facility,
        tuple(
            Coefficient(name, own[name]["pkji_class"], own[name]["emp"], own[name]["source"])
            for name in VEHICLE_CLASSES
            if name in own
        ),
    )
