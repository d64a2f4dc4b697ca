"""Geometries against independent geodesy: pyproj's geodesics, shapely in the plane."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gee_s1ben.engine import geodesy
from gee_s1ben.engine.geometry import Geometry
from gee_s1ben.engine.geometry_operations import area_m2, distance_m
from gee_s1ben.errors import EngineError

SPHERE = pyproj.Geod(a=geodesy.EARTH_RADIUS_M, b=geodesy.EARTH_RADIUS_M)

longitudes = st.floats(-170, 170)
latitudes = st.floats(-75, 75)
lonlat_points = st.tuples(longitudes, latitudes)


@st.composite
def short_edges(draw: st.DrawFn) -> list[tuple[float, float]]:
    lon, lat = draw(lonlat_points)
    return [(lon, lat), (lon + draw(st.floats(1e-4, 4)), lat + draw(st.floats(-4, 4)))]


@settings(deadline=None)
@given(short_edges(), st.sampled_from([0.1, 1.0, 50.0]))
def test_a_great_circle_stays_within_the_tolerance(edge: list[tuple[float, float]], tolerance_m: float) -> None:
    dense = geodesy.great_circle(np.array(edge), tolerance_m)
    azimuth, _, length = SPHERE.inv(*edge[0], *edge[1])
    along = np.linspace(0.02, 0.98, 25) * length
    lon, lat, _ = SPHERE.fwd(np.full(25, edge[0][0]), np.full(25, edge[0][1]), np.full(25, azimuth), along)
    line = shapely.LineString(dense)
    for x, y in zip(lon, lat, strict=True):
        x += 360 * np.round((edge[0][0] - x) / 360)
        metres_per_degree = np.pi / 180 * geodesy.EARTH_RADIUS_M
        assert line.distance(shapely.Point(x, y)) * metres_per_degree * np.cos(np.radians(y)) <= tolerance_m * 1.05
    assert tuple(dense[0]) == edge[0]
    assert tuple(dense[-1]) == edge[1]


def test_a_geodesic_box_bulges_towards_the_pole() -> None:
    ring = [[10, 50], [20, 50], [20, 55], [10, 55]]
    geodesic = Geometry.create("Polygon", [ring])
    planar = Geometry.create("Polygon", [ring], geodesic=False)
    # The great circle between (10, 55) and (20, 55) peaks half-way, at atan(tan 55° / cos 5°).
    peak = np.degrees(np.arctan(np.tan(np.radians(55)) / np.cos(np.radians(5))))
    assert geodesic.shape().bounds[3] == pytest.approx(peak, abs=1e-5)
    assert planar.shape().bounds == (10, 50, 20, 55)


def test_a_utm_square_is_straight_in_utm() -> None:
    corners = [[300_000, 5_590_200], [409_800, 5_590_200], [409_800, 5_700_000], [300_000, 5_700_000]]
    tile = Geometry.create("Polygon", [corners], "EPSG:32633")
    to_lonlat = pyproj.Transformer.from_crs(32633, 4326, always_xy=True)
    t = np.linspace(0, 1, 97)[:, None]
    truth = np.vstack(
        [np.array(a) + t * (np.array(b) - np.array(a)) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
    )
    boundary = tile.shape().exterior
    for lon, lat in zip(*to_lonlat.transform(truth[:, 0], truth[:, 1]), strict=True):
        assert boundary.distance(shapely.Point(lon, lat)) * 111_320 < 0.1
    assert tile.shape("EPSG:32633").area == pytest.approx(109_800**2)


@settings(deadline=None, max_examples=60)
@given(st.lists(lonlat_points, min_size=3, max_size=6), st.booleans())
def test_the_box_holds_the_geometry(points: list[tuple[float, float]], geodesic: bool) -> None:
    geometry = Geometry.create("Polygon", [points], geodesic=geodesic)
    west, south, east, north = geometry.lonlat_box()
    inner = geometry.shape().bounds
    if not geometry.shape().is_empty:
        assert west <= inner[0] + 1e-9
        assert south <= inner[1] + 1e-9
        assert inner[2] <= east + 1e-9
        assert inner[3] <= north + 1e-9


def test_a_box_across_the_antimeridian_meets_both_sides() -> None:
    box = Geometry.create("Polygon", [[[170, 10], [190, 10], [190, 20], [170, 20]]], geodesic=False)
    for lon, inside in ((175, True), (-175, True), (0, False), (165, False)):
        assert box.shape().intersects(shapely.Point(lon, 15)) is inside
    arc = Geometry.create("LineString", [[179, 10], [-179, 10]])
    assert arc.shape().intersects(shapely.box(-179.5, 5, -179.2, 15))
    assert not arc.shape().intersects(shapely.box(-10, 5, 10, 15))


def test_the_area_is_the_ellipsoids() -> None:
    # Karney's published polygon of a degree at the equator: 12308778361.469 m² on WGS 84.
    square = Geometry.create("Polygon", [[[0, 0], [1, 0], [1, 1], [0, 1]]], geodesic=True)
    assert area_m2(square, 0.01) == pytest.approx(12_308_778_361.469, rel=2e-5)


@settings(deadline=None, max_examples=40)
@given(lonlat_points, st.floats(0, 360), st.floats(1, 300_000))
def test_the_distance_of_points_is_the_geodesics(point: tuple[float, float], azimuth: float, metres: float) -> None:
    lon, lat, _ = pyproj.Geod(ellps="WGS84").fwd(*point, azimuth, metres)
    there = Geometry.create("Point", [lon, lat])
    assert distance_m(Geometry.create("Point", point), there) == pytest.approx(metres, rel=1e-6, abs=1e-3)


@pytest.mark.parametrize(
    "value",
    [
        {"type": "Point", "coordinates": [13.5, 52.25]},
        {"type": "LinearRing", "coordinates": [[0, 0], [1, 0], [1, 1], [0, 0]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]], "geodesic": False},
        {
            "type": "Polygon",
            "coordinates": [[[3e5, 5e6], [4e5, 5e6], [4e5, 6e6], [3e5, 5e6]]],
            "crs": {"type": "name", "properties": {"name": "EPSG:32633"}},
        },
        {"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 0]]]]},
        {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 2]}]},
    ],
)
def test_geojson_is_read_and_written_back(value: dict[str, Any]) -> None:
    assert Geometry.from_geojson(value).to_geojson() == value


@pytest.mark.parametrize(
    "value",
    [
        {"type": "Hexagon", "coordinates": []},
        {"type": "Point", "coordinates": [1]},
        {"type": "Point", "coordinates": [float("nan"), 0]},
        {"type": "Polygon", "coordinates": [[0, 0], [1, 1]]},
        {"type": "Point"},
        {"type": "Point", "coordinates": [0, 0], "crs": "EPSG:4326"},
        {"type": "Point", "coordinates": [0, 0], "crs": {"type": "name", "properties": {"name": "EPSG:0"}}},
    ],
)
def test_what_is_no_geometry_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(EngineError):
        Geometry.from_geojson(value)


def test_through_the_client(client: Any) -> None:
    ee = client
    a = ee.Geometry.Polygon([[10, 50], [11, 50], [11, 51], [10, 51]], None, False)
    b = ee.Geometry.BBox(10.5, 50.5, 12, 52)
    shape_a, shape_b = shapely.box(10, 50, 11, 51), shapely.box(10.5, 50.5, 12, 52)
    answers = ee.Dictionary(
        {
            "intersects": a.intersects(b),
            "disjoint": a.disjoint(ee.Geometry.Point(0, 0)),
            "contains": a.contains(ee.Geometry.Point(10.25, 50.25)),
            "bounds": a.union(b).bounds(),
            "type": b.type(),
            "geodesic": b.geodesic(),
            "rectangle": ee.Geometry.Rectangle([1, 2, 3, 4]).coordinates(),
            "crs": ee.Geometry.Point([5e5, 5e6], "EPSG:32633").projection().crs(),
            "transformed": ee.Geometry.Point([5e5, 0], "EPSG:32633").transform("EPSG:4326"),
            "utm": a.transform("EPSG:32632", 1).projection().crs(),
            "points": ee.Geometry.LineString([ee.Geometry.Point(1, 2), ee.Geometry.Point(3, 4)]).coordinates(),
            "number of points": ee.Geometry.MultiPoint([1, 2, 3, 4]).coordinates().size(),
        }
    ).getInfo()
    assert answers["bounds"] == {
        "type": "Polygon",
        "geodesic": False,
        "coordinates": [[[10, 50], [12, 50], [12, 52], [10, 52], [10, 50]]],
    }
    assert (answers["type"], answers["geodesic"]) == ("Polygon", False)
    assert answers["intersects"]
    assert answers["disjoint"]
    assert answers["contains"]
    assert answers["rectangle"] == [[[1, 4], [1, 2], [3, 2], [3, 4], [1, 4]]]
    assert (answers["crs"], answers["utm"]) == ("EPSG:32633", "EPSG:32632")
    assert answers["transformed"]["coordinates"] == pytest.approx([15, 0], abs=1e-9)
    assert answers["points"] == [[1, 2], [3, 4]]
    assert answers["number of points"] == 2
    for name in ("intersection", "union", "difference", "symmetricDifference"):
        truth = getattr(shapely, {"symmetricDifference": "symmetric_difference"}.get(name, name))(shape_a, shape_b)
        assert shapely.geometry.shape(getattr(a, name)(b).getInfo()).equals(truth), name


def test_buffer_centroid_and_hull(client: Any) -> None:
    ee = client
    centre = ee.Geometry.Point(13, 52)
    disc = centre.buffer(1000, 1)
    boundary = shapely.geometry.shape(disc.getInfo()).exterior.coords
    _, _, radii = pyproj.Geod(ellps="WGS84").inv(
        [13] * len(boundary), [52] * len(boundary), *zip(*boundary, strict=True)
    )
    assert max(abs(radius - 1000) for radius in radii) < 1
    assert disc.area(1).getInfo() == pytest.approx(np.pi * 1e6, rel=0.002)
    assert disc.centroid(1).coordinates().getInfo() == pytest.approx([13, 52], abs=1e-7)
    hull = ee.Geometry.MultiPoint([[0, 0], [2, 0], [1, 1], [0, 2], [2, 2]]).convexHull()
    corners = {tuple(np.round(corner, 6)) for corner in hull.coordinates().getInfo()[0]}
    assert corners == {(0, 0), (2, 0), (0, 2), (2, 2)}


@pytest.mark.parametrize(
    "ring", [[[0, 0], [180, 0], [90, 10]], [[10, 90], [10, -90], [20, 0]], [[-90, 10], [90, -10], [0, 5]]]
)
def test_edges_between_antipodes_are_refused_at_once(ring: list[list[float]]) -> None:
    place = Geometry.from_geojson({"type": "Polygon", "coordinates": [ring], "geodesic": True})
    begun = time.monotonic()
    with pytest.raises(EngineError, match=r"Edge [0-9] has antipodal vertices"):
        place.shape()
    assert time.monotonic() - begun < 1
    Geometry.from_geojson({"type": "Polygon", "coordinates": [ring], "geodesic": False}).shape()
