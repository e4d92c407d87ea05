"""Routes of the line editor. Writing needs our own page: the same origin, and the token that only it can read."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

import anyio
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipeline.config import LineConfig
from pipeline.dashboard.board import Board
from pipeline.dashboard.editor import LineEditor
from pipeline.dashboard.line_checks import check_drawn
from pipeline.dashboard.line_trials import sketch, suggestions, try_lines
from pipeline.errors import InputError

MOST_BYTES = 100_000
"""A request with lines is a few kilobytes."""


class _Drawn(BaseModel):
    """What the page sends: the lines, their names in the file, the picture's size and the file's digest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lines: tuple[LineConfig, ...] = Field(max_length=64)
    names_before: tuple[str | None, ...]
    size: tuple[int, int]
    digest: str = ""


def editor_routes(editor: LineEditor | None, board: Board) -> list[Route]:
    """The editor's routes; without an editor there are none."""
    if editor is None:
        return []

    async def camera(request: Request) -> Response:
        return JSONResponse(await anyio.to_thread.run_sync(editor.camera, request.path_params["camera"]))

    async def still(request: Request) -> Response:
        picture = await anyio.to_thread.run_sync(editor.still, request.path_params["camera"])
        return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    async def check(request: Request) -> Response:
        drawn, camera_id = await _drawn(request), request.path_params["camera"]
        quiet = await anyio.to_thread.run_sync(board.quiet_lines, camera_id)
        remarks = check_drawn(drawn.lines, drawn.size, quiet)
        tried = await anyio.to_thread.run_sync(lambda: try_lines(editor.sample(camera_id), drawn.lines, drawn.size))
        remarks += [] if tried is None else tried.remarks
        return JSONResponse(
            {
                "remarks": [remark.to_json() for remark in remarks],
                "counts": None if tried is None else tried.counts,
            }
        )

    async def observing(request: Request) -> Response:
        return JSONResponse(await anyio.to_thread.run_sync(editor.observing, request.path_params["camera"]))

    async def observe(request: Request) -> Response:
        if not _from_our_page(request, editor.token) or not editor.writable:
            return JSONResponse({"error": "only the dashboard's own page may ask for this; load it again"}, 403)
        camera_id = request.path_params["camera"]
        if request.method == "DELETE":
            await anyio.to_thread.run_sync(editor.stop_observing)
        else:
            await anyio.to_thread.run_sync(editor.observe, camera_id)
        return JSONResponse(await anyio.to_thread.run_sync(editor.observing, camera_id))

    async def paths(request: Request) -> Response:
        sample = await anyio.to_thread.run_sync(editor.sample, request.path_params["camera"])
        return JSONResponse({"paths": [] if sample is None else await anyio.to_thread.run_sync(sketch, sample)})

    async def suggest(request: Request) -> Response:
        sample = await anyio.to_thread.run_sync(editor.sample, request.path_params["camera"])
        if sample is None:
            raise InputError("nothing was observed yet, so there is nothing to suggest lines from")
        return JSONResponse({"lines": await anyio.to_thread.run_sync(suggestions, sample)})

    async def save(request: Request) -> Response:
        if not _from_our_page(request, editor.token):
            return JSONResponse({"error": "only the dashboard's own page may save lines; load it again"}, 403)
        drawn = await _drawn(request)
        camera_id = request.path_params["camera"]
        faults = [remark.to_json() for remark in check_drawn(drawn.lines, drawn.size, {}) if remark.level == "error"]
        if faults:
            return JSONResponse({"error": "a line has a fault", "remarks": faults}, 400)
        await anyio.to_thread.run_sync(editor.save, camera_id, drawn.lines, drawn.names_before, drawn.digest)
        return JSONResponse(await anyio.to_thread.run_sync(editor.camera, camera_id))

    return [
        Route("/api/lines/{camera}", camera, methods=["GET"]),
        Route("/api/lines/{camera}", save, methods=["PUT"]),
        Route("/api/lines/{camera}/check", check, methods=["POST"]),
        Route("/api/lines/{camera}/still.jpg", still, methods=["GET"]),
        Route("/api/lines/{camera}/observing", observing, methods=["GET"]),
        Route("/api/lines/{camera}/observing", observe, methods=["POST", "DELETE"]),
        Route("/api/lines/{camera}/paths", paths, methods=["GET"]),
        Route("/api/lines/{camera}/suggestions", suggest, methods=["GET"]),
    ]


def _from_our_page(request: Request, token: str) -> bool:
    origin = urlsplit(request.headers.get("origin", ""))
    same_origin = origin.scheme in ("http", "https") and origin.netloc == request.headers.get("host")
    return same_origin and secrets.compare_digest(request.headers.get("x-simpang-token", "").encode(), token.encode())


async def _drawn(request: Request) -> _Drawn:
    """The request's lines; InputError says which key is wrong."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise InputError(f"the request is larger than {MOST_BYTES} bytes")
    try:
        drawn = _Drawn.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise InputError("the request is not JSON") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from error
    if len(drawn.names_before) != len(drawn.lines):
        raise InputError("names_before needs one entry per line")
    return drawn
