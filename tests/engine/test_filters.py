"""Filters and joins against plain loops."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gee_s1ben.engine.features import Feature
from gee_s1ben.engine.filters import All, AnyOf, Filter, matching
from gee_s1ben.engine.geometry import Geometry
from gee_s1ben.engine.registry import lookup

VALUES = st.one_of(st.none(), st.integers(-3, 3), st.floats(-3, 3), st.sampled_from(["", "a", "ab", "b"]))


def is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def alike(left: Any, right: Any) -> bool:
    return (is_number(left) and is_number(right)) or (isinstance(left, str) and isinstance(right, str))


def make(name: str, **arguments: Any) -> Filter:
    made = lookup(name).function(**arguments)
    assert isinstance(made, Filter)
    return made


def feature(value: Any) -> Feature:
    return Feature().with_properties({} if value is None else {"p": value})


@given(VALUES, VALUES.filter(lambda value: value is not None))
def test_comparisons_compare_only_what_is_alike(actual: Any, wanted: Any) -> None:
    truth = {
        "equals": alike(actual, wanted) and actual == wanted,
        "notEquals": not (alike(actual, wanted) and actual == wanted),
        "lessThan": alike(actual, wanted) and actual < wanted,
        "lessThanOrEquals": alike(actual, wanted) and actual <= wanted,
        "greaterThan": alike(actual, wanted) and actual > wanted,
        "greaterThanOrEquals": alike(actual, wanted) and actual >= wanted,
        "stringContains": isinstance(actual, str) and isinstance(wanted, str) and wanted in actual,
        "stringStartsWith": isinstance(actual, str) and isinstance(wanted, str) and actual[: len(wanted)] == wanted,
        "stringEndsWith": isinstance(actual, str)
        and isinstance(wanted, str)
        and bool(re.search(re.escape(wanted) + r"\Z", actual)),
    }
    element = feature(actual)
    answers = {
        name: make(f"Filter.{name}", leftField="p", rightValue=wanted).passes(element, element) for name in truth
    }
    assert answers == truth


times = st.integers(0, 40)
boxes = st.builds(
    lambda x, y, w, h: shapely.box(x, y, x + w, y + h), *[st.integers(0, 12)] * 2, *[st.integers(1, 4)] * 2
)
places = st.lists(st.tuples(boxes, times), max_size=12)


def placed(items: list[tuple[Any, int]]) -> list[Feature]:
    return [Feature(Geometry.from_shape(box)).with_properties({"t": time}) for box, time in items]


@settings(deadline=None, max_examples=60)
@given(places, places, st.integers(0, 10), st.booleans())
def test_candidates_found_at_once_are_those_of_a_double_loop(
    lefts: list[tuple[Any, int]], rights: list[tuple[Any, int]], limit: int, both: bool
) -> None:
    space = make("Filter.intersects", leftField=".geo", rightField=".geo")
    time = make("Filter.maxDifference", difference=float(limit), leftField="t", rightField="t")
    condition = All((space, time)) if both else AnyOf((space, time))
    join = all if both else any
    truth = [
        [place for place, (b, u) in enumerate(rights) if join((a.intersects(b), abs(t - u) <= limit))] for a, t in lefts
    ]
    assert matching(condition, placed(lefts), placed(rights)) == truth


def features(ee: Any, rows: list[dict[str, Any]]) -> Any:
    return ee.FeatureCollection([ee.Feature(row.get("geometry"), row["properties"]) for row in rows])


def test_joins_through_the_client(client: Any) -> None:
    ee = client
    rng = random.Random(5)
    left = [{"id": i, "t": rng.randint(0, 100)} for i in range(8)] + [{"id": 8, "t": 500}]
    right = [{"id": i, "t": rng.randint(0, 100)} for i in range(15)]
    lefts, rights = (features(ee, [{"properties": row} for row in rows]) for rows in (left, right))
    near = ee.Filter.maxDifference(12, "t", None, "t")
    pairs = {row["id"]: [other for other in right if abs(other["t"] - row["t"]) <= 12] for row in left}
    assert any(pairs.values())
    assert not all(pairs.values())

    def found(join: Any) -> list[dict[str, Any]]:
        return [item["properties"] for item in join.apply(lefts, rights, near).getInfo()["features"]]

    assert [row["id"] for row in found(ee.Join.simple())] == [i for i, others in pairs.items() if others]
    assert [row["id"] for row in found(ee.Join.inverted())] == [i for i, others in pairs.items() if not others]

    inner = found(ee.Join.inner("a", "b", "d"))
    assert [(row["a"]["properties"]["id"], row["b"]["properties"]["id"], row["d"]) for row in inner] == [
        (row["id"], other["id"], abs(other["t"] - row["t"])) for row in left for other in pairs[row["id"]]
    ]

    saved = found(ee.Join.saveAll("all", "t", False, "d", True))
    assert len(saved) == len(left)
    for row in saved:
        others = [(item["properties"]["t"], item["properties"]["d"]) for item in row["all"]]
        wanted = [(other["t"], abs(other["t"] - row["t"])) for other in pairs[row["id"]]]
        assert others == sorted(wanted, key=lambda pair: -pair[0])

    for row in found(ee.Join.saveFirst("one", "t")):
        assert row["one"]["properties"]["t"] == min(other["t"] for other in pairs[row["id"]])
    for row in found(ee.Join.saveBest("best", "d")):
        assert row["best"]["properties"]["d"] == min(abs(other["t"] - row["t"]) for other in pairs[row["id"]])


def test_filters_of_the_client(client: Any) -> None:
    ee = client
    scenes = ee.ImageCollection("COPERNICUS/S1_GRD")

    def indexes(collection: Any) -> list[str]:
        return [index[0] for index in collection.aggregate_array("system:index").getInfo()]

    assert indexes(scenes) == ["A", "B", "C"]
    assert indexes(scenes.filterDate("2017-06-13", "2017-06-14")) == ["A"]
    assert indexes(scenes.filterDate("2017-06-14", "2017-06-18T00:00:01")) == ["B", "C"]
    assert indexes(scenes.filter(ee.Filter.eq("orbitProperties_pass", "ASCENDING"))) == ["A", "C"]
    assert indexes(scenes.filterMetadata("orbitProperties_pass", "not_equals", "ASCENDING")) == ["B"]
    assert indexes(scenes.filter(ee.Filter.listContains("transmitterReceiverPolarisation", "VH"))) == ["A", "B", "C"]
    assert indexes(scenes.filter(ee.Filter.listContains("transmitterReceiverPolarisation", "HH"))) == []
    assert indexes(scenes.filter(ee.Filter.inList("relativeOrbitNumber_start", [100, 105]))) == ["A", "C"]
    assert indexes(scenes.filter(ee.Filter.listContains(None, None, "relativeOrbitNumber_start", [101]))) == ["B"]
    assert indexes(scenes.filter(ee.Filter.rangeContains("relativeOrbitNumber_start", 101, 105))) == ["B", "C"]
    assert indexes(scenes.filter(ee.Filter.calendarRange(14, 18, "day_of_month"))) == ["B", "C"]
    assert indexes(scenes.filter(ee.Filter.notNull(["instrumentMode"]))) == ["A", "B", "C"]
    assert indexes(scenes.filter(ee.Filter.notNull(["nothing"]))) == []
    point = ee.Geometry.Point([401_050, 5_499_950], "EPSG:32633")
    assert indexes(scenes.filterBounds(point)) == ["A", "B"]
    assert indexes(scenes.filterBounds(ee.FeatureCollection([ee.Feature(point)]))) == ["A", "B"]
    assert indexes(scenes.filter(ee.Filter.bounds(point).Not())) == ["C"]
    assert indexes(scenes.filter(ee.Filter.And(ee.Filter.bounds(point), ee.Filter.gt("system:time_start", 0)))) == [
        "A",
        "B",
    ]
    far = ee.Geometry.Point([480_000 - 500, 5_495_000], "EPSG:32633")
    assert indexes(scenes.filter(ee.Filter.withinDistance(495, ".geo", far))) == []
    assert indexes(scenes.filter(ee.Filter.withinDistance(505, ".geo", far))) == ["C"]
    with pytest.raises(ee.EEException, match=r"Filter\.calendarRange: Unknown field"):
        scenes.filter(ee.Filter.calendarRange(1, 2, "fortnight")).size().getInfo()


def test_tiles_find_their_scenes_in_one_join(client: Any) -> None:
    ee = client
    day = 86_400_000
    tiles = ee.FeatureCollection(
        [
            ee.Feature(
                ee.Geometry.Rectangle([x, 5_494_000, x + 1000, 5_499_000], "EPSG:32633", False),
                {"t": 1497312000000 + d * day},
            )
            for x, d in ((400_500, 0), (402_000, 3), (480_500, 9), (600_000, 0))
        ]
    )
    condition = ee.Filter.And(
        ee.Filter.intersects(".geo", None, ".geo"), ee.Filter.maxDifference(4 * day, "t", None, "system:time_start")
    )
    joined = ee.Join.saveAll("scenes", "system:time_start", outer=True).apply(
        tiles, ee.ImageCollection("COPERNICUS/S1_GRD"), condition
    )
    found = joined.map(
        lambda tile: ee.Feature(
            None, {"ids": ee.List(tile.get("scenes")).map(lambda image: ee.Image(image).get("system:index"))}
        )
    )
    assert found.aggregate_array("ids").getInfo() == [["A_first", "B_second"], ["A_first", "B_second"], ["C_third"], []]


corners = st.tuples(st.floats(-30, 30), st.floats(-30, 30))


@settings(max_examples=200, deadline=None)
@given(st.lists(corners, min_size=3, max_size=6), st.booleans(), st.integers(-25, 15), st.integers(-25, 15))
def test_rectangles_are_met_as_if_they_were_drawn(
    points: list[tuple[float, float]], geodesic: bool, west: int, south: int
) -> None:
    """A vertex within a rectangle decides without drawing; everything else is drawn."""
    polygon = Geometry.create("Polygon", [points], geodesic=geodesic)
    ring = [(west, south), (west + 9, south), (west + 9, south + 7), (west, south + 7), (west, south)]
    rectangle = Geometry.create("Polygon", [ring], geodesic=False)
    assert rectangle.as_rectangle() == (west, south, west + 9, south + 7)
    expected = bool(shapely.intersects(polygon.shape(), rectangle.shape()))
    meets = make("Filter.intersects", leftField=".geo", rightValue=rectangle)
    left = Feature(polygon)
    # A ring without an area is drawn as nothing, yet its vertices may lie within.
    assert meets.passes(left, left) == expected or polygon.shape().is_empty
    swapped = make("Filter.intersects", leftValue=rectangle, rightField=".geo")
    assert swapped.passes(left, left) == meets.passes(left, left)


@pytest.mark.parametrize(
    "ring",
    [
        [(0, 0), (1, 1), (1, 0), (0, 1), (0, 0)],  # crosses itself
        [(0, 0), (2, 0), (2, 1), (0, 0.5), (0, 0)],
        [(0, 0), (1, 0), (1, 1), (0, 0)],
        [(170, 0), (190, 0), (190, 5), (170, 5), (170, 0)],  # runs on past the antimeridian
    ],
)
def test_what_is_no_rectangle_is_none(ring: list[tuple[float, float]]) -> None:
    assert Geometry.create("Polygon", [ring], geodesic=False).as_rectangle() is None


def test_a_geodesic_rectangle_is_none() -> None:
    assert Geometry.create("Polygon", [[(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]]).as_rectangle() is None
