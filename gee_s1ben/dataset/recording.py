"""Targets into the provenance tables: gathered one by one, put into the tables together.

What is gathered lies in a scratch database beside the tables and not in memory, so that a million files take no more of
it than a thousand, and each table is written once however many targets there are. The database holds nothing that could
not be made again: it is never flushed, and what a kill leaves of it the next writer sweeps.
"""

from __future__ import annotations

import csv
import heapq
import io
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from gee_s1ben.dataset.atomic import PARTIAL_PREFIX, atomic_write, storage_errors
from gee_s1ben.dataset.manifest import (
    ABSENT_ROWS,
    PATCH_ROWS,
    PROVENANCE,
    AbsentRow,
    PatchRow,
    absent_path,
    manifest_path,
    patches_path,
    read_absent,
    read_manifest,
    read_patches,
)
from gee_s1ben.dataset.patch_columns import RowFormat
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.errors import InputError, StorageError

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -16384;
CREATE TABLE files (path TEXT PRIMARY KEY, digest TEXT) WITHOUT ROWID;
CREATE TABLE names (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE gone (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE patches (target TEXT, row INTEGER, col INTEGER, line TEXT, PRIMARY KEY (target, row, col)) WITHOUT ROWID;
CREATE TABLE absent (target TEXT, row INTEGER, col INTEGER, line TEXT, PRIMARY KEY (target, row, col)) WITHOUT ROWID;
"""

_Place = tuple[str, int, int]
_Row = TypeVar("_Row", PatchRow, AbsentRow)


class Recording:
    """Puts targets into the tables of a dataset, in place of what they had of them; use it in a ``with`` statement.

    The tables are as they were until :meth:`finish`. Memory holds the rows of one target, the disk about as much as
    the tables take in the end.

    Parameters
    ----------
    root : Path
        The dataset.

    Raises
    ------
    StorageError
        The disk is full, read-only or failing.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._scratch = root / PROVENANCE / f"{PARTIAL_PREFIX}{os.getpid()}-recording.sqlite"
        self._database: sqlite3.Connection | None = None
        self._targets: set[str] = set()

    def __enter__(self) -> Self:
        try:
            with self._on_disk():
                self._scratch.parent.mkdir(parents=True, exist_ok=True)
                self._scratch.unlink(missing_ok=True)
                # Nobody else opens it, and the locks of a cluster's file system may not work.
                self._database = sqlite3.connect(
                    f"{self._scratch.absolute().as_uri()}?nolock=1", uri=True, isolation_level=None
                )
                self._database.executescript(_SCHEMA)
                self._database.execute("BEGIN")
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._database is not None:
            self._database.close()
        with storage_errors(self._scratch):
            self._scratch.unlink(missing_ok=True)
            if kind is not None and not any(self._scratch.parent.iterdir()):
                self._scratch.parent.rmdir()

    def add(
        self,
        target: str,
        files: Iterable[tuple[str, str]],
        patches: Iterable[PatchRow],
        absent: Iterable[AbsentRow],
    ) -> None:
        """Say all that is known of a target.

        Two targets may share a patch; its checksums are then those of the target that was added last.

        Parameters
        ----------
        target : str
            Key of the target; all rows given are of this one.
        files : iterable of (str, str)
            Path relative to the root and SHA-256 of each of its files.
        patches, absent : iterable of rows
            All its patches, written or absent.

        Raises
        ------
        InputError
            A row is of another target, or a target, a place or a path comes twice.
        StorageError
            The disk is full, read-only or failing.
        """
        new_files, new_patches, new_absent = sorted(files), list(patches), list(absent)
        _check_rows(target, new_patches, new_absent, new_files)
        if target in self._targets:
            raise InputError(f"target {target} comes twice")
        self._targets.add(target)
        with self._on_disk():
            self._put("INSERT OR REPLACE INTO files VALUES (?, ?)", new_files)
            self._put("INSERT OR IGNORE INTO names VALUES (?)", ((row.name,) for row in new_patches))
            self._put(
                "INSERT INTO patches VALUES (?, ?, ?, ?)", ((*row.place, _line(PATCH_ROWS, row)) for row in new_patches)
            )
            self._put(
                "INSERT INTO absent VALUES (?, ?, ?, ?)", ((*row.place, _line(ABSENT_ROWS, row)) for row in new_absent)
            )

    def finish(self, remove: Callable[[S1PatchName], object] | None = None) -> tuple[S1PatchName, ...]:
        """Write the tables.

        Parameters
        ----------
        remove : callable, optional
            Called for each patch that the tables had of these targets and will no longer have, before they are
            written: a kill in between leaves none that no table knows.

        Returns
        -------
        tuple of S1PatchName
            Those patches.

        Raises
        ------
        InputError
            A table on disk is broken.
        StorageError
            The disk is full, read-only or failing; each table is then as it was or as it should be.
        """
        with self._on_disk():
            stale = self._stale()
            for name in stale:
                if remove is not None:
                    remove(name)
            self._write_manifest()
            self._write_table("patches", patches_path(self._root), PATCH_ROWS, read_patches(self._root))
            self._write_table("absent", absent_path(self._root), ABSENT_ROWS, read_absent(self._root))
        return stale

    def _stale(self) -> tuple[S1PatchName, ...]:
        mine = (row.name for row in read_patches(self._root) if row.target in self._targets)
        self._put("INSERT OR IGNORE INTO gone VALUES (?)", ((name,) for name in mine))
        self._put("DELETE FROM gone WHERE name IN names", [()])
        if self._one("SELECT 1 FROM gone LIMIT 1"):
            # Two Sentinel-2 products of a tile may share a Sentinel-1 patch: the other target's stays.
            others = (row.name for row in read_patches(self._root) if row.target not in self._targets)
            self._put("DELETE FROM gone WHERE name = ?", ((name,) for name in others))
        return tuple(S1PatchName.parse(name) for (name,) in self._rows("SELECT name FROM gone ORDER BY name"))

    def _write_manifest(self) -> None:
        new = self._rows("SELECT path, digest FROM files ORDER BY path")
        write_manifest(self._root, heapq.merge(self._kept_files(), new, key=itemgetter(0)))

    def _kept_files(self) -> Iterator[tuple[str, str]]:
        replaced = "SELECT 1 FROM names WHERE name = ?1 UNION ALL SELECT 1 FROM gone WHERE name = ?1"
        for name, entries in groupby(read_manifest(self._root), key=lambda entry: _patch_of(entry[0])):
            if not self._one(replaced, name):
                yield from entries

    def _write_table(self, name: str, path: Path, form: RowFormat[_Row], old: Iterable[_Row]) -> None:
        kept = ((row.place, _line(form, row)) for row in old if row.target not in self._targets)
        select = f"SELECT target, row, col, line FROM {name} ORDER BY target, row, col"  # noqa: S608  a literal
        new = (((target, row, col), line) for target, row, col, line in self._rows(select))
        lines: Iterator[tuple[_Place, str]] = heapq.merge(kept, new, key=itemgetter(0))
        with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
            file.write(_text(form.header))
            file.writelines(line for _, line in lines)

    def _put(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        self._open.executemany(statement, rows)

    def _rows(self, statement: str) -> sqlite3.Cursor:
        return self._open.execute(statement)

    def _one(self, statement: str, *values: str) -> bool:
        return self._open.execute(statement, values).fetchone() is not None

    @property
    def _open(self) -> sqlite3.Connection:
        assert self._database is not None, "use it in a with statement"  # noqa: S101
        return self._database

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            with storage_errors(self._root / PROVENANCE):
                yield
        except sqlite3.Error as error:
            raise StorageError(
                f"cannot write {self._scratch.parent}: {error}; free some space or check the disk, and start again"
            ) from error


def record_target(
    root: Path,
    target: str,
    files: Iterable[tuple[str, str]],
    patches: Iterable[PatchRow],
    absent: Iterable[AbsentRow],
) -> tuple[S1PatchName, ...]:
    """Put what is known of one target into the tables; see :class:`Recording`.

    Returns
    -------
    tuple of S1PatchName
        Patches that the tables had of this target and no longer have: their folders are the caller's to remove.

    Raises
    ------
    InputError
        A row is of another target, a place or a path comes twice, or a table on disk is broken.
    StorageError
        The disk is full, read-only or failing; each table is then as it was or as it should be.
    """
    with Recording(root) as recording:
        recording.add(target, files, patches, absent)
        return recording.finish()


def record_files(root: Path, files: Iterable[tuple[str, str]]) -> None:
    """Put files that belong to no target into the manifest, in place of what it had of them.

    Parameters
    ----------
    root : Path
        The dataset.
    files : iterable of (str, str)
        Path relative to the root and SHA-256 of each.

    Raises
    ------
    InputError
        The manifest on disk is broken.
    StorageError
        The disk is full, read-only or failing; the manifest is then as it was.
    """
    new = dict(files)
    kept = (entry for entry in read_manifest(root) if entry[0] not in new)
    write_manifest(root, heapq.merge(kept, sorted(new.items()), key=itemgetter(0)))


def write_manifest(root: Path, entries: Iterable[tuple[str, str]]) -> None:
    """Write the table of checksums.

    Parameters
    ----------
    root : Path
        The dataset.
    entries : iterable of (str, str)
        Path relative to the root and SHA-256, in order of path.
    """
    with atomic_write(manifest_path(root)) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{digest}  {path}\n" for path, digest in entries)


def _patch_of(path: str) -> str:
    """Name of the folder that a file lies in, which is that of its patch."""
    return path.rpartition("/")[0].rpartition("/")[2]


def _line(form: RowFormat[_Row], row: _Row) -> str:
    return _text(form.cells(row))


def _text(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _check_rows(
    target: str, patches: Sequence[PatchRow], absent: Sequence[AbsentRow], files: Sequence[tuple[str, str]]
) -> None:
    rows: list[PatchRow | AbsentRow] = [*patches, *absent]
    strangers = {row.target for row in rows} - {target}
    if strangers:
        raise InputError(f"rows of {', '.join(sorted(strangers))} among those of target {target}")
    places = sorted(row.place for row in rows)
    twice = next((one for one, other in pairwise(places) if one == other), None)
    if twice is not None:
        raise InputError(f"target {target}: the patch of column {twice[2]}, row {twice[1]} comes twice")
    for one, other in pairwise(files):
        if one[0] == other[0]:
            raise InputError(f"target {target}: the file {one[0]} comes twice")
