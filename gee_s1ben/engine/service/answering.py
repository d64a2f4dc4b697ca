"""What all routes share: reading a body no further than its limit, and working on threads."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from gee_s1ben.engine.expression import MAX_PAYLOAD_BYTES, check_payload, whole_number
from gee_s1ben.engine.service.failures import failure_of
from gee_s1ben.errors import EngineError


class Threads:
    """Threads that answers are computed on, never on the event loop."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(max(4, os.cpu_count() or 1))

    async def answer(
        self, work: Callable[[], Response], refusal: Callable[[Exception], Response] = failure_of
    ) -> Response:
        """Run work on a thread and answer with its result or its error."""

        def guarded() -> Response:
            try:
                return work()
            except Exception as error:  # every error has to become an answer
                return refusal(error)

        return await anyio.to_thread.run_sync(guarded, limiter=self._limiter, abandon_on_cancel=True)


async def read_body(request: Request) -> bytes:
    """Read a body, gzipped or not, no further than its limit.

    Raises
    ------
    EngineError
        It is larger than 10 MiB, or not gzip as its header says.
    """
    try:
        check_payload(int(request.headers.get("content-length") or 0))
    except ValueError as error:
        raise EngineError("Invalid request: its Content-Length is not a number.") from error
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        check_payload(len(body))
    if request.headers.get("content-encoding", "").lower() != "gzip":
        return bytes(body)
    try:
        unzipped = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(bytes(body), MAX_PAYLOAD_BYTES + 1)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise EngineError("Invalid request: its body is not gzip, as its header says.") from error
    check_payload(len(unzipped))
    return unzipped


def read_json(body: bytes) -> dict[str, Any]:
    """Read a body that has to be a JSON object.

    Raises
    ------
    EngineError
        It is not.
    """
    try:
        request = json.loads(body, parse_int=whole_number)
    except RecursionError as error:
        raise EngineError("Invalid JSON payload received: it nests too deeply.") from error
    except ValueError as error:
        raise EngineError(f"Invalid JSON payload received. {error}.") from error
    if not isinstance(request, dict):
        raise EngineError("Invalid JSON payload received: expected an object.")
    return request
