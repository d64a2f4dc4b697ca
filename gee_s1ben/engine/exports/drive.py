"""Files and folders, as Drive has them: ids tell them apart, names do not."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gee_s1ben.engine.exports.contents import Content, Contents
from gee_s1ben.engine.exports.database import Database
from gee_s1ben.engine.exports.drive_query import QUERY_FUNCTIONS, where
from gee_s1ben.errors import EngineError

FOLDER: Final = "application/vnd.google-apps.folder"
ROOT: Final = "0AEmbeddedDriveRootUk9PVA"
SHOWN_BYTES: Final = 15 * 1024**3
NO_SPACE: Final = "Not enough space in Google Drive."
_ORDERS: Final = {"name": "name", "createdTime": "created", "modifiedTime": "modified", "quotaBytesUsed": "size"}


@dataclass(frozen=True, slots=True)
class DriveFile:
    """A file or a folder."""

    number: int
    id: str
    name: str
    mime_type: str
    parent: str
    created: float
    modified: float
    revision: str
    trashed: bool
    content: str | None
    """None for a folder."""
    size: int
    md5: bytes | None
    sha256: bytes | None


class Drive:
    """The one drive of an exports folder."""

    def __init__(self, database: Database, contents: Contents, limit: int | None) -> None:
        self._database = database
        self._contents = contents
        self.limit = limit
        for name, (function, arguments) in QUERY_FUNCTIONS.items():
            database.define(name, function, arguments)

    def create(self, name: str, mime_type: str, parent: str, content: Content | None, now: float) -> DriveFile:
        """Store a file, or make a folder; others of the same name stay.

        Raises
        ------
        EngineError
            There is no room.
        """
        size = content.size if content else 0
        with self._database.transaction():
            number = self._database.row("SELECT coalesce(max(number), 0) + 1 AS number FROM files")
            assert number is not None  # noqa: S101 - an aggregate always has a row
            if self.limit is not None and size and self.used() + size > self.limit:
                raise EngineError(NO_SPACE, status=403)
            new = DriveFile(
                number["number"], f"1{secrets.token_urlsafe(24)}", name, mime_type, parent, now, now,
                secrets.token_urlsafe(24), False, content.id if content else None, size,
                content.md5 if content else None, content.sha256 if content else None,
            )  # fmt: skip
            self._database.change(
                "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (new.number, new.id, new.name, new.mime_type, new.parent, new.created, new.modified, new.revision, 0,
                 new.content, new.size, new.md5, new.sha256),
            )  # fmt: skip
            self._database.change("UPDATE files SET modified = ? WHERE id = ?", (now, parent))
        return new

    def folder(self, name: str, now: float) -> str:
        """Return the id of the folder that exports to a name go to.

        The one that was modified last, at any level; a new one below the root where there is none. Earth Engine's rule.
        """
        row = self._database.row(
            "SELECT id FROM files WHERE name = ? AND mime_type = ? AND NOT trashed ORDER BY modified DESC, number DESC",
            (name, FOLDER),
        )
        return row["id"] if row is not None else self.create(name, FOLDER, ROOT, None, now).id

    def get(self, id_: str) -> DriveFile | None:
        """Return a file by its id; ``root`` is the root."""
        if id_ in ("root", ROOT):
            return DriveFile(0, ROOT, "My Drive", FOLDER, "", 0.0, 0.0, "root", False, None, 0, None, None)
        row = self._database.row("SELECT * FROM files WHERE id = ?", (id_,))
        return None if row is None else _file(row)

    def page(self, query: str, order: str, start: int, count: int) -> tuple[list[DriveFile], int | None]:
        """Return the files that a query finds, and where the next page starts.

        Raises
        ------
        EngineError
            The query or the order cannot be read.
        """
        condition, values = where(query, {"root": ROOT})
        rows = self._database.rows(
            f"SELECT * FROM files WHERE {condition} ORDER BY {_order(order)} LIMIT ? OFFSET ?",  # noqa: S608 - ours
            (*values, count + 1, start),
        )
        return [_file(row) for row in rows[:count]], start + count if len(rows) > count else None

    def change(self, file: DriveFile, changes: Mapping[str, Any], now: float) -> DriveFile:
        """Rename a file, or move it into or out of the bin."""
        name, trashed = str(changes.get("name", file.name)), bool(changes.get("trashed", file.trashed))
        self._database.change(
            "UPDATE files SET name = ?, trashed = ?, modified = ? WHERE id = ?", (name, int(trashed), now, file.id)
        )
        changed = self.get(file.id)
        return changed or file

    def delete(self, file: DriveFile) -> None:
        """Remove a file for good; a folder with all that is in it."""
        with self._database.transaction():
            for row in self._database.rows("SELECT * FROM files WHERE parent = ?", (file.id,)):
                self.delete(_file(row))
            self._database.change("DELETE FROM files WHERE id = ?", (file.id,))
            if file.content is not None:
                content = file.content
                self._database.after_commit(lambda: self._contents.remove(content))

    def used(self) -> int:
        """Return the bytes of all files, those in the bin too."""
        row = self._database.row("SELECT coalesce(sum(size), 0) AS used FROM files")
        return int(row["used"]) if row is not None else 0

    def contents(self) -> list[str]:
        """Return the contents that files have."""
        return [row["content"] for row in self._database.rows("SELECT content FROM files WHERE content IS NOT NULL")]


def _order(text: str) -> str:
    terms = []
    for term in filter(None, (part.strip() for part in text.split(","))):
        key, _, direction = term.partition(" ")
        if key not in _ORDERS or direction not in ("", "desc"):
            raise EngineError("Invalid Value: orderBy")
        terms.append(f"{_ORDERS[key]} {direction}")
    return ", ".join([*terms, "number"])


def _file(row: sqlite3.Row) -> DriveFile:
    return DriveFile(**{**dict(row), "trashed": bool(row["trashed"])})
