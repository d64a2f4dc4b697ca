"""STAC items, and Earth Engine's Sentinel-2 images in JSON."""

import json

import pytest
import shapely

from gee_s1ben.footprints import Span, collect

JUNE = Span.parse("2017-06-01", "2017-06-30")
PRODUCT = "S2A_MSIL2A_20170613T101031_N0205_R022_T33UUP_20170613T101608"
PARIS = shapely.geometry.mapping(shapely.box(2.3, 48.8, 2.4, 48.9))


def item(name, geometry=PARIS, **properties):
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "geometry": geometry,
        "properties": {"datetime": "2017-06-13T10:16:08.123Z"} | properties,
    }  # fmt: skip


def found(tmp_path, document, span=None):
    path = tmp_path / "items.json"
    path.write_text(json.dumps(document))
    return collect([str(path)], span)


@pytest.mark.parametrize(
    ("document", "key", "product"),
    [
        (item(PRODUCT), "33UUP_20170613T101031", PRODUCT),
        (item("S2A_33UUP_20170613_0_L2A", **{"s2:product_uri": f"{PRODUCT}.SAFE"}), "33UUP_20170613T101031", PRODUCT),
        (item("S2A_MSIL2A_20170613T101031_R022_T33UUP_20210210T012345"), "33UUP_20170613T101031", None),
        # Of a day alone, the item knows the time.
        (item("S2A_33UUP_20170613_0_L2A"), "33UUP_20170613T101608", None),
        (item("anything", **{"grid:code": "MGRS-33UUP"}), "33UUP_20170613T101608", None),
        (item("anything", **{"s2:mgrs_tile": "33UUP"}), "33UUP_20170613T101608", None),
    ],
)
@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: {"type": "FeatureCollection", "features": [one]}])
def test_an_item_of_sentinel_2_is_its_tile_and_time(tmp_path, document, key, product, wrap):
    collected = found(tmp_path, wrap(document))
    assert collected.refused == ()
    (row,) = collected.rows
    assert row.key == key
    assert (str(row.product) if row.product else None) == product
    assert row.patches is None


def test_another_item_is_an_area_at_its_time(tmp_path):
    collected = found(tmp_path, [item("field-7"), item("field-8", datetime=None)])
    (row,) = collected.rows
    assert row.key == "31UDQ_20170613T101608"
    assert row.span is None
    assert 0 < len(row.patches) < 100
    assert "no time" in collected.refused[0].reason
    assert found(tmp_path, item("field-7"), JUNE).rows[0].span == JUNE


def test_a_collection_is_the_area_of_its_extent(tmp_path):
    boxes = [[0, 40, 14, 50], [2.3, 48.8, 2.4, 48.9], [12.5, 48.1, 0, 12.6, 48.2, 9]]
    extent = {"spatial": {"bbox": boxes}, "temporal": {"interval": [[None, None]]}}
    collected = found(tmp_path, {"type": "Collection", "stac_version": "1.0.0", "id": "x", "extent": extent}, JUNE)
    assert {row.tile for row in collected.rows} == {"31UDQ", "32UQU", "33UUP"}


def test_images_of_earth_engine_are_their_products(tmp_path):
    ring = {"type": "LinearRing", "coordinates": [[12.4, 48.2], [13.2, 48.2], [13.2, 48.6], [12.4, 48.6], [12.4, 48.2]]}
    properties = {"PRODUCT_ID": PRODUCT, "MGRS_TILE": "33UUP", "system:footprint": ring}
    image = {"type": "Image", "id": "COPERNICUS/S2_SR/20170613T101031_20170613T101608_T33UUP", "properties": properties}
    (row,) = found(tmp_path, {"type": "ImageCollection", "features": [image]}).rows
    assert str(row.product) == PRODUCT
    assert row.measured


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"type": "Catalog", "stac_version": "1.0.0", "links": []}, "no STAC item"),
        ({"stac_version": 1, "features": []}, "no STAC item"),
        (item("x", geometry=None), "no STAC item"),
        (item("x", geometry={"type": "Polygon", "coordinates": 3}), "no STAC item"),
        (item("x", datetime="yesterday"), "not a date"),
        ({"type": "Collection", "stac_version": "1.0.0", "extent": {}}, "no time"),
        ('{"stac_version": ', "not valid JSON"),
        ("[" * 100_000 + '"stac_version"', "not valid JSON"),
    ],
)
def test_what_is_no_item_is_refused_in_one_line(tmp_path, document, words):
    path = tmp_path / "items.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    collected = collect([str(path)])
    assert collected.rows == ()
    assert words in collected.refused[0].reason
    assert collected.refused[0].reason.isprintable()
