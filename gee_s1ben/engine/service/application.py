"""The service's routes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.engine.collector import paused_collector
from gee_s1ben.engine.description import describe
from gee_s1ben.engine.evaluator import evaluate
from gee_s1ben.engine.exports import Exports
from gee_s1ben.engine.expression import decode
from gee_s1ben.engine.registry import Context, load_all
from gee_s1ben.engine.service import assets, images
from gee_s1ben.engine.service.answering import Threads, read_body, read_json
from gee_s1ben.engine.service.cloud_storage import CloudStorageRoutes
from gee_s1ben.engine.service.discovery import discovery
from gee_s1ben.engine.service.drive import DriveRoutes
from gee_s1ben.engine.service.failures import failure, failure_of
from gee_s1ben.engine.service.guard import LoopbackGuard
from gee_s1ben.engine.service.operations import OperationRoutes
from gee_s1ben.engine.signatures import algorithms_document
from gee_s1ben.errors import EngineError

MAX_IN_FLIGHT: Final = 40
JSON: Final = "application/json; charset=UTF-8"


def create_application(catalog: Catalog, max_in_flight: int = MAX_IN_FLIGHT, exports: Exports | None = None) -> ASGIApp:
    """Return the service for a catalog, and for an exports folder where there is one."""
    load_all()
    service = _Service(Context(catalog), Threads(), max_in_flight)
    project, asset = "/v1/projects/{project}", "/v1/{name:path}"
    get, post = ["GET"], ["POST"]
    routes = [
        Route("/$discovery/rest", service.discovery, methods=get),
        Route(f"{project}/algorithms", service.algorithms, methods=get),
        Route(f"{project}/value:compute", service.compute_value, methods=post),
        Route(f"{project}/image:computePixels", service.compute_pixels, methods=post),
        *_export_routes(service, exports),
        Route(f"{asset}:listAssets", service.list_assets, methods=get),
        Route("/v1/projects/{project}/assets/{rest:path}", service.get_asset, methods=get),
    ]
    handlers: dict[Any, Any] = {HTTPException: _no_route, Exception: _unexpected}
    middleware = [Middleware(LoopbackGuard), Middleware(_MethodOverride)]
    return Starlette(routes=routes, exception_handlers=handlers, middleware=middleware)


def _export_routes(service: _Service, exports: Exports | None) -> list[Route]:
    if exports is None:
        return [Route("/v1/projects/{project}/operations", service.operations, methods=["GET"])]
    threads = Threads()  # of their own: what is computed meanwhile keeps nobody waiting here
    return [
        *OperationRoutes(exports, threads).routes(),
        *CloudStorageRoutes(exports, threads).routes(),
        *DriveRoutes(exports, threads).routes(),
    ]


class _Service:
    """Handlers over one context; work runs on threads, never on the event loop."""

    def __init__(self, context: Context, threads: Threads, max_in_flight: int) -> None:
        self._context = context
        self._max_in_flight = max_in_flight
        self._in_flight = 0
        self._threads = threads

    async def discovery(self, request: Request) -> Response:
        base_url = str(request.base_url).rstrip("/")
        return await self._threads.answer(lambda: Response(discovery(base_url), media_type=JSON))

    async def algorithms(self, request: Request) -> Response:  # noqa: ARG002 - all projects have the same
        return await self._threads.answer(lambda: Response(algorithms_document(), media_type=JSON))

    async def operations(self, request: Request) -> Response:  # noqa: ARG002 - nothing can be exported
        return JSONResponse({})

    async def compute_value(self, request: Request) -> Response:
        return await self._compute(request, self._value)

    async def compute_pixels(self, request: Request) -> Response:
        return await self._compute(request, self._pixels)

    async def get_asset(self, request: Request) -> Response:
        name = request.url.path.removeprefix("/v1/")
        return await self._threads.answer(lambda: JSONResponse(assets.get(self._context.catalog, name)))

    async def list_assets(self, request: Request) -> Response:
        parent, query = request.path_params["name"], dict(request.query_params)
        return await self._threads.answer(
            lambda: JSONResponse(assets.list_assets(self._context.catalog, parent, query))
        )

    async def _compute(self, request: Request, work: Callable[[bytes], Response]) -> Response:
        try:
            body = await read_body(request)  # before a place is taken: who sends slowly keeps nobody from computing
        except EngineError as error:
            return failure_of(error)
        if self._in_flight >= self._max_in_flight:
            return failure(
                429,
                "Too Many Requests: Request was rejected because the request rate or concurrency limit was exceeded.",
            )
        self._in_flight += 1
        try:
            return await self._threads.answer(lambda: work(body))
        finally:
            self._in_flight -= 1

    def _value(self, body: bytes) -> Response:
        with paused_collector():
            result = evaluate(decode(read_json(body).get("expression")), self._context)
        text = json.dumps({"result": describe(result)}, allow_nan=False, separators=(",", ":"))
        return Response(text, media_type=JSON)

    def _pixels(self, body: bytes) -> Response:
        request = read_json(body)
        image = evaluate(decode(request.get("expression")), self._context)
        content, media_type = images.compute(image, request)
        return Response(content, media_type=media_type)


class _MethodOverride:
    """Undo what clients do to a GET whose URI is too long: a POST with the query as its body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            request = Request(scope, receive)
            if request.headers.get("x-http-method-override", "").upper() == "GET":
                try:
                    query = await read_body(request)
                except EngineError as error:
                    await failure_of(error)(scope, receive, send)
                    return
                scope = {**scope, "method": "GET", "query_string": query}
        await self._app(scope, receive, send)


def _no_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status in (404, 405):
        return failure(
            404,
            f"Method not found: the embedded Earth Engine service does not have "
            f"{request.method} {request.url.path[:200]}.",
        )
    return failure(status, str(getattr(error, "detail", error)))


def _unexpected(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the route does not matter
    return failure_of(error)
