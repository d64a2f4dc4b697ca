"""Tiles and footprints between longitude/latitude and the plane of a tile, the antimeridian included."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.antimeridian import cut_at_antimeridian, moved
from gee_s1ben.domain.crossings import too_tangled
from gee_s1ben.domain.tile import tile_grid
from gee_s1ben.errors import InputError

REACH_M = 2000.0
"""A footprint may leave its tile this far; those of the 125 seed products leave theirs by at most 318 m."""
_STEP_M = 10_000.0
_LEAST_DEG2 = 1e-10
"""Less, about a square metre, is no area but the rounding of a line's coordinates."""
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


def checked_footprint(tile: str, footprint: BaseGeometry) -> tuple[BaseGeometry, str]:
    """Return a product's footprint in longitude and latitude, cut at the antimeridian.

    Parameters
    ----------
    tile : str
        MGRS name.
    footprint : polygon
        As the product's metadata have it: longitudes may jump by 360° where it crosses the antimeridian.

    Returns
    -------
    footprint : BaseGeometry
        Empty where it encloses no area, so that only the tile's outline can stand for it.
    remark : str
        What was repaired; empty where nothing was.

    Raises
    ------
    InputError
        It has no coordinates, or does not lie in the tile.
    """
    beside, remark = _repaired_beside(tile, footprint)
    grid = tile_grid(tile)
    x, y = to_plane(grid.crs).transform(*shapely.get_coordinates(beside).T)
    west, south, east, north = grid.bounds
    outside = np.max([west - x, x - east, south - y, y - north], initial=-np.inf)
    if not outside <= REACH_M:
        far = f"{outside / 1000:.0f} km" if np.isfinite(outside) else "half the Earth"
        raise InputError(f"the footprint reaches {far} out of tile {tile}: tile and footprint disagree")
    return cut_at_antimeridian(beside), remark


def within_tile(tile: str, footprint: BaseGeometry) -> tuple[BaseGeometry, str]:
    """Part of a many-tile product's footprint that lies in one of its tiles, as :func:`checked_footprint` does.

    Raises
    ------
    InputError
        It has no coordinates, or does not touch the tile.
    """
    beside, remark = _repaired_beside(tile, footprint)
    if beside.is_empty:
        return beside, remark
    part = polygons_of(shapely.intersection(cut_at_antimeridian(beside), tile_outline(tile)))
    if part.is_empty:
        raise InputError(f"the product's footprint does not touch tile {tile}: tile and footprint disagree")
    return part, remark


def _repaired_beside(tile: str, footprint: BaseGeometry) -> tuple[BaseGeometry, str]:
    """Repair a footprint, all of it on the tile's side of the antimeridian."""
    middle = _middle(tile)
    beside = moved(shapely.force_2d(footprint), lambda x, y: (_beside(x, middle), y))
    return repaired(beside, "the footprint")


def repaired(area: BaseGeometry, name: str) -> tuple[BaseGeometry, str]:
    """Make a valid area of polygons whose rings touch or cross themselves or each other.

    Parameters
    ----------
    area : geometry
        In two dimensions. What encloses no area in it, such as lines, is dropped.
    name : str
        What it is, for the remark: ``the footprint``.

    Returns
    -------
    area : Polygon or MultiPolygon
        As it was given where it was valid; empty where it encloses nothing.
    remark : str
        What was wrong with it; empty where nothing was.

    Raises
    ------
    InputError
        It has a coordinate that is not a number, or crosses itself too often.
    """
    if not np.isfinite(shapely.get_coordinates(area)).all():
        raise InputError(f"{name} has a coordinate that is not a number")
    if area.is_valid and area.geom_type in ("Polygon", "MultiPolygon") and area.area > _LEAST_DEG2:
        return area, ""
    reason = "" if area.is_valid else f" ({shapely.is_valid_reason(area)})"
    if too_tangled(area):
        raise InputError(f"{name} crosses itself too often to be repaired{reason}")
    polygons = polygons_of(shapely.make_valid(area, method="structure", keep_collapsed=False))
    if polygons.is_empty:
        return polygons, f"{name} encloses no area{reason}"
    if reason:
        return polygons, f"{name} touches or crosses itself{reason} and was repaired"
    return polygons, f"{name} has parts without an area, which were dropped"


def polygons_of(geometry: BaseGeometry) -> BaseGeometry:
    """Join the polygons of a geometry; empty where it has none."""
    parts = shapely.get_parts(shapely.get_parts(shapely.get_parts(geometry)))
    return shapely.union_all([part for part in parts if part.geom_type == "Polygon" and part.area > _LEAST_DEG2])


def _middle(tile: str) -> float:
    """Longitude of a tile's centre."""
    grid = tile_grid(tile)
    return float(to_plane(grid.crs).transform(*grid.xy(grid.width / 2, grid.height / 2), direction="INVERSE")[0])


def _beside(lon: _Array, middle: float) -> _Array:
    """Longitudes on the side of the antimeridian where the tile is; they may run past 180°."""
    with np.errstate(invalid="ignore"):  # what is not finite is refused afterwards
        return np.asarray(lon + 360.0 * np.round((middle - lon) / 360.0))
