"""A file at a destination, and one that was brought down from there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gee_s1ben.domain.job import Token

_SUFFIX = re.compile(r"(-[0-9]{10}-[0-9]{10})?\.tif")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at a destination; nothing of it becomes a local path."""

    id: str
    """Drive's file id, or the name of the object in its bucket."""
    name: str
    """Without folders: the description, the shard's place, and the suffix."""
    size: int
    """Bytes."""
    md5: str = ""
    """Hexadecimal, as Drive has it."""
    crc32c: str = ""
    """Base64, as Cloud Storage has it."""
    version: str = ""
    """Generation, or head revision: a file that is overwritten gets another."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that was brought down whole and checked."""

    path: Path
    size: int
    sha256: str
    resumed: int = 0
    """Bytes that an earlier, interrupted download had brought already."""


def belongs(name: str, description: str) -> bool:
    """Whether a file of this name is one of the operation of this description, by its token and its form."""
    if not name.startswith(description) or not _SUFFIX.fullmatch(name[len(description) :]):
        return False
    return Token.find(name) == Token.find(description)
