"""Constructors of geometries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gee_s1ben.domain.grid import Transform
from gee_s1ben.engine.coercion import ErrorMargin
from gee_s1ben.engine.geometry import NESTING, Geometry
from gee_s1ben.engine.registry import algorithm
from gee_s1ben.engine.values import Projection
from gee_s1ben.errors import EngineError


@algorithm("GeometryConstructors.Point")
def point(coordinates: Sequence[Any], crs: Projection | None = None) -> Geometry:
    """Make a point."""
    return _construct("Point", coordinates, crs)


@algorithm("GeometryConstructors.MultiPoint")
def multi_point(coordinates: Sequence[Any], crs: Projection | None = None) -> Geometry:
    """Make points."""
    return _construct("MultiPoint", coordinates, crs)


def _lines(type_: str) -> None:
    @algorithm(f"GeometryConstructors.{type_}")
    def construct(
        coordinates: Sequence[Any],
        crs: Projection | None = None,
        geodesic: bool | None = None,
        maxError: ErrorMargin | None = None,  # noqa: ARG001 - nothing is reprojected
    ) -> Geometry:
        return _construct(type_, coordinates, crs, geodesic)


def _areas(type_: str) -> None:
    @algorithm(f"GeometryConstructors.{type_}")
    def construct(
        coordinates: Sequence[Any],
        crs: Projection | None = None,
        geodesic: bool | None = None,
        maxError: ErrorMargin | None = None,  # noqa: ARG001 - nothing is reprojected
        evenOdd: bool = True,  # noqa: ARG001 - rings that do not cross mean the same by both rules
    ) -> Geometry:
        return _construct(type_, coordinates, crs, geodesic)


for _type in ("LineString", "LinearRing", "MultiLineString"):
    _lines(_type)
for _type in ("Polygon", "MultiPolygon"):
    _areas(_type)


@algorithm("GeometryConstructors.Rectangle")
def rectangle(
    coordinates: Sequence[Any],
    crs: Projection | None = None,
    geodesic: bool | None = None,
    evenOdd: bool = True,  # noqa: ARG001 - one ring that does not cross itself
) -> Geometry:
    """Make a rectangle of its low and its high corner."""
    numbers = _numbers(_unpacked(coordinates))
    if len(numbers) != 4:
        raise EngineError("GeometryConstructors.Rectangle: expected two points or four numbers.")
    west, south, east, north = numbers
    ring = [[west, north], [west, south], [east, south], [east, north]]
    return _construct("Polygon", [ring], crs, geodesic)


@algorithm("GeometryConstructors.BBox")
def bbox(west: float, south: float, east: float, north: float) -> Geometry:
    """Make a box of longitudes and latitudes with planar edges."""
    right = east if east >= west else east + 360
    return Geometry.rectangle((west, max(south, -90), right, min(north, 90)))


@algorithm("GeometryConstructors.MultiGeometry")
def multi_geometry(
    geometries: Sequence[Geometry],
    crs: Projection | None = None,
    geodesic: bool | None = None,
    maxError: ErrorMargin | None = None,  # noqa: ARG001 - nothing is reprojected
) -> Geometry:
    """Make a collection of geometries."""
    if crs is not None or geodesic is not None:
        raise EngineError("GeometryConstructors.MultiGeometry: give crs and geodesic to the members.")
    return Geometry("GeometryCollection", geometries=tuple(geometries))


def _construct(
    type_: str, coordinates: Sequence[Any], crs: Projection | None, geodesic: bool | None = None
) -> Geometry:
    """Make a geometry of numbers in pairs or in one row, or of points, whose CRS and edges it then takes over."""
    nested = _unpacked(coordinates)
    if NESTING[type_] and nested and isinstance(nested[0], int | float):
        nested = [nested[i : i + 2] for i in range(0, len(nested), 2)]
    for _ in range(NESTING[type_] - _depth(nested)):
        nested = [nested]
    model = _first_geometry(coordinates)
    if model is not None and crs is None:
        return Geometry.create(type_, nested, model.crs, model.geodesic if geodesic is None else geodesic)
    if crs is not None:
        nested = _placed(nested, crs.transform)
    return Geometry.create(type_, nested, None if crs is None else crs.crs, geodesic)


def _placed(value: Any, transform: Transform) -> Any:
    """Return coordinates that are given in pixels of a projection in units of its CRS."""
    if not isinstance(value, list | tuple) or transform == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0):
        return value
    if len(value) >= 2 and all(isinstance(number, int | float) for number in value):
        a, b, c, d, e, f = transform
        col, row, *_ = value
        return [a * col + b * row + c, d * col + e * row + f]
    return [_placed(part, transform) for part in value]


def _unpacked(value: Any) -> Any:
    """Return nested coordinates with points replaced by their numbers."""
    if isinstance(value, Geometry):
        return list(value.coordinates)
    return [_unpacked(item) for item in value] if isinstance(value, list | tuple) else value


def _depth(value: Any) -> int:
    """Return how deep lists nest above points."""
    depth = -1
    while isinstance(value, list | tuple) and value:
        depth, value = depth + 1, value[0]
    return depth


def _numbers(value: Any) -> list[float]:
    """Return all numbers in nested lists, in a row."""
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    if isinstance(value, int | float):
        return [float(value)]
    raise EngineError(f"GeometryConstructors.Rectangle: Invalid coordinates: {str(value)[:80]}.")


def _first_geometry(value: Any) -> Geometry | None:
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return value if isinstance(value, Geometry) else None
