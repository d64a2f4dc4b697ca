"""Buckets and objects, as Cloud Storage has them: one object of a name, and a generation that grows."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from gee_s1ben.engine.exports.contents import Content, Contents
from gee_s1ben.engine.exports.database import Database
from gee_s1ben.errors import EngineError

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_NAME_BYTES: Final = 1024
_LAST: Final = chr(0x10FFFF)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a bucket."""

    bucket: str
    name: str
    generation: int
    content_type: str
    created: float
    content: str
    size: int
    md5: bytes
    crc32c: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a listing."""

    objects: tuple[StoredObject, ...]
    prefixes: tuple[str, ...]
    next_after: str | None
    """The name after which the next page begins; None at the end."""


class Buckets:
    """The objects of an exports folder."""

    def __init__(self, database: Database, contents: Contents, names: Collection[str] | None) -> None:
        self._database = database
        self._contents = contents
        self._names = None if names is None else frozenset(names)

    def exists(self, bucket: str) -> bool:
        """Whether there is a bucket of this name."""
        return bool(_BUCKET.fullmatch(bucket)) and (self._names is None or bucket in self._names)

    def put(self, bucket: str, name: str, content: Content, content_type: str, now: float) -> StoredObject:
        """Store an object in place of the one that had its name."""
        with self._database.transaction():
            before = self.get(bucket, name)
            newest = self._database.row("SELECT max(generation) AS newest FROM objects")
            generation = max(int(now * 1e6), (newest["newest"] or 0) + 1 if newest else 0)
            stored = StoredObject(
                bucket, name, generation, content_type, now, content.id, content.size, content.md5, content.crc32c
            )
            self._database.change(
                "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (bucket, name, generation, content_type, now, content.id, content.size, content.md5, content.crc32c),
            )
            if before is not None:
                old = before.content
                self._database.after_commit(lambda: self._contents.remove(old))
        return stored

    def get(self, bucket: str, name: str) -> StoredObject | None:
        """Return an object, or None."""
        row = self._database.row("SELECT * FROM objects WHERE bucket = ? AND name = ?", (bucket, name))
        return None if row is None else _stored(row)

    def page(self, bucket: str, prefix: str, delimiter: str, after: str, count: int) -> Page:
        """Return objects by name; names that go on behind a delimiter are gathered to prefixes.

        Parameters
        ----------
        bucket, prefix : str
            Of which objects.
        delimiter : str
            Such as ``/``; empty for none.
        after : str
            Where the page before ended; empty for the first.
        count : int
            Objects and prefixes at most.
        """
        objects: list[StoredObject] = []
        prefixes: list[str] = []
        while len(objects) + len(prefixes) < count:
            wanted = 1 if delimiter else count
            rows = self._next(bucket, prefix, after, wanted)
            if not rows:
                return Page(tuple(objects), tuple(prefixes), None)
            head, found, _ = rows[0].name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if found:
                prefixes.append(prefix + head + delimiter)
                after = prefixes[-1] + _LAST
            else:
                objects.extend(rows)
                after = rows[-1].name
        more = self._next(bucket, prefix, after, 1)
        return Page(tuple(objects), tuple(prefixes), after if more else None)

    def _next(self, bucket: str, prefix: str, after: str, count: int) -> list[StoredObject]:
        rows = self._database.rows(
            "SELECT * FROM objects WHERE bucket = ? AND name >= ? AND name < ? AND name > ? ORDER BY name LIMIT ?",
            (bucket, prefix, prefix + _LAST, after, count),
        )
        return [_stored(row) for row in rows]

    def delete(self, bucket: str, name: str) -> bool:
        """Remove an object; tell whether it was there."""
        with self._database.transaction():
            before = self.get(bucket, name)
            if before is None:
                return False
            self._database.change("DELETE FROM objects WHERE bucket = ? AND name = ?", (bucket, name))
            content = before.content
            self._database.after_commit(lambda: self._contents.remove(content))
        return True

    def contents(self) -> list[str]:
        """Return the contents that objects have."""
        return [row["content"] for row in self._database.rows("SELECT content FROM objects")]


def check_object_name(name: str) -> None:
    """Refuse what Cloud Storage does not take as an object's name, and NUL.

    Raises
    ------
    EngineError
        It is not one.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = 0
    if not 1 <= size <= _NAME_BYTES or name in (".", "..") or any(letter in name for letter in "\r\n\0"):
        raise EngineError(f"The specified object name is not valid: {name[:100]!r}.")


def _stored(row: sqlite3.Row) -> StoredObject:
    return StoredObject(**dict(row))
