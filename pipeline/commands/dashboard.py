"""`simpang dashboard`: the web page over a store."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.commands.arguments import store_password
from pipeline.config import load_site
from pipeline.errors import InputError
from pipeline.sink.store import open_store


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


def run_dashboard(args: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Serve until interrupted; returns the exit status."""
    from pipeline.dashboard.app import build_app
    from pipeline.dashboard.editor import LineEditor
    from pipeline.dashboard.server import LOOPBACK, address_of, allowed_hosts, listen, serve

    if args.edit and args.site is None:
        raise InputError("--edit saves lines into a site file; name it with --site")
    if args.edit and args.host not in LOOPBACK:
        raise InputError(
            f"--edit is only served on this machine, not on {args.host}, because there is no login; "
            "leave --host out and reach it through an SSH tunnel"
        )
    site = None if args.site is None else load_site(args.site, environment)
    editor = None
    if args.site is not None:
        editor = LineEditor(args.site.absolute(), lambda path: load_site(path, environment), writable=args.edit)
    with (
        listen(args.host, args.port) as opened,
        open_store(args.store, create=False, password=store_password(environment)) as store,
    ):
        app = build_app(store, site=site, editor=editor, allowed_hosts=allowed_hosts(args.host))
        serve(app, opened, started=lambda: print(f"dashboard: {address_of(opened)}", flush=True))
    return 0
