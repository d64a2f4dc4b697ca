"""Provenance tables: what was written, from what, and what is absent and why.

They lie in ``<root>/provenance``, outside the patch folders, because some loaders glob. All are sorted and end their
lines with a line feed, so that the same dataset has the same bytes. They are read as streams, however large.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self, TypeVar

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
    filled_px: int | None = None
    """Pixels that had no data in some band and were given a number by the fill rule; None where it is not known, as in
    datasets of before there was this column."""
    incidence_angle: float | None = None
    """Degrees between the line of sight and the normal of the ellipsoid at its centre; None where it is not known."""
    passed_over: str = ""
    """Passes that came first and do not have it whole, and what it lacks in each; empty for most."""

    @property
    def place(self) -> tuple[str, int, int]:
        """Order of the table: target, row, column."""
        return self.target, self.row, self.col

    def cells(self) -> list[str]:
        """Text of the row; hours to four decimals, a third of a second, and degrees to four."""
        return [
            self.name, self.s2_patch, self.target, str(self.col), str(self.row), self.scene, self.pass_key,
            str(self.relative_orbit), self.direction, f"{self.dt_hours:.4f}",
            "" if self.filled_px is None else str(self.filled_px),
            "" if self.incidence_angle is None else f"{self.incidence_angle:.4f}", self.passed_over,
        ]  # fmt: skip

    @classmethod
    def parse(cls, cells: Sequence[str]) -> Self:
        """Read the text of a row; its last cells may be missing, as in tables of before there were these columns.

        Raises
        ------
        ValueError
            The number of cells is wrong, or a cell is no number where one must be.
        """
        name, s2_patch, target, col, row, scene, pass_key, relative_orbit, direction, dt_hours, *rest = cells
        filled, angle, passed_over = [*rest, "", "", ""][: max(3, len(rest))]
        return cls(
            name, s2_patch, target, int(col), int(row), scene, pass_key, int(relative_orbit), direction,
            float(dt_hours), int(filled) if filled else None, float(angle) if angle else None, passed_over,
        )  # fmt: skip


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
        return [self.target, str(self.col), str(self.row), self.s2_patch, self.reason]

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


def _read_table(path: Path, kind: type[_Row]) -> Iterator[_Row]:
    if not path.exists():
        return
    headers = [[field.name for field in fields(kind)]]
    if kind is PatchRow:
        headers += [headers[0][:-1], headers[0][:-2], headers[0][:-3]]
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        table = csv.reader(file, strict=True)
        try:
            header = next(table, None)
            if header not in headers:
                raise InputError(f"{path}: the header is not {','.join(headers[0])}; move the file away and run again")
            for cells in table:
                yield kind.parse(_as_many(cells, header))
        except (ValueError, csv.Error) as error:
            raise InputError(
                f"{path}, line {table.line_num}: broken ({error}); move the file away and run again"
            ) from error


def _as_many(cells: list[str], header: list[str]) -> list[str]:
    if len(cells) != len(header):
        raise ValueError(f"{len(cells)} cells under {len(header)} names")
    return cells
