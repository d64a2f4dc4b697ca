"""Which Sentinel-2 tiles an area touches, from the law of MGRS alone.

A tile is a 100 km square of a UTM zone, named by the zone, a latitude band, and two letters. A square that lies in two
bands Sentinel-2 has once, under the band of its centre (``13SFR`` and ``43QGG``, not ``13RFR`` and ``43RGG``). A square
belongs to a zone where it reaches into it, the wider zones around Norway and Svalbard included.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.mgrs import BANDS, SQUARE_M, square_name, zone_limits, zones
from gee_s1ben.errors import InputError, NamingError
from gee_s1ben.footprints.outline import cut_at_antimeridian, moved, to_plane

MOST_TILES = 5_000
"""An area that touches more is a mistake, or wants splitting: land has about 20,000 tiles."""

_TOO_LARGE = f"the area touches more than {MOST_TILES} tiles: split it, or draw it closer"
_EARTH_RADIUS_M = 6_371_000.0
_STEP_DEG = 0.1
_SOUTH, _NORTH = -80.0, 84.0


def tiles_touching(area: BaseGeometry) -> tuple[str, ...]:
    """Names of the tiles whose 100 km square shares a point with an area.

    Tiles overlap by 9.8 km, so more tiles than these may see a part of it; these see all of it.

    Parameters
    ----------
    area : geometry
        In longitude and latitude; lines between vertices are straight in these. Longitudes may run past 180°.

    Returns
    -------
    tuple of str
        In alphabetical order.

    Raises
    ------
    InputError
        It is empty, invalid, ambiguous at the antimeridian, reaches beyond 84° N or 80° S, or touches too many.
    """
    check_area(area)
    # Sines of latitude make areas true, so that what is far too large is told at once.
    true = moved(shapely.force_2d(area), lambda lon, lat: (np.radians(lon), np.sin(np.radians(lat))))
    if true.area * _EARTH_RADIUS_M**2 > MOST_TILES * SQUARE_M**2:
        raise InputError(_TOO_LARGE)
    found: set[str] = set()
    for part in shapely.get_parts(cut_at_antimeridian(shapely.force_2d(area))):
        for zone, band in _zones(part):
            found.update(_squares(part, zone, band))
            if len(found) > MOST_TILES:
                raise InputError(_TOO_LARGE)
    return tuple(sorted(found))


def check_area(area: BaseGeometry) -> None:
    """Check that an area lies where tiles are, and says unambiguously where.

    Raises
    ------
    InputError
        It is empty, invalid, ambiguous at the antimeridian, or reaches beyond 84° N or 80° S.
    """
    if area.is_empty:
        raise InputError("the area is empty")
    if not np.isfinite(shapely.get_coordinates(area)).all():
        raise InputError("the area has a coordinate that is not a number")
    if not area.is_valid:
        raise InputError(f"the area is no valid polygon: {shapely.is_valid_reason(area)}; repair it first")
    west, south, east, north = area.bounds
    if west < -540 or east > 540 or south < -90 or north > 90:
        raise InputError("the area leaves the range of longitude and latitude; are its coordinates in degrees?")
    if north > _NORTH or south < _SOUTH:
        beyond = f"{north:.2f}° N" if north > _NORTH else f"{-south:.2f}° S"
        raise InputError(f"the area reaches {beyond}: tiles in UTM end at 84° N and 80° S")
    if any(np.any(np.abs(np.diff(shapely.get_coordinates(line)[:, 0])) > 180) for line in _lines(area)):
        raise InputError(
            "a side of the area spans more than 180° of longitude: if it crosses the antimeridian, let longitudes run "
            "on past 180, or cut the area there in two (RFC 7946, 3.1.9)"
        )


def _lines(area: BaseGeometry) -> Iterator[BaseGeometry]:
    for part in shapely.get_parts(area):
        if part.geom_type == "Polygon":
            yield part.exterior
            yield from part.interiors
        elif part.geom_type.startswith(("Multi", "GeometryCollection")):
            yield from _lines(part)
        else:
            yield part


def _zones(part: BaseGeometry) -> Iterator[tuple[int, str]]:
    """Every (zone, latitude band) that a part touches, found by its bounds."""
    west, south, east, north = part.bounds
    for zone, band in zones():
        limits = zone_limits(zone, band)
        if limits[0] <= east and limits[2] >= west and limits[1] <= north and limits[3] >= south:
            yield zone, band


def _squares(part: BaseGeometry, zone: int, band: str) -> Iterator[str]:
    """Names of the squares that a part touches within one zone and latitude band."""
    inside = shapely.intersection(part, shapely.box(*zone_limits(zone, band)))
    if inside.is_empty:
        return
    # North of the equator's plane also in the south, where northings are then negative: one count for all squares.
    plane = to_plane(f"EPSG:{32600 + zone}")
    flat = moved(shapely.segmentize(inside, _STEP_DEG), plane.transform)
    west, south, east, north = np.floor(np.array(flat.bounds) / SQUARE_M).astype(int).tolist()
    shapely.prepare(flat)
    for column in range(west, east + 1):
        for row in range(south, north + 1):
            x, y = column * SQUARE_M, row * SQUARE_M
            if shapely.intersects(flat, shapely.box(x, y, x + SQUARE_M, y + SQUARE_M)):
                yield _named(plane, zone, column, row, band)


def _named(plane: pyproj.Transformer, zone: int, column: int, row: int, band: str) -> str:
    """Name a square by the latitude band of its centre, or, where that is not of this zone, by the band touched."""
    _, latitude = plane.transform((column + 0.5) * SQUARE_M, (row + 0.5) * SQUARE_M, direction="INVERSE")
    centre = BANDS[min(int((latitude - _SOUTH) // 8), len(BANDS) - 1)]
    try:
        return square_name(zone, centre, column, row)
    except NamingError:
        return square_name(zone, band, column, row)
