"""The dashboard over ten million crossings: how soon the first page stands, and how soon a change of range is answered.

    python -m benchmarks.dashboard --scratch DIRECTORY [--crossings N] [--people 20] [--seconds 60]

Two months of 28 cameras are made once (some minutes; kept in DIRECTORY). The dashboard then runs in a process of its
own, with the present at the end of the second month, so that its cameras are live.

The first page is opened in a real headless Chromium without its cache, and is ready when the page says so itself: first
in a server that has just started, then again and again when the answers of the visit before are forgotten.

A change of range is what the junction page asks then, over HTTP. Twenty people look, each with the live stream open,
and change junction and range every two to six seconds: cold, where nobody has asked for the same before, and warm,
where all look at the same few. `at once` is the worst moment: all of them change, cold, in the same instant.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
from selenium.webdriver.support.ui import WebDriverWait

from benchmarks._report import ROOT, publish, table
from benchmarks._year_rows import CAMERAS, YEAR, Month, camera_name, vehicles_per_camera
from benchmarks.year import load_month
from pipeline.dashboard.app import KEEP_ANSWERS_S, build_app
from pipeline.dashboard.board import KNOWN_FOR_S
from pipeline.dashboard.server import DashboardServer, address_of, listen
from pipeline.sink.store import EmbeddedStore
from tests.dashboard import browser

MONTHS: Final = (1, 2)
NOW_S: Final = Month.of(MONTHS[-1]).end_s - 1
WANTED: Final = {"first_page_s": 1.0, "change_p95_s": 0.3}
VISITS: Final = 7
THINKING_S: Final = (2.0, 6.0)
READY: Final = """
const seen = new MutationObserver(() => {
  const main = document.getElementById("main");
  if (main?.dataset.ready) { window.readyAfterMs = performance.now(); seen.disconnect(); }
});
seen.observe(document, { subtree: true, childList: true, attributes: true });
"""
"""Notes how long after the navigation began the page says that it is ready."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, required=True, help="a folder of its own, with room for 1 GB")
    parser.add_argument("--crossings", type=int, default=10_000_000, metavar="N", help="default: %(default)s")
    parser.add_argument("--people", type=int, default=20, metavar="N", help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="of looking, cold and warm each")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    path = args.scratch / f"dashboard-{args.crossings}"
    if args.serve:
        serve(path)
        return
    build(path, args.crossings)
    first = first_page(path)
    changes = asyncio.run(look(path, args.people, args.seconds))
    report(path, first, changes, args.people)


def build(path: Path, crossings: int) -> None:
    """Make the store where it is not there yet."""
    done = path / "built"
    if done.exists():
        return
    for number in MONTHS:
        with EmbeddedStore(path / "store") as store:
            print(load_month(store, Month.of(number), vehicles_per_camera(crossings, len(MONTHS))), flush=True)
    done.touch()


def serve(path: Path) -> None:
    """Serve the store until interrupted, and print the address."""
    with listen("127.0.0.1", 0) as opened, EmbeddedStore(path / "store") as store:
        app = build_app(store, now_s=lambda: NOW_S)
        DashboardServer(app, started=lambda: print(address_of(opened), flush=True)).run(sockets=[opened])


@contextlib.contextmanager
def served(path: Path) -> Iterator[str]:
    """The address of a dashboard in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.dashboard", "--serve", "--scratch", str(path.parent)]
    command += ["--crossings", path.name.removeprefix("dashboard-")]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert running.stdout is not None
    try:
        yield running.stdout.readline().strip()
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait()


def first_page(path: Path) -> list[float]:
    """Seconds until the city page is ready, of each visit; the first is the server's first answer."""
    taken_s: list[float] = []
    with tempfile.TemporaryDirectory() as profile, served(path) as address:
        chrome = browser.start(Path(profile))
        try:
            chrome.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
            chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": READY})
            for _ in range(VISITS):
                chrome.get(address)
                WebDriverWait(chrome, 60, poll_frequency=0.05).until(
                    lambda opened: opened.execute_script("return window.readyAfterMs")
                )
                taken_s.append(float(chrome.execute_script("return window.readyAfterMs")) / 1000)
                chrome.get("about:blank")
                time.sleep(max(KEEP_ANSWERS_S, KNOWN_FOR_S) + 0.5)
        finally:
            chrome.quit()
    return taken_s


Change = tuple[str, str]
"""A camera and a range."""


def new_changes() -> Iterator[Change]:
    """Changes that are all different, in the mix that people make: days, weeks, months and any two dates."""
    chance = random.Random(1)
    first, last = date(YEAR, MONTHS[0], 1), date(YEAR, MONTHS[-1] + 1, 1) - timedelta(days=1)
    seen: set[Change] = set()
    while True:
        length = chance.choice((1, 1, 2, 7, 7, 14, 28))
        start = first + timedelta(days=chance.randrange((last - first).days - length + 2))
        change = (camera_name(chance.randrange(CAMERAS) + 1), f"{start}..{start + timedelta(days=length - 1)}")
        if change not in seen:
            seen.add(change)
            yield change


def same_changes() -> Iterator[Change]:
    """Changes among a few that everybody looks at."""
    chance = random.Random(2)
    few = [(camera_name(number), name) for number in (1, 2) for name in ("today", "yesterday", "7d")]
    while True:
        yield chance.choice(few)


async def look(path: Path, people: int, seconds: float) -> dict[str, list[float]]:
    """Seconds that each change took: cold, warm, and at once."""
    with served(path) as address:
        async with crowd(address, people) as clients:
            cold = new_changes()
            await change(clients[0], next(cold))
            return {
                "cold": await changing(clients, cold, seconds),
                "warm": await changing(clients, same_changes(), seconds),
                "at once": await asyncio.gather(*(change(client, next(cold)) for client in clients)),
            }


@contextlib.asynccontextmanager
async def crowd(address: str, people: int) -> AsyncIterator[list[httpx2.AsyncClient]]:
    """One client a person, each with connections of its own, of which one has the live stream open."""
    async with contextlib.AsyncExitStack() as stack:
        # The server lets go of a connection that was idle for five seconds: do not send on one just then.
        limits = httpx2.Limits(keepalive_expiry=3)
        clients = [
            await stack.enter_async_context(httpx2.AsyncClient(base_url=address, timeout=60, limits=limits))
            for _ in range(people)
        ]
        for client in clients:
            await stack.enter_async_context(client.stream("GET", "/api/live"))
        yield clients


async def changing(clients: list[httpx2.AsyncClient], changes: Iterator[Change], seconds: float) -> list[float]:
    """What the changes take that all clients make, each in a rhythm of its own."""
    until_s = time.monotonic() + seconds
    taken_s: list[float] = []

    async def person(client: httpx2.AsyncClient, seed: int) -> None:
        chance = random.Random(seed)
        await asyncio.sleep(chance.uniform(0, THINKING_S[1]))
        while time.monotonic() < until_s:
            taken_s.append(await change(client, next(changes)))
            await asyncio.sleep(chance.uniform(*THINKING_S))

    await asyncio.gather(*(person(client, seed) for seed, client in enumerate(clients)))
    return taken_s


async def change(client: httpx2.AsyncClient, wanted: Change) -> float:
    """Seconds until what the junction page asks for is there."""
    camera, name = wanted
    began_s = time.perf_counter()
    answer = await client.get(f"/api/junction/{camera}", params={"range": name})
    taken_s = time.perf_counter() - began_s
    answer.raise_for_status()
    assert answer.json()["bins"], wanted
    return taken_s


def report(path: Path, first: list[float], changes: dict[str, list[float]], people: int) -> None:
    with EmbeddedStore(path / "store") as store:
        crossings = store.query("SELECT count() AS n FROM crossings").to_pylist()[0]["n"]
    shares: dict[str, Callable[[list[float]], float]] = {
        "median_s": statistics.median,
        "p95_s": lambda taken: statistics.quantiles(taken, n=20)[-1],
        "most_s": max,
    }
    again = first[1:]
    rows: dict[str, dict[str, Any]] = {
        name: {"n": len(taken)} | {share: round(of(taken), 3) for share, of in shares.items()}
        for name, taken in {"first page again": again, **changes}.items()
    }
    headline = (
        f"{crossings / 1e6:.1f} M crossings: first page ready in {first[0]:.2f} s of a server that has just started, "
        f"{rows['first page again']['median_s']:.2f} s afterwards (wanted {WANTED['first_page_s']}); range change with "
        f"{people} people p95 {rows['cold']['p95_s']:.2f} s cold, {rows['warm']['p95_s']:.2f} s warm "
        f"(wanted {WANTED['change_p95_s']}), {rows['at once']['p95_s']:.2f} s when all change in one instant"
    )
    head = ("", "n", *(name.replace("_s", ", s") for name in shares))
    lines = [(name, row["n"], *(row[share] for share in shares)) for name, row in rows.items()]
    publish(
        "dashboard",
        headline,
        table(head, [("first page, new server", 1, first[0], None, None), *lines]),
        {"wanted": WANTED, "people": people, "first_page_new_server_s": round(first[0], 3), "measured": rows},
    )


if __name__ == "__main__":
    main()
