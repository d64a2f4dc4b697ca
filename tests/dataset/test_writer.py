from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio

from gee_s1ben.dataset.atomic import PARTIAL_PREFIX
from gee_s1ben.dataset.geotiff import encode_patch_tif, read_patch_tif, same_grid, write_patch_tif
from gee_s1ben.dataset.layout import PatchRecord, layout, metadata_json
from gee_s1ben.dataset.writer import PatchWriter
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.domain.tile import tile_grid
from gee_s1ben.errors import InputError, NamingError, RasterError, StorageError

SCENE = "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC"
# Beside the published patch of this name, in the examples that bigearthnet-common 2.8.0 (MIT) carries.
PUBLISHED_JSON = (
    '{"labels": ["Non-irrigated arable land", "Land principally occupied by agriculture, with significant areas of '
    'natural vegetation"], "coordinates": {"ulx": 404400, "uly": 5342400, "lrx": 405600, "lly": 5341200}, '
    '"projection": "PROJCS[\\"WGS 84 / UTM zone 33N\\",GEOGCS[\\"WGS 84\\",DATUM[\\"WGS_1984\\",SPHEROID[\\"WGS 84\\",'
    '6378137,298.257223563,AUTHORITY[\\"EPSG\\",\\"7030\\"]],AUTHORITY[\\"EPSG\\",\\"6326\\"]],PRIMEM[\\"Greenwich\\",0,'
    'AUTHORITY[\\"EPSG\\",\\"8901\\"]],UNIT[\\"degree\\",0.0174532925199433,AUTHORITY[\\"EPSG\\",\\"9122\\"]],'
    'AXIS[\\"Latitude\\",NORTH],AXIS[\\"Longitude\\",EAST],AUTHORITY[\\"EPSG\\",\\"4326\\"]],'
    'PROJECTION[\\"Transverse_Mercator\\"],PARAMETER[\\"latitude_of_origin\\",0],PARAMETER[\\"central_meridian\\",15],'
    'PARAMETER[\\"scale_factor\\",0.9996],PARAMETER[\\"false_easting\\",500000],PARAMETER[\\"false_northing\\",0],'
    'UNIT[\\"metre\\",1,AUTHORITY[\\"EPSG\\",\\"9001\\"]],AXIS[\\"Easting\\",EAST],AXIS[\\"Northing\\",NORTH],'
    'AUTHORITY[\\"EPSG\\",\\"32633\\"]]", "corresponding_s2_patch": "S2A_MSIL2A_20170613T101031_87_48", '
    '"scene_source": "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC", '
    '"acquisition_time": "2017-06-13T16:50:43"}'
)


def record(col=87, row=48, **changes):
    made = PatchRecord(
        name=S1PatchName("S1A_IW_GRDH_1SDV_20170613T165043", "33UUP", col, row),
        grid=tile_grid("33UUP").window(120 * col, 120 * row, 120, 120),
        scene=SCENE,
        scenes=(SCENE,),
        s2_patch=f"S2A_MSIL2A_20170613T101031_{col}_{row}",
        acquired=datetime(2017, 6, 13, 16, 50, 43, tzinfo=UTC),
        target_key="33UUP_20170613T101031",
        col=col,
        row=row,
    )
    return dataclasses.replace(made, **changes)


def bands(seed=0, shape=(120, 120)):
    random = np.random.default_rng(seed)
    return {name: random.normal(-12, 4, shape).astype(np.float32) for name in ("VV", "VH")}


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.shared_data
def test_the_published_patch_is_reproduced(shared_data, tmp_path):
    published = shared_data / "bigearthnet"
    files = sorted(path.relative_to(published) for path in (published / "BigEarthNet-S1").rglob("*.tif"))
    pixels = {}
    for path in files:
        with rasterio.open(published / path) as file:
            pixels[path.stem[-2:]] = file.read(1)
    written = PatchWriter(tmp_path, layout("v2")).write(record(70, 48), pixels)
    assert [Path(path) for path, _ in written] == files
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.tif")) == files
    for path in files:
        with rasterio.open(published / path) as theirs, rasterio.open(tmp_path / path) as ours:
            assert ours.profile == theirs.profile  # driver, dtype, nodata, size, count, CRS, transform, strips
            assert ours.crs.to_wkt() == theirs.crs.to_wkt()
            assert ours.tags() == theirs.tags() == {"AREA_OR_POINT": "Area"}
            assert ours.tags(1) == theirs.tags(1) == {}
            assert ours.descriptions == theirs.descriptions
            np.testing.assert_array_equal(ours.read(1), theirs.read(1))


def test_the_published_json_is_reproduced(tmp_path):
    labels = (
        "Non-irrigated arable land",
        "Land principally occupied by agriculture, with significant areas of natural vegetation",
    )
    assert metadata_json(record(labels=labels)) == PUBLISHED_JSON
    written = PatchWriter(tmp_path, layout("v1")).write(record(), bands())
    name = "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_87_48"
    folder = f"BigEarthNet-S1-v1.0/{name}"
    assert [path for path, _ in written] == [
        f"{folder}/{name}_VH.tif",
        f"{folder}/{name}_VV.tif",
        f"{folder}/{name}_labels_metadata.json",
    ]
    text = (tmp_path / folder / f"{name}_labels_metadata.json").read_bytes().decode()
    assert text == '{"labels": []' + PUBLISHED_JSON[PUBLISHED_JSON.index(', "coordinates"') :]


def test_json_of_a_grid_off_the_metre():
    grid = Grid("EPSG:32733", (10.0, 0.0, 158264.5, 0.0, -10.0, 3560206.25), 120, 120)
    text = metadata_json(record(grid=grid))
    assert '"coordinates": {"ulx": 158264.5, "uly": 3560206.25, "lrx": 159464.5, "lly": 3559006.25}' in text
    assert "UTM zone 33S" in text


def test_checksums_and_pixels(tmp_path):
    given = bands()
    written = PatchWriter(tmp_path, layout("v2")).write(record(), given)
    assert len(written) == 2
    for path, digest in written:
        assert hashlib.sha256((tmp_path / path).read_bytes()).hexdigest() == digest
        array, grid = read_patch_tif(tmp_path / path)
        np.testing.assert_array_equal(array, given[path[-6:-4]])
        assert same_grid(grid, record().grid)
        assert grid == record().grid


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_same_input_gives_same_bytes(tmp_path, version):
    trees = []
    for run in ("a", "b"):
        writer = PatchWriter(tmp_path / run, layout(version))
        order = [(0, 0), (1, 0), (0, 1)]
        for col, row in order if run == "a" else reversed(order):
            given = bands(col + 2 * row)
            writer.write(record(col, row), given if run == "a" else dict(reversed(given.items())))
        writer.flush()
        trees.append(tree(tmp_path / run))
    assert trees[0] == trees[1]
    assert len(trees[0]) == 3 * (3 if version == "v1" else 2)


def test_writing_again_replaces(tmp_path):
    writer = PatchWriter(tmp_path, layout("v2"))
    first = writer.write(record(), bands(1))
    assert writer.write(record(), bands(1)) == first
    (only,) = writer.write(record(), {"VV": bands(2)["VV"]})
    assert only[1] not in dict(first).values()
    assert list(tree(tmp_path)) == [only[0]]
    assert not list(tmp_path.glob(PARTIAL_PREFIX + "*"))


def test_remove(tmp_path):
    writer = PatchWriter(tmp_path, layout("v2"))
    writer.write(record(), bands())
    assert writer.remove(record().name)
    assert not writer.remove(record().name)
    assert tree(tmp_path) == {}


def poisoned(value):
    given = bands()
    given["VH"][119, 119] = value
    return given


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (poisoned(np.nan), "NaN"),
        (poisoned(np.inf), "infinite"),
        (poisoned(-np.inf), "infinite"),
        (poisoned(-9999), "must have data"),
        (bands(shape=(120, 121)), "120×120"),
        (bands(shape=(1, 120, 120)), "120×120"),
        ({"VV": bands()["VV"].astype(np.float64)}, "float64"),
    ],
)
def test_pixels_that_may_not_be_written(tmp_path, given, reason):
    with pytest.raises(RasterError, match=reason) as caught:
        PatchWriter(tmp_path, layout("v2")).write(record(), given)
    assert "33UUP_87_48, V" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [{}, {"../VV": bands()["VV"]}, {"angle": bands()["VV"]}])
def test_bands_that_are_no_polarisations(tmp_path, given):
    with pytest.raises(InputError):
        PatchWriter(tmp_path, layout("v2")).write(record(), given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scene": "../x"}, NamingError),
        ({"scenes": ("other",)}, InputError),
        ({"acquired": datetime(2017, 6, 13)}, InputError),
        ({"col": 3}, InputError),
    ],
)
def test_records_check_themselves(changes, error):
    with pytest.raises(error):
        dataclasses.replace(record(), **changes)


def test_unknown_layout_and_crs(tmp_path):
    with pytest.raises(InputError, match="v1 and v2"):
        layout("v3")
    grid = Grid("EPSG:1", (10.0, 0.0, 0.0, 0.0, -10.0, 0.0), 120, 120)
    with pytest.raises(RasterError, match="unknown coordinate reference system"):
        encode_patch_tif(bands()["VV"], grid)
    with pytest.raises(InputError, match="no WKT1"):
        metadata_json(record(grid=grid))


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only")])
def test_a_disk_that_fails_leaves_the_patch_absent_or_as_it_was(tmp_path, monkeypatch, number, words):
    writer = PatchWriter(tmp_path, layout("v1"))
    writer.write(record(0, 0), bands(1))
    before = tree(tmp_path)
    real = os.write
    calls = []

    def fail_on_the_second(descriptor, data):
        """Take half of a file, as a disk does that is filling up, and refuse the rest."""
        calls.append(len(data))
        if len(calls) == 2:
            return real(descriptor, data[: len(data) // 2])
        if len(calls) == 3:
            raise OSError(number, os.strerror(number))
        return real(descriptor, data)

    for place in [(0, 0), (1, 0)]:
        calls.clear()
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", fail_on_the_second)
            with pytest.raises(StorageError, match=words):
                writer.write(record(*place), bands(2))
        assert len(calls) == 3
        assert tree(tmp_path) == before
        assert not list(tmp_path.glob(PARTIAL_PREFIX + "*"))


def test_a_disk_that_takes_files_in_parts(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:1000]))
    written = PatchWriter(tmp_path, layout("v1")).write(record(), bands())
    for path, digest in written:
        assert hashlib.sha256((tmp_path / path).read_bytes()).hexdigest() == digest


def test_a_root_that_is_a_file(tmp_path):
    (tmp_path / "root").write_text("")
    with pytest.raises(StorageError, match="a file stands where"):
        PatchWriter(tmp_path / "root", layout("v2"))
    with pytest.raises(StorageError, match="a file stands where"):
        write_patch_tif(tmp_path / "root" / "x.tif", bands()["VV"], record().grid)
