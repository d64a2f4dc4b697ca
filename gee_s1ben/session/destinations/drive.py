"""A folder of Google Drive, through Google's own client.

Names are not unique there: a file is known by its id, and belongs to an operation by the token in its name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import google.auth.compute_engine.credentials
import google.oauth2.service_account
import google_auth_httplib2  # type: ignore[import-untyped]
import googleapiclient.discovery
from google.api_core.client_options import ClientOptions

from gee_s1ben.errors import AccessError, Reaction, ServiceError
from gee_s1ben.session.connection import Connection
from gee_s1ben.session.destinations.downloading import Part, download
from gee_s1ben.session.destinations.files import Downloaded, RemoteFile, belongs
from gee_s1ben.session.retrying import UnusableAnswerError, asked
from gee_s1ben.session.transport import Transport

_FOLDER = "application/vnd.google-apps.folder"
_FIELDS = "id,name,size,md5Checksum,headRevisionId"
_PAGE_SIZE = 1000
_PROBE = "gee_s1ben-write-check"


class Drive:
    """A folder by its name; see :class:`gee_s1ben.session.destinations.Destination`.

    Parameters
    ----------
    connection : Connection
        Whose credentials count; on an embedded service, its drive is meant.
    folder : str
        Name of the folder; Earth Engine makes it where there is none, and takes one at any level.

    Raises
    ------
    AccessError
        The credentials are a service account's.
    """

    def __init__(self, connection: Connection, folder: str) -> None:
        if isinstance(
            connection.credentials,
            google.oauth2.service_account.Credentials | google.auth.compute_engine.credentials.Credentials,
        ):
            raise AccessError(
                "a service account has no space in Drive: set export.transport to gcs or direct, or sign in as a user "
                "with 'earthengine authenticate'"
            )
        local = connection.backend == "embedded"
        self._transport = Transport(direct=local)
        self._credentials = connection.credentials
        build: Any = googleapiclient.discovery.build
        options: Any = ClientOptions
        self._service = build(
            "drive",
            "v3",
            http=self._authorized(self._transport),
            static_discovery=True,
            cache_discovery=False,
            client_options=options(api_endpoint=f"{connection.url}/drive/v3/") if local else None,
        )
        self._folder = folder
        self._ids: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def options(self, description: str) -> dict[str, Any]:
        """What an export request says about its destination."""
        return {"driveDestination": {"folder": self._folder, "filenamePrefix": description}}

    def find(self, description: str, uris: Sequence[str] = ()) -> list[RemoteFile]:
        """Files of the operation of this description, by name."""
        found = self._named(f"name contains '{_quoted(description)}'", description, uris) if self._ids else []
        if not found:
            # Earth Engine may have made the folder by now. And Drive finds the beginnings of words, whatever it takes
            # for a word: what it does not find may be there.
            self._ids = self._folders()
            found = self._named("", description, uris)
        by_name: defaultdict[str, list[RemoteFile]] = defaultdict(list)
        for file in found:
            by_name[file.name].append(file)
        return [_decided(by_name[name], uris) for name in sorted(by_name)]

    def download(self, file: RemoteFile, path: Path) -> Downloaded:
        """Bring a file down by its id; one that is overwritten meanwhile is refused."""

        def pour(start: int, part: Part, seconds: float) -> None:
            request = self._service.files().get_media(fileId=file.id)
            if start:
                request.headers["range"] = f"bytes={start}-"
            request.execute(http=self._authorized(self._transport.to(part, seconds)), num_retries=0)

        def unchanged() -> bool:
            now = _remote(self._service.files().get(fileId=file.id, fields=_FIELDS).execute(num_retries=0))
            return (now.version, now.size, now.md5) == (file.version, file.size, file.md5)

        return download(file, path, pour, unchanged, f"bringing down {file.name[:120]!r} from Drive")

    def remove(self, file: RemoteFile) -> None:
        """Remove a file by its id; none is well."""

        def delete() -> None:
            self._service.files().delete(fileId=file.id).execute(num_retries=0)

        try:
            asked(delete, f"removing {file.name[:120]!r} from Drive")
        except ServiceError as error:
            if error.status != 404:
                raise

    def check(self, size: int = 1) -> None:
        """Find out whether there is room, and whether a file can be written and removed."""
        quota = self._ask(lambda: self._service.about().get(fields="storageQuota"), "checking Drive").get(
            "storageQuota"
        )
        try:
            limit, usage = (quota or {}).get("limit"), int((quota or {}).get("usage") or 0)
            room = size if limit is None else int(limit) - usage
        except (AttributeError, TypeError, ValueError):
            room = size  # it says nothing that can be read: writing will tell
        if room < size:
            raise ServiceError(
                f"Not enough space in Google Drive: {max(room, 0) / 1e6:.1f} MB are free, and a file may take "
                f"{size / 1e6:.1f} MB — make room, or set export.transport to gcs or direct",
                403,
                Reaction.PAUSE,
            )
        folders = self._folders()
        parent = {"parents": [folders[0]]} if folders else {}
        body = {"name": _PROBE, "mimeType": "text/plain", **parent}
        what = f"writing to Drive, folder {self._folder}"
        probe = self._ask(lambda: self._service.files().create(body=body, fields="id"), what)
        self.remove(RemoteFile(str(probe["id"]), _PROBE, 0))

    def _folders(self) -> list[str]:
        query = f"name = '{_quoted(self._folder)}' and mimeType = '{_FOLDER}' and trashed = false"
        # What others share with the user bears any name they like.
        rows = self._listed(query, "nextPageToken,files(id,ownedByMe)")
        return [str(row["id"]) for row in rows if row.get("ownedByMe", True)]

    def _named(self, condition: str, description: str, uris: Sequence[str]) -> list[RemoteFile]:
        found = []
        # Earth Engine says which folder it wrote to; of several of one name it takes the one modified last.
        for folder in [one for one in self._ids if any(one in uri for uri in uris)] or self._ids:
            query = " and ".join(filter(None, (f"'{_quoted(folder)}' in parents", condition, "trashed = false")))
            rows = self._listed(query, f"nextPageToken,files({_FIELDS})")
            found += [_remote(row) for row in rows if belongs(str(row.get("name", "")), description)]
        return found

    def _listed(self, query: str, fields: str) -> list[dict[str, Any]]:
        def pages() -> Iterator[dict[str, Any]]:
            files = self._service.files()
            seen: set[str] = set()
            request = files.list(q=query, fields=fields, pageSize=_PAGE_SIZE, spaces="drive")
            while request is not None:
                answer = request.execute(num_retries=0)
                rows = answer["files"]
                if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in rows):
                    raise UnusableAnswerError("not a list of files")
                yield from rows
                token = answer.get("nextPageToken")
                if token in seen:
                    raise UnusableAnswerError("a list that does not end")
                seen.add(token)
                request = files.list_next(request, answer)

        return asked(lambda: list(pages()), f"listing Drive's folder {self._folder}")

    def _ask(self, request: Callable[[], Any], what: str) -> dict[str, Any]:
        def once() -> dict[str, Any]:
            answer = request().execute(num_retries=0)
            if not isinstance(answer, dict) or not answer:
                raise UnusableAnswerError(f"{type(answer).__name__} without content")
            return answer

        return asked(once, what)

    def _authorized(self, http: Any) -> Any:
        return google_auth_httplib2.AuthorizedHttp(self._credentials, http=http)


def _decided(files: Sequence[RemoteFile], uris: Sequence[str]) -> RemoteFile:
    """Return the one file of several of a name, where it is plain which."""
    told = [file for file in files if any(file.id in uri for uri in uris)]
    candidates = sorted(told or files, key=lambda file: file.id)
    if len({(file.size, file.md5) for file in candidates}) > 1:
        raise ServiceError(
            f"Drive has {len(candidates)} different files named {candidates[0].name[:120]!r} (ids "
            f"{', '.join(file.id[:60] for file in candidates[:3])}): not guessed; exported anew under another name",
            None,
            Reaction.ANEW,
        )
    return candidates[0]


def _remote(value: Any) -> RemoteFile:
    try:
        return RemoteFile(
            str(value["id"]), str(value["name"]), int(value["size"]), str(value.get("md5Checksum") or ""), "",
            str(value.get("headRevisionId") or ""),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnusableAnswerError(f"a file without id, name or size: {error!r}") from error


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
