"""What the numbers of a raster mean when it is added: scale and offset, masks, numbers for no data, units."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

from gee_s1ben.engine.catalog import Catalog, ImageRecord
from gee_s1ben.engine.sources import StoredSource
from gee_s1ben.engine.stored import load_image
from gee_s1ben.errors import CatalogError, EngineError, RasterError

NAME = "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C579_7EEC"
DECIBEL, LINEAR, OTHER = (f"{name}/{NAME}" for name in ("COPERNICUS/S1_GRD", "COPERNICUS/S1_GRD_FLOAT", "x/y"))
SIDE = 40
Array = npt.NDArray[Any]


def decibels(seed: int = 0, mean: float = -10.5) -> Array:
    """Speckle of 4.4 looks."""
    return mean + 10 * np.log10(np.random.default_rng(seed).gamma(4.4, 1 / 4.4, (SIDE, SIDE)))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(
        vv: Array, vh: Array | None = None, name: str = "s.tif", alpha: Array | None = None, mask: Array | None = None,
        scales: tuple[float, ...] = (), offsets: tuple[float, ...] = (), **profile: Any,
    ) -> Path:  # fmt: skip
        bands = [band for band in (vv, vh, alpha) if band is not None]
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"), rasterio.open(
            tmp_path / name, "w", driver="GTiff", width=SIDE, height=SIDE, count=len(bands), dtype=vv.dtype,
            crs="EPSG:32633", transform=Affine(10, 0, 348_000, 0, -10, 5_352_000), **profile,
        ) as file:  # fmt: skip
            if alpha is not None:
                file.colorinterp = (ColorInterp.gray, ColorInterp.undefined, ColorInterp.alpha)
            file.write(np.array(bands, vv.dtype))
            file.descriptions = ("VV", "VH", None)[: len(bands)] if vh is not None else ("VV",)
            if mask is not None:
                file.write_mask(mask)
            if scales:
                file.scales = scales
            if offsets:
                file.offsets = offsets
        return tmp_path / name

    return make


@pytest.fixture
def add(tmp_path: Path) -> Callable[..., dict[str, Array]]:
    def adding(path: Path, image_id: str = DECIBEL, **said: Any) -> dict[str, Array]:
        catalog = Catalog.create(tmp_path / "catalog")
        record = catalog.add(image_id, {"orbitProperties_pass": "ASCENDING"}, [path], overwrite=True, **said)
        return {band.name: rasterio.open(band.path).read(1) for band in record.bands}

    return adding


# Scale and offset.


def test_scale_and_offset_of_each_band_are_applied(write, add) -> None:
    vv, vh = decibels(1), decibels(2, -17)
    stored = np.round(vv / 0.01).astype(np.int16), np.round((vh + 20) / 0.005).astype(np.int16)
    got = add(write(*stored, scales=(0.01, 0.005), offsets=(0.0, -20.0), nodata=-32768))
    assert got["VV"].dtype == got["VH"].dtype == np.float32
    np.testing.assert_allclose(got["VV"], vv, atol=0.00501)
    np.testing.assert_allclose(got["VH"], vh, atol=0.00251)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float64"])
def test_a_no_data_tag_is_of_stored_numbers(write, add, dtype) -> None:
    """A number that stands for no data is compared before it is scaled; every type of pixel is read."""
    stored = np.round((decibels() + 60) * 4).astype(dtype)
    stored[:4, :6] = 7
    got = add(write(stored, scales=(0.25,), offsets=(-60.0,), nodata=7))["VV"]
    assert np.isnan(got[:4, :6]).all()
    np.testing.assert_allclose(got[4:], decibels()[4:], atol=0.1251)
    assert got.dtype == ("float64" if dtype in ("int32", "float64") else "float32")


def test_a_scale_that_gives_no_numbers_is_refused(write, add) -> None:
    with pytest.raises(RasterError, match="scale 0"):
        add(write(np.full((SIDE, SIDE), -1000, np.int16), scales=(0.0,)))


# No data.


def test_untagged_zeros_in_both_polarisations_are_no_data(write, add, caplog) -> None:
    vv, vh = decibels(1).astype(np.float32), decibels(2, -17).astype(np.float32)
    rows, cols = np.mgrid[:SIDE, :SIDE]
    wedge = rows + 2 * cols < 5  # a corner, of some pixels only
    vv[wedge] = vh[wedge] = 0
    got = add(write(vv, vh))
    for band, values in (("VV", vv), ("VH", vh)):
        np.testing.assert_array_equal(np.isnan(got[band]), wedge)
        np.testing.assert_array_equal(got[band][~wedge], values[~wedge])
    (line,) = caplog.messages
    assert f"VV {wedge.sum()}, VH {wedge.sum()}" in line
    assert "--nodata none" in line
    kept = add(write(vv, vh), nodata="none")
    np.testing.assert_array_equal(kept["VV"], vv)


def test_zeros_of_one_polarisation(write, add) -> None:
    """Many in one band stand for no data; one by chance in decibels of 0.01 does not."""
    vv, vh = np.round(decibels(1, -3) * 100).astype(np.int16), np.round(decibels(2) * 100).astype(np.int16)
    vv[vv == 0] = 1
    vh[vh == 0] = 1
    vv[3, 3] = 0
    vh[:10] = 0
    got = add(write(vv, vh, scales=(0.01, 0.01)))
    assert got["VV"][3, 3] == 0
    assert np.isnan(got["VH"][:10]).all()
    assert np.isfinite(got["VV"]).all()


def test_a_few_zeros_of_floats_are_no_data_in_each_band_for_itself(write, add) -> None:
    vv, vh = decibels(1).astype(np.float32), decibels(2, -17).astype(np.float32)
    vv[20, 20:25] = 0
    got = add(write(vv, vh))
    np.testing.assert_array_equal(np.isnan(got["VV"]), vv == 0)
    assert np.isfinite(got["VH"]).all()


@pytest.mark.parametrize("step", [0.01, 0.1, 1.0])
def test_rounded_decibels_of_a_town_keep_their_zeros(write, add, step) -> None:
    """As often as any other number near to zero, zero is data; a hole of zeros is none."""
    vv, vh = (np.round(decibels(seed, mean) / step) * step for seed, mean in ((1, 0.0), (2, -4.0)))
    vv, vh = vv.astype(np.float32), vh.astype(np.float32)
    assert np.count_nonzero(vv == 0) >= 3
    got = add(write(vv, vh))
    np.testing.assert_array_equal(got["VV"], vv)
    np.testing.assert_array_equal(got["VH"], vh)
    vv[:25] = 0
    assert np.isnan(add(write(vv, vh))["VV"][:25]).all()


@pytest.mark.parametrize(
    "number", [-9999.0, -100.0, -32768.0, -99999.0, -99.0, np.nan, -np.inf, np.inf, 3.4e38, -3.4e38, 1e20]
)
def test_untagged_numbers_that_no_radar_measures_are_no_data(write, add, number) -> None:
    vv = decibels().astype(np.float32)
    vv[:20, :7] = number
    got = add(write(vv))["VV"]
    np.testing.assert_array_equal(np.isnan(got), vv == vv[0, 0] if number == number else np.isnan(vv))


def test_the_user_names_the_number_for_no_data(write, add) -> None:
    vv = decibels().astype(np.float32)
    vv[:20] = -55.5
    assert np.isnan(add(write(vv), nodata=-55.5)["VV"][:20]).all()
    counts = np.round(decibels() * 100).astype(np.int16)
    counts[:20] = 1234
    got = add(write(counts, scales=(0.01,)), nodata=1234)["VV"]
    assert np.isnan(got[:20]).all()
    assert np.isfinite(got[20:]).all()


@pytest.mark.parametrize("dtype", ["float32", "int16"])
@pytest.mark.parametrize("kind", ["mask", "alpha"])
def test_masks_inside_the_file_are_read_and_no_data_tags_too(write, add, dtype, kind) -> None:
    vv, vh = (np.round(decibels(seed) * 100).astype(dtype) for seed in (1, 2))
    valid = np.full((SIDE, SIDE), 255, np.uint8)
    valid[5:9] = 0
    vv[20, 20] = vh[20, 20] = -32768
    extra = {"alpha": valid.astype(dtype)} if kind == "alpha" else {"mask": valid}
    scales = (0.01, 0.01, 1.0) if kind == "alpha" else (0.01, 0.01)
    got = add(write(vv, vh, scales=scales, nodata=-32768, **extra))
    assert set(got) == {"VV", "VH"}
    lacking = valid == 0
    lacking[20, 20] = True
    np.testing.assert_array_equal(np.isnan(got["VV"]), lacking)
    np.testing.assert_allclose(got["VH"][~lacking], vh[~lacking] / 100, atol=1e-5)


@pytest.mark.parametrize("beside", ["s.tif.msk", "s.tif.aux.xml"])
def test_a_meaning_that_stands_beside_the_file_is_refused(write, add, beside) -> None:
    path = write(decibels())
    (path.parent / beside).write_text("<PAMDataset><NoDataValue>1</NoDataValue></PAMDataset>")
    with pytest.raises(RasterError, match=beside):
        add(path)


def test_statistics_beside_the_file_do_not_matter(write, add) -> None:
    path = write(decibels())
    (path.parent / "s.tif.aux.xml").write_text("<PAMDataset><Metadata>STATISTICS_MEAN</Metadata></PAMDataset>")
    assert np.isfinite(add(path)["VV"]).all()


# Units.


def test_linear_power_under_the_collection_of_decibels_is_refused(write, add) -> None:
    power = (10 ** (decibels(1) / 10)).astype(np.float32)
    with pytest.raises(RasterError, match=r"linear power.*S1_GRD_FLOAT.*--units linear"):
        add(write(power, power / 5))
    got = add(write(power, power / 5), units="linear")
    np.testing.assert_allclose(got["VV"], decibels(1), atol=1e-5)
    np.testing.assert_array_equal(add(write(power, power / 5), LINEAR)["VV"], power)


def test_decibels_under_the_collection_of_power_are_refused(write, add) -> None:
    vv = decibels(1).astype(np.float32)
    with pytest.raises(RasterError, match=r"dB.*COPERNICUS/S1_GRD,.*--units decibel"):
        add(write(vv), LINEAR)
    np.testing.assert_allclose(add(write(vv), LINEAR, units="decibel")["VV"], 10 ** (vv / 10), rtol=1e-6)


def test_no_power_is_not_above_zero(write, add) -> None:
    power = (10 ** (decibels(1) / 10)).astype(np.float32)
    power[:2, :5] = 0
    power[0, 6] = -1e-5  # what is left where noise was taken away
    got = add(write(power), LINEAR)["VV"]
    assert np.isnan(got[:2, :5]).all()
    assert np.isnan(got[0, 6])
    assert np.isnan(got).sum() == 11


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.round(decibels() * 100), "no dB of backscatter.*--nodata"),  # a scale that no tag says
        (np.random.default_rng(1).integers(80, 900, (SIDE, SIDE)), "no dB of backscatter"),  # amplitudes
        (decibels(mean=-60), "in the mean -6"),
        (decibels(mean=25), "in the mean 2"),
    ],
)
def test_numbers_that_are_no_backscatter_are_refused(write, add, values, words) -> None:
    with pytest.raises(RasterError, match=words):
        add(write(values.astype(np.float32)))


def test_of_other_collections_the_unit_is_not_judged(write, add) -> None:
    power = (10 ** (decibels(1) / 10)).astype(np.float32)
    np.testing.assert_array_equal(add(write(power), OTHER)["VV"], power)


# Received catalogs.


@pytest.fixture
def received(tmp_path: Path, write) -> Path:
    record = Catalog.create(tmp_path / "received").add(
        DECIBEL, {"orbitProperties_pass": "ASCENDING"}, [write(decibels())]
    )
    return record.bands[0].path


def pixels_of(path: Path) -> Array:
    record = Catalog.open(path.parents[3]).get(DECIBEL)
    assert isinstance(record, ImageRecord)
    source = load_image(record).bands[0].source
    assert isinstance(source, StoredSource)
    return source.band.read(0, 0, SIDE, SIDE)[0]


def test_a_raster_of_another_driver_in_a_received_catalog_is_not_read(received: Path, write) -> None:
    secret = write(decibels(5).astype(np.float32), name="secret.tif")
    received.write_text(
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><VRTRasterBand dataType="Float32" band="1">'
        f"<SimpleSource><SourceFilename>{secret}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>"
        "</VRTRasterBand></VRTDataset>"
    )
    item = received.parent / f"{NAME}.json"
    text = json.loads(item.read_text())
    text["assets"]["VV"]["file:size"] = received.stat().st_size
    item.write_text(json.dumps(text))
    with rasterio.open(received) as file:  # which shows that GDAL would
        assert np.isfinite(file.read(1)).all()
    with pytest.raises(EngineError, match="cannot be read"):
        pixels_of(received)


@pytest.mark.parametrize("what", ["raster", "folder", "item", "collection", "root"])
def test_links_that_lead_out_of_a_received_catalog_are_refused(
    received: Path, tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    root = received.parents[3]
    path = {
        "raster": received,
        "folder": received.parent,
        "item": received.parent / f"{NAME}.json",
        "collection": received.parents[1] / "collection.json",
        "root": root / "catalog.json",
    }[what]
    outside = tmp_path / "outside"
    path.rename(outside)
    path.symlink_to(outside)
    reason = r"out of the catalog|outside the catalog"
    if what in ("collection", "root"):
        with pytest.raises(CatalogError, match=reason):
            [list(Catalog.open(root).images(each)) for each in Catalog.open(root).collection_ids()]
        return
    assert not list(Catalog.open(root).images("COPERNICUS/S1_GRD"))
    (line,) = caplog.messages
    assert re.search(f"{NAME} is left out .*({reason})", line)


def test_a_link_within_a_catalog_and_a_link_to_one_are_followed(received: Path, tmp_path: Path) -> None:
    (received.parents[3] / "pixels.tif").write_bytes(received.read_bytes())
    received.unlink()
    received.symlink_to(received.parents[3] / "pixels.tif")
    (tmp_path / "elsewhere").symlink_to(received.parents[3])
    there = tmp_path / "elsewhere" / received.relative_to(received.parents[3])
    np.testing.assert_allclose(pixels_of(there), decibels())


@pytest.mark.parametrize(
    "href", ["../../etc/collection.json", "file:///etc/collection.json", "http://x/collection.json"]
)
def test_collections_are_within_the_catalog(received: Path, href: str) -> None:
    path = received.parents[3] / "catalog.json"
    text = json.loads(path.read_text())
    text["links"].append({"rel": "child", "href": href})
    path.write_text(json.dumps(text))
    with pytest.raises(CatalogError, match="not a collection id"):
        Catalog.open(path.parent).collection_ids()


@pytest.mark.parametrize("href", ["../../../../secret.json", "http://x/y.json", "/etc/passwd.json"])
def test_items_are_within_the_catalog(received: Path, href: str, caplog: pytest.LogCaptureFixture) -> None:
    path = received.parents[1] / "collection.json"
    text = json.loads(path.read_text())
    text["links"].append({"rel": "item", "href": href})
    path.write_text(json.dumps(text))
    (image,) = Catalog.open(received.parents[3]).images("COPERNICUS/S1_GRD")
    assert image.index == NAME
    (line,) = caplog.messages
    assert "not an image id" in line
