"""Sentinel-2 tiles, their exact grids, and the patches wanted in them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S2PatchNameV1, S2PatchNameV2, S2ProductName, check_target_name, format_stamp
from gee_s1ben.errors import InputError, NamingError

TILE_PX = 10980
"""Pixels of 10 m along a side of a Sentinel-2 tile."""
PATCH_PX = 120
"""Pixels of 10 m along a side of a BigEarthNet patch."""

_PIXEL_M = 10
_ALIGNMENT_M = 60
"""A tile's corner lies on a multiple of this, so that the 10, 20 and 60 m bands share it."""
_SQUARE_M = 100_000
_ROW_CYCLE_M = 2_000_000
_FALSE_EASTING_M = 500_000
_FALSE_NORTHING_SOUTH_M = 10_000_000
_BANDS = "CDEFGHJKLMNPQRSTUVWX"
_COLUMN_LETTERS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")
"""By zone modulo three; the first letter of each is the square from 100 to 200 km east."""
_ROW_LETTERS = "ABCDEFGHJKLMNPQRSTUV"
_EVEN_ZONE_SHIFT = 5
_LAST_ZONE = 60
_TOLERANCE_DEG = 0.1


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

    def __post_init__(self) -> None:
        check_target_name(self.name)
        if self.acquired.utcoffset() != timedelta(0):
            raise InputError(f"target {self.name}: the time {self.acquired!r} is not in UTC")
        whole = PatchBlock.whole(self.grid, self.patch_px)
        if self.block is None:
            object.__setattr__(self, "block", whole)
        if self.block.last_col > whole.last_col or self.block.last_row > whole.last_row:
            raise InputError(
                f"target {self.name}: the patch block reaches column {self.block.last_col}, row {self.block.last_row}; "
                f"the last whole patch is {whole.last_col}, {whole.last_row}"
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

    def patches(self) -> Iterator[tuple[int, int]]:
        """Yield the (column, row) of every patch wanted, row by row from the north-west."""
        return iter(self.block)

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


def tile_grid(mgrs: str) -> Grid:
    """Exact 10 m grid of a Sentinel-2 tile.

    The upper left corner is the easting of the 100 km square down to a multiple of 60 m and the northing of its
    upper edge, counted from the equator, up to one. Squares are lettered by the AA scheme of MGRS (NGA.STND.0037,
    "Universal Grids and Grid Reference Systems").

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
    zone, band, column, row = _parse_tile(mgrs)
    west = _SQUARE_M * (_COLUMN_LETTERS[zone % 3].index(column) + 1)
    lowest = _SQUARE_M * ((_ROW_LETTERS.index(row) - (_EVEN_ZONE_SHIFT if zone % 2 == 0 else 0)) % len(_ROW_LETTERS))
    limits = _limits(zone, band)
    for south in range(lowest - 5 * _ROW_CYCLE_M, lowest + 5 * _ROW_CYCLE_M, _ROW_CYCLE_M):
        if _touches(zone, west, south, limits):
            x = math.floor(west / _ALIGNMENT_M) * _ALIGNMENT_M
            y = math.ceil((south + _SQUARE_M) / _ALIGNMENT_M) * _ALIGNMENT_M
            if band >= "N":
                return _grid(32600 + zone, x, y)
            return _grid(32700 + zone, x, y + _FALSE_NORTHING_SOUTH_M)
    raise NamingError(f"tile {mgrs}: square {column}{row} does not lie in zone {zone}, latitude band {band}")


def _grid(epsg: int, x: float, y: float) -> Grid:
    transform = (float(_PIXEL_M), 0.0, float(x), 0.0, float(-_PIXEL_M), float(y))
    return Grid(f"EPSG:{epsg}", transform, TILE_PX, TILE_PX)


def _parse_tile(mgrs: str) -> tuple[int, str, str, str]:
    """Split a tile name into zone, latitude band, column letter and row letter; refuse it with the reason."""
    if not re.fullmatch(r"[0-9]{2}[A-Z]{3}", mgrs):
        raise NamingError(f"tile {mgrs[:40]!a}: not two digits and three capitals, such as 33UUP")
    zone, band, column, row = int(mgrs[:2]), mgrs[2], mgrs[3], mgrs[4]
    if not 1 <= zone <= _LAST_ZONE:
        raise NamingError(f"tile {mgrs}: there is no UTM zone {mgrs[:2]}, only 01 to 60")
    if set("IO") & {band, column, row}:
        raise NamingError(f"tile {mgrs}: MGRS has no letters I and O")
    if band in "ABYZ":
        raise NamingError(f"tile {mgrs}: latitude band {band} is polar, where Sentinel-2 has no tiles")
    letters = _COLUMN_LETTERS[zone % 3]
    if column not in letters:
        raise NamingError(f"tile {mgrs}: zone {zone} has the columns {letters[0]} to {letters[-1]}, not {column}")
    if row not in _ROW_LETTERS:
        raise NamingError(f"tile {mgrs}: rows run from A to V, not {row}")
    if band == "X" and zone in (32, 34, 36):
        raise NamingError(f"tile {mgrs}: zone {zone} ends at 72° N: use {zone - 1} or {zone + 1}")
    return zone, band, column, row


def _limits(zone: int, band: str) -> tuple[float, float, float, float]:
    """(west, south, east, north) of a zone in a latitude band, in degrees, with the exceptions around Norway."""
    west, east = 6.0 * zone - 186, 6.0 * zone - 180
    south = 8.0 * _BANDS.index(band) - 80
    north = 84.0 if band == "X" else south + 8
    exceptions = {
        (31, "V"): (0.0, 3.0), (32, "V"): (3.0, 12.0),
        (31, "X"): (0.0, 9.0), (33, "X"): (9.0, 21.0), (35, "X"): (21.0, 33.0), (37, "X"): (33.0, 42.0),
    }  # fmt: skip
    west, east = exceptions.get((zone, band), (west, east))
    return west, south, east, north


def _touches(zone: int, west: float, south: float, limits: tuple[float, float, float, float]) -> bool:
    """Whether a 100 km square has a place inside the limits, give or take a tenth of a degree.

    The tolerance stands for what lies between the places looked at: a name is refused only if it is surely wrong.
    """
    lon_min, lat_min, lon_max, lat_max = limits
    steps = [_SQUARE_M * step / 10 for step in range(11)]
    return any(
        lon_min - _TOLERANCE_DEG <= lon <= lon_max + _TOLERANCE_DEG
        and lat_min - _TOLERANCE_DEG <= lat <= lat_max + _TOLERANCE_DEG
        for lon, lat in (_lonlat(zone, west + dx, south + dy) for dx in steps for dy in steps)
    )


def _lonlat(zone: int, easting: float, northing: float) -> tuple[float, float]:
    """Longitude and latitude in degrees of a place in UTM, northing counted from the equator (no false northing).

    Krüger's series in the third flattening, to its third power: within a millimetre of PROJ, far more than
    telling squares apart needs. Source: L. Krüger, "Konforme Abbildung des Erdellipsoids in der Ebene" (1912).
    """
    flattening, major_m, scale = 1 / 298.257223563, 6_378_137.0, 0.9996
    n = flattening / (2 - flattening)
    rectifying_m = major_m / (1 + n) * (1 + n**2 / 4 + n**4 / 64)
    beta = (n / 2 - 2 * n**2 / 3 + 37 * n**3 / 96, n**2 / 48 + n**3 / 15, 17 * n**3 / 480)
    delta = (2 * n - 2 * n**2 / 3 - 2 * n**3, 7 * n**2 / 3 - 8 * n**3 / 5, 56 * n**3 / 15)
    xi = northing / (scale * rectifying_m)
    eta = (easting - _FALSE_EASTING_M) / (scale * rectifying_m)
    terms = list(enumerate(beta, start=1))
    xi_sphere = xi - sum(b * math.sin(2 * j * xi) * math.cosh(2 * j * eta) for j, b in terms)
    eta_sphere = eta - sum(b * math.cos(2 * j * xi) * math.sinh(2 * j * eta) for j, b in terms)
    # Beyond the pole the rows repeat on the far side of the Earth, where no zone has a tile.
    if abs(xi) > math.pi / 2:
        return math.inf, math.inf
    conformal = math.asin(math.sin(xi_sphere) / math.cosh(eta_sphere))
    latitude = conformal + sum(d * math.sin(2 * j * conformal) for j, d in enumerate(delta, start=1))
    longitude = math.atan2(math.sinh(eta_sphere), math.cos(xi_sphere))
    return 6 * zone - 183 + math.degrees(longitude), math.degrees(latitude)
