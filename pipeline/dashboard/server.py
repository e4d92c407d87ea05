"""Serves the dashboard until told to stop."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

import uvicorn
from starlette.applications import Starlette

from pipeline.errors import InputError

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
GOODBYE_S: Final = 1
"""Answers that take longer than this are cut off when the server stops."""


def listen(host: str, port: int, option: str = "--port") -> socket.socket:
    """A socket on `host` and `port` (0: any free one).

    Raises InputError where it cannot be had, which names the `option` that chooses another.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
    except (OSError, OverflowError) as error:
        opened.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot listen on {host} port {port}: {reason}; choose another with {option}") from error
    return opened


def address_of(opened: socket.socket) -> str:
    """The address to type into a browser."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def allowed_hosts(host: str) -> tuple[str, ...]:
    """Under which names the dashboard may be asked for: on the loopback only those of the loopback."""
    return (*LOOPBACK, "[::1]") if host in LOOPBACK else ("*",)


class DashboardServer(uvicorn.Server):
    """Serves an app of `build_app`; `started` is called once it answers. Its streams end before it stops."""

    def __init__(self, app: Starlette, *, started: Callable[[], None] = lambda: None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=GOODBYE_S,
                server_header=False,
            )
        )
        self._app = app
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started:
            self._tell()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop answering."""
        self._app.state.close_streams()
        await super().shutdown(sockets)
