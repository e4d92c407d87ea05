"""Degree of saturation, delay and level of service as a table whose formulas a planner can follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from pipeline.report.document import Cell, Column, Formula, Ref, Table
from pipeline.report.peaks import PeakHour
from pipeline.report.saturation import SERVICE_LEVELS, Approach, level_of_service, performance
from pipeline.report.turns import TURNS
from pipeline.report.words import Language, label, word

_KEY: Final = "saturation"
_Q, _J, _GREEN, _CYCLE, _C, _DJ, _TURNING, _DELAY, _SERVICE = range(1, 10)

_DELAY_FORMULA: Final = (
    # TLL, with NQ1 = 0.25 C (DJ - 1 + sqrt((DJ - 1)^2 + 8 (DJ - 0.5) / C)) where DJ > 0.5
    "{s}*0.5*(1-{g}/{s})^2/(1-{g}/{s}*MIN({d},1))+{nq1}*3600/{c}"
    # TG = (1 - RKH) P 6 + RKH 4, with RKH = min(1, 0.9 NQ / (q s) 3600)
    "+(1-{rkh})*{p}*6+{rkh}*4"
)


class PeakFlows(Protocol):
    """The form of one approach, as much of it as is needed here."""

    smp_column: int
    vehicles_column: int
    stream_columns: dict[str, tuple[int, ...]]

    def in_hour(self, column: int, peak: PeakHour) -> Ref:
        """The cells of a column in the peak hour."""
        ...

    def hour_sum(self, column: int, peak: PeakHour) -> float:
        """Their sum."""
        ...


def saturation_table(approaches: Sequence[tuple[Approach, PeakFlows]], peak: PeakHour, language: Language) -> Table:
    """A row an approach whose geometry is known, in the junction's peak hour."""
    forms = {"ratio": ("DJ", "PBelok"), "text": ("approach", "service")}
    keys = ("approach", "q", "J", "green", "cycle", "C", "DJ", "PBelok", "delay", "service")
    form_of = {key: form for form, names in forms.items() for key in names}
    return Table(
        key=_KEY,
        sheet=word("summary", language),
        title=word("saturation title", language),
        columns=tuple(
            Column(word(key, language), form_of.get(key, "decimal"), width=3 if key in ("approach", "service") else 2)  # type: ignore[arg-type]
            for key in keys
        ),
        rows=tuple(_row(index, *pair, peak, language) for index, pair in enumerate(approaches)),
        notes=(word("note saturation", language), word("note no turns", language)),
    )


def _row(index: int, approach: Approach, flows: PeakFlows, peak: PeakHour, language: Language) -> tuple[Cell, ...]:
    flow = flows.hour_sum(flows.smp_column, peak)
    capacity = approach.capacity()
    q = Formula(flow, "SUM({0})", (flows.in_hour(flows.smp_column, peak),))
    dj = Formula(flow / capacity, "{0}/{1}", (Ref(_KEY, _Q, index), Ref(_KEY, _C, index)))
    name = label(approach.approach, language)
    if approach.capacity_smp_h is not None:
        return (name, q, None, None, None, capacity, dj, None, None, None)
    given = (approach.saturation_smp_h, approach.green_s, approach.cycle_s)
    c = Formula(capacity, "{0}*{1}/{2}", tuple(Ref(_KEY, column, index) for column in (_J, _GREEN, _CYCLE)))
    turning = _turning(flows, peak)
    share = turning.value if isinstance(turning, Formula) else 0.0
    assert not isinstance(share, str)
    delay_s = performance(flow, approach, share).delay_s
    refs = {"q": _Q, "g": _GREEN, "s": _CYCLE, "c": _C, "d": _DJ, "p": _TURNING}
    return (
        name,
        q,
        *given,
        c,
        dj,
        turning,
        Formula(delay_s, _numbered(_delay_text(), refs), tuple(Ref(_KEY, column, index) for column in refs.values())),
        Formula(level_of_service(delay_s), _service_text(), (Ref(_KEY, _DELAY, index),)),
    )


def _turning(flows: PeakFlows, peak: PeakHour) -> Cell:
    """The share of left and right turns among the movements in the hour."""
    known = [turn for turn in TURNS if turn in flows.stream_columns]
    total = sum(flows.hour_sum(column, peak) for turn in known for column in flows.stream_columns[turn])
    turned = [turn for turn in known if turn in ("BKi", "BKa")]
    if not total or not turned:
        return 0.0
    value = sum(flows.hour_sum(column, peak) for turn in turned for column in flows.stream_columns[turn]) / total
    refs: list[Ref] = []
    places: dict[str, str] = {}
    for turn in known:
        places[turn] = f"SUM({{{len(refs)}}})"
        columns = flows.stream_columns[turn]
        refs.append(_block(flows.in_hour(columns[0], peak), columns[-1]))
    return Formula(value, f"({'+'.join(places[t] for t in turned)})/({'+'.join(places.values())})", tuple(refs))


def _block(ref: Ref, last_column: int) -> Ref:
    return Ref(ref.table, ref.column, ref.first, ref.last, last_column)


def _delay_text() -> str:
    nq1 = "IF({d}>0.5,0.25*{c}*({d}-1+SQRT(({d}-1)^2+8*({d}-0.5)/{c})),0)"
    nq = f"({nq1}+{{s}}*(1-{{g}}/{{s}})/(1-{{g}}/{{s}}*MIN({{d}},1))*{{q}}/3600)"
    rkh = f"IF({{q}}=0,0,MIN(1,0.9*{nq}*3600/({{q}}*{{s}})))"
    return _DELAY_FORMULA.replace("{nq1}", nq1).replace("{rkh}", rkh)


def _numbered(text: str, refs: dict[str, int]) -> str:
    for index, name in enumerate(refs):
        text = text.replace(f"{{{name}}}", f"{{{index}}}")
    return text


def _service_text() -> str:
    *bounded, (last, _) = SERVICE_LEVELS
    text = f'"{last}"'
    for level, limit in reversed(bounded):
        text = f'IF({{0}}<={limit:g},"{level}",{text})'
    return text
