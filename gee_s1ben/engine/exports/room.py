"""Tell a disk without room from other failures: exports wait for room, and fail for nothing of the kind."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from gee_s1ben.errors import EngineError

MESSAGE: Final = "The disk of the exports folder is full."
_NUMBERS: Final = (errno.ENOSPC, errno.EDQUOT)
_SQLITE: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


class FullDiskError(EngineError):
    """The disk of the exports folder takes nothing for now."""

    def __init__(self) -> None:
        super().__init__(MESSAGE, status=429)


@contextmanager
def full_disk_errors() -> Iterator[None]:
    """Turn what the system or SQLite say of a disk without room into one error.

    Raises
    ------
    FullDiskError
        There is no room. All other errors stay what they are.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NUMBERS:
            raise
        raise FullDiskError from error
    except sqlite3.OperationalError as error:
        # Where the disk is full SQLite says so only of some of its files.
        if error.sqlite_errorcode & 0xFF not in _SQLITE:
            raise
        raise FullDiskError from error


def check_room(folder: Path, size: int) -> None:
    """Write and remove a file of some bytes: GDAL does not tell why it could not write.

    Raises
    ------
    OSError
        With the system's number, such as ``ENOSPC``.
    """
    path = folder / f"probe-{os.urandom(8).hex()}"
    try:
        with path.open("xb") as file:
            file.write(bytes(size))
            file.flush()
            os.fsync(file.fileno())
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)
