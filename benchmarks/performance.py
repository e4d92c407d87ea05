"""Bring docs/performance.md and the README's figures up to date with the results that there are.

    python -m benchmarks.performance

Every figure there between two marks, as in `<!--rates-->...<!--/rates-->`, is put there by this command from
`benchmarks/results/`; none is typed. A result that is not there yet reads "not run yet". Also draws where the CPU's
time goes, and how many cores a city takes at the density that `benchmarks.live` measured.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks._report import BUSY_ABOVE, RESULTS, ROOT
from benchmarks._stages import STAGES

PAGE: Final = ROOT / "docs/performance.md"
README: Final = ROOT / "README.md"
PICTURE: Final = ROOT / "docs/images/stages.png"
NOT_RUN: Final = "not run yet"
FLEETS: Final = (28, 280, 2800)
"""Cameras of a regency, of a province, and of ten."""
MACHINE_CORES: Final = 16
"""Of the machine that the model counts in."""
SPARE: Final = 0.2
"""Of a machine's cores: for the loader, the store and the loss of one machine in ten."""

Result = Mapping[str, Any]


def result_of(name: str) -> Result | None:
    path = RESULTS / f"{name}.json"
    return dict(json.loads(path.read_text())) if path.exists() else None


def table(head: list[str], rows: list[list[object]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *([_shown(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(result: Result) -> str:
    here = result["machine"]
    packages = ", ".join(
        f"{name} {version}" for name, version in here["packages"].items() if name in ("av", "openvino")
    )
    busy = f" The machine was busy (load {here['load_at_start']:g}), so rates say little." if _is_busy(result) else ""
    return (
        f"{here['cpu']}, {here['cores']} cores ({', '.join(here['instruction_sets'])}), Python {here['python']}, "
        f"{packages}; {result['at'][:10]}.{busy}"
    )


def rates(result: Result) -> str:
    rows = [
        [
            name,
            result["peer_inputs"].get(name, "-"),
            _median(values),
            min(values),
            max(values),
            result["cpu_ms_per_frame"].get(name, "-"),
        ]
        for name, values in result["frames_per_second"].items()
    ]
    return (
        f"{machine(result)}\n\n{table(['frames a second', 'input', 'median', 'least', 'most', 'CPU ms a frame'], rows)}"
    )


def ratios(result: Result) -> str:
    rows = [[name, ratio["measured"], ratio["wanted"]] for name, ratio in result["ratios"].items()]
    return table(["`simpang count` as a multiple of", "measured", "wanted"], rows)


def stages(result: Result) -> str:
    spent = {name: result["cpu_ms_per_frame"][name] for name in STAGES}
    total = sum(spent.values())
    draw_stages(spent)
    rows: list[list[object]] = [[name, ms, f"{ms / total:.1%}"] for name, ms in spent.items()]
    return (
        f"![CPU milliseconds a frame by stage](images/{PICTURE.name})\n\n"
        + table(["stage", "CPU ms a frame", "share"], [*rows, ["together", total, "100 %"]])
        + f"\n\nInput {result['input_size']}, model {result['model']}."
    )


def flame(result: Result) -> str:
    spent = result["cpu_ms_by_thread"]
    total = sum(spent.values())
    rows: list[list[object]] = [[name, ms, f"{ms / total:.1%}"] for name, ms in spent.items()]
    return (
        f"{machine(result)}\n\n[![CPU milliseconds a frame by stack](images/flame.svg)](images/flame.svg)\n\n"
        + table(["threads", "CPU ms a frame", "share"], [*rows, ["together", total, "100 %"]])
        + f"\n\n{result['cameras']} cameras {result['size']} at {result['fps']:g} fps."
    )


def stillness(result: Result) -> str:
    rows = [
        [
            row["scene"],
            row["frames"],
            f"{row['still_share']:.0%}",
            f"{row['cpu_share']:.0%}",
            row["crossings"],
            row["different"],
        ]
        for row in result["outcomes"]
    ]
    head = ["scene", "frames", "not looked at", "CPU, of looking at all", "crossings", "that differ"]
    return f"{machine(result)}\n\n{table(head, rows)}"


def picture_rates(result: Result) -> str:
    rows = [
        [
            row["footage"],
            row["rate"],
            f"{row['looked_at']:.0%}",
            *(f"{row[measure]:.3f}" for measure in ("wape", "precision", "recall", "motorcycle_wape")),
        ]
        for row in result["rows"]
    ]
    head = ["footage", "pictures a second", "looked at", "WAPE", "precision", "recall", "motorcycle WAPE"]
    return table(head, rows) + f"\n\nModel {result['model']}; {result['vehicles']}."


def live(result: Result) -> str:
    rows = [
        [
            row["cameras"],
            row["workers"],
            row["analysed_per_s"],
            f"{row['still_share']:.0%}",
            f"{row['dropped_share']:.2%}",
            "-" if row["p95_s"] is None else f"< {row['p95_s']:g}",
            f"{row['detail']:.0%}",
            row["cpu_ms"],
            row["resident_mib"],
            "yes" if row["carried"] else "no",
        ]
        for row in result["results"]
    ]
    head = ["cameras", "workers", "frames/s", "still", "dropped", "p95 s", "detail", "CPU ms a frame", "MiB", "carried"]
    return f"{machine(result)}\n\n{result['headline']}.\n\n{table(head, rows)}"


def fleets(result: Result) -> str:
    carried, cores = result["carried"]["measured"], result["cores"]
    if not carried:
        return "no number of cameras was carried, so there is nothing to reckon with"
    rows = []
    for cameras in FLEETS:
        needed = cores_for(cameras, carried, cores)
        rows.append([cameras, needed, math.ceil(needed / MACHINE_CORES)])
    return f"From {carried} cameras on {cores} cores:\n\n" + table(
        ["cameras", "cores", f"machines of {MACHINE_CORES} cores"], rows
    )


def dashboard(result: Result) -> str:
    rows = [
        [name, row["n"], *(f"{row[measure]:.3f}" for measure in ("median_s", "p95_s", "most_s"))]
        for name, row in result["measured"].items()
    ]
    head = ["", "n", "median s", "p95 s", "most s"]
    return f"{machine(result)}\n\n{result['headline']}.\n\n{table(head, rows)}"


def soak(result: Result) -> str:
    parts = (("MiB", 1, result["memory"]), ("open files", 1, result["files"]), ("ms", 1000, [result["latency"]]))
    rows: list[list[object]] = [
        [f"{drift['name']}, {unit}", scale * drift["settled"], scale * drift["end"], drift["end"] / drift["settled"]]
        for unit, scale, drifts in parts
        for drift in drifts
    ]
    head = ["", "after five minutes", "at the end", "end / then"]
    return f"{machine(result)}\n\n{result['headline']}.\n\n{table(head, rows)}"


def glance(speed: Result) -> str:
    """For somebody who has not decided yet to read on: a line for each promise, where it was measured."""
    rates = {name: _median(values) for name, values in speed["frames_per_second"].items()}
    default = next(name for name in rates if name.startswith("ObjectCounter"))
    counted = rates["simpang count, all frames"]
    rows: list[list[object]] = [
        [
            "recorded footage, 720p, 25 frames a second",
            f"{counted:.0f} frames/s, {counted / rates[default]:.1f} times Ultralytics ObjectCounter, same weights",
        ]
    ]
    if live_cameras := result_of("live"):
        carried = live_cameras["carried"]["measured"]
        rows.append([f"live cameras, {live_cameras['size']} at {live_cameras['fps']} fps", str(carried)])
    if accuracy := result_of("accuracy_tables"):
        real = accuracy["reports"]["real"]
        motorcycles = real["classes"]["motorcycle"]["wape"]
        rows.append(
            [
                f"{real['overall']['true']} vehicles counted by hand on {len(real['clips'])} clips",
                f"WAPE {real['overall']['wape']:.3f}, of motorcycles {motorcycles:.3f}",
            ]
        )
    if latency := result_of("latency"):
        rows.append(["from a crossing to the answer that has it, 99 of 100", f"{latency['p99_s']:.2f} s"])
    if kills := result_of("kills"):
        rows.append(
            [
                f"worker killed {kills['kills']} times",
                f"{kills['missing']} of {kills['expected']} crossings missing, {kills['extra']} twice",
            ]
        )
    if year := result_of("year"):
        month_s = year["queries_by_months"]["12"]["city_month"]["wall_s"]
        millions = year["rows"]["crossing_events"] / 1e6
        rows.append(
            [f"a month of 28 cameras in 15-minute bins, out of {millions:.0f} million crossings", f"{month_s:.2f} s"]
        )
    return table([f"measured on {speed['machine']['cores']} CPU cores", ""], rows)


def cores_for(cameras: int, carried: int, cores: int) -> int:
    """Cores for so many cameras, where `cores` carried `carried`: workers share nothing, so they add up."""
    return math.ceil(cameras * cores / carried / (1 - SPARE))


BLOCKS: Final[Mapping[str, tuple[str, Callable[[Result], str]]]] = {
    "glance": ("speed", glance),
    "rates": ("speed", rates),
    "ratios": ("speed", ratios),
    "stages": ("speed", stages),
    "flame": ("flame", flame),
    "stillness": ("stillness", stillness),
    "picture_rates": ("picture_rates", picture_rates),
    "live": ("live", live),
    "fleets": ("live", fleets),
    "scale": ("live_scale", live),
    "soak": ("soak", soak),
    "dashboard": ("dashboard", dashboard),
}


NEEDED: Final = {
    "glance": "peer_inputs",
    "rates": "peer_inputs",
    "ratios": "peer_inputs",
    "stages": "cpu_ms_per_frame",
    "live": "details",
    "scale": "details",
}
"""What a block needs that results of earlier versions lack."""


def up_to_date(page: str) -> str:
    """The page with every marked block made anew."""
    for mark, (name, made) in BLOCKS.items():
        if f"<!--{mark}-->" not in page:
            continue
        result = result_of(name)
        text = NOT_RUN if result is None or NEEDED.get(mark, "headline") not in result else made(result)
        page = re.sub(
            f"(?<=<!--{mark}-->\n).*?(?=<!--/{mark}-->)", lambda _, text=text: f"{text}\n", page, flags=re.DOTALL
        )
    return page


def draw_stages(spent_ms: Mapping[str, float]) -> None:
    """One bar of all stages to scale, and below it the same without inference."""
    figure = Figure(figsize=(9, 2.9), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, left_out in zip(figure.subplots(2, 1), ((), ("inference",)), strict=True):
        begins = 0.0
        for number, (name, ms) in enumerate(spent_ms.items()):
            if name in left_out:
                continue
            axes.barh(0, ms, left=begins, color=f"C{number}", label=f"{name} {ms:.2f} ms", height=0.6)
            begins += ms
        axes.set_yticks([])
        axes.set_xlim(0, begins)
        axes.set_title("CPU milliseconds a frame" + (", without inference" if left_out else ""), fontsize=9, loc="left")
        axes.tick_params(labelsize=8)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), fontsize=8, loc="outside right center", frameon=False)
    figure.savefig(PICTURE, dpi=110)


def _is_busy(result: Result) -> bool:
    return float(result["machine"]["load_at_start"]) > BUSY_ABOVE


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"
    return str(value)


def main() -> None:
    for page in (PAGE, README):
        page.write_text(up_to_date(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"{page.relative_to(ROOT)} is up to date")


if __name__ == "__main__":
    main()
