"""A small job of 6 × 4 patches, and passes over all of it that lack a pixel here and there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import rasterio

from gee_s1ben.engine.catalog import Catalog

Cell = tuple[int, int]

COLUMNS, ROWS, PX = 6, 4, 16
CELLS = [(col, row) for row in range(ROWS) for col in range(COLUMNS)]
KEY = "here_20170613T101031"
SCENES = {
    "S1A_017018": "S1A_IW_GRDH_1SDV_20170613T165043_20170613T165108_017018_01C5AE_0001",
    "S1B_006018": "S1B_IW_GRDH_1SDV_20170612T165043_20170612T165108_006018_01C5AE_0002",
    "S1A_017047": "S1A_IW_GRDH_1SDV_20170615T163443_20170615T163508_017047_01C5AE_0003",
}
"""By the key of their pass, the nearest in time first: 6.7, 17.3 and 54.4 hours away."""
LEVELS = dict(zip(SCENES, (-8.0, -16.0, -24.0), strict=True))
"""Mean of each in dB, far enough apart to tell which one a patch is from."""


def write_job(folder: Path, masks: Mapping[str, Collection[Cell]], blank: Collection[Cell] = ()) -> Path:
    """Fill a catalog and write a configuration.

    Parameters
    ----------
    folder : Path
        Where to.
    masks : mapping
        Key of a pass → the patches of which it lacks one pixel; other passes are not there.
    blank : collection
        Patches of which the first pass lacks all pixels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    catalog = Catalog.create(folder / "catalog")
    for number, (key, cells) in enumerate(masks.items()):
        values = np.random.default_rng(number).normal(LEVELS[key], 1, (2, ROWS * PX, COLUMNS * PX)).astype(np.float32)
        for col, row in cells:
            values[:, row * PX + 5, col * PX + 3] = np.nan
        for col, row in blank if not number else ():
            values[:, row * PX : (row + 1) * PX, col * PX : (col + 1) * PX] = np.nan
        raster = folder / f"{key}.tif"
        with rasterio.open(
            raster, "w", driver="GTiff", width=COLUMNS * PX, height=ROWS * PX, count=2, dtype="float32",
            crs="EPSG:32633", transform=rasterio.Affine(10, 0, 400_000, 0, -10, 5_300_000), nodata=np.nan,
        ) as file:  # fmt: skip
            file.write(values)
            file.descriptions = ("VV", "VH")
        catalog.add(f"COPERNICUS/S1_GRD/{SCENES[key]}", {"orbitProperties_pass": "ASCENDING"}, [raster])
    path = folder / "config.yaml"
    path.write_text(
        f"tiles: [{{name: here, crs: EPSG:32633, transform: [10, 0, 400000, 0, -10, 5300000], width: {COLUMNS * PX},"
        f" height: {ROWS * PX}, acquired: 2017-06-13T10:10:31Z}}]\n"
        "radar: {speckle: {filter: none}, border_noise: false, resampling: nearest}\n"
        f"dataset: {{path: out, patch_px: {PX}}}\nexport: {{window_px: 32}}\n",
        "utf-8",
    )
    return path


def expected(masks: Mapping[str, Collection[Cell]]) -> dict[Cell, str | None]:
    """Say by plain loops which pass each patch is to come from; None where each lacks a pixel."""
    return {cell: next((key for key in masks if cell not in masks[key]), None) for cell in CELLS}
