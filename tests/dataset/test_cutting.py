"""A raster on disk into patches, and the rasters that are refused."""

from __future__ import annotations

import hashlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from gee_s1ben.dataset.atomic import PARTIAL_PREFIX
from gee_s1ben.dataset.cutting import cut_raster
from gee_s1ben.dataset.form import rasterio_bytes
from gee_s1ben.dataset.geotiff import read_patch_tif
from gee_s1ben.dataset.layout import PatchRecord, layout
from gee_s1ben.dataset.plain_bands import can_populate
from gee_s1ben.dataset.raster import open_raster
from gee_s1ben.dataset.validity import FillRule, implausible
from gee_s1ben.dataset.writer import PatchWriter
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S1PatchName
from gee_s1ben.errors import InputError, RasterError

SCENE = "S1A_IW_GRDH_1SDV_20170613T165043"
PX = 24
GRID = Grid("EPSG:32633", (10.0, 0.0, 300000.0, 0.0, -10.0, 5400000.0), 4 * PX + 5, 3 * PX + 7)
CELLS = list(itertools.product(range(3), range(4)))  # (row, column)
BANDS = ("VV", "VH")


def record(col, row, grid=GRID):
    return PatchRecord(
        S1PatchName(SCENE, "33UUP", col, row), grid.window(col * PX, row * PX, PX, PX), SCENE, (SCENE,), "S2A",
        datetime(2017, 6, 13, tzinfo=UTC), "33UUP_20170613T101031", col, row,
    )  # fmt: skip


RECORDS = [record(col, row) for row, col in CELLS]


def backscatter(seed=0, shape=GRID.shape):
    return np.random.default_rng(seed).normal(-12, 4, (2, *shape)).astype(np.float32)


def write_raster(path, array, grid=GRID, names=BANDS, **options):
    profile = {"crs": grid.crs, "transform": rasterio.Affine(*grid.transform), "dtype": array.dtype} | options
    with rasterio.open(
        path, "w", driver="GTiff", width=array.shape[2], height=array.shape[1], count=len(array), **profile
    ) as file:
        if names:
            file.descriptions = names
        file.write(array)
    return path


def cut(path, root, records=RECORDS, **options):
    return cut_raster(path, GRID, BANDS, records, PatchWriter(root, layout("v2")), **options)


STORED = {
    "as gdal does": {},
    "by band": {"interleave": "band"},
    "by band, in strips": {"interleave": "band", "blockysize": 5},
    "tiled and deflated": {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"},
    "by band, big": {"interleave": "band", "BIGTIFF": "YES"},
    "by band, big-endian": {"interleave": "band", "ENDIANNESS": "BIG"},
}


@pytest.fixture(params=["mapped", "read"])
def plain(request, monkeypatch):
    """Pixels that need no decoder: as on a new Linux, and as on systems where a mapping does not tell of failures."""
    if request.param == "mapped" and not can_populate():
        pytest.skip("this system cannot bring mapped pages into memory on request")
    monkeypatch.setattr("gee_s1ben.dataset.plain_bands.can_populate", lambda: request.param == "mapped")


@pytest.mark.parametrize("options", STORED.values(), ids=STORED)
@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.usefixtures("plain")
def test_pixels_of_every_patch(tmp_path, options, workers):
    array = backscatter()
    path = write_raster(tmp_path / "raster.tif", array, **options)
    report = cut(path, tmp_path / "out", workers=workers)
    assert [str(one.name) for one in report.written] == [str(one.name) for one in RECORDS]
    assert (report.absent, report.filled) == ([], {})
    assert len(report.files) == 2 * len(RECORDS)
    for name, digest in report.files:
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    for one in RECORDS:
        rows, cols = slice(one.row * PX, (one.row + 1) * PX), slice(one.col * PX, (one.col + 1) * PX)
        for pixels, band in zip(array, BANDS, strict=True):
            found, grid = read_patch_tif(
                tmp_path / "out/BigEarthNet-S1" / SCENE / str(one.name) / f"{one.name}_{band}.tif"
            )
            np.testing.assert_array_equal(found, pixels[rows, cols])
            assert grid == one.grid


@pytest.mark.usefixtures("plain")
def test_plain_rasters_are_read_without_a_decoder(tmp_path, monkeypatch):
    """Also when the directory stands at the end of the file, as it does when descriptions come last."""
    path = write_raster(tmp_path / "raster.tif", backscatter(), names=None, interleave="band")
    with rasterio.open(path, "r+") as file:
        file.descriptions = BANDS
    with open_raster(path, GRID, BANDS) as raster:
        monkeypatch.setattr(raster._file, "read", None, raising=False)
        np.testing.assert_array_equal(raster.block(3, 2, 5, 9)["VH"], backscatter()[1, 3:8, 2:11])


def test_patches_in_any_order_and_number(tmp_path):
    path = write_raster(tmp_path / "raster.tif", backscatter())
    some = [RECORDS[7], RECORDS[2], RECORDS[3]]
    assert [one.name for one in cut(path, tmp_path / "out", some, workers=2).written] == [
        RECORDS[2].name, RECORDS[3].name, RECORDS[7].name,
    ]  # fmt: skip
    assert cut(path, tmp_path / "none", []).files == []
    assert cut(path, tmp_path / "sums", checksums=False).files[0][1] == ""


def _cut_by_hand(bands, one, px):
    rows, cols = slice(one.row * px, (one.row + 1) * px), slice(one.col * px, (one.col + 1) * px)
    return {band: np.ascontiguousarray(pixels[rows, cols]) for band, pixels in bands.items()}


@settings(max_examples=40)
@given(
    places=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 2)), min_size=1, max_size=70, unique=True),
    px=st.sampled_from([7, 16, 120]),
    order=st.sampled_from("CF"),
    odd=st.sampled_from([0.0, -0.0, 3.5, -1000.0, 1000.0]),
    seed=st.integers(0, 9),
)
def test_any_patches_of_an_array_are_what_rasterio_writes(tmp_path_factory, places, px, order, odd, seed):
    """Runs of neighbours of any length and in any order, with pixels that GDAL or the check treat apart."""
    root = tmp_path_factory.mktemp("out")
    grid = Grid(GRID.crs, GRID.transform, 40 * px + 3, 3 * px + 1)
    array = np.asarray(backscatter(seed, grid.shape), order=order)
    where = np.random.default_rng(seed).random(grid.shape) < 1 / px**2
    array[:, where] = odd
    array[1, :px, : 2 * px] = odd  # whole strips of it, and a patch
    bands = dict(zip(BANDS, array, strict=True))
    records = [replace(record(col, row), grid=grid.window(col * px, row * px, px, px)) for col, row in places]
    with PatchWriter(root, layout("v2")).batch() as batch:
        report = batch.cut(records, bands, grid)
    refused = {one.name for one, _ in report.absent}
    cuts = {one.name: _cut_by_hand(bands, one, px) for one in records}
    assert refused == {name for name, pixels in cuts.items() if implausible(pixels)}
    assert report.written == [one for one in records if one.name not in refused]
    with PatchWriter(root, layout("v2")).batch() as batch:  # which asks nothing of the numbers
        for one in records:
            if one.name in refused:
                batch.add(one, cuts[one.name])
    for one in records:
        rows, cols = slice(one.row * px, (one.row + 1) * px), slice(one.col * px, (one.col + 1) * px)
        for band, pixels in bands.items():
            file = root / "BigEarthNet-S1" / SCENE / str(one.name) / f"{one.name}_{band}.tif"
            assert file.read_bytes() == rasterio_bytes(np.ascontiguousarray(pixels[rows, cols]), one.grid)


# What is refused, with what exists left whole.

SHIFTED = Grid(GRID.crs, (10.0, 0.0, 300000.5, 0.0, -10.0, 5400000.0), GRID.width, GRID.height)
SCALED = Grid(GRID.crs, (10.0001, 0.0, 300000.0, 0.0, -10.0, 5400000.0), GRID.width, GRID.height)
TURNED = Grid(GRID.crs, (10.0, 0.001, 300000.0, 0.0, -10.0, 5400000.0), GRID.width, GRID.height)
ZONE = Grid("EPSG:32632", GRID.transform, GRID.width, GRID.height)
SKIRT = (GRID.height + 1, GRID.width + 1)
REFUSED = {
    "half a metre off": ({"grid": SHIFTED}, r"0\.05 columns and 0 rows off"),
    "another scale": ({"grid": SCALED}, "columns"),
    "turned": ({"grid": TURNED}, "columns"),
    "another zone": ({"grid": ZONE}, "CRS EPSG:32632, where EPSG:32633"),
    "no CRS": ({"crs": None}, "CRS none"),
    "doubles": ({"array": backscatter().astype(np.float64)}, "float64, where float32"),
    "one band": ({"array": backscatter()[:1], "names": ("VV",)}, "1 band,"),
    "bands swapped": ({"names": ("VH", "VV")}, "named VH, VV, not VV, VH in this order"),
    "bands without names": ({"names": None}, "named None, None"),
    "a skirt of a pixel": ({"array": backscatter(shape=SKIRT)}, "by scale instead of by grid"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "reason"), REFUSED.values(), ids=REFUSED)
def test_rasters_that_are_not_the_one_wanted(tmp_path, changes, reason):
    path = write_raster(**{"path": tmp_path / "raster.tif", "array": backscatter()} | changes)
    refused(tmp_path, path, reason)


def refused(tmp_path, path, reason, **options):
    """Refuse with one line that names the file, and leave what stood there as it was."""
    out = tmp_path / "out"
    good = write_raster(tmp_path / "good.tif", backscatter(9))
    cut(good, out, RECORDS[:4])
    before = {file: file.read_bytes() for file in out.rglob("*.tif")}
    with pytest.raises(RasterError, match=reason) as caught:
        cut(path, out, **options)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value) or "33UUP" in str(caught.value)
    assert {file: file.read_bytes() for file in out.rglob("*.tif")} == before
    assert not list(out.glob(PARTIAL_PREFIX + "*"))


@pytest.mark.parametrize("options", STORED.values(), ids=STORED)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_truncated_rasters(tmp_path, options, share):
    path = write_raster(tmp_path / "raster.tif", backscatter(), **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refused(tmp_path, path, "truncated|unreadable|bands|off the wanted grid")


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("length", [5000, 4096, 3000])
def test_a_raster_that_is_cut_short_while_it_is_read(tmp_path, length):
    """Also in the middle of a page, of which a mapping would show the rest as zeros."""
    path = write_raster(tmp_path / "raster.tif", backscatter(), interleave="band")
    with open_raster(path, GRID, BANDS) as raster:
        raster.block(0, 0, 5, 9)
        with path.open("r+b") as file:
            file.truncate(length)
        with pytest.raises(RasterError, match="truncated"):
            raster.block(5, 0, 5, 9)


def test_a_raster_that_is_shared_by_threads(tmp_path):
    """GDAL's datasets are not made for that; blocks must come whole all the same."""
    array = backscatter()
    path = write_raster(tmp_path / "raster.tif", array, tiled=True, blockxsize=16, blockysize=16, compress="deflate")
    with open_raster(path, GRID, BANDS) as raster, ThreadPoolExecutor(8) as pool:
        for row, found in enumerate(pool.map(lambda row: raster.block(row, 3, 2, 90), range(GRID.height - 1))):
            np.testing.assert_array_equal(found["VH"], array[1, row : row + 2, 3:93])


@pytest.mark.parametrize("options", STORED.values(), ids=STORED)
def test_a_flipped_bit_against_the_checksum(tmp_path, options):
    path = write_raster(tmp_path / "raster.tif", backscatter(), **options)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    cut(path, tmp_path / "fine", sha256=digest)
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 4
    path.write_bytes(data)
    refused(tmp_path, path, "SHA-256", sha256=digest)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_number_that_no_radar_measures(tmp_path, workers):
    """What a flipped bit of an exponent gives; there is no telling what else is wrong, so nothing of it is taken."""
    array = backscatter()
    array[1, 30, 30] = 3e30
    path = write_raster(tmp_path / "raster.tif", array)
    refused(tmp_path, path, r"33UUP_1_1: .*3e\+30 dB", workers=workers)


def test_what_is_no_raster(tmp_path):
    refused(tmp_path, tmp_path / "nowhere.tif", "nowhere")
    (tmp_path / "text.tif").write_text("hello")
    refused(tmp_path, tmp_path / "text.tif", "text")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (record(0, 0, SHIFTED), "columns"),
        (record(0, 0, ZONE), "another CRS or pixel"),
        (record(0, 0, SCALED), "another CRS or pixel"),
        (record(4, 0), "outside"),
        (record(0, 3), "outside"),
    ],
)
def test_patches_that_are_not_in_the_raster(tmp_path, wrong, reason):
    path = write_raster(tmp_path / "raster.tif", backscatter())
    with pytest.raises(RasterError, match=reason):
        cut(path, tmp_path / "out", [RECORDS[0], wrong])
    assert list((tmp_path / "out").iterdir()) == []


def test_a_patch_that_comes_twice(tmp_path):
    path = write_raster(tmp_path / "raster.tif", backscatter())
    with pytest.raises(InputError, match="33UUP_0_0 comes twice"):
        cut(path, tmp_path / "out", [RECORDS[0], RECORDS[0]])
    assert list((tmp_path / "out").iterdir()) == []


# Pixels without data.


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -9999, -32768, -3.4e38])
def test_patches_without_data_are_absent_with_a_reason(tmp_path, value):
    array = backscatter()
    array[0, 0, 0] = array[1, 0, 1] = array[1, PX, 2 * PX] = value
    report = cut(write_raster(tmp_path / "raster.tif", array), tmp_path / "out")
    assert [(one.col, one.row, reason) for one, reason in report.absent] == [
        (0, 0, "2 of 576 pixels have no data"),
        (2, 1, "1 of 576 pixels has no data"),
    ]
    assert len(report.written) == len(RECORDS) - 2
    assert not list((tmp_path / "out").rglob("*33UUP_0_0*"))


@pytest.mark.parametrize("rule", ["nearest", -25.0])
def test_patches_are_filled_by_the_rule(tmp_path, rule):
    array = backscatter()
    array[0, 3:6, 2:9] = np.nan
    array[1, PX : 2 * PX, : PX // 2 + 1] = -9999  # a little more than half
    report = cut(write_raster(tmp_path / "raster.tif", array), tmp_path / "out", fill=FillRule.parse(rule))
    assert [(one.col, one.row) for one, _ in report.absent] == [(0, 1)]
    assert report.filled == {f"{SCENE}_33UUP_0_0": 21}
    found, _ = read_patch_tif(tmp_path / f"out/BigEarthNet-S1/{SCENE}/{SCENE}_33UUP_0_0/{SCENE}_33UUP_0_0_VV.tif")
    given = array[0, :PX, :PX]
    for row, col in np.ndindex(PX, PX):
        if np.isfinite(given[row, col]):
            assert found[row, col] == given[row, col]
        elif rule == "nearest":
            away = np.hypot(np.arange(PX)[:, None] - row, np.arange(PX) - col)
            nearest = away[np.isfinite(given)].min()
            assert found[row, col] in given[np.isfinite(given) & (away == nearest)]
        else:
            assert found[row, col] == -25
    other, _ = read_patch_tif(tmp_path / f"out/BigEarthNet-S1/{SCENE}/{SCENE}_33UUP_0_0/{SCENE}_33UUP_0_0_VH.tif")
    np.testing.assert_array_equal(other, array[1, :PX, :PX])


@pytest.mark.parametrize("rule", ["mean", "", "1e9", "nan", None])
def test_no_fill_rule(rule):
    with pytest.raises((InputError, TypeError)):
        FillRule.parse(rule)
