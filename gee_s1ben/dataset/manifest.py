"""Provenance tables: what was written, from what, and what is absent and why.

They lie in ``<root>/provenance``, outside the patch folders, because some loaders glob. All are sorted and end their
lines with a line feed, so that the same dataset has the same bytes. They are read as streams, however large.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gee_s1ben.dataset.patch_columns import Column, RowFormat
from gee_s1ben.errors import InputError
from gee_s1ben.storage.files import check_regular

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
    orbit_direction: str
    """``ascending`` or ``descending``."""
    dt_hours: float
    """Hours between Sentinel-1 and Sentinel-2, without sign."""
    filled_px: int | None = None
    """Pixels that had no data in some band and were given a number by the fill rule; None where it is not known, as in
    datasets of before there was this column."""
    incidence_angle: float | None = None
    """Degrees between the line of sight and the normal of the ellipsoid at its centre; None where it is not known."""
    passed_over: str = ""
    """Passes that came first and do not have it whole, and what it lacks in each; empty for most."""

    def __post_init__(self) -> None:
        if self.orbit_direction not in ("ascending", "descending"):
            raise ValueError(f"the direction of an orbit is ascending or descending, not {self.orbit_direction[:40]!a}")

    @property
    def place(self) -> tuple[str, int, int]:
        """Order of the table: target, row, column."""
        return self.target, self.row, self.col


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


PATCH_ROWS = RowFormat(
    PatchRow,
    (
        Column("name", "text", "Sentinel-1 patch"),
        Column(
            "corresponding_s2_patch",
            "text",
            "corresponding Sentinel-2 patch, or the place in a target without product",
            "s2_patch",
            "s2_patch",
        ),
        Column("target", "text", "Sentinel-2 tile and time it was made for"),
        Column("col", "whole", "column in the target, from the west"),
        Column("row", "whole", "row in the target, from the north"),
        Column("scenes", "texts", "scenes with pixels in it, the one it is named after first", "scene", "scene"),
        Column("pass", "text", "pass, by platform and absolute orbit", "pass_key", "pass_key"),
        Column("relative_orbit", "whole", "track within the repeat cycle"),
        Column("orbit_direction", "text", "ascending or descending", old_name="direction"),
        Column("dt_hours", "number", "hours between Sentinel-1 and the target's time, without sign"),
        Column("filled_px", "whole", "pixels without data in some band, filled by a rule", optional=True),
        Column("incidence_angle", "number", "degrees from the normal of the ellipsoid, at the centre", optional=True),
        Column("passed_over", "text", "passes that came first and lack pixels of it, and how many; empty for most"),
    ),
)
"""Columns of ``patches.csv``, which every other table of patches, pack and catalog has as well."""
ABSENT_ROWS = RowFormat(
    AbsentRow,
    (
        *(column for column in PATCH_ROWS.columns if column.name in ("target", "col", "row")),
        next(column for column in PATCH_ROWS.columns if column.name == "corresponding_s2_patch"),
        Column("reason", "text", "why it is not there"),
    ),
)
"""Columns of ``absent.csv``."""

_Row = TypeVar("_Row", PatchRow, AbsentRow)


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
    if not _is_there(path):
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
    return _read_table(patches_path(root), PATCH_ROWS)


def read_absent(root: Path) -> Iterator[AbsentRow]:
    """Yield the rows of ``absent.csv`` by target, row and column; nothing where there is no table.

    Raises
    ------
    InputError
        The table is broken; its line is named.
    """
    return _read_table(absent_path(root), ABSENT_ROWS)


def _is_there(path: Path) -> bool:
    try:
        check_regular(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return True


def _read_table(path: Path, form: RowFormat[_Row]) -> Iterator[_Row]:
    if not _is_there(path):
        return
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        table = csv.reader(file, strict=True)
        try:
            read = form.reader(next(table, []))
            if read is None:
                raise InputError(f"{path}: the header is not {','.join(form.header)}; move the file away and run again")
            for cells in table:
                yield read(cells)
        except (ValueError, csv.Error) as error:
            raise InputError(
                f"{path}, line {table.line_num}: broken ({error}); move the file away and run again"
            ) from error
