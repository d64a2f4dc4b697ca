"""Tiles out of an Earth Engine query, as a user asks for them: the real client on the embedded service."""

from __future__ import annotations

import json

import geopandas
import pytest
import shapely
from sentinel2_images import add_image, day, product, properties, write_raster

from gee_s1ben.engine.catalog import Catalog
from gee_s1ben.footprints import read_tiles
from gee_s1ben.footprints.outline import tile_outline
from gee_s1ben.pipeline import sentinel2

L2A = "COPERNICUS/S2_SR_HARMONIZED"
JUNE = ("--from", "2017-06-01", "--to", "2017-06-30")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A catalog of five images, and a configuration whose table of tiles is yet to be made."""
    folder = tmp_path_factory.mktemp("query")
    catalog = Catalog.create(folder / "catalog")
    for tile, number, cloud in (("33UUP", 3, 50.0), ("33UUP", 13, 5.0), ("33UUP", 23, 90.0), ("34UDV", 13, 10.0)):
        add_image(catalog, folder, tile, day(number), cloud=cloud)
    add_image(catalog, folder, "33UUP", day(13), collection=L2A)
    (folder / "config.yaml").write_text("embedded: {catalog: catalog}\ntiles: [{file: tiles.parquet}]\n")
    return folder


@pytest.fixture
def ask(command, folder, tmp_path):
    """Run the command with a query; the table goes to a folder of its own."""

    def ask(*arguments, config=folder / "config.yaml"):
        arguments = [*arguments, "--earth-engine", "--config", config, "--out", tmp_path / "tiles.parquet"]
        return command("footprints", *arguments)

    return ask


def keys(ended):
    return [one["key"] for one in ended.data["tiles"]]


def test_a_tile_and_a_month_become_a_table(ask, tmp_path):
    ended = ask("--tile", "33UUP", *JUNE, "--json")
    assert (ended.code, ended.err) == (0, "")
    names = [product("33UUP", day(number)) for number in (3, 13, 23)]
    assert [one["product"] for one in ended.data["tiles"]] == names
    table = geopandas.read_parquet(tmp_path / "tiles.parquet")
    assert list(table.source) == ["COPERNICUS/S2_HARMONIZED"] * 3
    assert table.measured.all()
    assert [shapely.hausdorff_distance(one, tile_outline("33UUP")) < 1e-3 for one in table.geometry] == [True] * 3
    # The table is what a configuration takes.
    assert [target.key for target in read_tiles(tmp_path / "tiles.parquet")] == keys(ended)


def test_places_clouds_times_and_collections_narrow_it(ask, tmp_path):
    centre = tile_outline("33UUP").centroid
    areas = geopandas.GeoDataFrame(geometry=[centre, centre.buffer(0.01)], crs="EPSG:4326")
    areas.to_file(tmp_path / "sites.geojson")
    west, south, east, north = centre.buffer(0.1).bounds
    box = f"{west},{south},{east},{north}"
    ended = ask("--area", tmp_path / "sites.geojson", *JUNE, "--max-cloud", "50", "--json")
    assert keys(ended) == ["33UUP_20170603T101031", "33UUP_20170613T101031"]
    # A circle of 2.2 by 1.5 km touches at least two patches of 1.2 km each way, and at most three.
    assert all(4 <= found["patches"] <= 9 for found in ended.data["tiles"])
    ended = ask("--area", tmp_path / "sites.geojson", *JUNE, "--max-cloud", "50", "--whole-tiles", "--json")
    assert [found["patches"] for found in ended.data["tiles"]] == [None, None]
    assert keys(ask("--bbox", box, "--from", "2017-06-13", "--to", "2017-06-13", "--json")) == ["33UUP_20170613T101031"]
    assert keys(ask("--bbox", "-180,-80,180,84", *JUNE, "--tile", "34UDV", "--json")) == ["34UDV_20170613T101031"]
    assert [one["product"] for one in ask("--bbox", box, *JUNE, "--collection", L2A, "--json").data["tiles"]] == [
        product("33UUP", day(13), "L2A")
    ]


def test_a_query_joins_with_other_inputs(ask, tmp_path):
    published = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
    ended = ask(published, "33UVP@2017-06-13", "--tile", "33UUP", *JUNE, "--max-cloud", "20")
    assert ended.code == 0
    assert ended.out.startswith("2 rows (2 tiles), 1 merged, 0 refused")
    assert f"merged: 33UUP_20170613T101031: {published}, COPERNICUS/S2_HARMONIZED" in ended.err
    table = geopandas.read_parquet(tmp_path / "tiles.parquet")
    # The product that was named first, with the footprint that was measured.
    assert list(table["product"].fillna("")) == [published, ""]
    assert list(table.measured) == [True, False]


def test_nothing_found_is_said(ask, tmp_path):
    alone = ask("--tile", "33UUP", "--from", "2018-06-01", "--to", "2018-06-30", "--max-cloud", "20")
    assert alone.code == 2
    assert "there is no image of 33UUP within" in alone.err
    assert "2018-06-01 00:00:00 to 2018-07-01 00:00:00 with at most 20 % cloud" in alone.err
    assert not (tmp_path / "tiles.parquet").exists()
    beside = ask("33UVP@2017-06-13", "--bbox", "0,0,1,1", *JUNE, "--json")
    assert (beside.code, keys(beside), len(beside.data["refused"])) == (1, ["33UVP_20170613T000000"], 1)


def test_more_than_is_taken_is_said(ask, monkeypatch):
    monkeypatch.setattr(sentinel2, "PAGE", 2)
    ended = ask("--tile", "33UUP", *JUNE, "--limit", "2", "--json")
    assert (ended.code, keys(ended)) == (1, ["33UUP_20170603T101031", "33UUP_20170613T101031"])
    assert "more than 2 images" in ended.data["refused"][0]["reason"]
    for limit in ("3", "4"):
        assert (ask("--tile", "33UUP", *JUNE, "--limit", limit, "--json")).data["refused"] == []


def test_an_area_that_does_not_fit_into_a_request_is_said(ask, monkeypatch):
    monkeypatch.setattr(sentinel2, "MOST_BYTES", 1000)
    ended = ask("--tile", "33UUP", *JUNE)
    assert ended.code == 2
    assert "too many for a request: simplify it" in ended.err


def test_an_image_that_disagrees_is_refused_and_the_others_go_on(ask, folder, tmp_path):
    catalog = Catalog.create(tmp_path / "catalog")
    add_image(catalog, tmp_path, "33UUP", day(3))
    add_image(catalog, tmp_path, "33UUP", day(13), PRODUCT_ID=product("33UVP", day(13)))
    add_image(catalog, tmp_path, "33UUP", day(23), PRODUCT_ID=None)
    config = tmp_path / "config.yaml"
    config.write_text(f"embedded: {{catalog: {tmp_path / 'catalog'}}}\n")
    ended = ask("--tile", "33UUP", *JUNE, "--json", config=config)
    assert (ended.code, keys(ended)) == (1, ["33UUP_20170603T101031"])
    assert [one["source"] for one in ended.data["refused"]] == [
        f"COPERNICUS/S2_HARMONIZED '{product('33UVP', day(13))}'",
        "COPERNICUS/S2_HARMONIZED '20170623T101031_20170623T101631_T33UUP'",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tile", "33UUP"), "give --from and --to"),
        (JUNE, "give --area, --bbox or --tile"),
        (("--tile", "33ZZZ", *JUNE), "33ZZZ"),
        (("--tile", "33UUP", *JUNE, "--max-cloud", "101"), "0 to 100 percent"),
        (("--tile", "33UUP", *JUNE, "--max-cloud", "nan"), "0 to 100 percent"),
        (("--tile", "33UUP", *JUNE, "--limit", "0"), "1 to"),
        (("--tile", "33UUP", *JUNE, "--collection", "../S2"), "not the id of a collection"),
        (("--bbox", "1,2,3", *JUNE), "not four numbers"),
        (("--bbox", "13,49,14,48", *JUNE), "no rectangle"),
        (("--bbox", "0,80,1,90", *JUNE), "84.65° N"),
        (("--bbox", "13,48,14,49", "--area", "x.geojson", *JUNE), "one of them"),
        (("--area", "nothing.geojson", *JUNE), "cannot be read"),
        (("--tile", "33UUP", *JUNE, "--set", "backend=moon"), "backend must be"),
        (("--tile", "33UUP", *JUNE, "--set", "embedded.catalog=nowhere"), "no catalog of scenes"),
        (("--tile", "33UUP", *JUNE, "--collection", "COPERNICUS/S3"), "COPERNICUS/S3"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(ask, tmp_path, arguments, said):
    ended = ask(*arguments)
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert said in ended.err
    assert not (tmp_path / "tiles.parquet").exists()


@pytest.mark.parametrize("option", [("--tile", "33UUP"), ("--bbox", "0,0,1,1"), ("--max-cloud", "3"), ("--limit", "3")])
def test_options_of_a_query_without_one_are_refused(command, option, tmp_path):
    ended = command("footprints", "33UUP@2017-06-13", *option, "-o", tmp_path / "tiles.parquet")
    assert ended.code == 2
    assert ended.err == f"error: {option[0]} belongs to a query: add --earth-engine\n"


def test_a_box_across_the_antimeridian(ask, folder, tmp_path):
    catalog = Catalog.create(tmp_path / "catalog")
    for tile in ("01KAB", "60KXF", "33UUP"):
        add_image(catalog, tmp_path, tile, day(3))
    config = tmp_path / "config.yaml"
    config.write_text(f"embedded: {{catalog: {tmp_path / 'catalog'}}}\n")
    assert keys(ask("--bbox", "178,-20,-178,-16", *JUNE, "--json", config=config)) == [
        "01KAB_20170603T101031", "60KXF_20170603T101031",
    ]  # fmt: skip


def test_an_exported_image_is_added_with_its_getinfo(command, ask, tmp_path):
    """What a user does who has Sentinel-2 images of their own: ``catalog add``, then the query."""
    index = "20170613T101031_20170613T101608_T33UUP"
    info = {
        "type": "Image", "id": f"{L2A}/{index}", "version": 1, "properties": properties("33UUP", day(13), 3.0, "L2A"),
        "bands": [{"id": "B1", "data_type": {"type": "PixelType", "precision": "int", "min": 0, "max": 65535}}],
    }  # fmt: skip
    ring = [list(point) for point in tile_outline("33UUP").exterior.coords]
    info["properties"]["system:footprint"] = {"type": "LinearRing", "coordinates": ring}
    (tmp_path / "info.json").write_text(json.dumps(info))
    raster = write_raster("33UUP", tmp_path / "B1.tif")
    options = ["--catalog", tmp_path / "catalog", "--id", info["id"], "--properties", tmp_path / "info.json"]
    assert command("catalog", "add", *options, raster).code == 0
    config = tmp_path / "config.yaml"
    config.write_text(f"embedded: {{catalog: {tmp_path / 'catalog'}}}\n")
    ended = ask("--tile", "33UUP", *JUNE, "--collection", L2A, "--json", config=config)
    assert [one["product"] for one in ended.data["tiles"]] == [product("33UUP", day(13), "L2A")]
