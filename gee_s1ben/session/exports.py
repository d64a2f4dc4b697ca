"""Batch exports: starting, finding, following and cancelling Earth Engine's operations.

Every answer is looked at before it is believed: a 200 that holds a page of HTML, nothing, or something else than was
asked for is no answer. Starting is exactly-once by its request id; where an answer was lost nothing here guesses, but
says so (:attr:`~gee_s1ben.errors.Reaction.ATTACH`), and the caller finds the operation by the token in its description.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any
from urllib.parse import urlencode

import ee
import google_auth_httplib2  # type: ignore[import-untyped]
import googleapiclient.http
import googleapiclient.model

from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import Reaction, ServiceError
from gee_s1ben.session.computing import Image
from gee_s1ben.session.connection import Connection
from gee_s1ben.session.failures import readable
from gee_s1ben.session.retrying import UnusableAnswerError, asked

PAGE_SIZE = 500
SHARD_PX = 256
"""Earth Engine computes blocks of so many pixels; a file holds whole blocks."""
LONGEST_FILE_PX = 131_072
"""Earth Engine writes no longer file."""
LONGEST_EXPRESSION = 10_485_760
"""Bytes of a request, of which the graph is nearly all."""

_DESCRIPTION = re.compile(r"[a-zA-Z0-9.,:;_-]{1,100}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,60}")
_NAME = re.compile(r"projects/[\w.:-]{1,80}/operations/[\w.-]{1,120}")
_ENDED_ALREADY = (400, 404, 409)
_LOST = "the answer was lost, and it may have been started"


class OperationState(StrEnum):
    """How far an operation is, in Earth Engine's words; its tasks call the first two READY and RUNNING."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"
    """A word that this version does not know; it never leads to a new submission."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation as Earth Engine tells of it."""

    name: str
    """``projects/P/operations/ID``."""
    state: OperationState
    raw_state: str
    """The word of the service, where :attr:`state` is unknown as well."""
    description: str
    created: float | None = None
    """Epoch seconds."""
    updated: float | None = None
    started: float | None = None
    ended: float | None = None
    service_attempt: int = 0
    """How often the service itself has tried."""
    eecu_seconds: float | None = None
    """What it has used so far."""
    error: str = ""
    """Why it failed, in one line."""
    destination_uris: tuple[str, ...] = ()
    progress: float | None = None
    """From 0 to 1."""


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A piece of a raster, to be exported."""

    image: Image
    grid: Grid
    """Exact."""
    bands: tuple[str, ...]
    description: str
    """Holds the token; Earth Engine allows 1 to 100 of ``a-zA-Z0-9.,:;_-``."""
    request_id: str
    """Makes starting exactly-once."""
    destination: Mapping[str, Any]
    """What :meth:`gee_s1ben.session.destinations.Destination.options` gave for the description."""
    priority: int = 100
    workload_tag: str = ""


def start_export(connection: Connection, request: ExportRequest) -> Operation:
    """Start an export; the same request id never starts a second one.

    Raises
    ------
    ServiceError
        With the reaction that helps. ``ATTACH``: it was started before (status 400 or 409), or its answer was lost and
        it may have been (any other status or none): list operations and find the token; if it does not show, send the
        same request again. ``HOLD``: the queue is full.
    """
    what = f"starting {request.description}"
    if not _DESCRIPTION.fullmatch(request.description) or not _REQUEST_ID.fullmatch(request.request_id):
        raise ServiceError(f"{what}: not a description and a request id that Earth Engine takes")
    body = _body(request, what)

    def start() -> Operation:
        try:
            # The client changes what it is given.
            answer = ee.data.exportImage(request.request_id, dict(body))
        except (ConnectionError, TimeoutError) as error:
            raise ServiceError(f"{what}: {_LOST} ({readable(error)})", None, Reaction.ATTACH) from error
        except ValueError as error:  # not JSON
            raise ServiceError(f"{what}: {_LOST} ({readable(error)})", 200, Reaction.ATTACH) from error
        try:
            return _operation(answer)
        except UnusableAnswerError as error:
            raise ServiceError(f"{what}: {_LOST} ({readable(error)})", 200, Reaction.ATTACH) from error

    return asked(start, what, pacer=connection.pacer)


def list_operations(connection: Connection) -> list[Operation]:
    """Every operation of the project, in the service's order, in pages of 500.

    Raises
    ------
    ServiceError
        The service refuses, fails, does not answer, or its list does not end.
    """
    operations: dict[str, Operation] = {}
    tokens: set[str] = set()
    token = ""
    while True:
        query = {"pageSize": str(PAGE_SIZE), **({"pageToken": token} if token else {})}
        found, token = asked(partial(_page, connection, query), "listing operations", pacer=connection.pacer)
        # A list that grows between two pages shows the last of one again as the first of the next.
        operations.update((operation.name, operation) for operation in found)
        if not token:
            return list(operations.values())
        if token in tokens:
            raise ServiceError(
                f"listing operations: page {len(tokens) + 1} is followed by one that came before: it does not end; "
                "run again later",
                200,
                Reaction.RETRY,
            )
        tokens.add(token)


def get_operation(connection: Connection, name: str) -> Operation | None:
    """One operation, or None where the service does not know it (any more).

    Raises
    ------
    ServiceError
        The service refuses, fails or does not answer.
    """

    def get() -> Operation:
        operation = _operation(_call(connection, "GET", _checked_name(name)))
        if operation.name != name:
            raise UnusableAnswerError("another operation")
        return operation

    try:
        return asked(get, f"looking at operation {name}", pacer=connection.pacer)
    except ServiceError as error:
        if error.status == 404:
            return None
        raise


def cancel_operation(connection: Connection, name: str) -> None:
    """Ask for an operation to be cancelled; one that has ended, or is not known any more, is left as it is.

    Raises
    ------
    ServiceError
        The service refuses, fails or does not answer.
    """

    def cancel() -> None:
        _call(connection, "POST", f"{_checked_name(name)}:cancel", {})

    try:
        asked(cancel, f"cancelling operation {name}", pacer=connection.pacer)
    except ServiceError as error:
        if error.status not in _ENDED_ALREADY:
            raise


def file_dimensions(grid: Grid) -> tuple[int, int]:
    """Width and height of an exported file: whole shards, the raster in one file where Earth Engine allows it."""

    def side(length: int) -> int:
        return min(-(-length // SHARD_PX) * SHARD_PX, LONGEST_FILE_PX)

    return side(grid.width), side(grid.height)


def _body(request: ExportRequest, what: str) -> dict[str, Any]:
    width, height = file_dimensions(request.grid)
    expression = request.image.select(list(request.bands)).serialize(for_cloud_api=True)
    if len(expression) > LONGEST_EXPRESSION:
        raise ServiceError(
            f"{what}: its graph takes {len(expression)} bytes, and Earth Engine takes {LONGEST_EXPRESSION}: set "
            "radar.speckle.filter to none, or leave the pass out",
            413,
        )
    return {
        "expression": json.loads(expression),
        "description": request.description,
        "fileExportOptions": {
            "fileFormat": "GEO_TIFF",
            "geoTiffOptions": {
                "tileDimensions": {"width": width, "height": height},
                "tileSize": {"value": SHARD_PX},
                "skipEmptyFiles": False,
            },
            **request.destination,
        },
        "grid": request.grid.to_pixel_grid(),
        "maxPixels": {"value": str(request.grid.width * request.grid.height)},
        "priority": {"value": request.priority},
        **({"workloadTag": request.workload_tag} if request.workload_tag else {}),
    }


def _page(connection: Connection, query: dict[str, str]) -> tuple[list[Operation], str]:
    answer = _call(connection, "GET", f"projects/{connection.project}/operations", query=query)
    found, token = answer.get("operations", []), answer.get("nextPageToken", "")
    if not isinstance(found, list) or not isinstance(token, str):
        raise UnusableAnswerError("not a list of operations")
    if unknown := set(answer) - {"operations", "nextPageToken", "unreachable"}:
        raise UnusableAnswerError(f"not a list of operations: {', '.join(sorted(unknown))[:60]}")
    return [_operation(one) for one in found], token


def _call(
    connection: Connection,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    query: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Send one request of the REST API, as Earth Engine's client would; the answer is an object."""
    if connection.transport is None:
        raise ServiceError("not connected to Earth Engine", None, Reaction.STOP)
    travelling = google_auth_httplib2.AuthorizedHttp(connection.credentials, http=connection.transport)
    model = googleapiclient.model.JsonModel()
    headers = {"x-goog-user-project": connection.project} if connection.backend == "earthengine" else {}
    headers, _, _, sent = model.request(headers, {}, {}, body)
    request = googleapiclient.http.HttpRequest(
        travelling,
        model.response,
        f"{connection.url}/v1/{path}" + (f"?{urlencode(query)}" if query else ""),
        method=method,
        body=sent,
        headers=headers,
    )
    statuses: list[int] = []
    request.add_response_callback(lambda answer: statuses.append(answer.status))
    answer = request.execute(num_retries=0)
    if statuses[-1] != 200 or not isinstance(answer, dict):
        raise UnusableAnswerError(f"status {statuses[-1]} with {type(answer).__name__}")
    return answer


def _operation(value: Any) -> Operation:
    """Read an operation; what is not one is no answer."""
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(metadata, dict) or not isinstance(value.get("name"), str) or not _NAME.fullmatch(value["name"]):
        raise UnusableAnswerError("not an operation")
    state = metadata.get("state")
    if not isinstance(state, str):
        raise UnusableAnswerError("an operation without a state")
    known = OperationState(state) if state in OperationState.__members__ else OperationState.UNKNOWN
    error = value.get("error")
    uris = metadata.get("destinationUris", ())
    return Operation(
        name=value["name"],
        state=known,
        raw_state=state[:40],
        description=str(metadata.get("description", "")),
        created=_moment(metadata.get("createTime")),
        updated=_moment(metadata.get("updateTime")),
        started=_moment(metadata.get("startTime")),
        ended=_moment(metadata.get("endTime")),
        service_attempt=int(_number(metadata.get("attempt")) or 0),
        eecu_seconds=_number(metadata.get("batchEecuUsageSeconds")),
        error=readable(str(error.get("message", "no reason given"))) if isinstance(error, dict) else "",
        destination_uris=tuple(uri for uri in uris if isinstance(uri, str)) if isinstance(uris, list) else (),
        progress=_number(metadata.get("progress")),
    )


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ServiceError(f"{name[:80]!r} is not the name of an operation")
    return name


def _moment(value: Any) -> float | None:
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError):
        return None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
