"""Geometries: GeoJSON with a CRS and the question whether edges are geodesics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from math import isfinite, nan
from typing import Any, Final

import numpy as np
import shapely
import shapely.affinity
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.crossings import too_tangled
from gee_s1ben.engine import geodesy
from gee_s1ben.engine.geodesy import LONLAT, Points
from gee_s1ben.engine.lattice import canonical_crs
from gee_s1ben.errors import EngineError

TOLERANCE_M: Final = 0.1
"""How far edges may be off when a planar predicate is asked; the default error margin of Earth Engine's filters."""

NESTING: Final = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "LinearRing": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
"""How deep each type nests its points."""
_COLLECTION: Final = "GeometryCollection"
_WORLD: Final = shapely.box(-180, -90, 180, 90)


@dataclass(frozen=True, slots=True)
class Geometry:
    """A geometry as Earth Engine has it."""

    type: str
    """GeoJSON's types, and ``LinearRing``."""
    coordinates: tuple[Any, ...] = ()
    """Nested as GeoJSON nests them; rings are closed."""
    crs: str = LONLAT
    geodesic: bool = True
    """Edges are great circles; else straight lines of the CRS."""
    geometries: tuple[Geometry, ...] = ()
    """Members of a ``GeometryCollection``."""

    def __post_init__(self) -> None:
        if self.type == _COLLECTION:
            return
        if self.type not in NESTING:
            raise EngineError(f"GeometryConstructors: Invalid geometry type '{self.type}'.")
        depth = NESTING[self.type]
        coordinates = _close_rings(_numbers(self.coordinates, depth, self.type), self.type)
        object.__setattr__(self, "coordinates", coordinates)

    @classmethod
    def create(
        cls, type_: str, coordinates: Sequence[Any], crs: str | None = None, geodesic: bool | None = None
    ) -> Geometry:
        """Make a geometry; edges are geodesics in a geographic CRS and straight lines in another, unless said.

        Raises
        ------
        EngineError
            The coordinates are not those of this type, or the CRS is unknown.
        """
        code = LONLAT if crs is None else canonical_crs(crs)
        return cls(type_, tuple(coordinates), code, geodesy.is_geographic(code) if geodesic is None else geodesic)

    @classmethod
    def from_geojson(cls, value: Mapping[str, Any]) -> Geometry:
        """Read GeoJSON, with Earth Engine's members ``crs`` and ``geodesic``.

        Raises
        ------
        EngineError
            It is not a geometry.
        """
        type_, crs, geodesic = value.get("type"), _crs_name(value.get("crs")), value.get("geodesic")
        if type_ == _COLLECTION:
            members = tuple(cls.from_geojson(member) for member in value.get("geometries", ()))
            return cls(_COLLECTION, geometries=members)
        if not isinstance(type_, str) or not isinstance(value.get("coordinates"), list | tuple):
            raise EngineError("Geometry: Invalid GeoJSON geometry.")
        return cls.create(type_, value["coordinates"], crs, geodesic)

    @classmethod
    def from_shape(cls, shape: BaseGeometry, crs: str = LONLAT, *, geodesic: bool = False) -> Geometry:
        """Take over a shapely geometry whose edges are straight in the CRS."""
        if isinstance(shape, shapely.GeometryCollection) and shape.geom_type == _COLLECTION:
            members = tuple(cls.from_shape(part, crs, geodesic=geodesic) for part in shape.geoms)
            return cls(_COLLECTION, (), crs, geodesic, members)
        mapping = shapely.geometry.mapping(shape)
        return cls(mapping["type"], tuple(mapping["coordinates"]), crs, geodesic)

    @classmethod
    def rectangle(cls, bounds: tuple[float, float, float, float], crs: str = LONLAT) -> Geometry:
        """Return the rectangle of bounds (least x, least y, greatest x, greatest y), with planar edges."""
        west, south, east, north = bounds
        return cls("Polygon", (((west, south), (east, south), (east, north), (west, north)),), crs, geodesic=False)

    @classmethod
    def unbounded(cls) -> Geometry:
        """Return the whole world, which is where constants are."""
        return cls.rectangle((-180, -90, 180, 90))

    def to_geojson(self) -> dict[str, Any]:
        """Return GeoJSON; members ``crs`` and ``geodesic`` only where they differ from GeoJSON's understanding."""
        if self.type == _COLLECTION:
            return {"type": self.type, "geometries": [member.to_geojson() for member in self.geometries]}
        answer: dict[str, Any] = {"type": self.type, "coordinates": _lists(self.coordinates)}
        if self.crs != LONLAT:
            answer["crs"] = {"type": "name", "properties": {"name": self.crs}}
        if self.geodesic != geodesy.is_geographic(self.crs):
            answer["geodesic"] = self.geodesic
        return answer

    def as_area(self) -> Geometry:
        """Return the polygon of a ring (footprints of images are rings); anything else as it is."""
        return replace(self, type="Polygon", coordinates=(self.coordinates,)) if self.type == "LinearRing" else self

    def shape(self, crs: str = LONLAT, tolerance_m: float = TOLERANCE_M) -> BaseGeometry:
        """Return the shapely geometry in a CRS whose straight edges follow this geometry's edges."""
        return _shape(self, crs, tolerance_m)

    @lru_cache(maxsize=262_144)  # noqa: B019 - geometries are values, and the cache is bounded
    def lonlat_box(self) -> tuple[float, float, float, float]:
        """Return a box (west, south, east, north; degrees) that surely holds the geometry, fast."""
        if self.type == _COLLECTION:
            boxes = [member.lonlat_box() for member in self.geometries] or [(0.0, 0.0, 0.0, 0.0)]
            west, south, east, north = zip(*boxes, strict=True)
            return min(west), min(south), max(east), max(north)
        if self.crs != LONLAT:
            return self.shape().bounds
        return _vertex_box(self, 1.0 if self.geodesic else 0.0)

    def vertices(self) -> Iterator[tuple[float, float]]:
        """Yield the points that it is given by; those of a collection's members are not among them."""
        return _flat_points(self.coordinates)

    def as_rectangle(self) -> tuple[float, float, float, float] | None:
        """Return the bounds (west, south, east, north) if it is a planar rectangle of degrees within the world."""
        if self.geodesic or self.type != "Polygon" or self.crs != LONLAT or len(self.coordinates) != 1:
            return None
        ring = self.coordinates[0]
        lon, lat = {point[0] for point in ring}, {point[1] for point in ring}
        upright = all((before[0] == after[0]) != (before[1] == after[1]) for before, after in pairwise(ring))
        if (len(ring), len(lon), len(lat)) != (5, 2, 2) or not upright:
            return None
        bounds = min(lon), min(lat), max(lon), max(lat)
        return bounds if bounds[0] >= -180 and bounds[2] <= 180 else None


def _vertex_box(geometry: Geometry, bulge: float) -> tuple[float, float, float, float]:
    """Return the box of the vertices, widened by how far arcs between them may rise."""
    points = np.array(list(_flat_points(geometry.coordinates)), dtype=float).reshape(-1, 2)
    if not len(points):
        return (0.0, 0.0, 0.0, 0.0)
    (west, south), (east, north) = points.min(axis=0), points.max(axis=0)
    if (bulge and (east - west > 90 or max(-south, north) > 80)) or west < -180 or east > 180:
        return (-180.0, -90.0, 180.0, 90.0)
    latitude = np.radians(max(-south, north))
    margin = bulge * np.degrees(np.radians(east - west) ** 2 * np.tan(latitude) / 4)
    return west, south - margin, east, north + margin


@lru_cache(maxsize=16_384)
def _shape(geometry: Geometry, crs: str, tolerance_m: float) -> BaseGeometry:
    if geometry.type == _COLLECTION:
        return shapely.GeometryCollection([_shape(member, crs, tolerance_m) for member in geometry.geometries])
    coordinates = geometry.coordinates

    def line(points: Sequence[Any]) -> Points:
        return _dense(np.array(points, dtype=float).reshape(-1, 2), geometry, crs, tolerance_m)

    shape: BaseGeometry
    match geometry.type:
        case "Point":
            shape = shapely.Point(line([coordinates])[0]) if coordinates else shapely.Point()
        case "MultiPoint":
            shape = shapely.MultiPoint(line(coordinates))
        case "LineString" | "LinearRing":
            shape = shapely.LineString(line(coordinates))
        case "MultiLineString":
            shape = shapely.MultiLineString([line(part) for part in coordinates])
        case "Polygon":
            _check_rings(coordinates)
            shape = _polygon([line(ring) for ring in coordinates])
        case _:
            for part in coordinates:
                _check_rings(part)
            shape = shapely.union_all([_polygon([line(ring) for ring in part]) for part in coordinates])
    shape = _wrap(shape) if crs == LONLAT else shape
    shapely.prepare(shape)
    return shape


def _dense(points: Points, geometry: Geometry, crs: str, tolerance_m: float) -> Points:
    """Return a line's points in a CRS, with as many between them as its edges need."""
    if len(points) < 2:
        return geodesy.transform(points, geometry.crs, crs)
    if geometry.crs == crs and not geometry.geodesic:
        return points
    lonlat = geodesy.transform(points, geometry.crs, LONLAT)
    if geometry.geodesic:
        return geodesy.transform(geodesy.great_circle(lonlat, tolerance_m), LONLAT, crs)
    # Twice as fine as great circles ask for: a line that is straight in a projection bends about as much.
    counts = geodesy.pieces(lonlat, tolerance_m / 4)
    return geodesy.transform(geodesy.straight(points, counts), geometry.crs, crs)


def _check_rings(rings: Sequence[Sequence[Any]]) -> None:
    """Refuse rings that cross themselves endlessly, before points are put between theirs."""
    usable = [np.array(ring, dtype=float).reshape(-1, 2) for ring in rings if len(ring) >= 4]
    if usable and too_tangled(shapely.Polygon(usable[0], usable[1:])):
        raise EngineError("Geometry: A polygon's edges cross each other too often.")


def _polygon(rings: Sequence[Points]) -> BaseGeometry:
    usable = [ring for ring in rings if len(ring) >= 4]
    if not usable:
        return shapely.Polygon()
    polygon = shapely.Polygon(usable[0], usable[1:])
    return polygon if polygon.is_valid else shapely.make_valid(polygon)


def _wrap(shape: BaseGeometry) -> BaseGeometry:
    """Bring what lies beyond ±180° back into the world."""
    if shape.is_empty or (shape.bounds[0] >= -180 and shape.bounds[2] <= 180):
        return shape
    moved = [shapely.affinity.translate(shape, turn) for turn in (-360.0, 0.0, 360.0)]
    return shapely.union_all([part.intersection(_WORLD) for part in moved])


def _numbers(value: Any, depth: int, type_: str) -> tuple[Any, ...]:
    """Return nested coordinates as tuples of floats."""
    if not isinstance(value, list | tuple):
        raise EngineError(f"GeometryConstructors.{type_}: Invalid coordinates.")
    if depth:
        return tuple([_numbers(part, depth - 1, type_) for part in value])
    if not value:
        return ()
    try:
        x, y = float(value[0]), float(value[1])
    except (IndexError, TypeError, ValueError):
        x = y = nan
    if not (isfinite(x) and isfinite(y)):
        raise EngineError(f"GeometryConstructors.{type_}: Invalid coordinates: {str(value)[:80]}.")
    return x, y


def _close_rings(coordinates: tuple[Any, ...], type_: str) -> tuple[Any, ...]:
    match type_:
        case "LinearRing":
            closed = not coordinates or coordinates[0] == coordinates[-1]
            return coordinates if closed else (*coordinates, coordinates[0])
        case "Polygon":
            return tuple(_close_rings(ring, "LinearRing") for ring in coordinates)
        case "MultiPolygon":
            return tuple(_close_rings(polygon, "Polygon") for polygon in coordinates)
    return coordinates


def _lists(value: Any) -> Any:
    return [_lists(part) for part in value] if isinstance(value, tuple) else value


def _flat_points(value: tuple[Any, ...]) -> Iterator[tuple[float, float]]:
    if value and isinstance(value[0], float):
        yield value
    else:
        for part in value:
            yield from _flat_points(part)


def _crs_name(member: Any) -> str | None:
    if member is None:
        return None
    try:
        return str(member["properties"]["name"])
    except (KeyError, TypeError) as error:
        raise EngineError("Geometry: Invalid CRS declaration in GeoJSON.") from error
