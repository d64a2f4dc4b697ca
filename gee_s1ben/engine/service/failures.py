"""Errors in the shape of Google's REST interfaces."""

from __future__ import annotations

import json
import logging
from typing import Final

from starlette.responses import JSONResponse

from gee_s1ben.errors import EngineError, GeeS1benError

_log = logging.getLogger(__name__)

_STATUS_NAMES: Final = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    415: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
}
_REASONS: Final = {403: "forbidden", 404: "notFound", 429: "rateLimitExceeded", 500: "backendError"}


def failure(status: int, message: str) -> JSONResponse:
    """Answer with an error that the client turns into an ``EEException`` of this message."""
    body = {"error": {"code": status, "message": message, "status": _STATUS_NAMES.get(status, "UNKNOWN")}}
    return JSONResponse(body, status_code=status)


def api_failure(status: int, message: str, reason: str) -> JSONResponse:
    """Answer with an error in the older shape, which Cloud Storage and Drive keep: it also says where and why."""
    detail = {"domain": "global", "reason": reason, "message": message}
    return JSONResponse({"error": {"code": status, "message": message, "errors": [detail]}}, status_code=status)


def api_failure_of(error: Exception) -> JSONResponse:
    """Answer with an exception in the shape of Cloud Storage and Drive."""
    answer = failure_of(error)
    message = str(json.loads(bytes(answer.body))["error"]["message"])
    return api_failure(answer.status_code, message, _REASONS.get(answer.status_code, "invalid"))


def failure_of(error: Exception) -> JSONResponse:
    """Answer with an exception; of one that we did not raise on purpose, only the log tells more than its type."""
    match error:
        case EngineError():
            return failure(error.status, str(error))
        case GeeS1benError():
            return failure(400, str(error))
        case MemoryError():
            return failure(400, "User memory limit exceeded.")
        case RecursionError():
            return failure(400, "Invalid expression: it nests too deeply.")
    _log.error("internal error", exc_info=error)
    return failure(
        500, f"An internal error has occurred in the embedded Earth Engine service ({type(error).__name__})."
    )
