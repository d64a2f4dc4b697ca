"""Provenance tables: what was written, from what, and what is absent and why.

They lie in ``<root>/provenance``, outside the patch folders, because some loaders glob. All are sorted and end their
lines with a line feed, so that the same dataset has the same bytes. They are merged as streams: memory holds the rows
of one target, however large the dataset.
"""

from __future__ import annotations

import csv
import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Self, TypeVar

from gee_s1ben.dataset.atomic import atomic_write
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.errors import InputError

PROVENANCE = "provenance"
"""Folder of the tables, under the dataset's root."""

_NO_CHECKSUM = "not a checksum of a file in the dataset; move the file away and run again"
_MANIFEST_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)\n")


@dataclass(frozen=True, slots=True)
class PatchRow:
    """One written patch, as ``patches.csv`` has it."""

    name: str
    """Name of the Sentinel-1 patch."""
    s2_patch: str
    """Name of the corresponding Sentinel-2 patch."""
    target: str
    """Key of the target."""
    col: int
    """Column in the target."""
    row: int
    """Row in the target."""
    scene: str
    """Full names of the scenes with pixels in it, the one it is named after first, joined by spaces."""
    pass_key: str
    """Key of the pass, ``S1A_017018``."""
    relative_orbit: int
    """Track of the pass."""
    direction: str
    """``ascending`` or ``descending``."""
    dt_hours: float
    """Hours between Sentinel-1 and Sentinel-2, without sign."""

    @property
    def place(self) -> tuple[str, int, int]:
        """Order of the table: target, row, column."""
        return self.target, self.row, self.col

    def cells(self) -> list[str]:
        """Text of the row; hours to four decimals, a third of a second."""
        return [f"{value:.4f}" if isinstance(value, float) else str(value) for value in astuple(self)]

    @classmethod
    def parse(cls, cells: Sequence[str]) -> Self:
        """Read the text of a row.

        Raises
        ------
        ValueError
            The number of cells is wrong, or a cell is no number where one must be.
        """
        name, s2_patch, target, col, row, scene, pass_key, relative_orbit, direction, dt_hours = cells
        return cls(
            name, s2_patch, target, int(col), int(row), scene, pass_key, int(relative_orbit), direction, float(dt_hours)
        )


@dataclass(frozen=True, slots=True)
class AbsentRow:
    """One patch that was wanted and is not there, as ``absent.csv`` has it."""

    target: str
    """Key of the target."""
    col: int
    """Column in the target."""
    row: int
    """Row in the target."""
    s2_patch: str
    """Name of the Sentinel-2 patch."""
    reason: str
    """Why, in words."""

    @property
    def place(self) -> tuple[str, int, int]:
        """Order of the table: target, row, column."""
        return self.target, self.row, self.col

    def cells(self) -> list[str]:
        """Text of the row."""
        return [str(value) for value in astuple(self)]

    @classmethod
    def parse(cls, cells: Sequence[str]) -> Self:
        """Read the text of a row.

        Raises
        ------
        ValueError
            The number of cells is wrong, or a cell is no number where one must be.
        """
        target, col, row, s2_patch, reason = cells
        return cls(target, int(col), int(row), s2_patch, reason)


Row = TypeVar("Row", PatchRow, AbsentRow)


def manifest_path(root: Path) -> Path:
    """Path of the checksums, in the format of ``sha256sum``; check them in the root with ``sha256sum -c``."""
    return root / PROVENANCE / "manifest.sha256"


def patches_path(root: Path) -> Path:
    """Path of the table of written patches."""
    return root / PROVENANCE / "patches.csv"


def absent_path(root: Path) -> Path:
    """Path of the table of absent patches."""
    return root / PROVENANCE / "absent.csv"


def read_manifest(root: Path) -> Iterator[tuple[str, str]]:
    """Yield (path relative to the root, SHA-256) in order of path; nothing where there is no manifest.

    Raises
    ------
    InputError
        A line is not one of ``sha256sum``'s, its path leaves the root, or it is out of order.
    """
    path = manifest_path(root)
    if not path.exists():
        return
    before = ""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for number, line in enumerate(file, start=1):
            found = _MANIFEST_LINE.fullmatch(line)
            if found is None or found[2].startswith("/") or ".." in found[2].split("/"):
                raise InputError(f"{path}, line {number}: {_NO_CHECKSUM}")
            if found[2] <= before:
                raise InputError(f"{path}, line {number}: out of order; move the file away and run again")
            before = found[2]
            yield before, found[1]


def read_patches(root: Path) -> Iterator[PatchRow]:
    """Yield the rows of ``patches.csv`` by target, row and column; nothing where there is no table.

    Raises
    ------
    InputError
        The table is broken; its line is named.
    """
    return _read_table(patches_path(root), PatchRow)


def read_absent(root: Path) -> Iterator[AbsentRow]:
    """Yield the rows of ``absent.csv`` by target, row and column; nothing where there is no table.

    Raises
    ------
    InputError
        The table is broken; its line is named.
    """
    return _read_table(absent_path(root), AbsentRow)


def record_target(
    root: Path,
    target: str,
    files: Iterable[tuple[str, str]],
    patches: Iterable[PatchRow],
    absent: Iterable[AbsentRow],
) -> tuple[S1PatchName, ...]:
    """Put what is known of a target into the tables, in place of what they had of it.

    Parameters
    ----------
    root : Path
        The dataset.
    target : str
        Key of the target; all rows given are of this one.
    files : iterable of (str, str)
        Path relative to the root and SHA-256 of each of its files.
    patches, absent : iterable of rows
        All its patches, written or absent.

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
    new_files = sorted(files)
    new_patches = sorted(patches, key=lambda row: row.place)
    new_absent = sorted(absent, key=lambda row: row.place)
    _check_rows(target, new_patches, new_absent, new_files)
    names = {row.name for row in new_patches}
    stale = {row.name for row in read_patches(root) if row.target == target} - names
    # Two Sentinel-2 products of a tile may share a Sentinel-1 patch: the other target's stays.
    stale -= {row.name for row in read_patches(root) if row.target != target and row.name in stale}
    replaced = names | stale

    kept_files = (entry for entry in read_manifest(root) if _patch_of(entry[0]) not in replaced)
    _write_manifest(root, heapq.merge(kept_files, new_files, key=itemgetter(0)))
    _merge_table(patches_path(root), PatchRow, target, new_patches)
    _merge_table(absent_path(root), AbsentRow, target, new_absent)
    return tuple(S1PatchName.parse(name) for name in sorted(stale))


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
    _write_manifest(root, heapq.merge(kept, sorted(new.items()), key=itemgetter(0)))


def _patch_of(path: str) -> str:
    """Name of the folder that a file lies in, which is that of its patch."""
    return path.rpartition("/")[0].rpartition("/")[2]


def _write_manifest(root: Path, entries: Iterable[tuple[str, str]]) -> None:
    with atomic_write(manifest_path(root)) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{digest}  {path}\n" for path, digest in entries)


def _check_rows(
    target: str, patches: Sequence[PatchRow], absent: Sequence[AbsentRow], files: Sequence[tuple[str, str]]
) -> None:
    rows: list[PatchRow | AbsentRow] = [*patches, *absent]
    strangers = {row.target for row in rows} - {target}
    if strangers:
        raise InputError(f"rows of {', '.join(sorted(strangers))} among those of target {target}")
    places = sorted(row.place for row in rows)
    twice = next((place for place, group in groupby(places) if len(list(group)) > 1), None)
    if twice is not None:
        raise InputError(f"target {target}: the patch of column {twice[2]}, row {twice[1]} comes twice")
    for one, other in pairwise(files):
        if one[0] == other[0]:
            raise InputError(f"target {target}: the file {one[0]} comes twice")


def _merge_table(path: Path, kind: type[Row], target: str, rows: Sequence[Row]) -> None:
    kept = (row for row in _read_table(path, kind) if row.target != target)
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([field.name for field in fields(kind)])
        table.writerows(row.cells() for row in heapq.merge(kept, rows, key=lambda row: row.place))


def _read_table(path: Path, kind: type[Row]) -> Iterator[Row]:
    if not path.exists():
        return
    header = [field.name for field in fields(kind)]
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        table = csv.reader(file, strict=True)
        try:
            if next(table, None) != header:
                raise InputError(f"{path}: the header is not {','.join(header)}; move the file away and run again")
            for cells in table:
                yield kind.parse(cells)
        except (ValueError, csv.Error) as error:
            raise InputError(
                f"{path}, line {table.line_num}: broken ({error}); move the file away and run again"
            ) from error
