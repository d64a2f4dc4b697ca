"""Exports and their operations: ``image:export`` and ``operations``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gee_s1ben.engine.exports import Exports
from gee_s1ben.engine.exports.operation import Operation
from gee_s1ben.engine.service.answering import Threads, read_body, read_json
from gee_s1ben.engine.service.failures import failure_of
from gee_s1ben.errors import EngineError

PAGE_SIZE: Final = 500
_JSON: Final = "application/json; charset=UTF-8"
_PROJECT: Final = re.compile(r"[A-Za-z0-9:._-]{1,100}")


class OperationRoutes:
    """Handlers over one exports folder."""

    def __init__(self, exports: Exports, threads: Threads) -> None:
        self._exports = exports
        self._threads = threads

    def routes(self) -> list[Route]:
        """Return the routes."""
        operations = "/v1/projects/{project}/operations"
        return [
            Route("/v1/projects/{project}/image:export", self.export, methods=["POST"]),
            Route(operations, self.list, methods=["GET"]),
            Route(f"{operations}/{{id}}:cancel", self.cancel, methods=["POST"]),
            Route(f"{operations}/{{id}}", self.get, methods=["GET"]),
        ]

    async def export(self, request: Request) -> Response:
        """Start an export."""
        try:
            body = await read_body(request)
        except EngineError as error:
            return failure_of(error)
        project = request.path_params["project"]

        def work() -> Response:
            if not _PROJECT.fullmatch(project):
                raise EngineError(f"Invalid project '{project[:100]}'.")
            return JSONResponse(self._exports.submit(project, read_json(body)).to_json())

        return await self._threads.answer(work)

    async def list(self, request: Request) -> Response:
        """List operations, the newest first."""
        project, query = request.path_params["project"], dict(request.query_params)
        return await self._threads.answer(lambda: self._list(project, query))

    def _list(self, project: str, query: Mapping[str, str]) -> Response:
        size = _whole(query.get("pageSize") or "0", "pageSize")
        size = min(size or PAGE_SIZE, PAGE_SIZE)
        token = query.get("pageToken")
        self._exports.advance()
        found = self._exports.operations.newest(project, _whole(token, "pageToken") if token else None, size + 1)
        answer: dict[str, Any] = {}
        if found:
            answer["operations"] = [operation.to_json() for operation in found[:size]]
        if len(found) > size:
            answer["nextPageToken"] = str(found[size - 1].number)
        return Response(json.dumps(answer, separators=(",", ":")), media_type=_JSON)

    async def get(self, request: Request) -> Response:
        """Tell of one operation."""

        def work() -> Response:
            self._exports.advance()
            return JSONResponse(self._found(request).to_json())

        return await self._threads.answer(work)

    async def cancel(self, request: Request) -> Response:
        """Cancel an operation; what is over stays as it is."""

        def work() -> Response:
            self._exports.cancel(self._found(request))
            return JSONResponse({})

        return await self._threads.answer(work)

    def _found(self, request: Request) -> Operation:
        project, id_ = request.path_params["project"], request.path_params["id"]
        operation = self._exports.operations.get(project, id_)
        if operation is None:
            raise EngineError(f"Operation 'projects/{project[:100]}/operations/{id_[:100]}' not found.", status=404)
        return operation


def _whole(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise EngineError(f"Invalid value for '{name}': {text[:40]!r}.")
    return int(text)
