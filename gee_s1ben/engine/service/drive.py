"""A faithful subset of Drive's API v3, for the unmodified googleapiclient.

``files``: list (``q``, ``orderBy``, pages), get, media with ranges, create, update of name and bin, delete; ``about``.
Answers hold the ``fields`` that were asked for, and Drive's few where none were.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gee_s1ben.engine.exports import Exports
from gee_s1ben.engine.exports.contents import Content
from gee_s1ben.engine.exports.drive import FOLDER, NO_SPACE, ROOT, SHOWN_BYTES, DriveFile
from gee_s1ben.engine.exports.operation import timestamp
from gee_s1ben.engine.service.answering import Threads, read_body, read_json
from gee_s1ben.engine.service.failures import api_failure, api_failure_of
from gee_s1ben.engine.service.fields import selected
from gee_s1ben.engine.service.media import download, read_multipart
from gee_s1ben.errors import EngineError

_PAGE_SIZE: Final = 100
_MAX_PAGE_SIZE: Final = 1000
_NAME_LENGTH: Final = 4096
_FEW: Final = "kind,id,name,mimeType"
_OCTETS: Final = "application/octet-stream"


class DriveRoutes:
    """Handlers over the drive of an exports folder."""

    def __init__(self, exports: Exports, threads: Threads) -> None:
        self._exports = exports
        self._drive = exports.drive
        self._threads = threads

    def routes(self) -> list[Route]:
        """Return the routes."""
        files, one = "/drive/v3/files", "/drive/v3/files/{id}"
        return [
            Route("/drive/v3/about", self._handler(self.about), methods=["GET"]),
            Route(files, self._handler(self.list), methods=["GET"]),
            Route(files, self._handler(self.create, reads=True), methods=["POST"]),
            Route(one, self._handler(self.get), methods=["GET"]),
            Route(one, self._handler(self.update, reads=True), methods=["PATCH"]),
            Route(one, self._handler(self.delete), methods=["DELETE"]),
            Route("/upload/drive/v3/files", self._handler(self.upload, reads=True), methods=["POST"]),
        ]

    def _handler(self, work: Callable[[Request, bytes], Response], *, reads: bool = False) -> Any:
        async def handle(request: Request) -> Response:
            try:
                body = await read_body(request) if reads else b""
            except EngineError as error:
                return _failure_of(error)

            def ready() -> Response:
                self._exports.advance()
                return work(request, body)

            return await self._threads.answer(ready, _failure_of)

        return handle

    def about(self, request: Request, _: bytes) -> Response:
        """Tell how much room there is."""
        if "fields" not in request.query_params:
            raise EngineError("The 'fields' parameter is required for this method.")
        limit = SHOWN_BYTES if self._drive.limit is None else self._drive.limit
        used = str(self._drive.used())
        answer = {
            "kind": "drive#about",
            "user": {"kind": "drive#user", "displayName": "Embedded", "emailAddress": "embedded@localhost", "me": True},
            "storageQuota": {"limit": str(limit), "usage": used, "usageInDrive": used, "usageInDriveTrash": "0"},
        }
        return _answer(request, answer, "*")

    def list(self, request: Request, _: bytes) -> Response:
        """Find files."""
        query = request.query_params
        count = _whole(query.get("pageSize"), "pageSize") or _PAGE_SIZE
        if count > _MAX_PAGE_SIZE:
            raise EngineError("Invalid value: pageSize. Values must be within the range: [1, 1000]")
        start = _whole(query.get("pageToken"), "pageToken")
        found, following = self._drive.page(query.get("q", ""), query.get("orderBy", ""), start, count)
        answer: dict[str, Any] = {
            "kind": "drive#fileList",
            "incompleteSearch": False,
            "files": [_described(file) for file in found],
        }
        if following is not None:
            answer["nextPageToken"] = str(following)
        return _answer(request, answer, f"kind,incompleteSearch,nextPageToken,files({_FEW})")

    def get(self, request: Request, _: bytes) -> Response:
        """Describe a file, or with ``alt=media`` send it."""
        file = self._found(request)
        if request.query_params.get("alt") != "media":
            return _answer(request, _described(file), _FEW)
        if file.content is None:
            return api_failure(
                403, "Only files with binary content can be downloaded. Use Export with Docs Editors files.",
                "fileNotDownloadable",
            )  # fmt: skip
        headers = {"etag": f'"{file.revision}"'}
        return download(request, self._exports.contents.path(file.content), file.size, file.mime_type, headers)

    def create(self, request: Request, body: bytes) -> Response:
        """Make a folder, or an empty file."""
        metadata = read_json(body or b"{}")
        content = None if metadata.get("mimeType") == FOLDER else self._exports.contents.store(b"")
        return self._created(request, metadata, content, _OCTETS)

    def upload(self, request: Request, body: bytes) -> Response:
        """Store a file that comes in one request."""
        content_type = request.headers.get("content-type", _OCTETS)
        match request.query_params.get("uploadType"):
            case "multipart":
                metadata, content_type, body = read_multipart(content_type, body)
            case "media":
                metadata = {}
            case _:
                raise EngineError("The embedded service takes uploads of uploadType multipart or media.")
        return self._created(request, metadata, self._exports.contents.store(body), content_type)

    def _created(
        self, request: Request, metadata: Mapping[str, Any], content: Content | None, mime_type: str
    ) -> Response:
        parents = metadata.get("parents") or ["root"]
        if not isinstance(parents, list) or len(parents) != 1:
            raise EngineError("A file cannot have more than one parent.")
        parent = self._drive.get(str(parents[0]))
        if parent is None or parent.mime_type != FOLDER:
            raise _not_found(str(parents[0]))
        name = _text(metadata.get("name", "Untitled"), "name")
        mime_type = _text(metadata.get("mimeType", mime_type), "mimeType")
        file = self._drive.create(name, mime_type, parent.id, content, self._exports.now())
        return _answer(request, _described(file), _FEW)

    def update(self, request: Request, body: bytes) -> Response:
        """Rename a file, or move it into or out of the bin."""
        changes = read_json(body or b"{}")
        known: dict[str, Any] = {key: changes[key] for key in ("name", "trashed") if key in changes}
        if "name" in known:
            _text(known["name"], "name")
        file = self._drive.change(self._found(request), known, self._exports.now())
        return _answer(request, _described(file), _FEW)

    def delete(self, request: Request, _: bytes) -> Response:
        """Remove a file for good."""
        file = self._found(request)
        if file.id == ROOT:
            return api_failure(403, "The root folder cannot be deleted.", "insufficientFilePermissions")
        self._drive.delete(file)
        return Response(status_code=204)

    def _found(self, request: Request) -> DriveFile:
        id_ = request.path_params["id"]
        file = self._drive.get(id_)
        if file is None:
            raise _not_found(id_)
        return file


def _failure_of(error: Exception) -> Response:
    if str(error) == NO_SPACE:
        return api_failure(403, "The user's Drive storage quota has been exceeded.", "storageQuotaExceeded")
    return api_failure_of(error)


def _not_found(id_: str) -> EngineError:
    return EngineError(f"File not found: {id_[:100]}.", status=404)


def _text(value: Any, name: str) -> str:
    # Lone surrogates have no place in a file name, nor in the database.
    ok = isinstance(value, str) and 1 <= len(value) <= _NAME_LENGTH and not re.search("[\0\ud800-\udfff]", value)
    if not ok:
        raise EngineError(f"Invalid Value: {name}")
    return str(value)


def _whole(text: str | None, name: str) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise EngineError(f"Invalid Value: {name}")
    return int(text)


def _answer(request: Request, answer: Mapping[str, Any], few: str) -> Response:
    return JSONResponse(selected(answer, request.query_params.get("fields") or few))


def _described(file: DriveFile) -> dict[str, Any]:
    description: dict[str, Any] = {
        "kind": "drive#file",
        "id": file.id,
        "name": file.name,
        "mimeType": file.mime_type,
        "parents": [file.parent] if file.parent else [],
        "createdTime": _milliseconds(file.created),
        "modifiedTime": _milliseconds(file.modified),
        "trashed": file.trashed,
        "ownedByMe": True,
        "capabilities": {"canAddChildren": file.content is None, "canDelete": True, "canDownload": True,
                         "canEdit": True, "canTrash": True},
    }  # fmt: skip
    if file.content is not None and file.md5 is not None and file.sha256 is not None:
        description |= {
            "size": str(file.size),
            "quotaBytesUsed": str(file.size),
            "md5Checksum": file.md5.hex(),
            "sha256Checksum": file.sha256.hex(),
            "headRevisionId": file.revision,
            "originalFilename": file.name,
        }
    return description


def _milliseconds(seconds: float) -> str:
    return f"{timestamp(seconds)[:-4]}Z"
