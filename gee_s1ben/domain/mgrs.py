"""The tiles of Sentinel-2's grid: which there are, and the corner of the 100 km square that each is named after.

A tile has the name of a square of MGRS: a UTM zone, a latitude band and two letters by the AA scheme (NGA.STND.0037,
"Universal Grids and Grid Reference Systems"). ESA's grid lacks squares of which only a sliver belongs to their zone,
which tiles of the next zone see, and it goes on beyond 80° S. Which squares it has is stored here, as ESA's list says;
where a tile lies follows from its name.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Collection, Iterator
from functools import lru_cache
from itertools import product

from gee_s1ben.errors import NamingError

SQUARE_M = 100_000
"""Side of a square."""
TILE_M = 109_800
"""Side of a tile: neighbours in a zone overlap by 9.8 km."""

_BANDS = "CDEFGHJKLMNPQRSTUVWX"
"""Latitude bands of 8° from 80° S; the last is 12° high, and tiles of the first reach to 84° S."""
_ZONES = 60
_COLUMNS = 8
_COLUMN_LETTERS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")
"""By zone modulo three; the first letter of each is the square from 100 to 200 km east."""
_ROW_LETTERS = "ABCDEFGHJKLMNPQRSTUV"
"""Rows repeat after 2,000 km."""
_EVEN_ZONE_SHIFT = 5
_ALIGNMENT_M = 60
"""A tile's corner lies on a multiple of this, so that the 10, 20 and 60 m bands share it."""
_DEGREE_M = 111_000
"""A degree of latitude, near enough to tell rows apart that lie 2,000 km from each other."""
_SHOWN = 6

_STORED = (
    "c-rmUF%p6>5Cza2!IFYQSW;v-mj&a|RZv@WW)TSHz0|*AH=7wvQlfOtDQsC5R*<_eS=rgFNdX*1h8cU+<aG$kvfE_soS0?%?"
    "vt1)#bpnux?VtSpnvtC+92e93tN;`;pI~sux~HOmcMWKMzUrZ;G82XE9;yC;G83CmZ?d#0e+{WhT6b?ib|t4Ko9C)wed6V)V"
    "Qa~lY5Kso@MrSGiCFAvh8I{&*t7N1ODR7?@h&uvzPNQt{lszVO(?B&$^Vy)rMY7tuH&RM)u{~JI&LIz5l#gmTf!$gE}*e"
)
"""A bit for each band, row, zone and column; compressed. ``python -m gee_s1ben.footprints.tile_list`` makes it."""


@lru_cache(maxsize=4096)
def square_corner(mgrs: str) -> tuple[int, bool, tuple[int, int]]:
    """Lower left corner of the 100 km square that a tile is named after.

    Parameters
    ----------
    mgrs : str
        Five characters, such as ``33UUP``.

    Returns
    -------
    zone : int
        1 to 60.
    south : bool
        Whether its latitude band is in the south.
    corner : tuple of int
        UTM easting, and northing counted from the equator, in metres.

    Raises
    ------
    NamingError
        Sentinel-2's grid has no such tile; the message says why.
    """
    zone, band, column, row = _parse_tile(mgrs)
    if not _is_official(zone, band, column, row):
        raise NamingError(f"tile {mgrs}: {_why_there_is_none(mgrs)}")
    return zone, _BANDS[band] < "N", _corner(band, column, row)


def nominal_corner(mgrs: str) -> tuple[int, int]:
    """Upper left corner that the name of a square gives a tile, whether or not Sentinel-2's grid has it.

    Raises
    ------
    NamingError
        It is not the name of a square.
    """
    _, band, column, row = _parse_tile(mgrs)
    return raster_corner(*_corner(band, column, row))


def raster_corner(west: int, south: int) -> tuple[int, int]:
    """Upper left corner of a tile's raster, in metres.

    It is the easting of the square down to a multiple of 60 m, and the northing of the square's upper edge, counted
    from the equator, up to one.

    Parameters
    ----------
    west, south : int
        Lower left corner of its square, as :func:`square_corner` has it.
    """
    return west // _ALIGNMENT_M * _ALIGNMENT_M, -(-(south + SQUARE_M) // _ALIGNMENT_M) * _ALIGNMENT_M


@lru_cache(maxsize=_ZONES)
def tile_corners(zone: int) -> dict[str, tuple[int, int]]:
    """Map the name of every tile of a UTM zone to its upper left corner, northing counted from the equator."""
    return {_name(zone, *square): raster_corner(*_corner(*square)) for square in _squares(zone)}


@lru_cache(maxsize=1)
def tile_names() -> tuple[str, ...]:
    """Return the names of all 56,686 tiles of Sentinel-2's grid, in alphabetical order."""
    return tuple(sorted(_name(zone, *square) for zone in range(1, _ZONES + 1) for square in _squares(zone)))


def pack_names(names: Collection[str]) -> str:
    """Pack names of squares as they are stored here: the inverse of :func:`tile_names`.

    Raises
    ------
    NamingError
        One is not the name of a square.
    """
    bits = bytearray(len(_BANDS) * len(_ROW_LETTERS) * _ZONES)
    for name in names:
        zone, band, column, row = _parse_tile(name)
        bits[_byte(zone, band, row)] |= 1 << column
    return base64.b85encode(zlib.compress(bits, 9)).decode("ascii")


@lru_cache(maxsize=1)
def _official() -> bytes:
    return zlib.decompress(base64.b85decode(_STORED))


def _squares(zone: int) -> Iterator[tuple[int, int, int]]:
    """Yield band, column and row of every tile of a zone."""
    for place in product(range(len(_BANDS)), range(_COLUMNS), range(len(_ROW_LETTERS))):
        if _is_official(zone, *place):
            yield place


def _is_official(zone: int, band: int, column: int, row: int) -> bool:
    return bool(_official()[_byte(zone, band, row)] >> column & 1)


def _byte(zone: int, band: int, row: int) -> int:
    return (band * len(_ROW_LETTERS) + row) * _ZONES + zone - 1


def _corner(band: int, column: int, row: int) -> tuple[int, int]:
    """Corner of a square: of the rows of its letter the one that is nearest to the middle of its band."""
    middle = _middle(band) * _DEGREE_M - SQUARE_M / 2
    cycle = SQUARE_M * len(_ROW_LETTERS)
    return SQUARE_M * (column + 1), SQUARE_M * row + cycle * round((middle - SQUARE_M * row) / cycle)


def _middle(band: int) -> float:
    """Latitude of a band's middle."""
    return 78.0 if band == len(_BANDS) - 1 else 8.0 * band - 76


def _name(zone: int, band: int, column: int, row: int) -> str:
    letter = _ROW_LETTERS[(row + _row_shift(zone)) % len(_ROW_LETTERS)]
    return f"{zone:02d}{_BANDS[band]}{_COLUMN_LETTERS[zone % 3][column]}{letter}"


def _row_shift(zone: int) -> int:
    return _EVEN_ZONE_SHIFT if zone % 2 == 0 else 0


def _parse_tile(mgrs: str) -> tuple[int, int, int, int]:
    """Split a tile name into zone, band, column and row, the last three counted from 0; refuse it with the reason."""
    if not re.fullmatch(r"[0-9]{2}[A-Z]{3}", mgrs):
        raise NamingError(f"tile {mgrs[:40]!a}: not two digits and three capitals, such as 33UUP")
    zone, band, column, row = int(mgrs[:2]), mgrs[2], mgrs[3], mgrs[4]
    if not 1 <= zone <= _ZONES:
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
    place = (_ROW_LETTERS.index(row) - _row_shift(zone)) % len(_ROW_LETTERS)
    return zone, _BANDS.index(band), letters.index(column), place


def _why_there_is_none(mgrs: str) -> str:
    """Say why Sentinel-2's grid lacks a square, and which tiles see it."""
    zone, band, column, row = _parse_tile(mgrs)
    west, south = _corner(band, column, row)
    for other in (band - 1, band + 1):
        if (
            0 <= other < len(_BANDS)
            and _corner(other, column, row) == (west, south)
            and _is_official(zone, other, column, row)
        ):
            return f"Sentinel-2's grid has this square as {_name(zone, other, column, row)}"
    seeing = _tiles_seeing_middle(zone, west, south, _middle(band))
    if not seeing:
        return f"square {mgrs[3:]} does not lie in zone {zone}, latitude band {mgrs[2]}"
    return f"not in Sentinel-2's grid; its middle is seen by {', '.join(seeing[:_SHOWN])}"


def _tiles_seeing_middle(zone: int, west: int, south: int, latitude: float) -> list[str]:
    """Names of the tiles that see the middle of a square; none where it lies far from its band."""
    import pyproj  # slow to load, and only names that are refused need it

    def plane(number: int) -> pyproj.Transformer:
        return pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{32600 + number}", always_xy=True)

    half = SQUARE_M / 2
    lon, lat = plane(zone).transform(west + half, south + half, direction="INVERSE")
    if abs(lat - latitude) > 7:
        return []
    found = []
    for near in sorted({(zone + step - 1) % _ZONES + 1 for step in (-2, -1, 1, 2)}):
        x, y = plane(near).transform(lon, lat)
        corners = tile_corners(near).items()
        found += [name for name, (ulx, uly) in corners if 0 <= x - ulx <= TILE_M and 0 <= uly - y <= TILE_M]
    return found
