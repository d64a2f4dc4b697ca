"""Opening the file: pragmas, migrations, and what SQLite's errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from gee_s1ben.errors import BrokenLedgerError, LedgerError, StorageError

_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_REMEDIES = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space and start again",
    sqlite3.SQLITE_READONLY: "it may not be written: change its permissions or choose another 'workspace'",
    sqlite3.SQLITE_PERM: "it may not be written: change its permissions or choose another 'workspace'",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check the folder and its permissions",
    sqlite3.SQLITE_IOERR: "the disk failed (input/output error): check it before starting again",
    sqlite3.SQLITE_BUSY: "another program holds it: close that first",
    sqlite3.SQLITE_LOCKED: "another program holds it: close that first",
}

BUSY_SECONDS = 30.0


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open, make or bring up to date.

    Raises
    ------
    BrokenLedgerError
        It is not a ledger, or not whole.
    LedgerError
        A newer version wrote it.
    StorageError
        The disk will not take it.
    """
    with sqlite_errors(path):
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            _check(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open without a right to write, beside whoever writes.

    Raises
    ------
    BrokenLedgerError
        It is not a ledger, or not whole.
    LedgerError
        It is not there, or of another version.
    StorageError
        It cannot be read.
    """
    if not path.exists():
        raise LedgerError(f"there is no ledger {path}: nothing was submitted or fetched from here yet")
    with sqlite_errors(path):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
        try:
            version = _version(connection)
        except sqlite3.OperationalError as error:
            connection.close()
            if primary_code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
            # On a file system that takes no -shm file nobody writes either.
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)
            version = _version(connection)
        except BaseException:
            connection.close()
            raise
    newest = len(migrations())
    if version != newest:
        connection.close()
        which = "a newer version" if version > newest else "an older version"
        raise LedgerError(
            f"{path} is of {which} of this program (format {version}, not {newest}): run 'gee-s1ben poll'"
        )
    connection.isolation_level = None
    return connection


def migrations() -> list[tuple[str, str]]:
    """Name and SQL of every migration, the first first; the n-th makes format n."""
    folder = files("gee_s1ben.ledger").joinpath("migrations")
    return sorted((entry.name, entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql"))


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite says into one clear line.

    Raises
    ------
    BrokenLedgerError
        The file is not whole.
    StorageError
        The disk is full, read-only or failing.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = primary_code(error)
        if code in _BROKEN:
            raise BrokenLedgerError(f"{path} is broken ({error}): it is moved aside and made anew by 'poll'") from error
        if code in _REMEDIES:
            raise StorageError(f"cannot use {path}: {_REMEDIES[code]}") from error
        raise


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code; 0 where the error is Python's."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _check(connection: sqlite3.Connection, path: Path) -> None:
    found = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
    if found != ["ok"]:
        what = " ".join(str(found[0] if found else "no answer").split())
        raise BrokenLedgerError(f"{path} is broken ({what}): it is moved aside and made anew by 'poll'")
    version = _version(connection)
    newest = len(migrations())
    if version > newest:
        raise LedgerError(
            f"{path} was written by a newer version of this program: install that, or another 'workspace'"
        )
    if not version and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise BrokenLedgerError(f"{path} is no ledger of this program")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    steps = migrations()
    for number, (name, text) in enumerate(steps, start=1):
        if number <= _version(connection):
            continue
        if int(name[:4]) != number:
            raise LedgerError(f"cannot bring {path} up to date: migration {number} is missing from the installation")
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in _statements(text):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a failing disk has SQLite roll back by itself
                connection.execute("ROLLBACK")
            raise


def _statements(text: str) -> Iterator[str]:
    """Statements of a script one by one: SQLite's own ``executescript`` would commit in between."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
