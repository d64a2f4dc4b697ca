"""Open files that somebody hands in: regular ones only, without waiting for what may never come.

Opening a named pipe waits for a writer, and a device or a socket gives what no file would; both may stand where a file
is expected. The errors are the operating system's own kind, so that a reader tells of them as of a missing file.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from gee_s1ben.errors import RasterError

MOST_PATCH_BYTES = 4 * 8192**2 + 2**20
"""Of a patch raster: the largest patch that a configuration may ask for, uncompressed, and a header."""

_KINDS = (
    (stat.S_ISFIFO, "it is a named pipe, not a file"),
    (stat.S_ISCHR, "it is a device, not a file"),
    (stat.S_ISBLK, "it is a device, not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Of no effect on regular files."""


def open_regular(path: Path | str) -> BinaryIO:
    """Open a regular file for reading.

    Raises
    ------
    OSError
        It cannot be opened, or is a folder, a named pipe, a device or a socket; ``strerror`` says which.
    """
    return os.fdopen(open_descriptor(path), "rb")


def open_descriptor(path: Path | str, flags: int = os.O_RDONLY) -> int:
    """Open a regular file, as an ``opener`` of :func:`open` does.

    Raises
    ------
    OSError
        As :func:`open_regular`.
    """
    try:
        descriptor = os.open(path, flags | _NO_WAIT)
    except OSError as error:
        if error.errno != errno.ENXIO:  # which is what a socket gives, and a pipe that nobody reads
            raise
        check_regular(path)
        raise
    try:
        _check_mode(os.fstat(descriptor).st_mode, path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def check_regular(path: Path | str) -> None:
    """Refuse what is no regular file, before a library opens it by its path.

    Raises
    ------
    OSError
        As :func:`open_regular`.
    """
    _check_mode(os.stat(path).st_mode, path)  # noqa: PTH116 - paths may be texts


def read_regular(path: Path | str, most: int | None = None) -> bytes:
    """Read a regular file, or of a longer one ``most`` bytes and one more, by which it is known.

    Raises
    ------
    OSError
        As :func:`open_regular`.
    """
    with open_regular(path) as file:
        # Not most + 1 at once: so much would be reserved for every small file.
        return file.read() if most is None else file.read(min(os.fstat(file.fileno()).st_size, most) + 1)


def read_patch(path: Path | str, most_bytes: int = MOST_PATCH_BYTES) -> bytearray:
    """Read a patch raster whole.

    Raises
    ------
    OSError
        As :func:`open_regular`.
    RasterError
        It is larger than it may be.
    """
    with open(path, "rb", buffering=0, opener=open_descriptor) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise RasterError(f"{path} has {size} bytes, where at most {most_bytes} are read")
        data = bytearray(size)
        done = 0
        while done < size and (count := file.readinto(memoryview(data)[done:])):
            done += count
    del data[done:]
    return data


def lines_of(file: TextIO, longest: int = 10_000) -> Iterator[str]:
    """Yield the lines of a text, none of which may be endless: a compressed one may unpack to anything.

    Raises
    ------
    ValueError
        A line is longer than ``longest`` characters.
    """
    while line := file.readline(longest + 1):
        if len(line) > longest:
            raise ValueError(f"a line is longer than {longest} characters")
        yield line


def _check_mode(mode: int, path: Path | str) -> None:
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    reason = next((words for test, words in _KINDS if test(mode)), "it is no regular file")
    raise OSError(errno.EINVAL, reason, str(path))
