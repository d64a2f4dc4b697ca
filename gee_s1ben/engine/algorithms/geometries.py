"""What is asked of a geometry or of a feature's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import shapely
from shapely.geometry.base import BaseGeometry

from gee_s1ben.engine import geometry_operations as operations
from gee_s1ben.engine.coercion import ErrorMargin
from gee_s1ben.engine.features import Element, Feature, element_geometry
from gee_s1ben.engine.geodesy import LONLAT, is_geographic
from gee_s1ben.engine.geometry import TOLERANCE_M, Geometry
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.engine.values import Projection
from gee_s1ben.errors import EngineError

IDENTITY: Final = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@algorithm("Geometry.type")
def type_of(geometry: Geometry) -> str:
    """Return the GeoJSON type."""
    return geometry.type


@algorithm("Geometry.coordinates")
def coordinates(geometry: Geometry) -> list[Any]:
    """Return the coordinates as GeoJSON nests them."""
    return list(geometry.to_geojson().get("coordinates", []))


@algorithm("Geometry.geometries")
def geometries(geometry: Geometry) -> list[Geometry]:
    """Return the members of a collection or of a geometry of several parts."""
    if geometry.type == "GeometryCollection":
        return list(geometry.geometries)
    if geometry.type.startswith("Multi"):
        type_ = geometry.type.removeprefix("Multi")
        return [replace(geometry, type=type_, coordinates=part) for part in geometry.coordinates]
    return [geometry]


@algorithm("Geometry.geodesic", "Geometry.edgesAreGeodesics")
def geodesic(geometry: Geometry) -> bool:
    """Whether the edges are great circles."""
    return geometry.geodesic


@algorithm("Geometry.projection")
def projection(geometry: Geometry) -> Projection:
    """Return the projection of the coordinates."""
    return Projection(geometry.crs, IDENTITY)


@algorithm("Geometry.isUnbounded")
def is_unbounded(geometry: Geometry) -> bool:
    """Whether the geometry is the whole world."""
    return geometry == Geometry.unbounded()


@algorithm("Geometry.transform")
def transform(
    geometry: Geometry,
    proj: Projection | None = None,
    maxError: ErrorMargin | None = None,
    geodesic: bool | None = None,
) -> Geometry:
    """Bring a geometry to another projection; edges that would bend get vertices on them."""
    crs = _crs(proj)
    edges = is_geographic(crs) if geodesic is None else geodesic
    if geometry.crs == crs and geometry.geodesic == edges:
        return geometry
    return Geometry.from_shape(geometry.shape(crs, _tolerance(maxError, 1.0)), crs, geodesic=edges)


def _unary(name: str, compute: Callable[[Geometry, Projection | None, ErrorMargin | None], Any]) -> None:
    """Register ``Geometry.name`` and ``Feature.name``; a resulting geometry becomes the feature's."""

    @algorithm(f"Geometry.{name}")
    def of_geometry(geometry: Geometry, maxError: ErrorMargin | None = None, proj: Projection | None = None) -> Any:
        return compute(geometry, proj, maxError)

    @algorithm(f"Feature.{name}")
    def of_feature(feature: Element, maxError: ErrorMargin | None = None, proj: Projection | None = None) -> Any:
        return _back(feature, compute(_place(f"Feature.{name}", feature), proj, maxError))


def _binary(name: str, compute: Callable[[BaseGeometry, BaseGeometry], Any]) -> None:
    """Register ``Geometry.name`` and ``Feature.name`` for an operation on two shapes."""

    def combine(left: Geometry, right: Geometry, proj: Projection | None) -> Any:
        crs = _crs(proj)
        result = compute(left.shape(crs), right.shape(crs))
        return Geometry.from_shape(result, crs) if isinstance(result, BaseGeometry) else bool(result)

    @algorithm(f"Geometry.{name}")
    def of_geometries(
        left: Geometry,
        right: Geometry,
        maxError: ErrorMargin | None = None,  # noqa: ARG001 - shapes are exact to the default margin
        proj: Projection | None = None,
    ) -> Any:
        return combine(left, right, proj)

    @algorithm(f"Feature.{name}")
    def of_features(
        left: Element,
        right: Element,
        maxError: ErrorMargin | None = None,  # noqa: ARG001 - shapes are exact to the default margin
        proj: Projection | None = None,
    ) -> Any:
        places = _place(f"Feature.{name}", left), _place(f"Feature.{name}", right)
        return _back(left, combine(*places, proj))


def _area(geometry: Geometry, proj: Projection | None, margin: ErrorMargin | None) -> float:
    return operations.area_m2(geometry, _tolerance(margin)) if proj is None else geometry.shape(proj.crs).area


def _length(of_polygons: bool) -> Callable[[Geometry, Projection | None, ErrorMargin | None], float]:
    def length(geometry: Geometry, proj: Projection | None, margin: ErrorMargin | None) -> float:
        if proj is None:
            return operations.length_m(geometry, of_polygons=of_polygons, tolerance_m=_tolerance(margin))
        return float(sum(line.length for line in operations.lines(geometry.shape(proj.crs), of_polygons)))

    return length


def _bounds(geometry: Geometry, proj: Projection | None, margin: ErrorMargin | None) -> Geometry:
    crs = _crs(proj)
    return Geometry.rectangle(geometry.shape(crs, _tolerance(margin)).bounds, crs)


def _centroid(geometry: Geometry, proj: Projection | None, margin: ErrorMargin | None) -> Geometry:
    if proj is None:
        return operations.centroid(geometry)
    return Geometry.from_shape(geometry.shape(proj.crs, _tolerance(margin)).centroid, proj.crs)


def _convex_hull(geometry: Geometry, proj: Projection | None, margin: ErrorMargin | None) -> Geometry:
    if proj is None:
        return operations.convex_hull(geometry)
    return Geometry.from_shape(geometry.shape(proj.crs, _tolerance(margin)).convex_hull, proj.crs)


def _dissolve(geometry: Geometry, proj: Projection | None, margin: ErrorMargin | None) -> Geometry:
    crs = _crs(proj)
    return Geometry.from_shape(shapely.union_all([geometry.shape(crs, _tolerance(margin))]), crs)


_unary("area", _area)
_unary("length", _length(of_polygons=False))
_unary("perimeter", _length(of_polygons=True))
_unary("bounds", _bounds)
_unary("centroid", _centroid)
_unary("convexHull", _convex_hull)
_unary("dissolve", _dissolve)

_binary("intersects", shapely.intersects)
_binary("disjoint", shapely.disjoint)
_binary("contains", shapely.contains)
_binary("containedIn", shapely.within)
_binary("intersection", shapely.intersection)
_binary("union", shapely.union)
_binary("difference", shapely.difference)
_binary("symmetricDifference", shapely.symmetric_difference)


@algorithm("Geometry.buffer")
def buffer(
    geometry: Geometry, distance: float, maxError: ErrorMargin | None = None, proj: Projection | None = None
) -> Geometry:
    """Widen a geometry by metres, or by units of a projection."""
    tolerance = maxError.value if maxError is not None and maxError.value > 0 else abs(distance) / 100
    if proj is None:
        return operations.buffer(geometry, distance, tolerance)
    return Geometry.from_shape(operations.buffer_planar(geometry.shape(proj.crs), distance, tolerance), proj.crs)


@algorithm("Feature.buffer")
def buffer_feature(
    feature: Element, distance: float, maxError: ErrorMargin | None = None, proj: Projection | None = None
) -> Any:
    """Widen a feature by metres, or by units of a projection."""
    return _back(feature, buffer(_place("Feature.buffer", feature), distance, maxError, proj))


@algorithm("Geometry.distance")
def distance(
    left: Geometry,
    right: Geometry,
    maxError: ErrorMargin | None = None,  # noqa: ARG001 - shapes are exact to the default margin
    proj: Projection | None = None,
    spherical: bool = False,
) -> float:
    """Return the shortest distance, in metres or in units of a projection."""
    if spherical:
        raise EngineError("Geometry.distance: spherical is not implemented by the embedded Earth Engine service.")
    if proj is None:
        return operations.distance_m(left, right)
    return float(left.shape(proj.crs).distance(right.shape(proj.crs)))


@algorithm("Geometry.withinDistance")
def within_distance(
    left: Geometry,
    right: Geometry,
    distance: float,
    maxError: ErrorMargin | None = None,  # noqa: ARG001 - shapes are exact to the default margin
    proj: Projection | None = None,
) -> bool:
    """Whether two geometries are no farther apart than that."""
    if proj is None:
        return operations.within_distance(left, right, distance)
    return bool(shapely.dwithin(left.shape(proj.crs), right.shape(proj.crs), distance))


def _crs(proj: Projection | None) -> str:
    return LONLAT if proj is None else proj.crs


def _tolerance(margin: ErrorMargin | None, default: float = TOLERANCE_M) -> float:
    return margin.metres if margin is not None and margin.metres > 0 else default


def _place(name: str, element: Element) -> Geometry:
    geometry = element_geometry(element)
    if geometry is None:
        raise EngineError(f"{name}: The feature has no geometry.")
    return geometry


def _back(element: Element, result: Any) -> Any:
    """Return a geometry as the feature it came from, anything else as it is."""
    if isinstance(result, Geometry) and isinstance(element, Feature):
        return replace(element, geometry=result)
    return result
