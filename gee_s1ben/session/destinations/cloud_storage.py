"""A bucket of Google Cloud Storage, through Google's own client."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import google.auth.transport.requests
import google.cloud.storage
import requests

from gee_s1ben.errors import AccessError, ServiceError
from gee_s1ben.session.connection import Connection
from gee_s1ben.session.destinations.downloading import Part, download
from gee_s1ben.session.destinations.files import Downloaded, RemoteFile, belongs
from gee_s1ben.session.guarding import GuardedAdapter, guard
from gee_s1ben.session.retrying import UnusableAnswerError, asked

GOOGLE_URL = "https://storage.googleapis.com"
METADATA_SECONDS = 60.0
"""For a whole answer that is not a file."""

_FIELDS = "items(name,size,md5Hash,crc32c,generation),nextPageToken"
_PAGE_SIZE = 1000


class CloudStorage:
    """A prefix of a bucket; see :class:`gee_s1ben.session.destinations.Destination`.

    Parameters
    ----------
    connection : Connection
        Whose credentials count; on an embedded service, its bucket is meant.
    bucket : str
        Its name.
    prefix : str
        Start of the names of all objects, without the slash at its end.
    removing : bool
        Whether files will be removed, for :meth:`check`.
    """

    def __init__(self, connection: Connection, bucket: str, prefix: str, *, removing: bool = False) -> None:
        local = connection.backend == "embedded"
        self._tokens = requests.Session()
        guard(self._tokens, GuardedAdapter(METADATA_SECONDS), direct=local)
        request: Any = google.auth.transport.requests.Request
        authorized: Any = google.auth.transport.requests.AuthorizedSession
        # Tokens are asked for through a session of their own, which must be guarded as well.
        self._session = authorized(connection.credentials, auth_request=request(self._tokens))
        guard(self._session, GuardedAdapter(), direct=local)
        client: Any = google.cloud.storage.Client
        self._client = client(
            project=connection.project,
            credentials=connection.credentials,
            _http=self._session,
            client_options={"api_endpoint": connection.url if local else GOOGLE_URL},
        )
        # For traces that nobody takes, the client would ask for the bucket itself, from a thread, with attempts of its
        # own and a permission that exporting does not need.
        self._client._bucket_metadata_cache = None  # noqa: SLF001
        self._bucket = self._client.bucket(bucket)
        self._name = bucket
        self._prefix = prefix.strip("/")
        self._removing = removing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        self._tokens.close()

    def options(self, description: str) -> dict[str, Any]:
        """What an export request says about its destination."""
        return {"cloudStorageDestination": {"bucket": self._name, "filenamePrefix": self._object(description)}}

    def find(self, description: str, uris: Sequence[str] = ()) -> list[RemoteFile]:  # noqa: ARG002 - names are unique
        """Files of the operation of this description, by name."""

        def listed() -> list[RemoteFile]:
            found: dict[str, RemoteFile] = {}
            for blob in self._client.list_blobs(
                self._bucket,
                prefix=self._object(description),
                page_size=_PAGE_SIZE,
                fields=_FIELDS,
                timeout=METADATA_SECONDS,
                retry=None,
            ):
                if blob.name in found:
                    raise UnusableAnswerError("a list that does not end")
                found[blob.name] = _remote(blob)
            return [file for file in found.values() if belongs(file.name, description)]

        return sorted(asked(listed, f"listing gs://{self._name}/{self._prefix}"), key=lambda file: file.name)

    def download(self, file: RemoteFile, path: Path) -> Downloaded:
        """Bring a file down, of the generation that was found and no other."""

        def pour(start: int, part: Part, seconds: float) -> None:
            blob = self._bucket.blob(file.id, generation=int(file.version))
            # Raw: what is stored is what is checked. The client's own checksums do not cover parts.
            blob.download_to_file(
                part, start=start or None, raw_download=True, checksum=None, timeout=seconds, retry=None
            )

        # Another generation is never answered, so that nothing has to be asked about it.
        return download(file, path, pour, lambda: True, f"bringing down gs://{self._name}/{file.id}")

    def remove(self, file: RemoteFile) -> None:
        """Remove the generation of a file that was found; another, or none, is well."""

        def delete() -> None:
            self._bucket.blob(file.id).delete(
                if_generation_match=int(file.version), timeout=METADATA_SECONDS, retry=None
            )

        try:
            asked(delete, f"removing gs://{self._name}/{file.id}")
        except ServiceError as error:
            if error.status not in (404, 412):
                raise

    def check(self, size: int = 1) -> None:  # noqa: ARG002 - a bucket is never full
        """Find out whether objects can be written, found and read, and removed where that is wanted."""
        wanted = ["storage.objects.create", "storage.objects.get", "storage.objects.list"]
        if self._removing:
            wanted.append("storage.objects.delete")

        def granted() -> list[str]:
            answer = self._bucket.test_iam_permissions(wanted, timeout=METADATA_SECONDS, retry=None)
            if not isinstance(answer, list):
                raise UnusableAnswerError("not a list of permissions")
            return answer

        missing = sorted(set(wanted) - set(asked(granted, f"checking bucket {self._name}")))
        if missing:
            raise AccessError(
                f"bucket {self._name}: the account lacks {', '.join(missing)} — give it the role Storage Object "
                "Admin on the bucket, or choose another 'export.bucket'",
                403,
            )

    def _object(self, description: str) -> str:
        return f"{self._prefix}/{description}" if self._prefix else description


def _remote(blob: Any) -> RemoteFile:
    size, generation = blob.size, blob.generation
    if not isinstance(size, int) or not isinstance(generation, int) or not isinstance(blob.name, str):
        raise UnusableAnswerError("an object without size or generation")
    return RemoteFile(blob.name, blob.name.rsplit("/", 1)[-1], size, "", str(blob.crc32c or ""), str(generation))
