"""Bringing a file down: ranged, resumed where it stopped, checked in the same pass, and whole or not at all.

What has come is kept beside the file it will be, under a name that holds which version of which remote file it is of,
and is continued by whoever asks for the same version again, also after a kill. A zero-filled tail decodes cleanly; only
checksums catch it, so that a file without one is refused.
"""

from __future__ import annotations

import base64
import glob
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import google_crc32c

from gee_s1ben.errors import Reaction, ServiceError, StorageError
from gee_s1ben.session.destinations.files import Downloaded, RemoteFile
from gee_s1ben.session.guarding import RangeIgnoredError
from gee_s1ben.session.retrying import UnusableAnswerError, asked

ANSWER_SECONDS = 60.0
"""Every answer may take so long, and longer by its size at :data:`SLOWEST_BYTES_PER_S`."""
SLOWEST_BYTES_PER_S = 65_536
SPARE_BYTES = 16 << 20
"""The disk must have so much more free than the file needs."""

_CHUNK_BYTES = 1 << 20


class Part:
    """What has come of a file so far, on disk; a sink that takes what follows.

    Parameters
    ----------
    file : RemoteFile
        What it will be.
    path : Path
        Where it is kept; what is there already is read once, for the checksums.
    """

    def __init__(self, file: RemoteFile, path: Path) -> None:
        self._file = file
        self._path = path
        if path.is_symlink():  # what it leads to is not ours
            path.unlink()
        self._stream = path.open("r+b" if path.exists() else "x+b")
        self.size = 0
        self._sums: tuple[Any, Any, Any] = _sums()
        while chunk := self._stream.read(_CHUNK_BYTES):
            self._count(chunk)
        if self.size > file.size:
            self.restart()

    def write(self, chunk: bytes, /) -> int:
        """Take the bytes that follow.

        Raises
        ------
        UnusableAnswerError
            There are more than the file has.
        StorageError
            The disk is full or failing.
        """
        if self.size + len(chunk) > self._file.size:
            self.restart()
            raise UnusableAnswerError(f"more than the {self._file.size} bytes of the file")
        with storage_errors(self._path):
            self._stream.write(chunk)
        self._count(chunk)
        return len(chunk)

    def restart(self) -> None:
        """Forget all that has come."""
        with storage_errors(self._path):
            self._stream.seek(0)
            self._stream.truncate()
        self.size, self._sums = 0, _sums()

    def fault(self) -> str:
        """Say what is wrong with the whole file; empty if nothing is."""
        _, md5, crc32c = self._sums
        if self.size != self._file.size:
            return f"{self.size} of {self._file.size} bytes"
        if self._file.md5 and md5.hexdigest() != self._file.md5.lower():
            return f"its MD5 is {md5.hexdigest()} instead of {self._file.md5}"
        found = base64.b64encode(crc32c.digest()).decode("ascii")
        if self._file.crc32c and found != self._file.crc32c:
            return f"its CRC32C is {found} instead of {self._file.crc32c}"
        return ""

    def sha256(self) -> str:
        """Digest of what has come, in hexadecimal."""
        return str(self._sums[0].hexdigest())

    def flush(self) -> None:
        """Put all that has come on the disk."""
        with storage_errors(self._path):
            self._stream.flush()
            os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Close the file; what has come stays."""
        with storage_errors(self._path):
            self._stream.close()

    def _count(self, chunk: bytes) -> None:
        self.size += len(chunk)
        for checksum in self._sums:
            checksum.update(chunk)


def download(
    file: RemoteFile,
    path: Path,
    pour: Callable[[int, Part, float], object],
    unchanged: Callable[[], bool],
    what: str,
) -> Downloaded:
    """Bring a file down to ``path``.

    Parameters
    ----------
    file : RemoteFile
        Which.
    path : Path
        Where it will be, of the caller's choosing; its folder is made where it is missing.
    pour : callable
        Asks once for the file from an offset on, within so many seconds, and writes what comes to the part.
    unchanged : callable
        Whether the file is still the version that was found.
    what : str
        What is being done, for the user.

    Raises
    ------
    ServiceError
        It does not come, is not what its checksum says, was overwritten, or is gone; reaction ``RETRY``.
    StorageError
        The disk is full, read-only or failing.
    """
    if not file.md5 and not file.crc32c:
        raise ServiceError(f"{what}: the destination gives no checksum of it: not taken", None, Reaction.FAIL)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        standing = _standing(file, path)
        if standing is not None:
            return standing
        part_path = path.with_name(f"{path.name}.{_version(file)}.part")
        part = Part(file, part_path)
    resumed = part.size
    try:
        _check_space(path, file.size - part.size)
        asked(lambda: _once(file, part, pour, unchanged), what)
        part.flush()
    except ServiceError as error:
        if error.status in (404, 412):
            raise ServiceError(
                f"{what}: it was overwritten or removed meanwhile: looked for again later", error.status, Reaction.RETRY
            ) from error
        raise
    finally:
        part.close()
    with storage_errors(path):
        part_path.replace(path)
        _sync(path.parent)
        for other in path.parent.glob(f"{glob.escape(path.name)}.*.part"):
            other.unlink()
    return Downloaded(path, file.size, part.sha256(), resumed)


def _once(
    file: RemoteFile, part: Part, pour: Callable[[int, Part, float], object], unchanged: Callable[[], bool]
) -> None:
    if part.size < file.size or file.size == 0:
        seconds = ANSWER_SECONDS + (file.size - part.size) / SLOWEST_BYTES_PER_S
        try:
            pour(part.size, part, seconds)
        except RangeIgnoredError:
            part.restart()
            pour(0, part, seconds)
    if part.size < file.size:
        raise ConnectionError(f"cut off after {part.size} of {file.size} bytes")
    if fault := part.fault():
        part.restart()
        if not unchanged():
            raise ServiceError("overwritten", 412)
        raise UnusableAnswerError(fault)


def _standing(file: RemoteFile, path: Path) -> Downloaded | None:
    """Return the file if an earlier download has brought it already."""
    if not path.is_file() or path.stat().st_size != file.size:
        return None
    there = Part(file, path)
    fault, digest = there.fault(), there.sha256()
    there.close()
    return None if fault else Downloaded(path, file.size, digest, file.size)


def _version(file: RemoteFile) -> str:
    text = "\0".join((file.id, file.version, str(file.size), file.md5, file.crc32c))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _sums() -> tuple[Any, Any, Any]:
    crc32c: Any = google_crc32c.Checksum
    return hashlib.sha256(), hashlib.md5(usedforsecurity=False), crc32c()


def _check_space(path: Path, needed: int) -> None:
    with storage_errors(path):
        free = shutil.disk_usage(path.parent).free
    if free < needed + SPARE_BYTES:
        raise StorageError(
            f"cannot bring {path.name} down to {path.parent}: it needs {needed / 1e6:.0f} MB, and "
            f"{max(0, free - SPARE_BYTES) / 1e6:.0f} MB are free: free some space and start again"
        )


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about writing ``path`` into one clear line."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}: check the disk, free some space, and start again"
        ) from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
