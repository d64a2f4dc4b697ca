"""Real exports go through the whole pipeline and come back as they were."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from gee_s1ben.cli.app import run
from gee_s1ben.engine.catalog import Catalog

pytestmark = pytest.mark.shared_data

PLAIN = "radar: {speckle: {filter: none}, resampling: nearest, border_noise: false}\n"


def make(folder: Path, target: str) -> tuple[Path, dict[str, Any]]:
    """Run the main job on the catalog in the folder; return the dataset and its first window's raster."""
    config = folder / "config.yaml"
    config.write_text(f"tiles: [{target}]\ndataset: {{path: dataset}}\n{PLAIN}", "utf-8")
    assert run(["run", "--config", str(config), "-q"]) == 0
    with rasterio.open(next(folder.glob("dataset.work/windows/*/*.tif"))) as file:
        whole = {"values": file.read(), "transform": file.transform, "crs": file.crs, "names": file.descriptions}
    return folder / "dataset", whole


def own_grid(path: Path, name: str, acquired: str) -> str:
    with rasterio.open(path) as file:
        transform = [repr(value) for value in tuple(file.transform)[:6]]
        return (
            f"{{name: {name}, crs: 'EPSG:{file.crs.to_epsg()}', transform: [{', '.join(transform)}], "
            f"width: {file.width}, height: {file.height}, acquired: {acquired}}}"
        )


def check_same(whole: dict[str, Any], paths: Sequence[Path]) -> None:
    values = []
    for path in paths:
        with rasterio.open(path) as file:
            values.append(file.read())
            assert whole["transform"] == file.transform
            assert whole["crs"] == file.crs
    np.testing.assert_array_equal(whole["values"], np.concatenate(values))


def test_sen1floods11_chip_comes_back(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chip = shared_data / "sen1floods11" / "Spain_7370579_S1Hand.tif"
    properties = {
        "system:time_start": 1537294440000, "instrumentMode": "IW", "orbitProperties_pass": "DESCENDING",
        "platform_number": "B", "orbitNumber_start": 12771, "relativeOrbitNumber_start": 110,
    }  # fmt: skip
    Catalog.create(tmp_path / "catalog").add(
        "COPERNICUS/S1_GRD/Spain_7370579", properties, [chip], band_names=["VV", "VH"]
    )
    dataset, whole = make(tmp_path, own_grid(chip, "spain", "2018-09-18T11:00:00Z"))
    check_same(whole, [chip])
    assert whole["names"] == ("VV", "VH")
    with rasterio.open(chip) as file:
        values, grid = file.read(), file.transform
    patches = list(dataset.glob("BigEarthNet-S1/*/*"))
    assert len(patches) == 16
    for patch in patches:
        col, row = map(int, patch.name.rsplit("_", 2)[1:])
        for index, band in enumerate(("VV", "VH")):
            with rasterio.open(patch / f"{patch.name}_{band}.tif") as file:
                expected = values[index, row * 120 : row * 120 + 120, col * 120 : col * 120 + 120]
                np.testing.assert_array_equal(file.read(1), expected)
                assert file.transform.almost_equals(grid @ rasterio.Affine.translation(col * 120, row * 120), 1e-12)


def test_s1_grd_cutout_comes_back(shared_data: Path, tmp_path: Path) -> None:
    (folder,) = (shared_data / "s1_grd").iterdir()
    bands = [folder / "VV.tif", folder / "VH.tif"]
    Catalog.create(tmp_path / "catalog").add(
        f"COPERNICUS/S1_GRD/{folder.name}", folder / "metadata.json", bands, band_names=["VV", "VH"]
    )
    dataset, whole = make(tmp_path, own_grid(bands[0], "cutout", "2020-06-07T10:00:00Z"))
    check_same(whole, bands)
    assert len(list(dataset.glob("BigEarthNet-S1/*/*"))) == 4


def test_published_patch_comes_back(shared_data: Path, tmp_path: Path) -> None:
    """Name by name, folder by folder: the published file as a scene, matched, planned, fetched and written."""
    (published,) = (shared_data / "bigearthnet" / "BigEarthNet-S1").glob("*/*")
    rasters = {band: published / f"{published.name}_{band}.tif" for band in ("VV", "VH")}
    index = "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C5A5_2C9D"
    Catalog.create(tmp_path / "catalog").add(
        f"COPERNICUS/S1_GRD/{index}",
        {"orbitProperties_pass": "ASCENDING"},
        list(rasters.values()),
        band_names=list(rasters),
    )
    target = "{product: S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP, patches: {columns: [69, 71], rows: [48, 48]}}"
    dataset, _ = make(tmp_path, target)
    (made,) = dataset.glob("BigEarthNet-S1/*/*")
    assert made.relative_to(dataset) == published.relative_to(shared_data / "bigearthnet")
    for band, path in rasters.items():
        with rasterio.open(path) as theirs, rasterio.open(made / path.name) as ours:
            np.testing.assert_array_equal(ours.read(), theirs.read())
            for name in ("crs", "transform", "width", "height", "count", "dtypes", "nodata", "compression"):
                assert getattr(ours, name) == getattr(theirs, name), (band, name)
            assert ours.tags()["AREA_OR_POINT"] == theirs.tags()["AREA_OR_POINT"] == "Area"
    with (dataset / "provenance" / "absent.csv").open() as file:
        absent = {(row["col"], row["row"]): row["reason"] for row in csv.DictReader(file)}
    assert absent == dict.fromkeys([("69", "48"), ("71", "48")], "no pass within 6 days contains it fully")
    assert json.loads((dataset / "provenance" / "dataset.json").read_text())["simulated"] is False
