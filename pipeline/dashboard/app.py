"""The web application: routes, security headers and errors as JSON. What the pages hold is `Board`'s business."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import anyio
import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pipeline.config import SiteConfig
from pipeline.dashboard.board import Board
from pipeline.dashboard.cache import AnswerCache
from pipeline.dashboard.editor import LineEditor
from pipeline.dashboard.editor_routes import editor_routes
from pipeline.dashboard.headers import SecurityHeaders
from pipeline.dashboard.live import LiveFeed
from pipeline.dashboard.pictures import LivePictures
from pipeline.dashboard.questions import Queryable
from pipeline.errors import PipelineError

STATIC: Final = Path(__file__).parent / "static"
KEEP_ANSWERS_S: Final = 5.0
GZIP_LEVEL: Final = 4
"""Higher ones take more time than they spare on a network."""


def build_app(
    store: Queryable,
    *,
    site: SiteConfig | None = None,
    editor: LineEditor | None = None,
    pictures: LivePictures | None = None,
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost"),
    look_every_s: float = 2.0,
    now_s: Callable[[], float] = time.time,
) -> Starlette:
    """The dashboard over `store`. `site` adds cameras that were never counted, `editor` the line editor,
    `pictures` what cameras see where that is allowed.

    `allowed_hosts` are the names under which it may be asked for (`*`: any), so that a foreign page cannot reach it by
    a name that it lets point here. `look_every_s` is how often the live view looks at the store.
    """
    board = Board(store, site=site, now_s=now_s)
    cache = AnswerCache(keep_s=KEEP_ANSWERS_S)
    feed = LiveFeed(store, every_s=look_every_s, anchor_s=lambda: board.anchor().at_s, on_change=cache.clear)

    async def page(_: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    async def cameras(_: Request) -> Response:
        answer = await cache.get("cameras", board.cameras)
        seen = [] if pictures is None else await anyio.to_thread.run_sync(pictures.cameras)
        return json_response({"cameras": answer, "editor": editor is not None, "pictures": seen})

    async def picture(request: Request) -> Response:
        camera = request.path_params["camera"]
        found = None if pictures is None else await anyio.to_thread.run_sync(pictures.picture, camera)
        if found is None:
            # Not 404, which a browser that asks each second would put on its console each second.
            return Response(status_code=204, headers={"Cache-Control": "no-store"})
        return Response(found, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    async def city(_: Request) -> Response:
        return json_response(await cache.get("city", board.city))

    def camera_page(name: str, ask: Callable[[str, str], Any]) -> Route:
        async def answer(request: Request) -> Response:
            camera, range_name = request.path_params["camera"], request.query_params.get("range", "today")
            # A page asks several things at once: what they all begin with is found out by one of them.
            await cache.get("known", board.known)
            return json_response(await cache.get((name, camera, range_name), lambda: ask(camera, range_name)))

        return Route(f"/api/{name}/{{camera}}", answer)

    async def live(_: Request) -> Response:
        return StreamingResponse(
            feed.stream(),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    async def prepare(name: str, ask: Callable[[], Any]) -> None:
        with suppress(PipelineError):
            await cache.get(name, ask)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # The first question brings the store's counts up to date: nobody is answered before. The first page is asked
        # for then, so that the engine has its files open when somebody comes.
        await prepare("cameras", board.cameras)
        tasks = [asyncio.create_task(feed.run()), asyncio.create_task(prepare("city", board.city))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    app = Starlette(
        routes=[
            Route("/", page),
            Route("/junction/{camera}", page),
            Route("/health/{camera}", page),
            Route("/lines/{camera}", page),
            Route("/api/cameras", cameras),
            Route("/api/city", city),
            camera_page("junction", board.junction),
            camera_page("health", board.health),
            Route("/api/picture/{camera}", picture),
            Route("/api/live", live),
            *editor_routes(editor, board),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts), www_redirect=False),
            Middleware(SecurityHeaders),
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=GZIP_LEVEL),
        ],
        exception_handlers={PipelineError: _refuse},
        lifespan=lifespan,
    )
    app.state.close_streams = feed.close
    return app


def json_response(value: Any, status: int = 200) -> Response:
    """`value` as JSON; what is asked again is asked anew."""
    return Response(orjson.dumps(value), status, {"Cache-Control": "no-store"}, media_type="application/json")


async def _refuse(_: Request, error: Exception) -> Response:
    status = 400 if isinstance(error, PipelineError) and error.exit_status == 2 else 503
    return json_response({"error": str(error)}, status)
