"""Areas of GeoJSON, GeoPackage and GeoParquet."""

import json

import geopandas
import pytest
import shapely

from gee_s1ben.footprints import Span, collect, read_tiles, write_tiles

JUNE = Span.parse("2017-06-01", "2017-06-30")
UUP = shapely.box(12.5, 48.1, 13, 48.4)
MANY = [UUP, shapely.box(12.6, 48.2, 12.7, 48.3), shapely.box(2.3, 48.8, 2.4, 48.9)]


def write(path, geometries, crs="EPSG:4326"):
    frame = geopandas.GeoDataFrame({"name": range(len(geometries))}, geometry=list(geometries), crs="EPSG:4326")
    frame = frame.to_crs(crs)
    if path.suffix in (".parquet", ".geoparquet"):
        frame.to_parquet(path)
    else:
        frame.to_file(path)
    return str(path)


def geojson(path, *geometries):
    features = [{"type": "Feature", "properties": {}, "geometry": one} for one in geometries]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return str(path)


def tiles(collected):
    return [row.tile for row in collected.rows]


@pytest.mark.parametrize("kind", [".geojson", ".gpkg", ".parquet", ".geoparquet"])
def test_areas_of_each_kind_become_the_tiles_they_touch_once(tmp_path, kind):
    collected = collect([write(tmp_path / f"areas{kind}", MANY)], JUNE)
    assert collected.refused == collected.merged == ()
    assert tiles(collected) == ["31UDQ", "32UQU", "33UUP"]
    assert all(row.span == JUNE for row in collected.rows)


@pytest.mark.parametrize("kind", [".gpkg", ".parquet"])
def test_coordinates_in_metres_are_turned_into_degrees(tmp_path, kind):
    assert tiles(collect([write(tmp_path / f"areas{kind}", [UUP], "EPSG:3035")], JUNE)) == ["32UQU", "33UUP"]


def test_all_layers_are_read(tmp_path):
    path = tmp_path / "areas.gpkg"
    for layer, geometry in (("one", MANY[0]), ("two", MANY[2])):
        geopandas.GeoDataFrame(geometry=[geometry], crs="EPSG:4326").to_file(path, layer=layer)
    assert tiles(collect([str(path)], JUNE)) == ["31UDQ", "32UQU", "33UUP"]


def test_a_bad_area_is_refused_with_its_place_and_the_others_go_on(tmp_path):
    pacific = {"type": "Polygon", "coordinates": [[[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]]}
    polar = {"type": "Polygon", "coordinates": [[[0, 84], [1, 84], [1, 85], [0, 85], [0, 84]]]}
    empty = {"type": "Polygon", "coordinates": []}
    flat = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0], [0, 0]]]}
    path = geojson(tmp_path / "areas.geojson", flat, shapely.geometry.mapping(UUP), pacific, polar, empty, None)
    collected = collect([path], JUNE)
    assert tiles(collected) == ["32UQU", "33UUP"]
    assert [refusal.source for refusal in collected.refused] == [f"{path} row {row}" for row in (1, 3, 4, 5, 6)]
    reasons = ("encloses no area", "antimeridian", "85.00° N", "empty", "empty")
    assert all(word in refusal.reason for refusal, word in zip(collected.refused, reasons, strict=True))


def test_areas_whose_rings_cross_or_are_open_are_repaired_and_that_is_said(tmp_path):
    crossing = {"type": "Polygon", "coordinates": [[[12.9, 48.2], [13, 48.3], [13, 48.2], [12.9, 48.3], [12.9, 48.2]]]}
    open_ring = {"type": "Polygon", "coordinates": [[[12.7, 48.2], [12.75, 48.2], [12.75, 48.25]]]}
    path = geojson(tmp_path / "areas.geojson", crossing, open_ring)
    collected = collect([path], JUNE)
    assert collected.refused == ()
    assert [(remark.source, "repaired" in remark.text) for remark in collected.remarks] == [(f"{path} row 1", True)]
    halves = [
        shapely.Polygon([(12.9, 48.2), (12.95, 48.25), (12.9, 48.3)]),
        shapely.Polygon([(13, 48.2), (12.95, 48.25), (13, 48.3)]),
        shapely.Polygon([(12.7, 48.2), (12.75, 48.2), (12.75, 48.25)]),
    ]
    expected = collect([write(tmp_path / "halves.geojson", halves)], JUNE)
    assert [(row.tile, row.patches) for row in collected.rows] == [(row.tile, row.patches) for row in expected.rows]


def test_an_area_gets_the_patches_that_touch_it(tmp_path):
    """A rectangle of 7 by 7 km in the middle of a zone touches 6 or 7 patches each way."""
    area = shapely.box(15.4, 48.3, 15.494, 48.363)
    (row,) = collect([write(tmp_path / "area.geojson", [area])], JUNE).rows
    assert row.tile == "33UWP"
    cols, rows = (sorted({cell[axis] for cell in row.patches}) for axis in (0, 1))
    assert len(row.patches) == len(cols) * len(rows)
    assert 6 <= len(cols) <= 7
    assert 6 <= len(rows) <= 8
    (whole,) = collect([str(tmp_path / "area.geojson")], JUNE, whole_tiles=True).rows
    assert whole.patches is None


def test_overlapping_areas_are_counted_once_and_each_tile_gets_its_own_patches(tmp_path):
    first, second = shapely.box(15.4, 48.3, 15.45, 48.35), shapely.box(15.43, 48.32, 15.5, 48.4)
    together = collect([write(tmp_path / "both.geojson", [first, second])], JUNE).rows
    apart = collect([write(tmp_path / f"{name}.gpkg", [area]) for name, area in (("a", first), ("b", second))], JUNE)
    assert [(row.tile, row.patches) for row in together] == [(row.tile, row.patches) for row in apart.rows]
    assert [merger.key for merger in apart.merged] == [row.key for row in together]


def test_a_tile_that_sees_an_area_only_beside_its_patches_is_listed_without_any(tmp_path):
    """Near Kleve the last 60 columns of 31UFT, which are in no patch, lie in 31UGT."""
    path = write(tmp_path / "kleve.geojson", [shapely.Point(6.0265, 51.6456)])
    collected = collect([path], JUNE)
    assert [(row.tile, len(row.patches)) for row in collected.rows] == [("31UFT", 0), ("31UGT", 1)]
    assert "31UFT" in collected.remarks[0].source
    write_tiles(collected.rows, tmp_path / "tiles.parquet")
    assert [target.name for target in read_tiles(tmp_path / "tiles.parquet")] == ["31UGT"]
    assert collect([str(tmp_path / "tiles.parquet")]).rows[0].patches == ()


def test_an_area_across_the_antimeridian_in_two_parts(tmp_path):
    parts = shapely.MultiPolygon([shapely.box(179.8, -17, 180, -16.9), shapely.box(-180, -17, -179.8, -16.9)])
    collected = collect([geojson(tmp_path / "fiji.geojson", shapely.geometry.mapping(parts))], JUNE)
    assert {tile[:2] for tile in tiles(collected)} == {"01", "60"}


def test_without_a_time_nothing_is_guessed(tmp_path):
    collected = collect([write(tmp_path / "areas.geojson", MANY)])
    assert collected.rows == ()
    assert "--from and --to" in collected.refused[0].reason


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.geojson", b"", "not what its name says"),
        ("a.geojson", b"{", "cannot be read"),
        ("a.geojson", b"{}", "cannot be read|no areas"),
        # GDAL would follow this to any file that it names
        ("a.geojson", b"<OGRVRTDataSource><OGRVRTLayer name='x'/></OGRVRTDataSource>", "not what its name says"),
        ("a.gpkg", b"{}", "not what its name says"),
        ("a.gpkg", b"SQLite format 3\0" + bytes(200), "cannot be read|no areas"),
        ("a.parquet", b"PAR1", "no readable Parquet"),
        ("a.geoparquet", b"PAR1" + bytes(50) + b"PAR1", "no readable Parquet|cannot be read"),
        ("a.geojson", json.dumps({"type": "FeatureCollection", "features": []}).encode(), "no areas|cannot be read"),
        (
            "a.geojson",
            b'{"type":"Polygon","coordinates":' + b"[" * 5000 + b"]" * 5000 + b"}",
            "cannot be read|no areas|empty",
        ),
    ],
)
def test_files_that_are_not_what_they_claim_are_refused(tmp_path, name, content, reason):
    import re

    path = tmp_path / name
    path.write_bytes(content)
    collected = collect([str(path)], JUNE)
    assert collected.rows == ()
    assert re.search(reason, collected.refused[0].reason)


def test_a_parquet_file_without_a_place_is_refused(tmp_path):
    import pandas as pd

    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "a.parquet")
    assert "cannot be read" in collect([str(tmp_path / "a.parquet")], JUNE).refused[0].reason


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_coordinates_without_a_reference_system_are_refused(tmp_path):
    path = tmp_path / "a.gpkg"
    geopandas.GeoDataFrame(geometry=[UUP]).to_file(path)
    assert "reference system" in collect([str(path)], JUNE).refused[0].reason
