"""Tiles and footprints between longitude/latitude and the plane of a tile, the antimeridian included."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.tile import tile_grid
from gee_s1ben.errors import InputError

REACH_M = 2000.0
"""A footprint may leave its tile this far; those of the 125 seed products leave theirs by at most 318 m."""
_STEP_M = 10_000.0
_Array = NDArray[np.float64]


@lru_cache(maxsize=130)
def to_plane(crs: str) -> pyproj.Transformer:
    """From longitude and latitude to a UTM plane."""
    return pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)


@lru_cache(maxsize=4096)
def tile_outline(tile: str) -> BaseGeometry:
    """Outline of a tile's raster in longitude and latitude, cut at the antimeridian.

    Its sides have a vertex every 10 km, so that straight lines between them follow it to about a metre.

    Raises
    ------
    NamingError
        There is no such tile.
    """
    grid = tile_grid(tile)
    square = shapely.segmentize(shapely.box(*grid.bounds), _STEP_M)
    back = to_plane(grid.crs)
    middle = _middle(tile)

    def unproject(x: _Array, y: _Array) -> tuple[_Array, _Array]:
        lon, lat = back.transform(x, y, direction="INVERSE")
        return _beside(lon, middle), lat

    return cut_at_antimeridian(moved(square, unproject))


def checked_footprint(tile: str, footprint: BaseGeometry) -> BaseGeometry:
    """Return a product's footprint in longitude and latitude, cut at the antimeridian.

    Parameters
    ----------
    tile : str
        MGRS name.
    footprint : polygon
        As the product's metadata have it: longitudes may jump by 360° where it crosses the antimeridian.

    Raises
    ------
    InputError
        It is empty, no polygon, crosses itself, or does not lie in the tile.
    """
    if footprint.geom_type not in ("Polygon", "MultiPolygon") or footprint.is_empty:
        raise InputError(f"the footprint is an empty or linear {footprint.geom_type}, not a polygon")
    if not np.isfinite(shapely.get_coordinates(footprint)).all():
        raise InputError("the footprint has a coordinate that is not a number")
    middle = _middle(tile)
    beside = moved(shapely.force_2d(footprint), lambda x, y: (_beside(x, middle), y))
    if not beside.is_valid:
        raise InputError(f"the footprint is no valid polygon: {shapely.is_valid_reason(beside)}")
    grid = tile_grid(tile)
    x, y = to_plane(grid.crs).transform(*shapely.get_coordinates(beside).T)
    west, south, east, north = grid.bounds
    outside = np.max([west - x, x - east, south - y, y - north])
    if not outside <= REACH_M:
        far = f"{outside / 1000:.0f} km" if np.isfinite(outside) else "half the Earth"
        raise InputError(f"the footprint reaches {far} out of tile {tile}: tile and footprint disagree")
    return cut_at_antimeridian(beside)


def within_tile(tile: str, footprint: BaseGeometry) -> BaseGeometry:
    """Part of a many-tile product's footprint that lies in one of its tiles.

    Raises
    ------
    InputError
        It is no valid polygon, or does not touch the tile.
    """
    middle = _middle(tile)
    beside = moved(footprint, lambda x, y: (_beside(x, middle), y))
    if not beside.is_valid:
        raise InputError(f"the footprint is no valid polygon: {shapely.is_valid_reason(beside)}")
    part = shapely.intersection(cut_at_antimeridian(beside), tile_outline(tile))
    if part.area == 0:
        raise InputError(f"the product's footprint does not touch tile {tile}: tile and footprint disagree")
    polygons = [one for one in shapely.get_parts(part) if one.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(polygons)


def cut_at_antimeridian(geometry: BaseGeometry) -> BaseGeometry:
    """Cut a geometry whose longitudes run past 180° there, and bring the rest back into −180 to 180."""
    west, _, east, _ = geometry.bounds
    if west >= -180 and east <= 180:
        return geometry
    parts: list[Any] = []
    for turn in range(int(np.floor((west + 180) / 360)), int(np.floor((east + 180) / 360)) + 1):
        part = shapely.intersection(geometry, shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90))
        parts += [
            one
            for one in shapely.get_parts(moved(part, partial(_turned, turn=turn)))
            if one.area > 0 or geometry.area == 0
        ]
    return shapely.union_all(parts)


def moved(geometry: BaseGeometry, change: Callable[[_Array, _Array], tuple[_Array, _Array]]) -> BaseGeometry:
    """Apply a function of all x and all y to the vertices of a geometry in two dimensions."""
    return shapely.transform(geometry, lambda points: np.column_stack(change(points[:, 0], points[:, 1])))


def _turned(lon: _Array, lat: _Array, turn: int) -> tuple[_Array, _Array]:
    return lon - 360 * turn, lat


def _middle(tile: str) -> float:
    """Longitude of a tile's centre."""
    grid = tile_grid(tile)
    return float(to_plane(grid.crs).transform(*grid.xy(grid.width / 2, grid.height / 2), direction="INVERSE")[0])


def _beside(lon: _Array, middle: float) -> _Array:
    """Longitudes on the side of the antimeridian where the tile is; they may run past 180°."""
    return lon + 360.0 * np.round((middle - lon) / 360.0)
