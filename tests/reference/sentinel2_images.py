"""Sentinel-2 images in a catalog, with the properties that Earth Engine gives them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from gee_s1ben.domain.tile import tile_grid
from gee_s1ben.engine.catalog import Catalog

L1C = "COPERNICUS/S2_HARMONIZED"
COARSE_PX = 1098
"""Side of a pixel of the rasters, in pixels of the tile: enough to say where an image is."""


def product(tile: str, when: datetime, level: str = "L1C") -> str:
    """Name of a product as ``PRODUCT_ID`` has it: without ``.SAFE``."""
    made = when + timedelta(minutes=6)
    return f"S2A_MSI{level}_{when:%Y%m%dT%H%M%S}_N0205_R022_T{tile}_{made:%Y%m%dT%H%M%S}"


def properties(tile: str, when: datetime, cloud: float, level: str = "L1C") -> dict[str, Any]:
    """What there is of an image beside its pixels; its ``system:time_start`` is minutes into the datatake."""
    seen = when + timedelta(minutes=5)
    return {
        "PRODUCT_ID": product(tile, when, level),
        "GRANULE_ID": f"{level}_T{tile}_A010317_{seen:%Y%m%dT%H%M%S}",
        "DATASTRIP_ID": f"S2A_OPER_MSI_{level}_DS_SGS__20170613T152128_S{seen:%Y%m%dT%H%M%S}_N02.05",
        "MGRS_TILE": tile,
        "CLOUDY_PIXEL_PERCENTAGE": cloud,
        "SPACECRAFT_NAME": "Sentinel-2A",
        "system:time_start": round(seen.timestamp() * 1000),
    }


def write_raster(tile: str, path: Path) -> Path:
    """Write a band that covers a tile."""
    grid = tile_grid(tile)
    side = grid.width // COARSE_PX
    a, b, c, d, e, f = grid.transform
    with rasterio.open(
        path, "w", driver="GTiff", width=side, height=side, count=1, dtype="uint16", crs=grid.crs,
        transform=rasterio.Affine(a * COARSE_PX, b, c, d, e * COARSE_PX, f),
    ) as file:  # fmt: skip
        file.write(np.full((1, side, side), 1000, np.uint16))
    return path


def add_image(
    catalog: Catalog,
    folder: Path,
    tile: str,
    when: datetime,
    *,
    cloud: float = 0.0,
    collection: str = L1C,
    **changes: Any,
) -> str:
    """Put an image into a catalog and return its index; a change to None leaves a property out."""
    level = "L2A" if "_SR" in collection else "L1C"
    index = f"{when:%Y%m%dT%H%M%S}_{when + timedelta(minutes=6):%Y%m%dT%H%M%S}_T{tile}"
    known = {**properties(tile, when, cloud, level), **changes}
    given = {name: value for name, value in known.items() if value is not None}
    catalog.add(f"{collection}/{index}", given, [write_raster(tile, folder / f"{index}.tif")], band_names=["B1"])
    return index


def day(number: int) -> datetime:
    """A morning in June 2017."""
    return datetime(2017, 6, number, 10, 10, 31, tzinfo=UTC)
