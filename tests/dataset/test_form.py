"""Patch files against rasterio's, byte for byte, and read back by whoever reads GeoTIFF."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gee_s1ben.dataset.form import form_of_file, form_of_grid, rasterio_bytes
from gee_s1ben.dataset.geotiff import encode_patch_tif, read_patch_tif, same_grid
from gee_s1ben.dataset.patch_reader import PatchReader
from gee_s1ben.domain.grid import Grid
from gee_s1ben.errors import RasterError

UTM = Grid("EPSG:32633", (10.0, 0.0, 404400.0, 0.0, -10.0, 5342400.0), 120, 120)
WKT = 'LOCAL_CS["a local one",UNIT["metre",1]]'


def pixels(shape, seed=0):
    return np.random.default_rng(seed).normal(-12, 4, shape).astype(np.float32)


def by_rasterio(path, array, grid):
    """What a user of rasterio writes, on disk and not in memory."""
    with rasterio.open(
        path, "w", driver="GTiff", width=grid.width, height=grid.height, count=1, dtype="float32",
        crs=grid.crs, transform=rasterio.Affine(*grid.transform),
    ) as file:  # fmt: skip
        file.write(array, 1)
    return path.read_bytes()


coordinates = st.one_of(
    st.integers(-100, 10_000_000).map(float), st.floats(-1e7, 1e7, allow_nan=False), st.sampled_from([0.0, -0.0])
)
scales = st.one_of(st.sampled_from([1.0, 10.0, 20.0, 60.0]), st.floats(1e-5, 1e4))
grids = st.builds(
    lambda crs, x, y, a, e, shear, width, height: Grid(crs, (a, shear, x, 0.0, e, y), width, height),
    st.sampled_from(["EPSG:32601", "EPSG:32633", "EPSG:32760", "EPSG:4326", "EPSG:3035", WKT]),
    coordinates, coordinates, scales, st.one_of(scales.map(lambda e: -e), scales),
    st.sampled_from([0.0, 0.0, 0.0, 0.5]), st.integers(1, 130), st.integers(1, 130),
)  # fmt: skip
values = st.sampled_from(["noise", "zero", "zero row", "zero strip", "zero first", "negative zero", "extreme"])


def array_of(kind, shape):
    array = pixels(shape)
    match kind:
        case "zero":
            array[:] = 0
        case "zero row":
            array[shape[0] // 2] = 0
        case "zero strip":
            array[: min(17, shape[0])] = 0
        case "zero first":
            array[:, 0] = 0
        case "negative zero":
            array[-1] = -0.0
        case "extreme":
            array.flat[0], array.flat[-1] = 999.9, -999.9
    return array


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grids, values)
@example(UTM, "noise")
@example(UTM, "zero")
@example(UTM, "zero strip")
@example(Grid(WKT, (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), 16, 16), "noise")
@example(Grid("EPSG:32633", (1.0, 0.0, 5.0, 0.0, -1.0, 5.0), 16, 16), "noise")
@example(Grid("EPSG:32633", (10.0, 0.0, 5.0, 0.0, 10.0, 5.0), 16, 16), "noise")
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_the_bytes_are_rasterios(tmp_path, grid, kind):
    array = array_of(kind, grid.shape)
    data = encode_patch_tif(array, grid)
    assert data == by_rasterio(tmp_path / "a.tif", array, grid)


def test_a_patch_of_bigearthnet_goes_by_its_form():
    """The shortcut is in fact taken, for every UTM zone, and is as long as the reference says."""
    for epsg in (*range(32601, 32661), *range(32701, 32761)):
        form = form_of_grid(Grid(f"EPSG:{epsg}", UTM.transform, 120, 120))
        assert form is not None
        assert form.size == 58008 - (epsg % 100 < 10)  # the name of the zone is a letter shorter


@pytest.mark.parametrize(
    "transform", [(10.0, 0.5, 0.0, 0.0, -10.0, 0.0), (10.0, 0.0, 0.0, 0.0, 10.0, 0.0), (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)]
)
def test_grids_without_a_form(transform):
    assert form_of_grid(Grid("EPSG:32633", transform, 120, 120)) is None


# Readers that share no code with the writer.


@pytest.fixture
def written(tmp_path):
    array = pixels(UTM.shape)
    path = tmp_path / "S1A_VV.tif"
    path.write_bytes(encode_patch_tif(array, UTM))
    return path, array


def test_read_by_rasterio(written):
    path, array = written
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), array)
        assert (file.crs.to_epsg(), tuple(file.transform)[:6]) == (32633, UTM.transform)
        assert (file.nodata, file.dtypes, file.count) == (None, ("float32",), 1)
        assert file.tags() == {"AREA_OR_POINT": "Area"}


@pytest.mark.skipif(importlib.util.find_spec("tifffile") is None, reason="tifffile is not installed")
def test_read_by_tifffile(written):
    import tifffile

    path, array = written
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        np.testing.assert_array_equal(page.asarray(), array)
        assert page.tags["ModelTiepointTag"].value == (0, 0, 0, 404400, 5342400, 0)
        assert page.tags["ModelPixelScaleTag"].value == (10, 10, 0)
        assert page.geotiff_tags["ProjectedCSTypeGeoKey"] == 32633


@pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="GDAL's programs are not installed")
def test_read_by_gdal(written):
    path, array = written
    said = subprocess.run(["gdalinfo", "-stats", str(path)], check=True, capture_output=True, text=True).stdout
    assert "Origin = (404400.000000000000000,5342400.000000000000000)" in said
    assert f"STATISTICS_MEAN={array.mean(dtype=np.float64):.5g}"[:22] in said


# The fast reader against rasterio.


def test_known_forms_are_read_without_a_decoder(tmp_path, monkeypatch):
    reader = PatchReader()
    grids = [UTM.window(120 * col, 0, 120, 120) for col in range(4)]
    for place, grid in enumerate(grids):
        (tmp_path / f"{place}.tif").write_bytes(encode_patch_tif(pixels(grid.shape, place), grid))
    calls = []
    monkeypatch.setattr(
        "gee_s1ben.dataset.patch_reader.read_patch_tif",
        lambda path, most_px: calls.append(path) or read_patch_tif(path, most_px),
    )
    for place, grid in enumerate(grids):
        array, found = reader.read(tmp_path / f"{place}.tif")
        np.testing.assert_array_equal(array, pixels(grid.shape, place))
        assert found == grid
        assert reader.grid(tmp_path / f"{place}.tif") == grid
        assert reader.array(tmp_path / f"{place}.tif").flags.writeable
    assert len(calls) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_file_is_read_as_rasterio_reads_it(tmp_path, data):
    """Forms, strips of other heights, compressions, a nodata tag, more bands, cuts and changed bytes, in any order."""
    reader = PatchReader()
    path = tmp_path / "a.tif"
    for _ in range(data.draw(st.integers(1, 6))):
        grid = data.draw(st.sampled_from([UTM, UTM.window(7, 3, 50, 60), Grid("EPSG:32702", UTM.transform, 120, 120)]))
        options = data.draw(
            st.sampled_from([{}, {"blockysize": 17}, {"compress": "deflate"}, {"nodata": -9999.0}, {"tiled": True}])
        )
        path.unlink(missing_ok=True)  # rasterio would try to open what stands there
        with rasterio.open(
            path, "w", driver="GTiff", width=grid.width, height=grid.height, count=1, dtype="float32",
            crs=grid.crs, transform=rasterio.Affine(*grid.transform), **options,
        ) as file:  # fmt: skip
            file.write(pixels(grid.shape), 1)
        content = bytearray(path.read_bytes())
        match data.draw(st.sampled_from(["as it is", "as it is", "cut", "longer", "changed"])):
            case "cut":
                del content[data.draw(st.integers(0, len(content) - 1)) :]
            case "longer":
                content += b"x"
            case "changed":
                content[data.draw(st.integers(0, 407))] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
        try:
            wanted, wanted_grid = read_patch_tif(path)
        except RasterError:
            with pytest.raises(RasterError):
                reader.read(path)
            continue
        array, found = reader.read(path)
        np.testing.assert_array_equal(array, wanted)
        assert same_grid(found, wanted_grid)


def test_no_file(tmp_path):
    for read in (PatchReader().read, PatchReader().array, PatchReader().grid):
        with pytest.raises(RasterError, match="No such file"):
            read(tmp_path / "nowhere.tif")


@pytest.mark.shared_data
def test_published_patches_have_a_form(shared_data):
    """Also read at a fixed offset, although their strips are others than ours."""
    files = sorted((shared_data / "bigearthnet" / "BigEarthNet-S1").rglob("*.tif"))
    assert files
    for path in files:
        array, grid = read_patch_tif(path)
        form = form_of_file(path.read_bytes(), grid)
        assert form is not None
        assert form.size == 58024
        np.testing.assert_array_equal(form.pixels(path.read_bytes()), array)
        assert encode_patch_tif(array, grid) == rasterio_bytes(array, grid)
