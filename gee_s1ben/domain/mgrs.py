"""The 100 km squares of MGRS: their names, zones and corners.

Squares are lettered by the AA scheme of MGRS. Source: NGA.STND.0037, "Universal Grids and Grid Reference Systems".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache

from gee_s1ben.errors import NamingError

SQUARE_M = 100_000
"""Side of a square."""
BANDS = "CDEFGHJKLMNPQRSTUVWX"
"""Latitude bands of 8° from 80° S; the last is 12° high."""
LAST_ZONE = 60

_ROW_CYCLE_M = 2_000_000
_FALSE_EASTING_M = 500_000
_COLUMN_LETTERS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")
"""By zone modulo three; the first letter of each is the square from 100 to 200 km east."""
_ROW_LETTERS = "ABCDEFGHJKLMNPQRSTUV"
_EVEN_ZONE_SHIFT = 5
_ENDING_AT_72 = (32, 34, 36)
"""Zones that the wider ones around Svalbard leave no room for in band X."""
_TOLERANCE_DEG = 0.1


@lru_cache(maxsize=4096)
def square_corner(mgrs: str) -> tuple[int, bool, tuple[int, int]]:
    """Lower left corner of a 100 km square.

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
        There is no such square; the message says why.
    """
    zone, band, column, row = _parse_tile(mgrs)
    west = SQUARE_M * (_COLUMN_LETTERS[zone % 3].index(column) + 1)
    lowest = SQUARE_M * ((_ROW_LETTERS.index(row) - _row_shift(zone)) % len(_ROW_LETTERS))
    limits = zone_limits(zone, band)
    for south in range(lowest - 5 * _ROW_CYCLE_M, lowest + 5 * _ROW_CYCLE_M, _ROW_CYCLE_M):
        if _touches(zone, west, south, limits):
            return zone, band < "N", (west, south)
    raise NamingError(f"tile {mgrs}: square {column}{row} does not lie in zone {zone}, latitude band {band}")


def square_name(zone: int, band: str, column: int, row: int) -> str:
    """Name the square whose corner is at ``column`` and ``row`` times 100 km; the inverse of :func:`square_corner`.

    Raises
    ------
    NamingError
        The square is not in that zone and band.
    """
    letters = _COLUMN_LETTERS[zone % 3]
    if not 1 <= column <= len(letters):
        raise NamingError(f"zone {zone} has no square {column * SQUARE_M} m east")
    name = f"{zone:02d}{band}{letters[column - 1]}{_ROW_LETTERS[(row + _row_shift(zone)) % len(_ROW_LETTERS)]}"
    if square_corner(name)[2] != (column * SQUARE_M, row * SQUARE_M):
        raise NamingError(f"zone {zone}, latitude band {band} has no square at row {row}")
    return name


def zones() -> Iterator[tuple[int, str]]:
    """Yield every (zone, latitude band) that there is."""
    for band in BANDS:
        yield from ((zone, band) for zone in range(1, LAST_ZONE + 1) if band != "X" or zone not in _ENDING_AT_72)


def _row_shift(zone: int) -> int:
    return _EVEN_ZONE_SHIFT if zone % 2 == 0 else 0


def _parse_tile(mgrs: str) -> tuple[int, str, str, str]:
    """Split a tile name into zone, latitude band, column letter and row letter; refuse it with the reason."""
    if not re.fullmatch(r"[0-9]{2}[A-Z]{3}", mgrs):
        raise NamingError(f"tile {mgrs[:40]!a}: not two digits and three capitals, such as 33UUP")
    zone, band, column, row = int(mgrs[:2]), mgrs[2], mgrs[3], mgrs[4]
    if not 1 <= zone <= LAST_ZONE:
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
    if band == "X" and zone in _ENDING_AT_72:
        raise NamingError(f"tile {mgrs}: zone {zone} ends at 72° N: use {zone - 1} or {zone + 1}")
    return zone, band, column, row


def zone_limits(zone: int, band: str) -> tuple[float, float, float, float]:
    """(west, south, east, north) of a zone in a latitude band, in degrees, with the exceptions around Norway."""
    west, east = 6.0 * zone - 186, 6.0 * zone - 180
    south = 8.0 * BANDS.index(band) - 80
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
    steps = [SQUARE_M * step / 10 for step in range(11)]
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
