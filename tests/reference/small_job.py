"""A job of six small patches in four windows, fetched: what is left is to assemble it, as often as one likes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio

from gee_s1ben.cli.app import run as command
from gee_s1ben.config import Config, load_config
from gee_s1ben.engine.catalog import Catalog

Placed = Callable[[str, str], Config]
"""From the name of a dataset's folder and a layout to the configuration that makes it there."""


def fetched(folder: Path) -> Placed:
    """Fetch the windows of six patches, of which one has a pixel without data."""
    values = np.random.default_rng(0).normal(-12, 4, (2, 32, 48)).astype(np.float32)
    values[:, 20, 20] = np.nan
    with rasterio.open(
        folder / "scene.tif", "w", driver="GTiff", width=48, height=32, count=2, dtype="float32", crs="EPSG:32633",
        transform=rasterio.Affine(10, 0, 400_000, 0, -10, 5_300_000), nodata=np.nan,
    ) as file:  # fmt: skip
        file.write(values)
        file.descriptions = ("VV", "VH")
    Catalog.create(folder / "catalog").add(
        "COPERNICUS/S1_GRD/S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C5AE_0001",
        {"orbitProperties_pass": "ASCENDING"},
        [folder / "scene.tif"],
    )
    path = folder / "config.yaml"
    path.write_text(
        "tiles: [{name: here, crs: EPSG:32633, transform: [10, 0, 400000, 0, -10, 5300000], width: 48, height: 32,"
        " acquired: 2017-06-13T10:10:31Z}]\n"
        "radar: {speckle: {filter: none}, border_noise: false, resampling: nearest}\n"
        "export: {window_px: 32}\n"
        "dataset: {path: out, patch_px: 16}\nworkspace: work\n"
    )
    for stage in ("match", "plan", "fetch"):
        assert command([stage, "--config", str(path), "-q"]) == 0

    def config(name: str, layout: str) -> Config:
        return load_config(path, [f"dataset.path={folder / name}", f"dataset.layout={layout}"])

    return config


def replan(config: Config) -> None:
    """Plan for another layout: the windows stay."""
    arguments = ["--config", str(config.dataset.path.parent / "config.yaml"), "-q"]
    assert command(["plan", *arguments, "--set", f"dataset.layout={config.dataset.layout}"]) == 0
