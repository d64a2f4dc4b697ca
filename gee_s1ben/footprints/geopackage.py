"""Layers of a GeoPackage that are tables: a view is a program of SQL, and may run for ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from gee_s1ben.errors import InputError

OPTIONS: Final = {"LIST_ALL_TABLES": "NO"}
"""For GDAL: of tables that the contents do not name, nothing is read."""

_STEPS: Final = 20_000_000
"""Of SQLite's machine, for all that is asked here: about a second."""
_EVERY: Final = 10_000
_LONGEST_NAME: Final = 200
_OWN: Final = ("gpkg_contents", "gpkg_geometry_columns", "gpkg_spatial_ref_sys", "gpkg_extensions", "gpkg_ogr_contents")
"""Tables that GDAL itself asks."""


def layers(path: Path) -> list[str]:
    """Return the names of a GeoPackage's layers of features.

    Raises
    ------
    InputError
        It is no readable GeoPackage, or a layer of it is no plain table.
    """
    try:
        with _opened(path) as database:
            kinds = {str(name).lower(): _kind(kind, sql) for name, kind, sql in _objects(database)}
            for name in _OWN:
                if kinds.get(name, "table") != "table":
                    raise InputError(f"{path}: {name} is a {kinds[name]}, not a table")
            query = "SELECT table_name FROM gpkg_contents WHERE data_type = 'features' ORDER BY rowid"
            found = [str(name) for (name,) in database.execute(query)]
            for name in found:
                _check_table(database, path, name, kinds.get(name.lower(), "missing table"))
    except (sqlite3.Error, UnicodeError) as error:
        raise InputError(f"{path} cannot be read: {' '.join(str(error).split())[:120]}") from error
    return found


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    address = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as database:
        steps = iter(range(_STEPS // _EVERY))
        database.set_progress_handler(lambda: next(steps, None) is None, _EVERY)
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000_000)
        database.execute("PRAGMA trusted_schema = OFF")
        yield database


def _objects(database: sqlite3.Connection) -> Iterator[tuple[object, str, object]]:
    yield from database.execute("SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view')")


def _kind(kind: str, sql: object) -> str:
    virtual = str(sql or "").lstrip().upper().startswith("CREATE VIRTUAL")
    return "virtual table" if virtual else kind


def _check_table(database: sqlite3.Connection, path: Path, name: str, kind: str) -> None:
    shown = ascii(name[:60])
    if kind != "table" or len(name) > _LONGEST_NAME:
        raise InputError(f"{path}: layer {shown} is a {kind}, not a table; write its rows to a layer of their own")
    quoted = name.replace('"', '""')
    for _, column, *_, hidden in database.execute(f'PRAGMA table_xinfo("{quoted}")'):
        if hidden in (2, 3):
            raise InputError(f"{path}: column {str(column)[:60]!a} of layer {shown} is computed; write its values out")
