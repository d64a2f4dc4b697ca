"""Errors in the shape of Google's REST interfaces."""

from __future__ import annotations

import logging
from typing import Final

from starlette.responses import JSONResponse

from gee_s1ben.errors import EngineError, GeeS1benError

_log = logging.getLogger(__name__)

_STATUS_NAMES: Final = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
}


def failure(status: int, message: str) -> JSONResponse:
    """Answer with an error that the client turns into an ``EEException`` of this message."""
    body = {"error": {"code": status, "message": message, "status": _STATUS_NAMES.get(status, "UNKNOWN")}}
    return JSONResponse(body, status_code=status)


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
