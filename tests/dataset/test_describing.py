"""What is said of a dataset, in GeoParquet, STAC and words, read back by others and by the official validators."""

import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pyproj
import pystac
import pystac.validation
import pytest
import rasterio
import shapely
import small_dataset
from hypothesis import given
from hypothesis import strategies as st

from gee_s1ben.dataset.contents import Contents
from gee_s1ben.dataset.datasheet import Totals, datasheet
from gee_s1ben.dataset.describing import describe
from gee_s1ben.dataset.patch_facts import BandStatistics, outline_ring
from gee_s1ben.dataset.stored import open_dataset
from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import InputError, RasterError

SCHEMAS = Path(__file__).parent / "stac_schemas"
TWO = ("33UUP_20170613T101031", "33UUP_20170616T101031", "33UVP_20170613T101031")


@pytest.fixture(scope="module", params=["v1", "v2"])
def described(request, tmp_path_factory):
    small = small_dataset.make(tmp_path_factory.mktemp("dataset"), request.param, targets=TWO)
    told = []
    done = describe(small.root, advance=lambda *numbers: told.append(numbers))
    assert told == [(number, 18) for number in range(1, 19)]
    assert (done.patches, done.items) == (18, 12)
    return small


@pytest.fixture(scope="module")
def table(described):
    return geopandas.read_parquet(described.root / "provenance" / "patches.parquet")


def test_the_table_has_a_row_a_pair_with_all_that_is_known(described, table):
    columns = ["name", "corresponding_s2_patch", "target", "col", "row", "pass", "relative_orbit", "orbit_direction"]
    expected = [[*row[:5], row[6], row[7], row[8]] for row in described.rows]
    assert table[columns].to_numpy().tolist() == expected
    assert table.dt_hours.tolist() == [float(row[9]) for row in described.rows]
    assert table.scene.tolist() == [row[5] for row in described.rows]
    assert [list(scenes) for scenes in table.scenes] == [[row[5]] for row in described.rows]
    assert (table.valid_fraction == 1).all()
    assert table.incidence_angle.isna().all()
    assert not table.simulated.any()
    assert table.folder.tolist() == [described.folders[row[0]] for row in described.rows]
    assert table.sensed_from.astype(str).tolist() == [
        f"2017-06-1{'2 16:59:37' if row[3] == 0 else '3 16:50:43'}+00:00" for row in described.rows
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_labels_split_and_country_are_carried_into_table_and_items(tmp_path, order):
    small = small_dataset.make(tmp_path, size=8, targets=TWO, angles=True, labels=True)
    if order == -1:  # as somebody may have sorted it
        table = pq.read_table(tmp_path / "metadata.parquet")
        pq.write_table(table.take(list(range(table.num_rows))[::-1]), tmp_path / "metadata.parquet")
    describe(small.root)
    table = pq.read_table(tmp_path / "provenance" / "patches.parquet").to_pylist()
    names = ["labels", "split", "country", "season", "contains_seasonal_snow", "contains_cloud_or_shadow", "s2v1_name"]
    expected = [{name: small_dataset.carried(row)[name] for name in names} for row in small.rows]
    assert [{name: row[name] for name in names} for row in table] == expected
    assert {row["filled_px"] for row in table} == {0}
    by_name = {row[0]: carried for row, carried in reversed(list(zip(small.rows, expected, strict=True)))}
    _, _, items = everything(small.root)
    for item in items:
        known = {name: item.properties.get(f"gee_s1ben:{name}") for name in names}
        assert known | {"labels": known["labels"] or []} == by_name[item.id]
        assert item.properties["gee_s1ben:filled_px"] == 0


def test_an_item_a_pass_says_which_labels_and_splits_occur(tmp_path):
    small = small_dataset.make(tmp_path, size=8, angles=True, labels=True)
    describe(small.root, items="tile")
    _, _, items = everything(small.root)
    found = {item.id[-10:]: item.properties for item in items}
    assert found["S1B_006020"]["gee_s1ben:labels"] == ["Beaches, dunes, sands", "Pastures"]
    assert found["S1A_017018"]["gee_s1ben:labels"] == ["Urban fabric"]
    assert [one["gee_s1ben:split"] for one in found.values()] == [["test"], ["test"]]


def test_the_table_has_each_bands_statistics_and_checksum(described, table):
    for row in table.itertuples():
        for name in ("vv", "vh"):
            path = described.root / row.folder / f"{row.name}_{name.upper()}.tif"
            with rasterio.open(path) as file:
                pixels = file.read(1).astype(np.float64)
            found = [getattr(row, f"{name}_{what}") for what in ("min", "max", "mean", "std")]
            assert found == pytest.approx([pixels.min(), pixels.max(), pixels.mean(), pixels.std()], rel=1e-12)
            assert getattr(row, f"{name}_sha256") == hashlib.sha256(path.read_bytes()).hexdigest()


def boxes(root):
    """The covering, which geopandas uses and does not show."""
    column = pq.read_table(root / "provenance" / "patches.parquet", columns=["bbox"])["bbox"].to_pylist()
    return [(box["xmin"], box["ymin"], box["xmax"], box["ymax"]) for box in column]


def test_outlines_lie_on_the_patches(described, table):
    assert table.crs == "OGC:CRS84"
    back = table.to_crs("EPSG:32633")
    for row in back.itertuples():
        with rasterio.open(described.root / row.folder / f"{row.name}_VV.tif") as file:
            assert row.geometry.hausdorff_distance(shapely.box(*file.bounds)) < 0.001
    assert boxes(described.root) == [one.bounds for one in table.geometry]


def test_the_official_geoparquet_validator_agrees(described):
    validator = pytest.importorskip("geoparquet_validator")
    report = validator.check(str(described.root / "provenance" / "patches.parquet"))
    assert validator.failed(report) == []
    assert validator.conformant(report, "core")
    assert validator.conformant(report, "covering")


@lru_cache
def validator():
    pytest.importorskip("jsonschema")
    from pystac.validation.stac_validator import JsonSchemaSTACValidator

    class Offline(JsonSchemaSTACValidator):
        """The official validator with the published schemas at hand; every other address is refused."""

        def __init__(self):
            super().__init__()
            for path in SCHEMAS.glob("*.json"):
                name, _, version = path.stem.rpartition("-")
                uri = f"https://stac-extensions.github.io/{name}/{version}/schema.json"
                self.schema_cache[uri] = json.loads(path.read_text())

        def _get_schema(self, schema_uri):
            assert schema_uri in self.schema_cache, f"no copy of {schema_uri}"
            return super()._get_schema(schema_uri)

    return Offline()


def everything(root):
    """The collection, its catalogs and its items, read from disk by pystac through their links."""
    collection = pystac.Collection.from_file(str(root / "provenance" / "stac" / "collection.json"))
    catalogs = list(collection.get_children())
    return collection, catalogs, [item for catalog in catalogs for item in catalog.get_items()]


@pytest.mark.parametrize("items", ["patch", "tile"])
def test_the_official_stac_validator_agrees(tmp_path, items):
    small = small_dataset.make(tmp_path, targets=TWO, angles=True)
    describe(small.root, items=items)
    collection, catalogs, found = everything(small.root)
    official = {
        schema["$id"].rstrip("#") for schema in map(json.loads, (p.read_text() for p in SCHEMAS.glob("*.json")))
    }
    used = {uri for one in (collection, *found) for uri in one.stac_extensions}
    assert used <= official
    if items == "patch":
        assert used == official
    for one in (collection, *catalogs, *found):
        pystac.validation.validate(one, validator=validator())
    assert collection.summaries.to_dict()["view:incidence_angle"] == {"minimum": 38.0, "maximum": 38.2}


def test_the_validator_would_have_said_so(described):
    _, _, items = everything(described.root)
    for key, wrong in (("sar:frequency_band", "Q"), ("sat:orbit_state", "up"), ("proj:code", 32633)):
        value = items[0].to_dict(transform_hrefs=False)
        value["properties"][key] = wrong
        with pytest.raises(pystac.errors.STACValidationError):
            pystac.validation.validate_dict(value, validator=validator())


def test_items_describe_the_files_they_link(described):
    collection, catalogs, items = everything(described.root)
    assert sorted(item.id for item in items) == sorted(described.pixels)
    assert [catalog.id for catalog in catalogs] == [TWO[0], TWO[2]]  # the second target's patches are the first's
    for item in items:
        assert item.get_collection().id == collection.id
        assert item.get_parent().id in TWO
        assert item.get_root().id == collection.id
        for name in ("VV", "VH"):
            asset = item.assets[name]
            path = Path(asset.get_absolute_href())
            data = path.read_bytes()
            assert asset.extra_fields["file:checksum"] == "1220" + hashlib.sha256(data).hexdigest()
            assert asset.extra_fields["file:size"] == len(data)
            (band,) = asset.extra_fields["raster:bands"]
            with rasterio.open(path) as file:
                assert item.ext.proj.code == f"EPSG:{file.crs.to_epsg()}"
                assert item.ext.proj.transform == list(file.transform)[:6]
                assert item.ext.proj.shape == list(file.shape)
                assert item.ext.proj.bbox == list(file.bounds)
                assert band["statistics"]["mean"] == pytest.approx(file.read(1).astype(float).mean(), rel=1e-12)
                assert (band["data_type"], band["unit"], band["spatial_resolution"]) == (file.dtypes[0], "dB", 10)
        (source,) = item.get_links("derived_from")
        assert source.href.endswith(f"/COPERNICUS/S1_GRD/{item.properties['gee_s1ben:scenes'][0]}")
    for asset in collection.assets.values():
        assert Path(asset.get_absolute_href()).stat().st_size == asset.extra_fields["file:size"]


def test_an_item_a_pass_counts_its_patches(tmp_path):
    small = small_dataset.make(tmp_path)
    assert describe(small.root, items="tile").items == 2
    _, _, items = everything(small.root)
    found = {item.id: item for item in items}
    assert sorted(found) == ["33UUP_20170613T101031_S1A_017018", "33UUP_20170613T101031_S1B_006020"]
    counts = {key: item.properties["gee_s1ben:patches"] for key, item in found.items()}
    assert list(counts.values()) == [counts[key] for key in found]
    assert counts["33UUP_20170613T101031_S1A_017018"] == 4
    assert counts["33UUP_20170613T101031_S1B_006020"] == 2
    for item in items:
        assert Path(item.assets["patches"].get_absolute_href()).exists()
        assert item.ext.sat.absolute_orbit == int(item.id[-6:])


def snapshot(root):
    files = sorted(path for path in (root / "provenance").rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_the_same_dataset_gives_the_same_bytes_and_nothing_stale_stays(tmp_path):
    small = small_dataset.make(tmp_path / "one", targets=TWO)
    describe(small.root)
    before = snapshot(small.root)
    describe(small.root, items="tile")
    describe(small.root)
    assert snapshot(small.root) == before
    other = small_dataset.make(tmp_path / "two", targets=TWO)
    describe(other.root)
    assert snapshot(other.root) == before
    assert not [name for name in before if "partial" in name]


def test_simulated_scenes_are_marked_everywhere(tmp_path):
    small = small_dataset.make(tmp_path, simulated=True)
    describe(small.root)
    collection, _, items = everything(small.root)
    assert collection.description.startswith("SIMULATED")
    assert "simulated" in collection.title.lower()
    assert all(item.properties["gee_s1ben:simulated"] is True for item in items)
    assert not any(item.get_links("derived_from") for item in items)
    assert geopandas.read_parquet(small.root / "provenance" / "patches.parquet").simulated.all()
    sheet = (small.root / "provenance" / "datasheet.md").read_text()
    assert "no satellite took them" in sheet
    assert "Copernicus Sentinel data" not in sheet
    assert "torres" not in (small.root / "provenance" / "citations.bib").read_text()


def test_the_datasheet_has_every_section_and_true_numbers(described):
    sheet = (described.root / "provenance" / "datasheet.md").read_text()
    assert re.findall(r"^## (.*)$", sheet, re.MULTILINE) == [
        "Motivation", "Composition", "Collection process", "Preprocessing, cleaning, labelling", "Uses", "Distribution",
        "Maintenance",
    ]  # fmt: skip
    total = sum(path.stat().st_size for path in described.root.glob("BigEarthNet*/**/*.tif"))
    assert f"12 patches, {total} bytes, from 2 scenes for 2 targets." in sheet
    assert "3 patches that were wanted are absent" in sheet
    assert "- 3: some pixels have no data" in sheet
    assert "Contains modified Copernicus Sentinel data 2017." in sheet
    stack = np.stack([bands["VV"] for bands in described.pixels.values()]).astype(np.float64)
    expected = f"| VV | {stack.mean():.3f} | {stack.std():.3f} | {stack.min():.3f} | {stack.max():.3f} |"
    assert expected in sheet


def test_nothing_of_a_received_dataset_formats_the_datasheet(described):
    """Every text of its record and its tables is somebody's choice."""
    hostile = "<img src=x onerror=alert(1)>`[click](https://evil.example)\n# Heading\x1b[31m\u202e"
    contents = Contents.open(described.root)

    def spoiled(value):
        if isinstance(value, dict):
            return {key: spoiled(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [spoiled(entry) for entry in value]
        return hostile if isinstance(value, str) else value

    for key in contents.record:
        record = {**contents.record, key: spoiled(contents.record[key])}
        totals = Totals(passes=Counter({(hostile, hostile, 1): 1}), targets=Counter({hostile: 1}), scenes={hostile})
        totals.bands = dict.fromkeys(contents.polarisations, (0.0, 1.0, 0.5, 0.5))
        totals.patches = 1
        sheet = datasheet(replace(contents, record=record), totals, {hostile: 2})
        for unfit in ("<img", "[click](", "\n# Heading", "\x1b", "\u202e"):
            assert unfit not in sheet, key
        assert "&lt;img" in sheet


def test_citations_are_what_the_dataset_was_made_with(described):
    text = (described.root / "provenance" / "citations.bib").read_text()
    keys = re.findall(r"^@\w+\{(\w+),$", text, re.MULTILINE)
    assert ("clasen2024reben" in keys) == (described.layout == "v2")
    assert {"torres2012sentinel1", "gorelick2017google", "sumbul2021bigearthnetmm", "lee1981refined"} <= set(keys)
    assert text.count("{") == text.count("}")


def test_where_pixels_may_be_filled_no_validity_is_claimed(tmp_path):
    small = small_dataset.make(tmp_path, columns=1, rows=1)
    path = tmp_path / "provenance" / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"fill": "nearest"}))
    describe(small.root)
    assert geopandas.read_parquet(tmp_path / "provenance" / "patches.parquet").valid_fraction.isna().all()
    _, _, (item,) = everything(small.root)
    assert "valid_percent" not in item.assets["VV"].extra_fields["raster:bands"][0]["statistics"]
    assert "filled with the nearest valid pixel (`nearest`)" in (tmp_path / "provenance" / "datasheet.md").read_text()
    pystac.validation.validate(item, validator=validator())


def test_images_that_are_no_products_get_the_times_that_are_possible(tmp_path):
    scenes = dict.fromkeys(small_dataset.SCENES, "my-own-scene-1234567890123456789")
    small = small_dataset.make(tmp_path, columns=1, rows=1, scenes=scenes)
    describe(small.root)
    _, _, (item,) = everything(small.root)
    assert item.datetime is None
    assert item.common_metadata.start_datetime.isoformat()[:16] == "2017-06-12T16:59"
    assert item.common_metadata.end_datetime.isoformat()[:16] == "2017-06-14T03:21"
    assert not item.get_links("derived_from")
    pystac.validation.validate(item, validator=validator())


def test_a_patch_across_the_antimeridian_becomes_two_polygons(tmp_path):
    west, north = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:32601", always_xy=True).transform(-180, -16.5)
    small = small_dataset.make(tmp_path, columns=1, rows=1, crs="EPSG:32601", corner=(west - 600, north))
    describe(small.root)
    table = geopandas.read_parquet(small.root / "provenance" / "patches.parquet")
    (outline,) = table.geometry
    assert outline.geom_type == "MultiPolygon"
    assert outline.is_valid
    west_part, east_part = sorted(outline.geoms, key=lambda part: -part.bounds[2])
    assert west_part.bounds[2] == 180
    assert east_part.bounds[0] == -180
    ((xmin, _, xmax, _),) = boxes(small.root)
    assert xmin > 179
    assert xmax < -179
    _, _, (item,) = everything(small.root)
    pystac.validation.validate(item, validator=validator())


@pytest.mark.parametrize("stac_items", ["patch", "tile"])
def test_patches_on_both_sides_of_the_antimeridian_have_one_narrow_box(tmp_path, stac_items):
    """Patches of 1.2 km, of which the second of three crosses 180°, in the catalog and in the table."""
    to_utm = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:32601", always_xy=True)
    west, north = to_utm.transform(-180, -16.5)
    small = small_dataset.make(tmp_path, columns=3, rows=2, crs="EPSG:32601", corner=(west - 1800, north))
    describe(small.root, items=stac_items)
    back = pyproj.Transformer.from_crs("EPSG:32601", "OGC:CRS84", always_xy=True)
    lons, lats = zip(
        *(back.transform(west - 1800 + 1200 * col, north - 1200 * row) for col in (0, 3) for row in (0, 1, 2)),
        strict=True,
    )
    expected = (min(lon for lon in lons if lon > 0), min(lats), max(lon for lon in lons if lon < 0), max(lats))
    assert 179.98 < expected[0] < 179.99
    assert -179.99 < expected[2] < -179.98
    collection, _, items = everything(small.root)
    assert collection.extent.spatial.bboxes == [pytest.approx(expected, abs=1e-8)]
    pystac.validation.validate(collection, validator=validator())
    geo = json.loads(pq.read_metadata(small.root / "provenance" / "patches.parquet").metadata[b"geo"])
    assert geo["columns"]["geometry"]["bbox"] == pytest.approx(expected, abs=1e-8)
    assert geo["columns"]["geometry"]["geometry_types"] == ["MultiPolygon", "Polygon"]
    for item in items:
        pystac.validation.validate(item, validator=validator())
        outline = shapely.geometry.shape(item.geometry)
        assert outline.is_valid
        assert outline.area < 0.002
        assert (item.bbox[0] > item.bbox[2]) == (outline.geom_type == "MultiPolygon")
    outlines = open_dataset(small.root).frame().geometry
    assert sorted(outlines.geom_type) == ["MultiPolygon"] * 2 + ["Polygon"] * 4
    assert shapely.area(outlines).max() < 0.0002
    if stac_items == "tile":
        whole = shapely.union_all([shapely.geometry.shape(item.geometry) for item in items])
        assert whole.bounds[::2] == (-180, 180)
        assert whole.area == pytest.approx((360 + expected[2] - expected[0]) * (expected[3] - expected[1]), rel=0.01)


def test_a_damaged_patch_leaves_the_old_description(tmp_path):
    small = small_dataset.make(tmp_path)
    describe(small.root)
    before = snapshot(small.root)
    name = small.rows[3][0]
    (tmp_path / small.folders[name] / f"{name}_VV.tif").write_bytes(b"II*\0")
    with pytest.raises(RasterError, match=name):
        describe(small.root)
    assert snapshot(small.root) == before


def test_a_dataset_without_a_patch_says_so(tmp_path):
    small = small_dataset.make(tmp_path, columns=1, rows=1)
    small_dataset.table(tmp_path / "provenance" / "patches.csv", small_dataset.HEADER, [])
    with pytest.raises(InputError, match="no patch to describe"):
        describe(small.root)


@given(st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_statistics_are_numpys_in_double_precision(size, seed):
    pixels = np.random.default_rng(seed).normal(-12, 5, (size, size)).astype(np.float32)
    exact = [float(value) for value in pixels.ravel()]
    mean = sum(exact) / len(exact)
    found = BandStatistics.of(pixels)
    assert (found.minimum, found.maximum) == (min(exact), max(exact))
    assert found.mean == pytest.approx(mean, rel=1e-12)
    assert found.stddev == pytest.approx((sum((one - mean) ** 2 for one in exact) / len(exact)) ** 0.5, rel=1e-9)


@given(
    zone=st.integers(1, 60),
    south=st.booleans(),
    x=st.integers(200_000, 780_000),
    y=st.integers(100_000, 7_000_000),
    px=st.integers(1, 500),
)
def test_an_outline_is_closed_counter_clockwise_and_as_large_as_the_patch(zone, south, x, y, px):
    grid = Grid(
        f"EPSG:{32700 if south else 32600}".replace("00", f"{zone:02d}", 1), (10, 0, x, 0, -10, y + 2e6), px, px
    )
    ring = outline_ring(grid)
    assert ring[0] == ring[-1]
    lons = [lon for lon, _ in ring]
    if max(lons) - min(lons) < 180:
        assert shapely.LinearRing(ring).is_ccw
        area, _ = pyproj.Geod(ellps="WGS84").geometry_area_perimeter(shapely.Polygon(ring))
        assert area == pytest.approx((10 * px) ** 2, rel=0.01)  # UTM's scale is right to a few parts in a thousand
