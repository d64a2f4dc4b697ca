"""Files over HTTP: downloads in ranges, and small uploads in one request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from gee_s1ben.engine.service.answering import read_json
from gee_s1ben.errors import EngineError

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_BOUNDARY = re.compile(r"boundary=(?:\"([^\"]{1,200})\"|([^;\s]{1,200}))", re.IGNORECASE)


def download(request: Request, path: Path, size: int, media_type: str, headers: Mapping[str, str]) -> Response:
    """Answer with a file, or with the range of it that is asked for."""
    wanted = request.headers.get("range", "")
    found = _RANGE.fullmatch(wanted.strip())
    if found and (found[1] or found[2]):
        first = int(found[1]) if found[1] else max(size - int(found[2]), 0)
        unsatisfiable = first >= size if found[1] else int(found[2]) == 0 or size == 0
        if unsatisfiable:
            return Response(
                "Request range not satisfiable", 416, {**headers, "content-range": f"bytes */{size}"}, "text/html"
            )
    return FileResponse(path, media_type=media_type, headers=dict(headers))


def read_multipart(content_type: str, body: bytes) -> tuple[dict[str, Any], str, bytes]:
    """Read a ``multipart/related`` upload: JSON of metadata, then the media.

    Returns
    -------
    tuple
        The metadata, the media's type, and the media.

    Raises
    ------
    EngineError
        It is not of this form.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise EngineError("Malformed multipart body: the header names no boundary.")
    mark = re.escape((found[1] or found[2]).encode("latin-1", "replace"))
    # Clients are not of one mind about the ends of lines.
    parts = re.split(rb"\r?\n--" + mark, b"\n" + body)
    if len(parts) != 4 or not parts[3].startswith(b"--"):
        raise EngineError("Malformed multipart body: expected two parts, metadata and media.")
    (_, metadata), (media_headers, media) = (_part(part) for part in parts[1:3])
    return read_json(metadata), media_headers.get("content-type", "application/octet-stream"), media


def _part(part: bytes) -> tuple[dict[str, str], bytes]:
    found = re.search(rb"\r?\n\r?\n", part)
    if found is None:
        raise EngineError("Malformed multipart body: a part has no headers.")
    lines = part[: found.start()].decode("latin-1").splitlines()
    headers = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return headers, part[found.end() :]
