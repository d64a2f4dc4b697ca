"""Collections and elements through the client, against plain Python."""

from __future__ import annotations

import statistics
from typing import Any

import pytest

ROWS = [
    {"name": "b", "size": 3, "kind": "x"},
    {"name": "a", "size": 1.5, "kind": "y"},
    {"name": "c", "size": 2, "kind": "x"},
    {"name": "d", "kind": "y"},
]


@pytest.fixture
def rows(client: Any) -> Any:
    return client.FeatureCollection([client.Feature(None, row) for row in ROWS])


def names(collection: Any) -> list[str]:
    values: list[str] = collection.aggregate_array("name").getInfo()
    return values


def test_a_collection_describes_itself(client: Any, rows: Any) -> None:
    answer = rows.getInfo()
    assert answer["type"] == "FeatureCollection"
    assert answer["columns"] == {"kind": "String", "name": "String", "size": "Integer", "system:index": "String"}
    assert answer["features"] == [
        {"type": "Feature", "geometry": None, "id": str(i), "properties": row} for i, row in enumerate(ROWS)
    ]
    assert client.FeatureCollection([]).getInfo()["features"] == []


def test_order_and_number(rows: Any) -> None:
    assert rows.size().getInfo() == 4
    assert rows.first().get("name").getInfo() == "b"
    assert names(rows.sort("name")) == ["a", "b", "c", "d"]
    assert names(rows.sort("name", False)) == ["d", "c", "b", "a"]
    assert names(rows.sort("size")) == ["a", "c", "b", "d"]
    assert names(rows.sort("size", False)) == ["b", "c", "a", "d"]
    assert names(rows.limit(2)) == ["b", "a"]
    assert names(rows.limit(2, "size", False)) == ["b", "c"]
    assert [f["properties"]["name"] for f in rows.toList(2, 1).getInfo()] == ["a", "c"]
    assert names(rows.distinct("kind")) == ["b", "a"]
    assert names(rows.distinct(["kind", "name"])) == ["b", "a", "c", "d"]


def test_aggregates_skip_what_is_missing(rows: Any) -> None:
    sizes = [row["size"] for row in ROWS if "size" in row]
    assert rows.aggregate_array("size").getInfo() == sizes
    assert rows.aggregate_count("size").getInfo() == 3
    assert rows.aggregate_count_distinct("kind").getInfo() == 2
    assert rows.aggregate_histogram("kind").getInfo() == {"x": 2, "y": 2}
    assert rows.aggregate_min("size").getInfo() == min(sizes)
    assert rows.aggregate_max("name").getInfo() == "d"
    assert rows.aggregate_sum("size").getInfo() == sum(sizes)
    assert rows.aggregate_mean("size").getInfo() == pytest.approx(statistics.fmean(sizes))
    assert rows.aggregate_total_sd("size").getInfo() == pytest.approx(statistics.pstdev(sizes))
    assert rows.aggregate_sample_var("size").getInfo() == pytest.approx(statistics.variance(sizes))
    assert rows.aggregate_mean("nothing").getInfo() is None


def test_map_keeps_indexes_and_drops_nulls(client: Any, rows: Any) -> None:
    ee = client
    mapped = rows.map(lambda f: ee.Feature(None, {"double": ee.Number(f.get("size")).multiply(2)}))
    with pytest.raises(ee.EEException, match=r"^Error in map\(ID=3\): Number\.multiply: Parameter 'left' is required"):
        mapped.getInfo()
    some = mapped if False else rows.filter(ee.Filter.notNull(["size"]))
    doubled = some.map(lambda f: ee.Feature(None, {"double": ee.Number(f.get("size")).multiply(2)})).getInfo()
    assert [(f["id"], f["properties"]["double"]) for f in doubled["features"]] == [("0", 6), ("1", 3), ("2", 4)]
    dropped = rows.map(lambda f: ee.Algorithms.If(f.get("size"), f, None), True)
    assert names(dropped) == ["b", "a", "c"]
    with pytest.raises(ee.EEException, match="A mapped algorithm must return a Feature or Image"):
        rows.map(lambda f: ee.Algorithms.If(f.get("size"), f, None)).size().getInfo()


def test_merge_and_flatten_make_indexes_of_indexes(client: Any, rows: Any) -> None:
    ee = client
    merged = rows.limit(1).merge(rows.limit(2)).getInfo()["features"]
    assert [f["id"] for f in merged] == ["1_0", "2_0", "2_1"]
    nested = ee.FeatureCollection([rows.limit(2), rows.limit(1)]).flatten().getInfo()["features"]
    assert [f["id"] for f in nested] == ["0_0", "0_1", "1_0"]
    assert rows.iterate(lambda f, text: ee.String(text).cat(ee.Feature(f).getString("name")), "").getInfo() == "bacd"


def test_elements_and_their_properties(client: Any) -> None:
    ee = client
    feature = ee.Feature(ee.Geometry.Point(1, 2), {"a": 1, "b": "two", "system:index": "me"})
    assert feature.id().getInfo() == "me"
    assert feature.set("a", 5, "c", [1, 2]).toDictionary().getInfo() == {"a": 5, "b": "two", "c": [1, 2]}
    assert feature.set(ee.Dictionary({"z": 1})).toDictionary(["z", "a"]).getInfo() == {"z": 1, "a": 1}
    assert feature.set("a", None).propertyNames().sort().getInfo() == ["b", "system:index"]
    assert feature.get("missing").getInfo() is None
    assert feature.getNumber("a").add(1).getInfo() == 2
    assert feature.select(["b"], ["B"], False).getInfo() == {
        "type": "Feature", "geometry": None, "id": "me", "properties": {"B": "two"}
    }  # fmt: skip
    target = ee.Feature(None, {"own": 1})
    assert target.copyProperties(feature).toDictionary().getInfo() == {"own": 1, "a": 1, "b": "two"}
    assert target.copyProperties(feature, ["a"]).toDictionary().getInfo() == {"own": 1, "a": 1}
    assert target.copyProperties(feature, None, ["a"]).toDictionary().getInfo() == {"own": 1, "b": "two"}
    moved = feature.setGeometry(ee.Geometry.Point(3, 4)).geometry().coordinates().getInfo()
    assert moved == [3, 4]
    with pytest.raises(ee.EEException, match=r"^Element\.getNumber, property 'b': Invalid type"):
        feature.getNumber("b").getInfo()


def test_images_of_the_catalog(client: Any) -> None:
    ee = client
    scenes = ee.ImageCollection("COPERNICUS/S1_GRD")
    described = scenes.limit(1).getInfo()
    (image,) = described["features"]
    assert (described["type"], described["bands"]) == ("ImageCollection", [])
    assert image["type"] == "Image"
    assert image["id"] == "COPERNICUS/S1_GRD/A_first"
    assert [band["id"] for band in image["bands"]] == ["VV", "VH"]
    assert image["bands"][0] == {
        "id": "VV",
        "data_type": {"type": "PixelType", "precision": "float"},
        "dimensions": [64, 64],
        "crs": "EPSG:32633",
        "crs_transform": [100, 0, 400000, 0, -100, 5500000],
    }
    assert image["properties"]["system:footprint"]["type"] == "LinearRing"
    first = ee.Image("COPERNICUS/S1_GRD/A_first")
    assert first.geometry().type().getInfo() == "Polygon"
    assert first.date().format("YYYY-MM-dd").getInfo() == "2017-06-13"
    assert first.get("system:band_names").getInfo() == ["VV", "VH"]
    assert ee.ImageCollection.fromImages([first, first]).aggregate_array("system:index").getInfo() == ["A_first"] * 2
    assert scenes.merge(scenes.limit(1)).size().getInfo() == 4
    assert scenes.map(lambda i: i.set("day", ee.Date(i.get("system:time_start")).get("day"))).aggregate_array(
        "day"
    ).getInfo() == [13, 14, 18]
    assert ee.Image(1).geometry().isUnbounded().getInfo() is True


def test_five_thousand_elements_are_the_limit(client: Any) -> None:
    ee = client
    many = ee.FeatureCollection(ee.List.sequence(1, 5001).map(lambda i: ee.Feature(None, {"i": i})))
    with pytest.raises(ee.EEException, match=r"^Collection query aborted after accumulating over 5000 elements\.$"):
        many.getInfo()
    assert len(many.limit(5000).getInfo()["features"]) == 5000


def test_a_collection_that_is_not_there(client: Any) -> None:
    with pytest.raises(client.EEException, match=r"^ImageCollection\.load: ImageCollection asset 'NO/SUCH' not found"):
        client.ImageCollection("NO/SUCH").size().getInfo()
