"""What an argument accepts for its type, and what features answer for their geometries."""

from __future__ import annotations

import math
from typing import Any

import pyproj
import pytest

from gee_s1ben.engine.coercion import ErrorMargin, coerce, truth
from gee_s1ben.engine.dates import Date, DateRange
from gee_s1ben.engine.description import describe
from gee_s1ben.engine.features import Collection, Feature
from gee_s1ben.engine.geometry import Geometry
from gee_s1ben.engine.values import Image, PixelType, Projection
from gee_s1ben.errors import EngineError

POINT = Geometry.create("Point", [13, 52])
FEATURE = Feature(POINT).with_properties({"a": 1})
UTM = Projection("EPSG:32633", (1, 0, 0, 0, 1, 0))


@pytest.mark.parametrize(
    ("value", "type_", "wanted"),
    [
        (True, "Number", 1),
        (3, "Float", 3.0),
        (2.9, "Integer", 2),
        (0.0, "Boolean", False),
        (POINT.to_geojson(), "Geometry", POINT),
        (FEATURE, "Geometry", POINT),
        (POINT, "Element", Feature(POINT)),
        (FEATURE, "Dictionary", {"a": 1}),
        (5, "Date", Date(5)),
        ("1970-01-01T00:00:01Z", "Date", Date(1000)),
        ({"type": "Date", "value": 7}, "Date", Date(7)),
        (Date(5), "DateRange", DateRange(Date(5), Date(6))),
        ([0, 9], "DateRange", DateRange(Date(0), Date(9))),
        (5, "ErrorMargin", ErrorMargin(5)),
        ({"type": "ErrorMargin", "value": 1, "unit": "projected"}, "ErrorMargin", ErrorMargin(1, "projected")),
        ("EPSG:32633", "Projection", UTM),
        ({"type": "Projection", "crs": "EPSG:32633", "transform": [1, 0, 0, 0, 1, 0]}, "Projection", UTM),
        ("float", "PixelType", PixelType("float")),
        ((1, 2), "List", [1, 2]),
        ("as it is", "Object", "as it is"),
    ],
)
def test_values_are_brought_to_type(value: Any, type_: str, wanted: Any) -> None:
    assert coerce(value, type_, None, "X") == wanted


def test_collections_and_images_are_made_of_what_is_one() -> None:
    for value in (POINT, FEATURE, [FEATURE], Collection((FEATURE,))):
        assert len(coerce(value, "FeatureCollection", None, "X").elements) == 1
    image = coerce([1, 2], "Image", None, "X")
    assert isinstance(image, Image)
    assert coerce(image, "ImageCollection", None, "X").kind == "ImageCollection"
    assert coerce("Number.add", "Algorithm", None, "X")(1, 2) == 3


@pytest.mark.parametrize(
    ("value", "type_", "name"),
    [
        ("a", "Number", "String"),
        (math.inf, "Integer", "Float"),
        (1, "String", "Integer"),
        (2**40, "String", "Long"),
        ("a", "Boolean", "String"),
        (1, "Element", "Integer"),
        (1, "FeatureCollection", "Integer"),
        ([1], "FeatureCollection", "List"),
        ("a", "Image", "String"),
        ("a", "Geometry", "String"),
        (FEATURE, "Date", "Feature"),
        (FEATURE, "DateRange", "Feature"),
        (True, "ErrorMargin", "Boolean"),
        (1, "Projection", "Integer"),
        (1, "Dictionary", "Integer"),
        ({}, "List", "Dictionary"),
        (1, "Algorithm", "Integer"),
    ],
)
def test_what_cannot_be_brought_to_type_is_refused(value: Any, type_: str, name: str) -> None:
    with pytest.raises(EngineError, match=rf"^X: Invalid type\. Expected type: {type_}\. Actual type: {name}\."):
        coerce(value, type_, None, "X")


def test_members_of_lists_are_checked() -> None:
    assert coerce([[1, 2.5], [3]], "List", "List<Float>", "X") == [[1.0, 2.5], [3.0]]
    with pytest.raises(EngineError, match="Expected type: String"):
        coerce(["a", 1], "List", "String", "X")


@pytest.mark.parametrize("value", [None, 0, 0.0, math.nan, "", [], {}, False])
def test_what_counts_as_false(value: Any) -> None:
    assert not truth(value)


@pytest.mark.parametrize("value", [1, -0.5, "0", [0], {"a": None}, POINT, True])
def test_what_counts_as_true(value: Any) -> None:
    assert truth(value)


def test_descriptions() -> None:
    values = [b"\x00\xff", UTM, PixelType("int", 0, 255), ErrorMargin(2.0), 2.0, -0.0, 1e300, math.nan, POINT]
    assert describe(values) == [
        {"type": "Bytes", "value": "AP8="},
        {"type": "Projection", "crs": "EPSG:32633", "transform": [1, 0, 0, 0, 1, 0]},
        {"type": "PixelType", "precision": "int", "min": 0, "max": 255},
        {"type": "ErrorMargin", "unit": "meters", "value": 2},
        2,
        0,
        1e300,
        "NaN",
        {"type": "Point", "coordinates": [13, 52]},
    ]
    with pytest.raises(EngineError, match="Cannot return a value of type Algorithm"):
        describe(len)


def test_features_answer_for_their_geometries(client: Any) -> None:
    ee = client
    square = [[500_000, 5_500_000], [501_000, 5_500_000], [501_000, 5_502_000], [500_000, 5_502_000]]
    field = ee.Feature(ee.Geometry.Polygon([square], "EPSG:32633", False), {"crop": "rye"})
    far = ee.Feature(ee.Geometry.Point([504_000, 5_501_000], "EPSG:32633"))
    utm = ee.Projection("EPSG:32633")
    # On the central meridian a metre of the grid is 1 / 0.9996 metres on the ground.
    ground = 1 / 0.9996
    answer = ee.Dictionary(
        {
            "planar area": field.area(1, utm),
            "area": field.area(1),
            "perimeter": field.perimeter(1),
            "planar perimeter": field.perimeter(1, utm),
            "distance": field.geometry().distance(far.geometry()),
            "planar distance": field.geometry().distance(far.geometry(), 1, utm),
            "near": field.geometry().withinDistance(far.geometry(), 3002),
            "not so near": field.geometry().withinDistance(far.geometry(), 2999),
            "meets": field.intersects(far.buffer(3100, 1)),
            "inside": field.centroid(1).containedIn(field),
            "crop": field.bounds(1, utm).get("crop"),
            "length": ee.Geometry.LineString([[0, 0], [1, 0]]).length(),
            "parts": ee.Geometry.MultiPoint([[0, 0], [1, 0]]).geometries().size(),
            "hull": field.convexHull(1).area(1),
        }
    ).getInfo()
    geod = pyproj.Geod(ellps="WGS84")
    assert answer == {
        "planar area": pytest.approx(2e6),
        "area": pytest.approx(2e6 * ground**2, rel=1e-6),
        "perimeter": pytest.approx(6000 * ground, rel=1e-6),
        "planar perimeter": pytest.approx(6000),
        "distance": pytest.approx(3000 * ground, rel=1e-6),
        "planar distance": pytest.approx(3000),
        "near": True,
        "not so near": False,
        "meets": True,
        "inside": True,
        "crop": "rye",
        "length": pytest.approx(geod.inv(0, 0, 1, 0)[2], rel=1e-6),
        "parts": 2,
        "hull": pytest.approx(2e6 * ground**2, rel=1e-4),
    }
    with pytest.raises(ee.EEException, match=r"^Feature\.area: The feature has no geometry\.$"):
        ee.Feature(None).area().getInfo()
    with pytest.raises(ee.EEException, match=r"^Geometry\.buffer: the geometry reaches \d+ km"):
        ee.Geometry.BBox(0, 0, 40, 40).buffer(1).getInfo()
