"""The manifest, searched where it lies on disk."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from gee_s1ben.dataset.manifest import manifest_path
from gee_s1ben.errors import InputError
from gee_s1ben.storage.files import open_regular

_DIGEST = 64
"""Hexadecimal digits of a SHA-256."""
_LET_GO = 256
"""Look-ups after which the pages of the file that were touched are let go."""


class ManifestIndex:
    """Looks checksums up in a manifest on disk; it is sorted, so nothing has to be held in memory.

    Folders asked for in the order of their paths are found at once, all others by bisection.
    """

    def __init__(self, text: mmap.mmap | bytes, path: Path) -> None:
        self._text = text
        self._path = path
        self._last, self._next = b"", 0
        self._looked = 0

    @classmethod
    @contextmanager
    def open(cls, root: Path) -> Iterator[ManifestIndex]:
        """Open the manifest of a dataset for the time of a ``with`` block.

        Raises
        ------
        InputError
            There is none, or it cannot be read.
        """
        path = manifest_path(root)
        try:
            file = open_regular(path)
        except FileNotFoundError:
            raise InputError(f"{path} is not there; run 'gee-s1ben run' first") from None
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error
        with file:
            if not path.stat().st_size:
                yield cls(b"", path)
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                yield cls(text, path)

    def digests(self, folder: PurePosixPath | str) -> dict[str, str]:
        """SHA-256 by file name of what the manifest has under a folder.

        Raises
        ------
        InputError
            A line is not one of ``sha256sum``'s.
        """
        prefix = f"{folder}/".encode()
        place = self._first(prefix)
        found: dict[str, str] = {}
        while place < len(self._text):
            digest, path, after = self._line(place)
            if not path.startswith(prefix):
                break
            found[path[len(prefix) :].decode("utf-8", "replace")] = digest
            place = after
        self._last, self._next = prefix, place
        self._let_go()
        return found

    def _first(self, wanted: bytes) -> int:
        """Offset of the first line whose path is not before ``wanted``."""
        low, high = 0, len(self._text)
        if wanted > self._last and not wanted.startswith(self._last):
            low = self._next
            if low < high and self._line(low)[1] >= wanted:
                return low
        while low < high:
            middle = (low + high) // 2
            start = self._text.rfind(b"\n", low, middle) + 1 or low
            _, path, after = self._line(start)
            if path < wanted:
                low = after
            else:
                high = start
        return low

    def _line(self, start: int) -> tuple[str, bytes, int]:
        end = self._text.find(b"\n", start)
        line = self._text[start:end]
        if end < 0 or line[_DIGEST : _DIGEST + 2] != b"  ":
            raise InputError(f"{self._path}: not a table of checksums; move the file away and run again")
        return line[:_DIGEST].decode("ascii", "replace"), line[_DIGEST + 2 :], end + 1

    def _let_go(self) -> None:
        """Give pages back now and then, which would else count as this process's memory until all of it is read."""
        self._looked += 1
        if self._looked % _LET_GO == 0 and isinstance(self._text, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            self._text.madvise(mmap.MADV_DONTNEED)
