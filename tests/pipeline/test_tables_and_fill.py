"""What the configuration says of incomplete patches and of BigEarthNet's own tables reaches the dataset."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio

from gee_s1ben.cli.app import run as command
from gee_s1ben.dataset.manifest import read_absent, read_patches
from gee_s1ben.dataset.stored import open_dataset
from gee_s1ben.engine.catalog import Catalog

PRODUCT = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
LINE = np.tile(np.array([-10.0, -10.5], np.float32), 120)
"""Every row of the scene."""
CORNER = (300_000 + 70 * 1200, 5_400_000 - 48 * 1200)


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], Path]:
    """Two patches of 33UUP, of which one lacks its last two rows."""
    values = np.broadcast_to(LINE, (2, 120, 240)).copy()
    values[:, 118:, :120] = np.nan
    raster = tmp_path / "scene.tif"
    with rasterio.open(
        raster, "w", driver="GTiff", width=240, height=120, count=2, dtype="float32", crs="EPSG:32633",
        transform=rasterio.Affine(10, 0, CORNER[0], 0, -10, CORNER[1]), nodata=np.nan,
    ) as file:  # fmt: skip
        file.write(values)
        file.descriptions = ("VV", "VH")
    Catalog.create(tmp_path / "catalog").add(
        "COPERNICUS/S1_GRD/S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C5AE_0001",
        {"orbitProperties_pass": "ASCENDING"},
        [raster],
    )

    def write(more: str) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(
            f"tiles: [{{product: {PRODUCT}, patches: {{columns: [70, 71], rows: [48, 48]}}}}]\n"
            "radar: {speckle: {filter: none}, resampling: nearest}\n"
            f"dataset: {{path: out, {more}}}\n"
        )
        return path

    return write


@pytest.mark.parametrize(("rule", "expected"), [("none", None), ("nearest", LINE[:120]), ("-30", -30.0)])
def test_the_fill_rule_decides_on_patches_that_lack_pixels(
    config: Callable[[str], Path], tmp_path: Path, rule: str, expected: float | np.ndarray | None
) -> None:
    assert command(["run", "--config", str(config(f"fill: {rule}")), "-q"]) == 0
    patches = {patch.name.col: patch for patch in open_dataset(tmp_path / "out")}
    assert set(patches) == ({71} if expected is None else {70, 71})
    if expected is not None:
        pixels = open_dataset(tmp_path / "out").read(patches[70])["VV"]
        assert (pixels[:118] == LINE[:120]).all()
        assert (pixels[118:] == expected).all()


@pytest.mark.parametrize(("min_valid", "there"), [(0.5, True), (118 / 120, True), (0.984, False), (1, False)])
def test_how_much_must_be_valid_and_how_much_was_filled(
    config: Callable[[str], Path], tmp_path: Path, min_valid: float, there: bool
) -> None:
    path = config(f"fill: nearest, min_valid: {min_valid}")
    assert command(["run", "--config", str(path), "-q"]) == 0
    filled = {row.col: row.filled_px for row in read_patches(tmp_path / "out")}
    assert filled == ({70: 240, 71: 0} if there else {71: 0})
    absent = [(row.col, row.reason) for row in read_absent(tmp_path / "out")]
    assert absent == ([] if there else [(70, "S1A_017018: 240 of 14400 pixels have no data")])
    assert command(["describe", str(tmp_path / "out"), "-q"]) == 0
    table = pq.read_table(tmp_path / "out" / "provenance" / "patches.parquet").to_pylist()
    assert {row["col"]: row["valid_fraction"] for row in table} == {
        col: 1 - count / 14400 for col, count in filled.items()
    }
    # Another share is another dataset.
    assert command(["assemble", "--config", str(path), "-q", "--set", "dataset.min_valid=0.75"]) == 2


def test_labels_and_splits_are_carried_over_from_the_tables(config: Callable[[str], Path], tmp_path: Path) -> None:
    row = {
        "patch_id": f"{PRODUCT}_71_48", "labels": ["Pastures"], "split": "test", "country": "Austria",
        "s1_name": "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_71_48", "s2v1_name": "S2A_MSIL2A_20170613T101031_71_48",
        "contains_seasonal_snow": False, "contains_cloud_or_shadow": False,
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "metadata.parquet")
    assert command(["run", "--config", str(config("fill: nearest, tables: metadata.parquet")), "-q"]) == 0
    rows = {one["patch_id"]: one for one in pq.read_table(tmp_path / "out" / "metadata.parquet").to_pylist()}
    assert rows[f"{PRODUCT}_71_48"] == row
    assert rows[f"{PRODUCT}_70_48"]["labels"] == []
    assert rows[f"{PRODUCT}_70_48"]["split"] is None


def test_published_patches_bear_the_names_of_version_1(config: Callable[[str], Path], tmp_path: Path) -> None:
    path = config("layout: v1, fill: nearest")
    assert command(["run", "--config", str(path), "-q", "--set", "preset=published"]) == 0
    stored = tmp_path / "out" / "BigEarthNet-S1-v1.0" / "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_70_48"
    metadata = json.loads((stored / f"{stored.name}_labels_metadata.json").read_text())
    assert metadata["corresponding_s2_patch"] == "S2A_MSIL2A_20170613T101031_70_48"
