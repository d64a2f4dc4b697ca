"""Where Earth Engine exports to, and how files are brought down from there: Google Drive and Cloud Storage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from gee_s1ben.config import Config
from gee_s1ben.errors import AccessError
from gee_s1ben.session.connection import Connection
from gee_s1ben.session.destinations.files import Downloaded, RemoteFile

__all__ = ["Destination", "Downloaded", "RemoteFile", "open_destination"]


class Destination(Protocol):
    """What is asked of a destination; Drive and Cloud Storage are two of them."""

    def options(self, description: str) -> dict[str, Any]:
        """What an export request says about its destination."""

    def find(self, description: str, uris: Sequence[str] = ()) -> list[RemoteFile]:
        """Files of the operation of this description, by name; empty where none has shown up (yet).

        The token in the description decides. Where Drive has several files of one name, ``uris`` (the operation's
        ``destination_uris``) or equal checksums decide; a file is never guessed.

        Raises
        ------
        ServiceError
            The destination refuses, fails or does not answer; reaction ``ANEW`` where files of one name differ.
        """

    def download(self, file: RemoteFile, path: Path) -> Downloaded:
        """Bring a file down to ``path``: whole and checked, or not at all.

        What came of an interrupted download is kept beside it and continued, also by another process.

        Raises
        ------
        ServiceError
            It does not come, is not what its checksum says, was overwritten meanwhile, or is not there any more;
            reaction ``RETRY``: look for it again later.
        StorageError
            The disk is full, read-only or failing.
        """

    def remove(self, file: RemoteFile) -> None:
        """Remove a file; one that is not there any more is well.

        Raises
        ------
        ServiceError
            The destination refuses, fails or does not answer.
        """

    def check(self, size: int = 1) -> None:
        """Find out before any work starts whether exports can be written here and brought down.

        Parameters
        ----------
        size : int
            Bytes that there should be room for.

        Raises
        ------
        AccessError
            Only the user can fix it, and the text says how.
        ServiceError
            The destination is full, fails or does not answer.
        """


@contextmanager
def open_destination(config: Config, connection: Connection) -> Iterator[Destination]:
    """Open the destination of ``export.transport`` for the time of a ``with`` block; asks nothing of it yet.

    Raises
    ------
    AccessError
        A service account has no space in Drive, or no bucket is named.
    ValueError
        The transport is ``direct``, which has no destination.
    """
    # The clients take a moment to load, and one is enough.
    if config.export.transport == "drive":
        from gee_s1ben.session.destinations.drive import Drive

        with Drive(connection, config.export.drive_folder) as destination:
            yield destination
    elif config.export.transport == "gcs":
        from gee_s1ben.session.destinations.cloud_storage import CloudStorage

        if config.export.bucket is None:
            raise AccessError("no bucket to export to: write 'export.bucket:' in the configuration")
        with CloudStorage(
            connection, config.export.bucket, config.export.prefix, removing=config.export.remove_remote
        ) as storage:
            yield storage
    else:
        raise ValueError("direct requests have no destination")
