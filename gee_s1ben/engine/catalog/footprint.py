"""Footprints: where on Earth an image has pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.geometry import Polygon
from shapely.geometry.polygon import orient

from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import CatalogError

Ring = list[list[float]]
"""Closed ring of [longitude, latitude] in degrees."""

_STEPS = 20
"""Parts of an edge: over the 250 km of a scene a chord in degrees then strays from the edge by a few metres."""
_COLLINEAR_DEG = 1e-8
"""About a millimetre."""
_TOLERANCE_PX = 2.0
"""Footprints made by others, and by rounding, may stand out this far without being cut."""


def outline(grid: Grid) -> Polygon:
    """Outer edge of a grid in longitude and latitude, with points between the corners.

    Parameters
    ----------
    grid : Grid
        In any CRS.

    Returns
    -------
    Polygon
        Counter-clockwise; across the antimeridian longitudes run on beyond 180 degrees.

    Raises
    ------
    CatalogError
        A part of the grid is nowhere on Earth.
    """
    along = np.linspace(0.0, 1.0, _STEPS, endpoint=False)
    width, height, zero, one = grid.width, grid.height, np.zeros(_STEPS), np.ones(_STEPS)
    cols = np.concatenate([along, one, 1 - along, zero]) * width
    rows = np.concatenate([zero, along, one, 1 - along]) * height
    a, b, c, d, e, f = grid.transform
    x, y = a * cols + b * rows + c, d * cols + e * rows + f
    try:
        lon, lat = Transformer.from_crs(CRS(grid.crs), CRS("EPSG:4326"), always_xy=True).transform(x, y)
    except ProjError as error:
        raise CatalogError(f"the grid's coordinate reference system {grid.crs[:60]!r} is unknown: {error}") from error
    lon, lat = np.asarray(lon), np.asarray(lat)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise CatalogError(f"the grid with corner {grid.xy(0, 0)} in {grid.crs[:60]} is not on Earth")
    return orient(Polygon(np.column_stack([_unwrapped(lon), lat])))


def footprint(given: Any, parts: Sequence[Grid], image_id: str) -> Ring:
    """Footprint of an image whose rasters may be a cut-out of it.

    Parameters
    ----------
    given : mapping or None
        GeoJSON ``LinearRing`` or ``Polygon``: ``system:footprint`` as Earth Engine gives it.
    parts : sequence of Grid
        Where the bands have valid pixels.
    image_id : str
        For messages.

    Returns
    -------
    list of [float, float]
        The given ring unchanged where the rasters cover it, else the ring of what both have in common, or of the
        rasters alone where none is given.

    Raises
    ------
    CatalogError
        The footprint is not a ring, or does not meet the rasters.
    """
    outlines = [outline(grid) for grid in parts]
    # All bands share the first one's longitudes, so that a ring across the antimeridian stays in one piece.
    covered = shapely.union_all([_beside(area, outlines[0]) for area in outlines])
    if given is None:
        return _ring(_largest(covered))
    ring = _read_ring(given, image_id)
    unwrapped = np.column_stack([_unwrapped(ring[:, 0]), ring[:, 1]])
    claimed = _beside(shapely.make_valid(Polygon(unwrapped)), covered)
    pixel = max(np.sqrt(area.area / (grid.width * grid.height)) for area, grid in zip(outlines, parts, strict=True))
    if covered.buffer(_TOLERANCE_PX * pixel).covers(claimed):
        return [[float(lon), float(lat)] for lon, lat in ring]
    common = claimed.intersection(covered)
    if common.area == 0:
        west, south, east, north = claimed.bounds
        raise CatalogError(
            f"{image_id}: 'system:footprint' ({west:.3f} to {east:.3f}° E, {south:.3f} to {north:.3f}° N) does not "
            f"meet the raster: are these the properties of another image?"
        )
    return _ring(_largest(common))


def is_footprint(given: Any) -> bool:
    """Whether a ``system:footprint`` is a place: a ring that can be read, or another kind of geometry."""
    if isinstance(given, Mapping) and given.get("type") in ("MultiPolygon", "GeometryCollection"):
        return True
    try:
        _read_ring(given, "")
    except CatalogError:
        return False
    return True


def _read_ring(given: Any, image_id: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        coordinates = {"LinearRing": lambda c: c, "Polygon": lambda c: c[0]}[given["type"]](given["coordinates"])
        ring = np.array([[float(lon), float(lat)] for lon, lat, *_ in coordinates])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CatalogError(f"{image_id}: 'system:footprint' should be a GeoJSON LinearRing: {error!r:.80}") from error
    on_earth = len(ring) >= 4 and bool((np.abs(ring) <= (360, 90)).all())
    if not on_earth or not np.array_equal(ring[0], ring[-1]):
        raise CatalogError(f"{image_id}: 'system:footprint' should be a closed ring of longitudes and latitudes")
    return ring


def _unwrapped(lon: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.unwrap(lon, period=360.0)


def _beside(area: Any, other: Any) -> Any:
    """Move an area by whole turns to the longitudes of another."""
    turns = round((other.centroid.x - area.centroid.x) / 360)
    return shapely.transform(area, lambda xy: np.add(xy, (360.0 * turns, 0.0))) if turns else area


def _largest(area: Any) -> Polygon:
    parts = [part for part in getattr(area, "geoms", [area]) if isinstance(part, Polygon)]
    return max(parts, key=lambda part: part.area)


def _ring(area: Polygon) -> Ring:
    # Points on a straight line say nothing: a grid in degrees keeps its four corners only.
    slim = shapely.simplify(Polygon(area.exterior), _COLLINEAR_DEG)
    return [[float(lon), float(lat)] for lon, lat in orient(slim).exterior.coords]
