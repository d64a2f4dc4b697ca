"""The exports folder: one SQLite file, the files' contents beside it, one service at a time."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from gee_s1ben.engine.exports.room import full_disk_errors
from gee_s1ben.errors import InputError, StorageError

VERSION: Final = 1
_APPLICATION: Final = 0x53314245
"""``S1BE``: tells our file from any other SQLite file."""
_NAME: Final = "exports.sqlite"
_LOCK: Final = "lock"
_TABLES: Final = """
CREATE TABLE operations (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    description TEXT NOT NULL,
    priority INTEGER NOT NULL,
    request_id TEXT,
    digest TEXT NOT NULL,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    state TEXT NOT NULL,
    started REAL,
    ended REAL,
    attempt INTEGER NOT NULL,
    progress REAL NOT NULL,
    eecu_seconds REAL,
    error_code TEXT,
    error TEXT,
    uris TEXT NOT NULL,
    UNIQUE (project, request_id)
) STRICT;
CREATE TABLE requests (
    number INTEGER PRIMARY KEY REFERENCES operations (number),
    body BLOB NOT NULL
) STRICT;
CREATE TABLE objects (
    bucket TEXT NOT NULL,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    created REAL NOT NULL,
    content TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    md5 BLOB NOT NULL,
    crc32c BLOB NOT NULL,
    PRIMARY KEY (bucket, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE files (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    parent TEXT NOT NULL,
    created REAL NOT NULL,
    modified REAL NOT NULL,
    revision TEXT NOT NULL,
    trashed INTEGER NOT NULL,
    content TEXT UNIQUE,
    size INTEGER NOT NULL,
    md5 BLOB,
    sha256 BLOB
) STRICT;
CREATE INDEX files_of_folder ON files (parent, name);
"""


class Database:
    """The connection that all of the service's threads share, one at a time."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, lock: int) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        """Held by whoever reads or writes; a transaction holds it to its end."""
        self._connection = connection
        self._descriptor = lock
        self._waiting: list[Callable[[], None]] = []
        self._undoing: list[Callable[[], None]] = []
        self._open = False
        """Whether a transaction is; SQLite ends one by itself where the disk fails."""

    @classmethod
    def open(cls, folder: Path) -> Database:
        """Open an exports folder, making it where it is missing.

        Raises
        ------
        InputError
            Another service uses it, it is of another version, or it holds something else.
        StorageError
            It cannot be read or written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / _NAME).exists() and any(path.name != _LOCK for path in folder.iterdir()):
                raise InputError(f"{folder} holds something else than exports; choose another folder")
            descriptor = _locked(folder)
        except OSError as error:
            raise StorageError(f"cannot use the exports folder {folder}: {error.strerror or error}") from error
        try:
            return cls(folder, _connected(folder / _NAME), descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    def close(self) -> None:
        """Close the file and let others use the folder; a second time does nothing."""
        with self.lock:
            if self._descriptor >= 0:
                self._connection.close()
                os.close(self._descriptor)
                self._descriptor = -1

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes of the block together, or none; nested blocks belong to the outermost.

        Raises
        ------
        FullDiskError
            There is no room on the disk; nothing was changed, also in memory.
        """
        with self.lock:
            if self._open:
                yield
                return
            with full_disk_errors():
                self._open = True
                try:
                    self._connection.execute("BEGIN IMMEDIATE")
                    yield
                    self._connection.execute("COMMIT")
                except BaseException:
                    self._roll_back()
                    raise
                finally:
                    self._open = False
            waiting, self._waiting = self._waiting, []
            self._undoing.clear()
            for follow_up in waiting:
                follow_up()

    def _roll_back(self) -> None:
        self._waiting.clear()
        undoing, self._undoing = self._undoing, []
        for undo in reversed(undoing):
            undo()
        if self._connection.in_transaction:  # where the disk fails SQLite has rolled back by itself
            self._connection.execute("ROLLBACK")

    def after_commit(self, follow_up: Callable[[], None]) -> None:
        """Do something once the transaction of the moment is sure to last; nothing if it is not."""
        self._waiting.append(follow_up)

    def on_rollback(self, undo: Callable[[], None]) -> None:
        """Undo a change in memory if the transaction of the moment does not last; the last change first."""
        if self._open:
            self._undoing.append(undo)

    def define(self, name: str, function: Callable[..., Any], arguments: int) -> None:
        """Make a function known to queries."""
        self._connection.create_function(name, arguments, function, deterministic=True)

    def change(self, statement: str, values: tuple[Any, ...] = ()) -> int:
        """Run a statement that changes rows; return how many."""
        with self.lock, full_disk_errors():
            return self._connection.execute(statement, values).rowcount

    def rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        with self.lock:
            return self._connection.execute(statement, values).fetchall()

    def row(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        with self.lock:
            found: sqlite3.Row | None = self._connection.execute(statement, values).fetchone()
            return found


def _locked(folder: Path) -> int:
    """Take the folder's lock; who dies lets go of it."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise InputError(
            f"the exports folder {folder} is in use by an embedded service (process {holder}); stop it, "
            "or write its address as embedded.url in the configuration"
        ) from None
    except OSError:
        os.close(descriptor)
        raise
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
    return descriptor


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        _prepare(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error as error:
        connection.close()
        raise InputError(f"{path} cannot be used ({error}); move it away, or choose another exports folder") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables of an empty file; refuse a file that is not ours, or not of our version."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if (application, version) == (_APPLICATION, VERSION):
        return
    if application or version or connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        what = f"of version {version}" if application == _APPLICATION else "something else"
        raise InputError(
            f"{path} is {what}, and this service reads version {VERSION}; choose another exports folder, "
            "or move this one away"
        )
    # A kill in the middle leaves an empty file, and the next start begins again.
    connection.executescript(
        f"BEGIN; {_TABLES} PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
    )
