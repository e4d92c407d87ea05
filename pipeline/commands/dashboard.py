"""`simpang dashboard`: the web page over a store; and the same page inside `simpang run` and `simpang demo`."""

from __future__ import annotations

import argparse
import logging
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.arguments import store_password
from pipeline.config import load_site
from pipeline.errors import InputError
from pipeline.sink.store import Store, open_store

if TYPE_CHECKING:
    from pipeline.dashboard.server import DashboardServer

log = logging.getLogger(__name__)


def add_dashboard_parser(commands: Any) -> None:
    """The arguments of `simpang dashboard`."""
    parser = commands.add_parser("dashboard", help="show the counts in a browser, and draw lines")
    parser.add_argument("--store", required=True, metavar="DIR|URL", help="the store to show: a directory or a server")
    parser.add_argument("--site", type=Path, metavar="FILE.toml", help="site file: its cameras and lines")
    parser.add_argument("--edit", action="store_true", help="let the page save lines into the site file")
    parser.add_argument("--host", default="127.0.0.1", metavar="HOST", help="where to listen (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8080, metavar="PORT", help="0 takes any free one (default: %(default)s)"
    )
    parser.set_defaults(run=run_dashboard)


def add_dashboard_argument(parser: argparse.ArgumentParser) -> None:
    """--dashboard: the page inside another command."""
    parser.add_argument(
        "--dashboard", metavar="[HOST:]PORT", help="serve the dashboard there (HOST: 127.0.0.1; PORT 0: any free one)"
    )


def run_dashboard(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Serve until interrupted; returns the exit status."""
    if args.edit and args.site is None:
        raise InputError("--edit saves lines into a site file; name it with --site")
    if args.edit:
        _refuse_strangers(args.host, "leave --host out")
    paths = paths_directory(args.store, args.site) if args.edit else None
    serve_store(args.store, DashboardSettings(args.host, args.port, args.site, args.edit, environment, paths=paths))
    return 0


def paths_directory(store: str, site: Path) -> Path:
    """Where the line editor keeps the paths it observed: in the store's directory, or beside the site file."""
    return site.absolute().parent / "simpang-paths" if "://" in store else Path(store) / "paths"


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """Where the dashboard listens and what it shows besides the store."""

    host: str
    port: int
    """0: any free one."""
    site: Path | None
    writable: bool
    """Whether lines may be saved into `site`."""
    environment: Mapping[str, str] = field(repr=False)
    """For the passwords that `site` names."""
    option: str = "--port"
    """What the user gives to choose another port."""
    paths: Path | None = None
    """Where the line editor keeps what it observes; None: it observes nothing."""
    spool: Path | None = None
    """Of the pool whose loader's process this is: its live pictures are shown; it is told of saved lines."""

    @classmethod
    def beside(
        cls,
        text: str,
        site: Path | None,
        environment: Mapping[str, str],
        *,
        spool: Path | None = None,
        writable: bool = False,
        paths: Path | None = None,
    ) -> DashboardSettings:
        """For `--dashboard [HOST:]PORT`; raises InputError where `text` is not that, or is writable from elsewhere."""
        match = re.fullmatch(r"(?:(?P<host>\[[0-9a-fA-F:]+\]|[^:\[\]]+):)?(?P<port>\d{1,5})", text)
        if match is None or int(match["port"]) > 65_535:
            raise InputError(f"--dashboard {text!r} is not [HOST:]PORT; write 8080, or 0.0.0.0:8080 for other machines")
        host = (match["host"] or "127.0.0.1").strip("[]")
        if writable:
            _refuse_strangers(host, "write --dashboard PORT")
        port, known = int(match["port"]), dict(environment)
        return cls(host, port, site, writable, known, option="--dashboard", paths=paths, spool=spool)

    def __call__(self, store: Store) -> DashboardService:
        """The dashboard over a store that this process fills, for `runtime.beside`; it says its address in the log."""
        return self.open(store, lambda address: log.info("dashboard: %s", address))

    def open(self, store: Store, tell: Callable[[str], None]) -> DashboardService:
        """A service that listens already; `tell` is given its address once it answers. Raises InputError."""
        # Not above: most commands need no web server, which takes a third of a second to import.
        from pipeline.dashboard.app import build_app
        from pipeline.dashboard.editor import LineEditor
        from pipeline.dashboard.pictures import LivePictures
        from pipeline.dashboard.server import DashboardServer, address_of, allowed_hosts, listen
        from pipeline.runtime.beside import ask_for_reload
        from pipeline.runtime.live_picture import PICTURES
        from pipeline.runtime.observation import PathObserver

        site = editor = observer = None
        if self.paths is not None:
            # A pool's device has its cameras to look at; at the lowest priority the processor has time to spare.
            observer = PathObserver(self.paths, device="auto" if self.spool is None else "cpu")
        if self.site is not None:
            site = load_site(self.site, self.environment)
            editor = LineEditor(
                self.site.absolute(),
                lambda path: load_site(path, self.environment),
                writable=self.writable,
                observer=observer,
                saved=(lambda: None) if self.spool is None else ask_for_reload,
            )
        pictures = None if self.spool is None else LivePictures(self.spool / PICTURES)
        app = build_app(store, site=site, editor=editor, pictures=pictures, allowed_hosts=allowed_hosts(self.host))
        opened = listen(self.host, self.port, self.option)
        server = DashboardServer(app, started=lambda: tell(address_of(opened)))
        return DashboardService(server, opened, ended=(lambda: None) if observer is None else observer.cancel)


class DashboardService:
    """A dashboard that listens on a socket of its own."""

    def __init__(self, server: DashboardServer, opened: socket.socket, ended: Callable[[], None]) -> None:
        self._server = server
        self._opened = opened
        self._ended = ended

    def run(self) -> None:
        """Answer until `stop`, and in the main thread until SIGINT or SIGTERM."""
        try:
            with self._opened:
                self._server.run(sockets=[self._opened])
        finally:
            # What is being observed for a page: a process of the pool waits for its children when it ends.
            self._ended()

    def stop(self) -> None:
        """End `run`; may be called from any thread."""
        self._server.should_exit = True


def _refuse_strangers(host: str, mend: str) -> None:
    """Raise InputError unless `host` is this machine alone, which is where lines may be saved."""
    from pipeline.dashboard.server import LOOPBACK

    if host not in LOOPBACK:
        raise InputError(
            f"--edit is only served on this machine, not on {host}, because there is no login; "
            f"{mend} and reach it through an SSH tunnel"
        )


def serve_store(store: str | Path, settings: DashboardSettings) -> None:
    """Serve one store until interrupted, and print the address. Raises InputError."""
    with open_store(store, create=False, password=store_password(settings.environment)) as opened:
        settings.open(opened, lambda address: print(f"dashboard: {address}", flush=True)).run()
