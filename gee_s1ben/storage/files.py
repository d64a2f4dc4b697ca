"""Read files that others made: regular ones only, and no more bytes than they may have."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gee_s1ben.errors import RasterError

MOST_PATCH_BYTES = 4 * 8192**2 + 2**20
"""Of a patch raster: the largest patch that a configuration may ask for, uncompressed, and a header."""


def read_regular(path: Path | str, most_bytes: int = MOST_PATCH_BYTES) -> bytearray:
    """Read a file whole.

    Raises
    ------
    OSError
        It cannot be read.
    RasterError
        It is no regular file (to read a pipe would never end), or larger than it may be.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise RasterError(f"{path} is no regular file")
        if status.st_size > most_bytes:
            raise RasterError(f"{path} has {status.st_size} bytes, where at most {most_bytes} are read")
        data = bytearray(status.st_size)
        done = 0
        while done < len(data) and (count := file.readinto(memoryview(data)[done:])):
            done += count
    del data[done:]
    return data
