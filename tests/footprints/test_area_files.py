"""Areas in KML, KMZ, zips, shapefiles, FlatGeobuf, GeoJSON lines and WKT."""

import os
import re
import zipfile

import geopandas
import pytest
import shapely

from gee_s1ben.footprints import Refusal, Span, collect

JUNE = Span.parse("2017-06-01", "2017-06-30")
PARIS = shapely.box(2.3, 48.8, 2.4, 48.9)
RING = "12.50,48.10,0 12.60,48.10,0 12.60,48.20,0 12.50,48.20,0 12.50,48.10,0"
PARIS_KML = "2.3,48.8 2.4,48.8 2.4,48.9 2.3,48.9 2.3,48.8"


def keys(*inputs):
    collected = collect([str(one) for one in inputs], JUNE)
    assert collected.refused == (), collected.refused
    return [row.key for row in collected.rows]


def refusal(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    collected = collect([str(path)], JUNE)
    assert collected.rows == ()
    (found,) = collected.refused
    assert isinstance(found, Refusal)
    assert found.reason.isprintable()
    return found.reason


def kml(*marks, more=""):
    return f'<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{more}{"".join(marks)}</Document></kml>'


def polygon(ring, hole=""):
    inner = f"<innerBoundaryIs><LinearRing><coordinates>{hole}</coordinates></LinearRing></innerBoundaryIs>" * bool(
        hole
    )
    return (
        f"<Polygon><outerBoundaryIs><LinearRing><coordinates>\n {ring}\n</coordinates></LinearRing></outerBoundaryIs>"
        f"{inner if hole else ''}</Polygon>"
    )


def mark(*shapes):
    return f"<Placemark><name>x</name>{''.join(shapes)}</Placemark>"


def zipped(path, *files, **texts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, f"deep/er/{file.name}")
        for name, text in texts.items():
            archive.writestr(name.replace("__", "."), text)
    return path


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    """One area in each of the formats of GDAL's, in a grid of metres where the format has one."""
    folder = tmp_path_factory.mktemp("vectors")
    frame = geopandas.GeoDataFrame({"n": [1]}, geometry=[PARIS], crs="EPSG:4326")
    for kind in ("shp", "fgb", "gpkg"):
        frame.to_crs("EPSG:3035").to_file(folder / f"a.{kind}")
    frame.to_file(folder / "a.geojsonl", driver="GeoJSONSeq")
    (folder / "a.wkt").write_text(f"SRID=3035;{frame.to_crs('EPSG:3035').geometry[0].wkt}\n", "utf-8-sig")
    (folder / "a.kml").write_text(kml(mark(polygon(PARIS_KML))))
    zipped(folder / "a.zip", *(folder / f"a.{kind}" for kind in ("shp", "shx", "dbf", "prj", "cpg")))
    zipped(folder / "b.zip", folder / "a.gpkg", readme__txt="not an area", **{"__MACOSX/._a__kml": "x"})
    zipped(folder / "a.kmz", doc__kml=kml(mark(polygon(PARIS_KML))), other__kml=kml(mark(polygon(RING))))
    return folder


@pytest.mark.parametrize("name", ["a.shp", "a.fgb", "a.geojsonl", "a.wkt", "a.kml", "a.kmz", "a.zip", "b.zip"])
def test_each_format_gives_the_tiles_of_its_area(vectors, name):
    assert keys(vectors / name) == keys(vectors / "a.gpkg") == ["31UDQ_20170616T000000"]


def test_places_of_a_kml_are_areas_whatever_they_are_wrapped_in(tmp_path):
    path = tmp_path / "a.kml"
    both = f"<MultiGeometry>{polygon(RING)}<MultiGeometry>{polygon(PARIS_KML)}</MultiGeometry></MultiGeometry>"
    path.write_text(kml("<Folder>", mark(both), "</Folder>"))
    assert {key[:5] for key in keys(path)} == {"31UDQ", "32UQU", "33UUP"}
    spaced = "<Point><coordinates> 2.35 , 48.85 </coordinates></Point>"
    path.write_text(kml(mark(spaced), mark("<LineString><coordinates>2.3,48.8 2.4,48.9</coordinates></LineString>")))
    assert keys(path) == ["31UDQ_20170616T000000"]


def test_a_hole_in_a_place_is_no_part_of_it(tmp_path):
    path = tmp_path / "a.kml"
    around, hole = "0,40 20,40 20,55 0,55 0,40", "1,41 19,41 19,54 1,54 1,41"
    path.write_text(kml(mark(polygon(around, hole))))
    assert "33UUP" not in {key[:5] for key in keys(path)}
    path.write_text(kml(mark(polygon(around))))
    assert "33UUP" in {key[:5] for key in keys(path)}


def test_a_broken_place_is_refused_and_the_others_go_on(tmp_path):
    path = tmp_path / "a.kml"
    path.write_text(kml(mark(polygon("x,y")), mark(polygon(PARIS_KML)), mark(polygon("")), mark()))
    collected = collect([str(path)], JUNE)
    assert [row.tile for row in collected.rows] == ["31UDQ"]
    assert [one.source for one in collected.refused] == [f"{path} row 1", f"{path} row 3"]


@pytest.mark.parametrize(
    "text",
    [
        PARIS.wkt,
        f"SRID=4326;{PARIS.wkt}",
        "POLYGON Z ((2.3 48.8 1, 2.4 48.8 1, 2.4 48.9 1, 2.3 48.8 1))",
        f"point(2.35 48.85)\n{PARIS.wkt};\nMULTIPOLYGON (((2.3 48.8, 2.4 48.8, 2.4 48.9, 2.3 48.8)))",
    ],
)
def test_wkt_is_an_input_as_it_is(text):
    assert keys(text) == ["31UDQ_20170616T000000"]


def test_a_zip_with_the_name_of_a_product_is_that_product(tmp_path):
    path = tmp_path / "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608.SAFE.zip"
    path.write_bytes(b"whatever it is")
    assert keys(path) == ["33UUP_20170613T101031"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.kml", "", "no readable XML"),
        ("a.kml", "<kml/>", "no place marks$"),
        ("a.kml", kml(more="<NetworkLink><Link><href>x</href></Link></NetworkLink>"), "links to another file"),
        ("a.kml", "<gpx/>", "is no KML"),
        # GDAL would read what this names
        ("a.kml", "<OGRVRTDataSource><!-- <kml --></OGRVRTDataSource>", "is no KML"),
        ("a.kml", '<!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/passwd">]><kml>&x;</kml>', "DOCTYPE"),
        ("a.kml", kml(mark()), "no areas"),
        ("a.wkt", "", "no areas"),
        ("a.wkt", "12.5 48.1", "no geometry in WKT"),
        ("a.wkt", "POLYGON ((1 2, 3 4", "not closed"),
        ("a.wkt", "POLYGON ((1 2))", "empty or broken"),
        ("a.wkt", "SRID=999999;POINT (1 2)", "no EPSG code"),
        ("a.wkt", "GEOMETRYCOLLECTION (" * 100_000, "nested deeper"),
        ("a.wkt", b"\xff", "UTF-8"),
        ("a.zip", b"PK", "no readable zip"),
        ("a.kmz", b"PK\x03\x04" + bytes(100), "no readable zip"),
        ("a.fgb", "{}", "not what its name says"),
        ("a.shp", "x", "no a.shx beside it"),
        ("a.geojsonl", "<x>", "not what its name says"),
    ],
)
def test_files_that_are_not_what_they_claim_are_refused(tmp_path, name, content, reason):
    assert re.search(reason, refusal(tmp_path / name, content))


def test_a_zip_without_areas_or_with_too_much_is_refused(tmp_path, monkeypatch):
    from gee_s1ben.footprints import area_files

    assert "no file of areas" in collect([str(zipped(tmp_path / "a.zip", a__txt="x"))], JUNE).refused[0].reason
    nested = zipped(tmp_path / "b.zip", a__zip="x", **{"../../a__kml": kml(mark(polygon(PARIS_KML)))})
    assert keys(nested) == ["31UDQ_20170616T000000"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip"]
    monkeypatch.setattr(area_files, "_MAX_UNPACKED_BYTES", 1000)
    assert "unpacks to more" in collect([str(zipped(tmp_path / "c.zip", a__kml="x" * 1001))], JUNE).refused[0].reason
    monkeypatch.setattr(area_files, "_MAX_FILES", 2)
    many = {f"a{number}__kml": "x" for number in range(3)}
    assert "unpacks to more" in collect([str(zipped(tmp_path / "d.zip", **many))], JUNE).refused[0].reason


@pytest.mark.parametrize("kind", ["kml", "kmz", "wkt", "zip"])
def test_a_pipe_in_the_place_of_a_file_is_refused(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    os.mkfifo(path)
    assert collect([str(path)], JUNE).refused[0].reason == f"{path} is no regular file"


def test_a_file_in_a_zip_is_named_by_the_zip(tmp_path):
    path = zipped(tmp_path / "a.zip", a__fgb="x")
    assert collect([str(path)], JUNE).refused[0].reason == f"{path}/a.fgb is not what its name says, .fgb"


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_a_shapefile_without_its_parts_is_refused(tmp_path):
    path = tmp_path / "a.shp"
    geopandas.GeoDataFrame({"n": [1]}, geometry=[PARIS]).to_file(path)
    assert "a.prj beside it" in collect([str(path)], JUNE).refused[0].reason
    path.with_suffix(".shx").unlink()
    assert "no a.shx beside it" in collect([str(path)], JUNE).refused[0].reason


@pytest.mark.parametrize("name", ["a.kml", "a.xml"])
def test_markup_that_is_nested_too_deeply_is_refused_at_once(tmp_path, name):
    deep = f"<kml>{'<Placemark>' * 100_000}{'</Placemark>' * 100_000}</kml>"
    assert "nested deeper than 200" in refusal(tmp_path / name, deep)
