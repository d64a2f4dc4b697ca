"""The catalog of local scenes: what goes in comes back, and what must not go in does not."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pystac
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.catalog import Catalog, documents, read_properties, store
from gee_s1ben.errors import CatalogError, InputError, RasterError, StorageError

GRID = Grid("EPSG:32633", (10.0, 0.0, 384004.25, 0.0, -10.0, 5342407.5), 40, 30)
NAME = "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC"
S1 = f"COPERNICUS/S1_GRD/{NAME}"
ASCENDING = {"orbitProperties_pass": "ASCENDING"}

Write = Callable[..., Path]


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog.create(tmp_path / "catalog")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(
        name: str = "scene.tif",
        values: npt.NDArray[Any] | None = None,
        grid: Grid = GRID,
        descriptions: tuple[str, ...] = ("VV", "VH"),
        nodata: float | None = None,
    ) -> Path:
        if values is None:
            values = np.random.default_rng(1).normal(-10, 3, (len(descriptions) or 1, *grid.shape)).astype(np.float32)
        path = tmp_path / name
        with rasterio.open(
            path, "w", driver="GTiff", dtype=values.dtype, count=len(values), width=grid.width, height=grid.height,
            crs=grid.crs, transform=Affine(*grid.transform), nodata=nodata, compress="deflate",
        ) as file:  # fmt: skip
            file.write(values)
            if descriptions:
                file.descriptions = descriptions
        return path

    return make


def read(path: Path) -> npt.NDArray[Any]:
    with rasterio.open(path) as file:
        return file.read(1)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


# What goes in comes back.


@pytest.mark.shared_data
def test_real_export_with_flat_properties_comes_back_bit_for_bit(catalog: Catalog, shared_data: Path) -> None:
    (folder,) = (shared_data / "s1_grd").iterdir()
    record = catalog.add(
        f"COPERNICUS/S1_GRD/{folder.name}", folder / "metadata.json", [folder / "VV.tif", folder / "VH.tif"]
    )
    given_properties = json.loads((folder / "metadata.json").read_text())
    assert [band.name for band in record.bands] == ["VV", "VH"]
    for band in record.bands:
        with rasterio.open(folder / f"{band.name}.tif") as file:
            assert np.array_equal(read(band.path), file.read(1))
            assert band.grid.transform == tuple(file.transform)[:6]
        assert band.data_type == "double"
    changed = {"system:footprint", "system:band_names", "catalog:crc32"}
    assert {k: v for k, v in record.properties.items() if k not in changed} == {
        k: v for k, v in given_properties.items() if k not in changed
    }
    # A cut-out inside the scene: its footprint is its own outline, which here is a rectangle in degrees.
    ring = record.properties["system:footprint"]
    assert ring["type"] == "LinearRing"
    west, south, east, north = record.bands[0].grid.bounds
    assert Polygon(ring["coordinates"]).symmetric_difference(box(west, south, east, north)).area < 1e-10
    assert Polygon(given_properties["system:footprint"]["coordinates"]).contains(Polygon(ring["coordinates"]))


@pytest.mark.shared_data
def test_real_chip_with_both_bands_in_one_file_comes_back_bit_for_bit(catalog: Catalog, shared_data: Path) -> None:
    path = shared_data / "sen1floods11" / "Spain_7370579_S1Hand.tif"
    about = ASCENDING | {
        "system:time_start": 1568742723000, "instrumentMode": "IW", "platform_number": "A", "orbitNumber_start": 29061,
        "relativeOrbitNumber_start": 114,
    }  # fmt: skip
    record = catalog.add("COPERNICUS/S1_GRD/Spain_7370579", about, [path])
    with rasterio.open(path) as file:
        for index, band in enumerate(record.bands, 1):
            expected = file.read(index)
            got = read(band.path)
            assert np.array_equal(np.isnan(got), np.isnan(expected))
            valid = ~np.isnan(expected)
            assert np.array_equal(got[valid].view(np.uint32), expected[valid].view(np.uint32))


def test_properties_as_getinfo_gives_them(catalog: Catalog, write: Write) -> None:
    about = {
        "type": "Image", "id": "somewhere/else", "version": 1234,
        "bands": [
            {"id": "VV", "data_type": {"type": "PixelType", "precision": "double"}, "crs": "EPSG:1"},
            {"id": "VH", "data_type": {"type": "PixelType", "precision": "float"}},
        ],
        "properties": ASCENDING
        | {"system:index": "other", "system:time_start": 1497372643000, "mine": [1, {"a": None}]},
    }  # fmt: skip
    record = catalog.add(S1, about, [write(descriptions=())], band_names=["VV"])
    assert record.bands[0].grid == GRID
    assert record.bands[0].data_type == "double"
    assert record.properties["system:index"] == NAME
    assert record.properties["mine"] == [1, {"a": None}]
    assert record.properties["system:version"] == 1234


def test_a_product_name_says_what_the_properties_lack_and_no_more(catalog: Catalog, write: Write) -> None:
    record = catalog.add(S1, ASCENDING, [write()])
    assert dict(record.properties) | {"system:footprint": None, "catalog:crc32": None} == {
        "catalog:crc32": None,
        "system:index": NAME, "system:time_start": 1497372643000, "system:footprint": None, "instrumentMode": "IW",
        "platform_number": "A", "orbitNumber_start": 17018, "relativeOrbitNumber_start": 146,
        "orbitProperties_pass": "ASCENDING", "transmitterReceiverPolarisation": ["VV", "VH"], "resolution": "H",
        "resolution_meters": 10,
    }  # fmt: skip


def test_other_pixels_are_told_by_the_properties(catalog: Catalog, write: Write) -> None:
    first = catalog.add(S1, ASCENDING, [write()])
    again = catalog.add(S1, ASCENDING, [write()], overwrite=True)
    other = catalog.add(S1, ASCENDING, [write(values=np.full((2, 30, 40), -9, np.float32))], overwrite=True)
    assert first.properties == again.properties
    assert first.properties["catalog:crc32"] != other.properties["catalog:crc32"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_masked_pixels_become_nan_and_valid_ones_keep_their_bits(catalog: Catalog, write: Write, dtype: str) -> None:
    values = np.random.default_rng(2).normal(-10, 5, (1, 30, 40)).astype(dtype)
    values[0, 0, :5] = -9999
    values[0, 1, :5] = [np.nan, np.inf, -np.inf, -0.0, 1e-40]
    record = catalog.add("x/y", {"system:time_start": 0}, [write("VV.tif", values, descriptions=(), nodata=-9999)])
    got = read(record.bands[0].path)
    assert np.isnan(got[0, :5]).all()
    assert np.isnan(got[1, :3]).all()
    assert np.isfinite(got).sum() == values.size - 8
    valid = np.isfinite(got)
    assert got.dtype == dtype
    assert got[valid].tobytes() == values[0][valid].tobytes()
    assert record.bands[0].nodata != record.bands[0].nodata


def test_integers_keep_their_type_and_their_no_data_value(catalog: Catalog, write: Write) -> None:
    values = np.arange(1200, dtype=np.int16).reshape(1, 30, 40)
    record = catalog.add("x/y", {"system:time_start": 0}, [write("B2.tif", values, descriptions=(), nodata=7)])
    assert (record.bands[0].name, record.bands[0].data_type, record.bands[0].nodata) == ("B2", "int16", 7)
    assert np.array_equal(read(record.bands[0].path), values[0])


def test_each_band_keeps_its_own_grid_even_a_rotated_one(catalog: Catalog, write: Write) -> None:
    turned = Grid("EPSG:32643", (-12649.568506065058, -4004.0974110317184, 445997.78946215136,
                                 2497.228151544463, -20014.136037246324, 3509351.2937052143), 21, 10)  # fmt: skip
    fine = Grid("EPSG:32643", (10.0, 0.0, 300004.4428845317, 0.0, -10.0, 3400006.2252167463), 40, 30)
    record = catalog.add(S1, ASCENDING, [write(grid=fine), write("a.tif", grid=turned, descriptions=("angle",))])
    assert [(band.name, band.grid) for band in record.bands] == [("VV", fine), ("VH", fine), ("angle", turned)]
    for band in record.bands:
        with rasterio.open(band.path) as file:
            assert tuple(file.transform)[:6] == band.grid.transform
    # The coarse angles do not widen the footprint.
    assert Polygon(record.properties["system:footprint"]["coordinates"]).bounds[0] > 72


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    x=st.floats(170_000, 800_000), y=st.floats(1_000_000, 7_000_000), side=st.floats(0.5, 80),
    turn=st.floats(-0.3, 0.3), width=st.integers(1, 50), height=st.integers(1, 50),
)  # fmt: skip
def test_any_grid_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, write: Write,
    x: float, y: float, side: float, turn: float, width: int, height: int,
) -> None:  # fmt: skip
    grid = Grid("EPSG:32733", (side, turn, x, turn / 3, -side, y), width, height)
    catalog = Catalog.create(tmp_path_factory.mktemp("grids"))
    added = catalog.add("x/y", {"system:time_start": 0}, [write(grid=grid, descriptions=("VV",))])
    reread = Catalog.open(catalog.path).get("x/y")
    assert reread == added
    assert added.bands[0].grid == grid


# Names of bands.


def test_band_names_come_from_properties_where_the_raster_has_none(catalog: Catalog, write: Write) -> None:
    path = write(values=np.full((2, 30, 40), -9, np.float32), descriptions=())
    about = {"system:time_start": 0, "system:band_names": ["HH", "HV"]}
    assert [band.name for band in catalog.add("x/a", about, [path]).bands] == ["HH", "HV"]
    with pytest.raises(RasterError, match="names of 2 bands are unknown"):
        catalog.add("x/b", {"system:time_start": 0}, [path])


@pytest.mark.parametrize("name", ["VV.tif", "S1A_scene_33UUP_70_48_VV.tif", "download.VV.tif"])
def test_a_file_of_one_band_names_it(catalog: Catalog, write: Write, name: str) -> None:
    record = catalog.add(
        "x/y", {"system:time_start": 0}, [write(name, np.full((1, 30, 40), -9, np.float32), descriptions=())]
    )
    assert [band.name for band in record.bands] == ["VV"]


def test_bands_without_a_name_of_their_own_are_refused(catalog: Catalog, write: Write) -> None:
    for rasters, names in (
        ([], None),
        ([write("a.tif"), write("b.tif")], None),
        ([write("a.tif")], ["VV", "vv"]),
        ([write("a.tif")], ["VV", "../VH"]),
        ([write("a.tif")], ["VV"]),
    ):
        with pytest.raises(InputError, match="band"):
            catalog.add("x/y", {"system:time_start": 0}, rasters, band_names=names)
    assert files(catalog.path) == {"catalog.json"}


# What must not go in.


@pytest.mark.parametrize(
    "image_id",
    ["../x", "x/../y", "/etc/passwd", "x", "", "x//y", "x/y\0", "x/" + "a" * 300, "x/.hidden", "x/ä", "x/y\n",
     "a/" * 400 + "x", "x\\y/z", "x/y.json", "x/y/", "x/ y"],
)  # fmt: skip
def test_hostile_ids_are_refused(catalog: Catalog, write: Write, image_id: str) -> None:
    with pytest.raises(CatalogError, match="is not an image id"):
        catalog.add(image_id, {"system:time_start": 0}, [write()])
    assert catalog.get(image_id) is None
    assert list(catalog.images(image_id)) == []
    assert files(catalog.path) == {"catalog.json"}


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.97])
def test_a_truncated_raster_is_refused_and_leaves_nothing(catalog: Catalog, write: Write, keep: float) -> None:
    path = write(grid=Grid(GRID.crs, GRID.transform, 700, 700))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(RasterError, match=r"truncated|not a readable GeoTIFF"):
        catalog.add("x/y", {"system:time_start": 0}, [path])
    assert files(catalog.path) == {"catalog.json"}
    assert catalog.get("x/y") is None


def test_what_is_no_georeferenced_geotiff_is_refused(catalog: Catalog, tmp_path: Path, write: Write) -> None:
    text = tmp_path / "text.tif"
    text.write_text("<VRTDataset/>")
    plain = tmp_path / "plain.tif"
    with rasterio.open(
        plain, "w", driver="GTiff", dtype="float32", count=1, width=4, height=4, crs="EPSG:32633"
    ) as file:
        file.write(np.ones((1, 4, 4), np.float32))
    placed = tmp_path / "placed.tif"
    with rasterio.open(
        placed, "w", driver="GTiff", dtype="float32", count=1, width=4, height=4, transform=Affine(1, 0, 5, 0, -1, 5)
    ) as file:
        file.write(np.ones((1, 4, 4), np.float32))
    for path, words in (
        (text, "not a readable GeoTIFF"), (plain, "no transform"), (placed, "no coordinate reference system"),
        (tmp_path / "absent.tif", "does not exist"), (tmp_path / "catalog", "without a GeoTIFF"),
        (write("c.tif", np.ones((1, 30, 40), np.complex64), descriptions=("VV",)), "complex64"),
    ):  # fmt: skip
        with pytest.raises(RasterError, match=words):
            catalog.add("x/y", {"system:time_start": 0}, [path], band_names=["VV"])


def test_a_raster_without_a_valid_pixel_is_refused(catalog: Catalog, write: Write) -> None:
    with pytest.raises(CatalogError, match="no valid pixel"):
        catalog.add("x/y", {"system:time_start": 0}, [write(values=np.full((2, 30, 40), np.nan, np.float32))])


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({}, "orbitProperties_pass"),
        ({"orbitProperties_pass": "UP"}, "ASCENDING or DESCENDING"),
        (ASCENDING | {"system:time_start": "2017"}, "milliseconds"),
        (ASCENDING | {"system:time_start": True}, "milliseconds"),
        (ASCENDING | {"system:time_start": 1e30}, "milliseconds"),
        (ASCENDING | {"system:footprint": {"type": "Point", "coordinates": [1, 2]}}, "LinearRing"),
        (
            ASCENDING | {"system:footprint": {"type": "LinearRing", "coordinates": [[1, 2], [3, 4], [5, 0], [9, 9]]}},
            "closed",
        ),
        (
            ASCENDING | {"system:footprint": {"type": "LinearRing", "coordinates": [[1, 2], [3, 4], [5, 0], [1, 2]]}},
            "another image",
        ),
        (ASCENDING | {"x": float("nan")}, "plain JSON"),
        (ASCENDING | {"x": {1, 2}}, "plain JSON"),
        (ASCENDING | {"x": "y" * 5_000_000}, "bytes"),
        (ASCENDING | {"system:bands": 3}, "system:bands"),
        ({"type": "Image", "bands": [3], "properties": {}}, "bands"),
    ],
)
def test_properties_that_cannot_be_used_are_refused(
    catalog: Catalog, write: Write, about: dict[str, Any], words: str
) -> None:
    with pytest.raises(CatalogError, match=words):
        catalog.add(S1, about, [write()])
    assert files(catalog.path) == {"catalog.json"}


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"relativeOrbitNumber_start": 0}, "'relativeOrbitNumber_start' is 0, not a whole number from 1 to 175"),
        ({"relativeOrbitNumber_start": 176}, "from 1 to 175"),
        ({"orbitNumber_start": "many"}, "'orbitNumber_start' is 'many'"),
        ({"orbitNumber_start": 17020}, "its name says 17018"),
        ({"platform_number": "E"}, "'platform_number' is 'E', not A, B, C or D"),
        ({"platform_number": "S1B"}, "'platform_number' is B, but its name says S1A"),
        ({"instrumentMode": "stripmap"}, "'instrumentMode' is 'STRIPMAP'"),
        ({"resolution_meters": "ten"}, "'resolution_meters' is 'ten', not a number of metres"),
        ({"transmitterReceiverPolarisation": "VV XX"}, "not a list of VV, VH, HH, HV"),
        ({"transmitterReceiverPolarisation": 7}, "not a list of VV, VH, HH, HV"),
        ({"system:time_start": 1497372643}, "before the first Sentinel-1: give milliseconds since 1970"),
        ({"system:time_start": 1497286243000}, "2017-06-12 16:50:43 UTC, but its name"),
    ],
)
@pytest.mark.parametrize("collection", ["COPERNICUS/S1_GRD", "users/me/S1_GRD_FLOAT"])
def test_a_scene_that_could_not_be_matched_is_refused(
    catalog: Catalog, write: Write, about: dict[str, Any], words: str, collection: str
) -> None:
    with pytest.raises(CatalogError, match=words) as caught:
        catalog.add(f"{collection}/{NAME}", ASCENDING | about, [write()])
    assert str(caught.value).startswith(f"{collection}/{NAME}: ")
    assert str(caught.value).endswith(": correct --properties, --bands or --id")
    assert files(catalog.path) == {"catalog.json"}
    # An image of another collection may be what it likes.
    assert catalog.add(f"users/me/mine/{NAME}", ASCENDING | about, [write()]).properties.items() >= about.items()


def test_a_scene_needs_a_band_of_a_polarisation(catalog: Catalog, write: Write) -> None:
    with pytest.raises(CatalogError, match=r"none of its bands \(\['b1', 'b2'\]\) is VV, VH, HH or HV"):
        catalog.add(S1, ASCENDING, [write()], band_names=["b1", "b2"])


def test_spellings_that_mean_one_thing_become_earth_engines(catalog: Catalog, write: Write) -> None:
    about = {
        "orbitProperties_pass": "ascending", "platform_number": "Sentinel-1A", "instrumentMode": "iw",
        "transmitterReceiverPolarisation": "VV VH", "relativeOrbitNumber_start": None, "note": None,
    }  # fmt: skip
    odd = catalog.add(f"{S1}.SAFE", about, [write()])
    assert odd.id == S1
    assert odd.properties == catalog.add(S1, ASCENDING, [write()], overwrite=True).properties
    # Elsewhere a name stays as it is.
    assert catalog.add(f"x/y/{NAME}.SAFE", ASCENDING, [write()]).id == f"x/y/{NAME}.SAFE"


@pytest.mark.parametrize("place", [None, 3, {"type": "Point", "coordinates": [1, 2]}, {"type": "LinearRing"}])
def test_an_item_made_by_others_may_have_no_footprint_and_nulls(catalog: Catalog, write: Write, place: Any) -> None:
    record = catalog.add(S1, ASCENDING, [write()])
    path = catalog.path / S1 / f"{NAME}.json"
    item = json.loads(path.read_text("utf-8"))
    properties = item["properties"]["ee:properties"]
    properties |= {"system:footprint": place, "relativeOrbitNumber_start": None, "mine": [None]}
    path.write_text(json.dumps(item), "utf-8")
    (read,) = Catalog.open(catalog.path).images("COPERNICUS/S1_GRD")
    expected = dict(record.properties) | {"mine": [None]}
    del expected["relativeOrbitNumber_start"]
    assert read.properties == expected


def test_time_is_needed_where_no_name_says_it(catalog: Catalog, write: Write) -> None:
    with pytest.raises(CatalogError, match="system:time_start"):
        catalog.add("x/y", {}, [write()])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "deep|valid JSON"),
        ('{"a":' * 40 + "1" + "}" * 40, "deeper"),
        ("[1]", "one JSON object"),
        ('{"a": 1', "valid JSON"),
        ("", "valid JSON"),
        ('{"a": 1e400}', "1e400 is no finite number"),
        ('{"a": [NaN]}', "NaN is no finite number"),
        ('{"a": ' + "9" * 400 + "}", "a number of 400 digits"),
        ('{"a": "' + "x" * 5_000_000 + '"}', "over the"),
    ],
)
def test_broken_property_files_are_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "properties.json"
    path.write_text(text)
    with pytest.raises(CatalogError, match=words):
        read_properties(path)


def test_an_image_is_replaced_only_when_asked(catalog: Catalog, write: Write) -> None:
    first = catalog.add(S1, ASCENDING, [write()])
    with pytest.raises(CatalogError, match="--overwrite"):
        catalog.add(S1, ASCENDING, [write()])
    other = np.full((1, 30, 40), -3, np.float32)
    second = catalog.add(S1, ASCENDING, [write(values=other, descriptions=("VV",))], overwrite=True)
    assert [band.name for band in second.bands] == ["VV"]
    assert (read(second.bands[0].path) == -3).all()
    assert not first.bands[1].path.exists()
    assert len(list(catalog.images("COPERNICUS/S1_GRD"))) == 1
    assert not list(catalog.path.glob(".incoming-*"))


def test_an_image_cannot_be_a_collection_as_well(catalog: Catalog, write: Write) -> None:
    catalog.add("a/b", {"system:time_start": 0}, [write()])
    for image_id in ("a/b/c", "a/b/c/d"):
        with pytest.raises(CatalogError, match="as well"):
            catalog.add(image_id, {"system:time_start": 0}, [write()])
    catalog.add("a/c/d", {"system:time_start": 0}, [write()])
    with pytest.raises(CatalogError, match="as well"):
        catalog.add("a/c", {"system:time_start": 0}, [write()])


# Whole or not at all.


@pytest.mark.parametrize("step", ["write_band", "footprint", "write_object", "replace", "link"])
@pytest.mark.parametrize("there", [False, True])
def test_an_interrupted_add_leaves_what_was_there(
    catalog: Catalog, write: Write, monkeypatch: pytest.MonkeyPatch, step: str, there: bool
) -> None:
    catalog.add("x/other", {"system:time_start": 0}, [write()])
    if there:
        catalog.add("x/y", {"system:time_start": 0}, [write()])
    before = {image.id: [read(band.path) for band in image.bands] for image in catalog.images("x")}

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if step == "replace":
            calls: list[int] = []
            replace = Path.replace

            def second(self: Path, target: Path) -> Path:
                calls.append(1)
                if len(calls) == 2:
                    raise KeyboardInterrupt
                return replace(self, target)

            patch.setattr(Path, "replace", second)
        elif step == "link":
            patch.setattr(Catalog, "_link", interrupt)
        else:
            patch.setattr(store, step, interrupt)
        path = write(values=np.full((2, 30, 40), -1, np.float32))
        with pytest.raises(KeyboardInterrupt):
            catalog.add("x/y", {"system:time_start": 5}, [path], overwrite=there)

    after = {image.id: [read(band.path) for band in image.bands] for image in Catalog.open(catalog.path).images("x")}
    assert after.keys() == before.keys()
    # Where the item was replaced the image is the new one, whole; else it is the old one, whole.
    for image_id, bands in after.items():
        new = image_id == "x/y" and step == "link"
        expected = [np.full((30, 40), -1, np.float32)] * 2 if new else before[image_id]
        assert all(np.array_equal(got, want) for got, want in zip(bands, expected, strict=True))
    catalog.add("x/y", {"system:time_start": 5}, [write()], overwrite=there)
    assert len(list(catalog.images("x"))) == 2
    assert not list(catalog.path.glob(".*-*"))


def test_a_full_disk_is_one_clear_message(catalog: Catalog, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(documents.os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        catalog.add("x/y", {"system:time_start": 0}, [write()])
    assert catalog.get("x/y") is None
    assert not list(catalog.path.rglob(".writing-*"))


# Reading.


def test_what_was_added_is_a_stac_catalog_that_pystac_reads(catalog: Catalog, write: Write) -> None:
    catalog.add(S1, ASCENDING, [write()])
    catalog.add("users/me/deep/scene", {"system:time_start": 1_000}, [write()])
    root = pystac.Catalog.from_file(str(catalog.path / "catalog.json"))
    found = {item.collection_id: item for item in root.get_items(recursive=True)}
    assert found.keys() == {"COPERNICUS/S1_GRD", "users/me/deep"}
    item = found["COPERNICUS/S1_GRD"]
    assert item.id == NAME
    assert item.get_root() is root
    assert item.datetime is not None
    assert item.datetime.isoformat() == "2017-06-13T16:50:43+00:00"
    asset = item.assets["VV"]
    assert asset.media_type == pystac.MediaType.COG
    with rasterio.open(asset.get_absolute_href()) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.block_shapes == [(512, 512)]
        assert file.shape == tuple(asset.extra_fields["proj:shape"])
    assert Polygon(item.geometry["coordinates"][0]).exterior.is_ccw
    collection = item.get_collection()
    assert collection is not None
    assert collection.extent.temporal.intervals[0][0] == item.datetime
    assert collection.extent.spatial.bboxes[0] == pytest.approx(item.bbox)


def test_extent_of_a_collection_grows_with_its_images(catalog: Catalog, write: Write) -> None:
    east = Grid(GRID.crs, (10.0, 0.0, 484004.25, 0.0, -10.0, 5342407.5), 40, 30)
    catalog.add("x/a", {"system:time_start": 2_000}, [write()])
    catalog.add("x/b", {"system:time_start": 1_000}, [write(grid=east)])
    collection = pystac.Collection.from_file(str(catalog.path / "x" / "collection.json"))
    items = list(collection.get_items())
    boxes = np.array([item.bbox for item in items])
    assert collection.extent.spatial.bboxes[0] == [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]
    assert [moment.timestamp() for moment in collection.extent.temporal.intervals[0] if moment] == [1.0, 2.0]


def test_images_come_sorted_by_index(catalog: Catalog, write: Write) -> None:
    path = write()
    for index in ("b", "a", "C", "a1"):
        catalog.add(f"x/{index}", {"system:time_start": 0}, [path])
    assert [image.index for image in catalog.images("x")] == ["C", "a", "a1", "b"]
    assert catalog.collection_ids() == ("x",)
    assert list(catalog.images("y")) == []


def test_an_open_catalog_sees_what_others_add_and_replace(catalog: Catalog, write: Write) -> None:
    reader = Catalog.open(catalog.path)
    assert reader.get("x/y") is None
    catalog.add("x/y", {"system:time_start": 1}, [write()])
    first = reader.get("x/y")
    assert first is not None
    assert reader.get("x/y") is first
    catalog.add("x/y", {"system:time_start": 2}, [write()], overwrite=True)
    second = reader.get("x/y")
    assert second is not None
    assert second.properties["system:time_start"] == 2
    catalog.remove("x/y")
    assert reader.get("x/y") is None
    assert not (catalog.path / "x" / "y").exists()


def test_a_file_that_was_cut_short_or_removed_is_named(catalog: Catalog, write: Write) -> None:
    record = catalog.add("x/y", {"system:time_start": 0}, [write()])
    record.check()
    path = record.bands[1].path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CatalogError, match=r"VH\.tif has \d+ bytes instead of \d+"):
        record.check()
    path.unlink()
    with pytest.raises(CatalogError, match=r"VH\.tif.*--overwrite"):
        record.check()


@pytest.mark.parametrize("href", ["/etc/passwd", "../../../secret.tif", "http://example.com/a.tif", "/vsicurl/x"])
def test_an_item_cannot_point_outside_the_catalog(catalog: Catalog, write: Write, href: str) -> None:
    catalog.add("x/y", {"system:time_start": 0}, [write()])
    path = catalog.path / "x" / "y" / "y.json"
    item = json.loads(path.read_text())
    item["assets"]["VV"]["href"] = href
    path.write_text(json.dumps(item))
    with pytest.raises(CatalogError, match="outside the catalog"):
        catalog.get("x/y")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("proj:shape", "[1e400, 40]"), ("proj:shape", "[30.5, 40]"), ("proj:shape", "[-30, 40]"),
        ("proj:shape", "[30]"), ("proj:shape", "null"), ("proj:transform", "[1e400, 0, 0, 0, -10, 0]"),
        ("proj:transform", '["a", 0, 0, 0, -10, 0]'), ("nodata", "1e400"), ("file:size", "NaN"),
    ],
)  # fmt: skip
def test_numbers_of_an_item_that_are_none(catalog: Catalog, write: Write, key: str, value: str) -> None:
    catalog.add("x/y", {"system:time_start": 0}, [write()])
    path = catalog.path / "x" / "y" / "y.json"
    item = json.loads(path.read_text())
    item["assets"]["VV"][key] = "HERE"
    path.write_text(json.dumps(item).replace('"HERE"', value))
    with pytest.raises(CatalogError, match=r"y\.json"):
        catalog.get("x/y")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"links": 3}', '{"links": [{}]}'])
def test_a_broken_catalog_is_named(catalog: Catalog, write: Write, text: str) -> None:
    catalog.add("x/y", {"system:time_start": 0}, [write()])
    item = catalog.path / "x" / "y" / "y.json"
    item.write_text(text)
    with pytest.raises(CatalogError, match=r"y\.json"):
        catalog.get("x/y")
    (catalog.path / "x" / "collection.json").write_text(text)
    with pytest.raises(CatalogError, match=r"collection\.json"):
        list(catalog.images("x"))


def test_no_catalog_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="holds no catalog"):
        Catalog.open(tmp_path)


# Footprints.


def test_a_footprint_that_the_raster_covers_is_kept_verbatim(catalog: Catalog, write: Write) -> None:
    west, south, east, north = Polygon(
        catalog.add("x/a", {"system:time_start": 0}, [write()]).properties["system:footprint"]["coordinates"]
    ).bounds
    inner = [[west + (east - west) * u, south + (north - south) * v] for u, v in ((0.3, 0.3), (0.7, 0.3), (0.7, 0.7))]
    given_ring = {"type": "LinearRing", "coordinates": [*inner, inner[0]], "geodesic": True}
    record = catalog.add("x/b", {"system:time_start": 0, "system:footprint": given_ring}, [write()])
    assert record.properties["system:footprint"] == given_ring


def test_a_footprint_is_cut_to_the_raster(catalog: Catalog, write: Write) -> None:
    outline = Polygon(
        catalog.add("x/a", {"system:time_start": 0}, [write()]).properties["system:footprint"]["coordinates"]
    )
    west, south, east, north = outline.bounds
    half = [
        [west - 1, south - 1],
        [(west + east) / 2, south - 1],
        [(west + east) / 2, north + 1],
        [west - 1, north + 1],
    ]
    given_ring = {"type": "Polygon", "coordinates": [[*half, half[0]]]}
    cut = catalog.add("x/b", {"system:time_start": 0, "system:footprint": given_ring}, [write()])
    ring = Polygon(cut.properties["system:footprint"]["coordinates"])
    assert ring.symmetric_difference(outline.intersection(Polygon(half))).area < 1e-11


def test_the_footprint_is_around_valid_pixels(catalog: Catalog, write: Write) -> None:
    values = np.full((1, 30, 40), np.nan, np.float32)
    values[0, 10:20, 5:25] = 1
    record = catalog.add("x/y", {"system:time_start": 0}, [write(values=values, descriptions=("VV",))])
    ring = np.array(record.properties["system:footprint"]["coordinates"])
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4326", GRID.crs, always_xy=True).transform(ring[:, 0], ring[:, 1])
    assert (min(x), max(x)) == pytest.approx((GRID.xy(5, 0)[0], GRID.xy(25, 0)[0]), abs=1e-3)
    assert (min(y), max(y)) == pytest.approx((GRID.xy(0, 20)[1], GRID.xy(0, 10)[1]), abs=1e-3)


def test_a_footprint_across_the_antimeridian_stays_in_one_piece(catalog: Catalog, write: Write) -> None:
    grid = Grid("EPSG:32660", (1_000.0, 0.0, 650_000.0, 0.0, -1_000.0, 5_600_000.0), 150, 100)
    record = catalog.add("x/a", {"system:time_start": 0}, [write(grid=grid)])
    ring = Polygon(record.properties["system:footprint"]["coordinates"])
    assert ring.bounds[0] < 180 < ring.bounds[2]
    assert ring.bounds[2] - ring.bounds[0] < 3
    wrapped = [[(lon + 180) % 360 - 180, lat] for lon, lat in ring.buffer(0.5).exterior.coords]
    again = catalog.add(
        "x/b",
        {"system:time_start": 0, "system:footprint": {"type": "LinearRing", "coordinates": wrapped}},
        [write(grid=grid)],
    )
    assert Polygon(again.properties["system:footprint"]["coordinates"]).symmetric_difference(ring).area < 1e-9


def test_many_images_are_listed(catalog: Catalog, write: Write) -> None:
    catalog.add("x/0000", {"system:time_start": 0}, [write()])
    folder = catalog.path / "x"
    collection = json.loads((folder / "collection.json").read_text())
    for number in range(1, 1_000):
        name = f"{number:04d}"
        shutil.copytree(folder / "0000", folder / name)
        (folder / name / "0000.json").rename(folder / name / f"{name}.json")
        collection["links"].append({"rel": "item", "href": f"./{name}/{name}.json"})
    (folder / "collection.json").write_text(json.dumps(collection))
    reader = Catalog.open(catalog.path)
    assert sum(1 for _ in reader.images("x")) == 1_000
