"""Contents of files: stored under names of our own making, never under those that a request asks for."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import google_crc32c

from gee_s1ben.engine.exports.room import full_disk_errors

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """A file's content on disk, with the checksums that Google's services tell."""

    id: str
    size: int
    md5: bytes
    crc32c: bytes
    sha256: bytes


class Contents:
    """A folder of contents; which of them count, the database says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, content: str) -> Path:
        """Return where a content lies."""
        return self._folder / content

    def new(self) -> Path:
        """Return where a new content may be written; it counts once it is sealed and in the database."""
        return self._folder / uuid.uuid4().hex

    def seal(self, path: Path) -> Content:
        """Flush a content to disk and take its checksums."""
        md5, sha256, crc = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
        size = 0
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                md5.update(chunk)
                sha256.update(chunk)
                crc = google_crc32c.extend(crc, chunk)
            os.fsync(file.fileno())
        return Content(path.name, size, md5.digest(), crc.to_bytes(4, "big"), sha256.digest())

    def store(self, data: bytes) -> Content:
        """Store bytes.

        Raises
        ------
        FullDiskError
            There is no room on the disk.
        """
        path = self.new()
        try:
            with full_disk_errors():
                path.write_bytes(data)
                return self.seal(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def remove(self, *contents: str) -> None:
        """Remove contents, after the database has forgotten them; who is reading one reads on."""
        for content in contents:
            self.path(content).unlink(missing_ok=True)

    def sweep(self, known: Iterable[str]) -> None:
        """Remove what a killed service left behind."""
        kept = set(known)
        for path in self._folder.iterdir():
            if path.name not in kept:
                path.unlink(missing_ok=True)
