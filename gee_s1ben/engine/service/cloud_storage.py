"""A faithful subset of Cloud Storage's JSON API, for the unmodified google-cloud-storage client.

Buckets: get, testIamPermissions. Objects: list (prefix, delimiter, pages), get, media with ranges and preconditions,
delete, upload in one request.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gee_s1ben.engine.exports import Exports
from gee_s1ben.engine.exports.buckets import StoredObject, check_object_name
from gee_s1ben.engine.exports.operation import timestamp
from gee_s1ben.engine.service.answering import Threads, read_body
from gee_s1ben.engine.service.failures import api_failure, api_failure_of
from gee_s1ben.engine.service.fields import selected
from gee_s1ben.engine.service.media import download, read_multipart
from gee_s1ben.errors import EngineError

_PAGE_SIZE: Final = 1000
_CREATED: Final = "2017-01-01T00:00:00.000Z"


class CloudStorageRoutes:
    """Handlers over the buckets of an exports folder."""

    def __init__(self, exports: Exports, threads: Threads) -> None:
        self._exports = exports
        self._threads = threads

    def routes(self) -> list[Route]:
        """Return the routes."""
        bucket = "/storage/v1/b/{bucket}"
        thing = f"{bucket}/o/{{name:path}}"
        return [
            Route(bucket, self._handler(self.get_bucket), methods=["GET"]),
            Route(f"{bucket}/iam/testPermissions", self._handler(self.test_permissions), methods=["GET"]),
            Route(f"{bucket}/o", self._handler(self.list), methods=["GET"]),
            Route(thing, self._handler(self.get), methods=["GET"]),
            Route(thing, self._handler(self.delete), methods=["DELETE"]),
            Route(f"/download{thing}", self._handler(self.get), methods=["GET"]),
            Route(f"/upload{bucket}/o", self.upload, methods=["POST"]),
        ]

    def _handler(self, work: Callable[[Request], Response]) -> Any:
        async def handle(request: Request) -> Response:
            def ready() -> Response:
                self._exports.advance()
                self._check_bucket(request)
                return work(request)

            return await self._threads.answer(ready, api_failure_of)

        return handle

    def get_bucket(self, request: Request) -> Response:
        """Describe a bucket."""
        bucket = request.path_params["bucket"]
        return JSONResponse(
            {
                "kind": "storage#bucket",
                "id": bucket,
                "name": bucket,
                "selfLink": f"{_base(request)}/storage/v1/b/{bucket}",
                "projectNumber": "0",
                "metageneration": "1",
                "location": "EU",
                "locationType": "multi-region",
                "storageClass": "STANDARD",
                "timeCreated": _CREATED,
                "updated": _CREATED,
                "etag": "CAE=",
            }
        )

    def test_permissions(self, request: Request) -> Response:
        """Grant whatever is asked for: who reaches the service may do everything."""
        asked = request.query_params.getlist("permissions")
        return JSONResponse({"kind": "storage#testIamPermissionsResponse", "permissions": asked})

    def list(self, request: Request) -> Response:
        """List the objects of a bucket by name."""
        query = request.query_params
        count = min(_whole(query.get("maxResults"), "maxResults") or _PAGE_SIZE, _PAGE_SIZE)
        page = self._exports.buckets.page(
            request.path_params["bucket"],
            query.get("prefix", ""),
            query.get("delimiter", ""),
            _after(query.get("pageToken", "")),
            count,
        )
        answer: dict[str, Any] = {"kind": "storage#objects"}
        if page.objects:
            answer["items"] = [_described(stored, request) for stored in page.objects]
        if page.prefixes:
            answer["prefixes"] = list(page.prefixes)
        if page.next_after is not None:
            answer["nextPageToken"] = base64.urlsafe_b64encode(page.next_after.encode()).decode()
        return _answer(request, answer)

    def get(self, request: Request) -> Response:
        """Describe an object, or with ``alt=media`` send it."""
        stored = self._found(request)
        refused = _precondition(request, stored)
        if refused is not None:
            return refused
        media = request.query_params.get("alt") == "media" or request.url.path.startswith("/download/")
        if not media:
            return _answer(request, _described(stored, request))
        headers = {
            "etag": _etag(stored),
            "x-goog-generation": str(stored.generation),
            "x-goog-metageneration": "1",
            "x-goog-hash": f"crc32c={_base64(stored.crc32c)},md5={_base64(stored.md5)}",
            "x-goog-stored-content-length": str(stored.size),
            "x-goog-storage-class": "STANDARD",
        }
        path = self._exports.contents.path(stored.content)
        return download(request, path, stored.size, stored.content_type, headers)

    def delete(self, request: Request) -> Response:
        """Remove an object."""
        stored = self._found(request)
        refused = _precondition(request, stored)
        if refused is not None:
            return refused
        self._exports.buckets.delete(stored.bucket, stored.name)
        return Response(status_code=204)

    async def upload(self, request: Request) -> Response:
        """Store an object that comes in one request."""
        try:
            body = await read_body(request)
        except EngineError as error:
            return api_failure_of(error)

        def work() -> Response:
            self._exports.advance()
            self._check_bucket(request)
            return self._upload(request, body)

        return await self._threads.answer(work, api_failure_of)

    def _upload(self, request: Request, body: bytes) -> Response:
        query, content_type = request.query_params, request.headers.get("content-type", "application/octet-stream")
        name = query.get("name", "")
        match query.get("uploadType"):
            case "multipart":
                metadata, content_type, body = read_multipart(content_type, body)
                name = str(metadata.get("name", name))
            case "media":
                pass
            case _:
                raise EngineError("The embedded service takes uploads of uploadType multipart or media.")
        check_object_name(name)
        bucket = request.path_params["bucket"]
        wanted = query.get("ifGenerationMatch")
        existing = self._exports.buckets.get(bucket, name)
        if wanted is not None and str(existing.generation if existing else 0) != wanted:
            return api_failure(412, "At least one of the pre-conditions you specified did not hold.", "conditionNotMet")
        contents = self._exports.contents
        stored = self._exports.buckets.put(bucket, name, contents.store(body), content_type, self._exports.now())
        return JSONResponse(_described(stored, request))

    def _check_bucket(self, request: Request) -> None:
        bucket = request.path_params["bucket"]
        if not self._exports.buckets.exists(bucket):
            raise EngineError("The specified bucket does not exist.", status=404)

    def _found(self, request: Request) -> StoredObject:
        bucket, name = request.path_params["bucket"], request.path_params["name"]
        stored = self._exports.buckets.get(bucket, name)
        wanted = request.query_params.get("generation")
        if stored is None or (wanted is not None and wanted != str(stored.generation)):
            raise EngineError(f"No such object: {bucket}/{name[:1024]}", status=404)
        return stored


def _answer(request: Request, answer: dict[str, Any]) -> Response:
    return JSONResponse(selected(answer, request.query_params.get("fields") or "*"))


def _precondition(request: Request, stored: StoredObject) -> Response | None:
    query = request.query_params
    wanted, unwanted = query.get("ifGenerationMatch"), query.get("ifGenerationNotMatch")
    if wanted is not None and wanted != str(stored.generation):
        return api_failure(412, "At least one of the pre-conditions you specified did not hold.", "conditionNotMet")
    return Response(status_code=304) if unwanted == str(stored.generation) else None


def _described(stored: StoredObject, request: Request) -> dict[str, Any]:
    place = f"b/{stored.bucket}/o/{quote(stored.name, safe='')}"
    time = timestamp(stored.created)
    return {
        "kind": "storage#object",
        "id": f"{stored.bucket}/{stored.name}/{stored.generation}",
        "selfLink": f"{_base(request)}/storage/v1/{place}",
        "mediaLink": f"{_base(request)}/download/storage/v1/{place}?generation={stored.generation}&alt=media",
        "name": stored.name,
        "bucket": stored.bucket,
        "generation": str(stored.generation),
        "metageneration": "1",
        "contentType": stored.content_type,
        "storageClass": "STANDARD",
        "size": str(stored.size),
        "md5Hash": _base64(stored.md5),
        "crc32c": _base64(stored.crc32c),
        "etag": _etag(stored),
        "timeCreated": time,
        "updated": time,
    }


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _etag(stored: StoredObject) -> str:
    return _base64(stored.generation.to_bytes(8, "big"))


def _after(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except ValueError as error:
        raise EngineError("Invalid argument: pageToken") from error


def _whole(text: str | None, name: str) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise EngineError(f"Invalid argument: {name}")
    return int(text)
