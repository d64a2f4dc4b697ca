"""Measures and predicates of geometries, on the ellipsoid or in a projection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry
from shapely.ops import nearest_points

from gee_s1ben.engine import geodesy
from gee_s1ben.engine.geodesy import LONLAT
from gee_s1ben.engine.geometry import TOLERANCE_M, Geometry
from gee_s1ben.errors import EngineError

WGS84: Final = pyproj.Geod(ellps="WGS84")
BUFFER_REACH_M: Final = 1_000_000.0
"""Distances in an azimuthal projection are right from its centre; so far away they are 0.4 % off."""


def distance_m(left: Geometry, right: Geometry) -> float:
    """Return the shortest distance on the WGS 84 ellipsoid, in metres.

    Both are laid into an azimuthal equidistant projection around the point of ``left`` that is nearest in degrees; for
    points that is exact, and for others as good as the projection over that distance.
    """
    near = nearest_points(left.shape(), right.shape())[0]
    crs = _azimuthal(near.x, near.y)
    return float(left.shape(crs).distance(right.shape(crs)))


def within_distance(left: Geometry, right: Geometry, metres: float) -> bool:
    """Whether two geometries are no farther apart than that."""
    return bool(left.shape().intersects(right.shape())) or distance_m(left, right) <= metres


def area_m2(geometry: Geometry, tolerance_m: float = TOLERANCE_M) -> float:
    """Return the area on the WGS 84 ellipsoid, in square metres."""
    return sum(abs(WGS84.geometry_area_perimeter(part)[0]) for part in _polygons(geometry.shape(LONLAT, tolerance_m)))


def length_m(geometry: Geometry, *, of_polygons: bool, tolerance_m: float = TOLERANCE_M) -> float:
    """Return the length of the lines (or the perimeter of the polygons) on the ellipsoid, in metres."""
    return sum(WGS84.geometry_length(line) for line in lines(geometry.shape(LONLAT, tolerance_m), of_polygons))


def lines(shape: BaseGeometry, of_polygons: bool) -> Iterator[BaseGeometry]:
    """Yield the lines among the parts of a shape, or the rings of its polygons."""
    for part in shapely.get_parts(shape):
        if part.geom_type == "GeometryCollection":
            yield from lines(part, of_polygons)
        elif part.geom_type == "Polygon" and of_polygons:
            yield from (part.exterior, *part.interiors)
        elif part.geom_type in {"LineString", "LinearRing"} and not of_polygons:
            yield part


def centroid(geometry: Geometry) -> Geometry:
    """Return the centroid, found in an equal-area projection around the middle of the geometry."""
    shape = geometry.shape()
    west, south, east, north = shape.bounds
    crs = f"+proj=laea +lon_0={(west + east) / 2} +lat_0={(south + north) / 2} +datum=WGS84"
    centre = _moved(shape, LONLAT, crs).centroid
    return Geometry.from_shape(_moved(centre, crs, LONLAT), geodesic=True)


def buffer(geometry: Geometry, metres: float, tolerance_m: float) -> Geometry:
    """Return the geometry widened by a distance on the ellipsoid.

    Raises
    ------
    EngineError
        The geometry reaches so far that the distance cannot be kept.
    """
    shape = geometry.shape()
    west, south, east, north = shape.bounds
    lon, lat = (west + east) / 2, (south + north) / 2
    reach = max(WGS84.inv(lon, lat, x, y)[2] for x in (west, east) for y in (south, north)) + abs(metres)
    if reach > BUFFER_REACH_M:
        raise EngineError(
            f"Geometry.buffer: the geometry reaches {reach / 1000:.0f} km, beyond the "
            f"{BUFFER_REACH_M / 1000:.0f} km that the embedded Earth Engine service buffers."
        )
    crs = _azimuthal(lon, lat)
    planar = buffer_planar(_moved(shape, LONLAT, crs), metres, tolerance_m)
    return Geometry.from_shape(_moved(planar, crs, LONLAT))


def buffer_planar(shape: BaseGeometry, distance: float, tolerance: float) -> BaseGeometry:
    """Return a shape widened in the plane, its arcs cut so finely that they are off by no more than the tolerance."""
    # A chord of angle a is off by r·(1 − cos(a/2)) ≈ r·a²/8.
    step = np.sqrt(8 * max(tolerance, 1e-6 * abs(distance)) / abs(distance)) if distance else 1.0
    return shape.buffer(distance, quad_segs=int(np.clip(np.ceil(np.pi / 2 / step), 4, 256)))


def convex_hull(geometry: Geometry) -> Geometry:
    """Return the hull on the sphere: in a gnomonic projection great circles are straight.

    Raises
    ------
    EngineError
        The geometry does not fit a hemisphere.
    """
    shape = geometry.shape()
    west, south, east, north = shape.bounds
    if max(east - west, north - south) > 120:
        raise EngineError("Geometry.convexHull: the geometry does not fit a hemisphere.")
    radius = geodesy.EARTH_RADIUS_M
    crs = f"+proj=gnom +lon_0={(west + east) / 2} +lat_0={(south + north) / 2} +R={radius}"
    sphere = f"+proj=longlat +R={radius}"
    return Geometry.from_shape(_moved(_moved(shape, sphere, crs).convex_hull, crs, sphere), geodesic=True)


def _azimuthal(lon: float, lat: float) -> str:
    return f"+proj=aeqd +lon_0={lon:.9f} +lat_0={lat:.9f} +datum=WGS84"


def _moved(shape: BaseGeometry, source: str, target: str) -> BaseGeometry:
    return shapely.transform(shape, lambda points: geodesy.transform(points, source, target))


def _polygons(shape: BaseGeometry) -> Iterator[shapely.Polygon]:
    for part in shapely.get_parts(shape):
        if part.geom_type == "GeometryCollection":
            yield from _polygons(part)
        elif part.geom_type == "Polygon":
            yield part
