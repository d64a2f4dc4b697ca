"""Footprints of scenes and passes in the plane of a target's grid."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.scene import Pass, Scene
from gee_s1ben.domain.tile import Target

JOIN_M = 15.0
"""Slices no farther apart than twice this are joined without a sliver between; about one pixel on either side."""
SEAM_M = 250.0
"""The same for slices that follow one another without a pause: what their footprints leave open there was seen."""
TOLERANCE_M = 1.0
"""A patch may reach this far over the edge: a scene cut to exactly a patch contains it."""

_PAUSE_S = 1.0
"""Names have whole seconds."""
_STEP_M = 10_000.0
_OUTLINE_STEPS = 16
_EARTH_RADIUS_M = 6_371_000.0


@lru_cache(maxsize=8)
def _projection(crs: str) -> tuple[pyproj.Transformer, float]:
    """From longitude and latitude to ``crs``, and how many of its units make a metre."""
    target = pyproj.CRS.from_user_input(crs)
    factor = float(target.axis_info[0].unit_conversion_factor)
    metres = factor * _EARTH_RADIUS_M if target.is_geographic else factor
    return pyproj.Transformer.from_crs("EPSG:4326", target, always_xy=True), 1.0 / metres


def units_per_metre(grid: Grid) -> float:
    """Return how many units of the grid's CRS make a metre; for degrees, on the equator."""
    return _projection(grid.crs)[1]


def scene_polygon(scene: Scene, grid: Grid) -> BaseGeometry:
    """Project a scene's footprint to the plane of a grid; its edges are geodesics.

    Returns
    -------
    BaseGeometry
        A valid polygon, empty where the footprint cannot be projected.
    """
    return ring_polygon(scene.footprint, grid)


def ring_polygon(footprint: Sequence[tuple[float, float]], grid: Grid) -> BaseGeometry:
    """Project a closed ring of longitudes and latitudes likewise."""
    transformer, _ = _projection(grid.crs)
    lon, lat = _densified(np.array(footprint, dtype=float))
    centre = grid.xy(grid.width / 2, grid.height / 2)
    middle = transformer.transform(*centre, direction="INVERSE")[0]
    # Across the antimeridian a ring jumps by 360°; all its points belong on the target's side.
    lon = lon + 360.0 * np.round((middle - lon) / 360.0)
    x, y = transformer.transform(lon, lat)
    ring = np.column_stack([x, y])
    if not np.isfinite(ring).all():
        return Polygon()
    return shapely.make_valid(Polygon(ring))


def outline(target: Target) -> tuple[tuple[float, float], ...]:
    """Return the closed outline of the wanted patches in longitude and latitude.

    Each side has vertices enough for the geodesics between them to follow it to a few metres.

    Longitudes run on across the antimeridian: 179.9, 180.1.
    """
    block, px = target.block, target.patch_px
    west, east = block.first_col * px, (block.last_col + 1) * px
    north, south = block.first_row * px, (block.last_row + 1) * px
    across, down = -(-(east - west) // _OUTLINE_STEPS), -(-(south - north) // _OUTLINE_STEPS)
    corners = [
        *((col, north) for col in range(west, east, across)),
        *((east, row) for row in range(north, south, down)),
        *((col, south) for col in range(east, west, -across)),
        *((west, row) for row in range(south, north, -down)),
    ]
    lon, lat = to_degrees(target, *np.array(corners, dtype=float).T)
    ring = [(float(one), float(other)) for one, other in zip(lon, lat, strict=True)]
    return (*ring, ring[0])


def to_degrees(
    target: Target, col: NDArray[np.number[Any]], row: NDArray[np.number[Any]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes and latitudes of places in a target's raster; longitudes run on across the antimeridian."""
    a, b, c, d, e, f = target.grid.transform
    x, y = a * col + b * row + c, d * col + e * row + f
    lon, lat = _projection(target.grid.crs)[0].transform(x, y, direction="INVERSE")
    return lon + 360.0 * np.round((lon.flat[0] - lon) / 360.0), lat


def pass_polygon(one: Pass, grid: Grid) -> BaseGeometry:
    """Join the slices of a pass; slices that abut leave no gap, and the edge is widened by the tolerance.

    A gap between two slices of one datatake of which one begins as the other ends is never real. It comes from the
    outlines, which are drawn with few vertices and each on its own: those of a real scene stray by 60 m from the
    geodesic across the swath.
    """
    unit = units_per_metre(grid)
    polygons = [scene_polygon(scene, grid) for scene in one.slices]
    return joined([_closed(polygons[start:stop], SEAM_M * unit) for start, stop in _runs(one)], grid)


def joined(polygons: Sequence[BaseGeometry], grid: Grid) -> BaseGeometry:
    """Join polygons in the plane of a grid that lie no farther apart than a pixel, and widen the edge likewise."""
    unit = units_per_metre(grid)
    grown = shapely.buffer(polygons, JOIN_M * unit, join_style="mitre")
    return shapely.buffer(shapely.union_all(grown), (TOLERANCE_M - JOIN_M) * unit, join_style="mitre")


def _runs(one: Pass) -> list[tuple[int, int]]:
    """First and one past the last of the slices that follow one another without a pause."""
    names = [scene.name for scene in one.slices]
    breaks = [
        place
        for place, (before, after) in enumerate(pairwise(names), start=1)
        if before is None
        or after is None
        or before.datatake != after.datatake
        or abs((after.start - before.stop).total_seconds()) > _PAUSE_S
    ]
    return list(pairwise([0, *breaks, len(names)]))


def _closed(polygons: Sequence[BaseGeometry], reach: float) -> BaseGeometry:
    if len(polygons) == 1:
        return polygons[0]
    return shapely.buffer(
        shapely.union_all(shapely.buffer(polygons, reach, join_style="mitre")), -reach, join_style="mitre"
    )


def patch_polygons(target: Target, cells: Sequence[tuple[int, int]] | NDArray[np.int64]) -> NDArray[np.object_]:
    """Outline patches, each (column, row), as polygons in the plane of the target's grid."""
    index = np.asarray(cells, dtype=float).reshape(-1, 2) * target.patch_px
    a, b, c, d, e, f = target.grid.transform
    if b == d == 0:  # by far the commonest, and boxes are made much faster
        (left, top), (right, bottom) = index.T, index.T + target.patch_px
        return np.asarray(shapely.box(a * left + c, e * bottom + f, a * right + c, e * top + f), dtype=object)
    corners = index[:, None, :] + np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * target.patch_px
    col, row = corners[..., 0], corners[..., 1]
    return np.asarray(shapely.polygons(np.stack([a * col + b * row + c, d * col + e * row + f], axis=-1)), dtype=object)


def block_polygon(target: Target) -> BaseGeometry:
    """Outline the block that the wanted patches span, in the plane of the target's grid."""
    block = target.block
    corners = patch_polygons(
        target,
        [(block.first_col, block.first_row), (block.last_col, block.first_row),
         (block.last_col, block.last_row), (block.first_col, block.last_row)],
    )  # fmt: skip
    return shapely.convex_hull(shapely.union_all(corners))


def _densified(ring: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Put points on the geodesics between the vertices, so that none is farther than a step from the next."""
    geod = pyproj.Geod(ellps="WGS84")
    lon: list[float] = []
    lat: list[float] = []
    for (lon0, lat0), (lon1, lat1) in pairwise(ring):
        lon.append(lon0)
        lat.append(lat0)
        count = int(geod.inv(lon0, lat0, lon1, lat1)[2] // _STEP_M)
        between = geod.npts(lon0, lat0, lon1, lat1, count) if count else ()
        lon.extend(point[0] for point in between)
        lat.extend(point[1] for point in between)
    return np.array([*lon, lon[0]]), np.array([*lat, lat[0]])
