"""Sentinel-2 tiles, their exact grids, and the patches wanted in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.mgrs import raster_corner, square_corner
from gee_s1ben.domain.naming import S2PatchNameV1, S2PatchNameV2, S2ProductName, check_target_name, format_stamp
from gee_s1ben.errors import InputError, NamingError

TILE_PX = 10980
"""Pixels of 10 m along a side of a Sentinel-2 tile."""
PATCH_PX = 120
"""Pixels of 10 m along a side of a BigEarthNet patch."""
PIXEL_M = 10
"""Side of these pixels."""

_FALSE_NORTHING_SOUTH_M = 10_000_000


MOST_PATCHES = 1_000_000
"""Of one target: a Sentinel-2 tile has 8,281 of 120 pixels."""
_YEARS = 1970, 2200


@dataclass(frozen=True, slots=True)
class PatchBlock:
    """A rectangle of patches, both ends included."""

    first_col: int
    """Westernmost column."""
    last_col: int
    """Easternmost column."""
    first_row: int
    """Northernmost row."""
    last_row: int
    """Southernmost row."""

    def __post_init__(self) -> None:
        if not (0 <= self.first_col <= self.last_col and 0 <= self.first_row <= self.last_row):
            raise InputError(
                f"patch block of columns {self.first_col} to {self.last_col} and rows {self.first_row} to "
                f"{self.last_row} is empty or negative"
            )

    def __len__(self) -> int:
        return (self.last_col - self.first_col + 1) * (self.last_row - self.first_row + 1)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield (column, row), row by row from the north-west."""
        for row in range(self.first_row, self.last_row + 1):
            for col in range(self.first_col, self.last_col + 1):
                yield col, row

    @classmethod
    def whole(cls, grid: Grid, patch_px: int = PATCH_PX) -> Self:
        """All whole patches of a grid; what is left over in the east and south is dropped.

        Raises
        ------
        InputError
            The grid is smaller than one patch, or a patch has no pixels.
        """
        if patch_px < 1:
            raise InputError(f"a patch of {patch_px} pixels is empty")
        columns, rows = grid.width // patch_px, grid.height // patch_px
        if not columns or not rows:
            raise InputError(f"a grid of {grid.width}×{grid.height} pixels holds no patch of {patch_px}×{patch_px}")
        return cls(0, columns - 1, 0, rows - 1)


@dataclass(frozen=True, slots=True)
class Target:
    """What patches are wanted for: a Sentinel-2 tile at a time, or a grid of one's own."""

    name: str
    """MGRS name of the tile, or the own grid's name."""
    grid: Grid
    """Exact grid of the whole target."""
    acquired: datetime
    """Time that Sentinel-1 is to be near to, UTC."""
    product: S2ProductName | None = None
    """The Sentinel-2 product, where there is one."""
    patch_px: int = PATCH_PX
    """Pixels along a side of a patch."""
    block: PatchBlock = None  # type: ignore[assignment]  # None only on the way in, see below
    """Patches wanted; all whole patches of the grid unless given."""
    cells: tuple[tuple[int, int], ...] | None = None
    """(column, row) of the patches wanted, each once, where they fill no block; ``block`` is then what they span."""

    def __post_init__(self) -> None:
        check_target_name(self.name)
        if self.acquired.utcoffset() != timedelta(0):
            raise InputError(f"target {self.name}: the time {self.acquired!r} is not in UTC")
        if not _YEARS[0] <= self.acquired.year <= _YEARS[1]:
            raise InputError(f"target {self.name}: {self.acquired:%Y-%m-%d} is not a day of {_YEARS[0]} to {_YEARS[1]}")
        whole = PatchBlock.whole(self.grid, self.patch_px)
        if self.cells is not None:
            cells = tuple(sorted(set(self.cells), key=lambda cell: cell[::-1]))
            block = _spanned(self.name, cells)
            object.__setattr__(self, "block", block)
            object.__setattr__(self, "cells", None if len(cells) == len(block) else cells)
        if self.block is None:
            object.__setattr__(self, "block", whole)
        if self.block.last_col > whole.last_col or self.block.last_row > whole.last_row:
            raise InputError(
                f"target {self.name}: the patch block reaches column {self.block.last_col}, row {self.block.last_row}; "
                f"the last whole patch is {whole.last_col}, {whole.last_row}"
            )
        if len(self.block) > MOST_PATCHES:
            raise InputError(
                f"target {self.name}: {len(self.block):,} patches are more than {MOST_PATCHES:,}; give a block of "
                "patches, larger patches, or several grids"
            )

    @classmethod
    def of_product(cls, product: S2ProductName, block: PatchBlock | None = None) -> Self:
        """Make the target of a Sentinel-2 product: its tile at its time.

        Raises
        ------
        NamingError
            The product's name has no tile, or a tile that does not exist.
        InputError
            The block reaches outside the tile.
        """
        if product.tile is None:
            raise NamingError(f"{product} names no tile: give the whole product name, with _T<tile>_")
        grid = tile_grid(product.tile)
        return cls(product.tile, grid, product.acquired, product, block=block or PatchBlock.whole(grid))

    @property
    def key(self) -> str:
        """Name and time, for ids and file names: ``33UUP_20170613T101031``."""
        return f"{self.name}_{format_stamp(self.acquired)}"

    def patch_grid(self, col: int, row: int) -> Grid:
        """Exact grid of a patch.

        Raises
        ------
        InputError
            The patch is not wholly inside the target.
        """
        whole = PatchBlock.whole(self.grid, self.patch_px)
        if not (0 <= col <= whole.last_col and 0 <= row <= whole.last_row):
            raise InputError(f"target {self.name} has no patch at column {col}, row {row}")
        return self.grid.window(col * self.patch_px, row * self.patch_px, self.patch_px, self.patch_px)

    def lattice(self) -> Target:
        """Return the same target with a pixel for each patch, whose centre is the patch's."""
        a, b, x, d, e, y = self.grid.transform
        whole, px = PatchBlock.whole(self.grid, self.patch_px), self.patch_px
        scaled = (a * px, b * px, x, d * px, e * px, y)
        grid = Grid(self.grid.crs, scaled, whole.last_col + 1, whole.last_row + 1)
        return replace(self, grid=grid, patch_px=1)

    def patches(self) -> Iterator[tuple[int, int]]:
        """Yield the (column, row) of every patch wanted, row by row from the north-west."""
        return iter(self.block if self.cells is None else self.cells)

    def joined(self, other: Target) -> Target:
        """Return the target that wants the patches of both, each once.

        Raises
        ------
        InputError
            They are not of one grid, time and product.
        """
        if self == other:
            return self
        whole = PatchBlock.whole(self.grid, self.patch_px)
        if replace(self, block=whole, cells=None) != replace(other, block=whole, cells=None):
            raise InputError(f"{self.key} is wanted twice, with different grids, products or sizes of patches")
        return replace(self, block=whole, cells=(*self.patches(), *other.patches()))

    def s2_patch(self, col: int, row: int) -> str:
        """Name of the Sentinel-2 patch at a place.

        BigEarthNet v2's where the product's name has its tile, else v1's; a grid of one's own has
        ``<key>_<col>_<row>``. The published v1 names differ by seconds in places: use their table.
        """
        if self.product is None:
            return f"{self.key}_{col}_{row}"
        product = self.product
        if product.tile is None:
            return str(S2PatchNameV1(product.mission, product.level, format_stamp(product.acquired), col, row))
        short = S2ProductName(
            product.mission, product.level, product.acquired, product.baseline, product.relative_orbit, product.tile
        )
        return str(S2PatchNameV2(short, col, row))


def _spanned(name: str, cells: tuple[tuple[int, int], ...]) -> PatchBlock:
    if not cells:
        raise InputError(f"target {name}: the list of wanted patches is empty")
    cols, rows = zip(*cells, strict=True)
    return PatchBlock(min(cols), max(cols), min(rows), max(rows))


def tile_grid(mgrs: str) -> Grid:
    """Exact 10 m grid of a Sentinel-2 tile.

    Its corner follows from its name, see :mod:`gee_s1ben.domain.mgrs`.

    Parameters
    ----------
    mgrs : str
        Five characters, such as ``33UUP``; a leading ``T`` is not part of the name.

    Returns
    -------
    Grid
        10980 × 10980 pixels in UTM: ``EPSG:326zz`` in the north, ``EPSG:327zz`` in the south.

    Raises
    ------
    NamingError
        There is no such tile; the message says why.
    """
    zone, south, corner = square_corner(mgrs)
    x, y = raster_corner(*corner)
    if south:
        return _grid(32700 + zone, x, y + _FALSE_NORTHING_SOUTH_M)
    return _grid(32600 + zone, x, y)


def _grid(epsg: int, x: float, y: float) -> Grid:
    transform = (float(PIXEL_M), 0.0, float(x), 0.0, float(-PIXEL_M), float(y))
    return Grid(f"EPSG:{epsg}", transform, TILE_PX, TILE_PX)
