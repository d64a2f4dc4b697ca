"""Matches in the two shapes that the BigEarthNet-Sen1 scripts read: ``.npy`` files that hold one dictionary each.

They are plain dictionaries of texts, numbers and small arrays, pickled; ``numpy.load(path, allow_pickle=True)[()]``
returns them under any numpy.
"""

from __future__ import annotations

import io
import pickle
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj

from gee_s1ben.dataset.atomic import atomic_write
from gee_s1ben.dataset.crs import rasterio_crs
from gee_s1ben.domain.naming import S1ProductName, S2ProductName
from gee_s1ben.domain.tile import Target

TILES = "BigEarthNetTileInfo_v2.npy"
LINKS = "BigEarthNetSen2UUID2Sen1ProdName.npy"

_PROTOCOL = 2
"""Names of classes are text lines in it, so that the one that numpy 2 moved can be given its old name."""


@dataclass(frozen=True, slots=True)
class SeedLink:
    """A Sentinel-2 product and the Sentinel-1 products it was matched with."""

    target: Target
    """With its product."""
    footprint: Sequence[tuple[float, float]]
    """Closed ring of longitude and latitude."""
    scenes: tuple[str, ...]
    """Full names."""


def product_uuid(product: S2ProductName) -> str:
    """Return an identifier of a product: always the same, but not the one that Copernicus gave it."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"gee-s1ben:{str(product).removesuffix('.SAFE')}"))


def write_seed_dictionaries(folder: Path, links: Sequence[SeedLink]) -> tuple[Path, Path]:
    """Write both dictionaries.

    What the seed's table has beyond that, statistics of bands and cloud cover, was measured on pixels of Sentinel-2 and
    is left out.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    links : sequence of SeedLink
        Of targets that are whole products.

    Returns
    -------
    tuple of Path
        The table of tiles, and that of links.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    tiles: dict[str, dict[str, Any]] = {}
    names: dict[str, list[str]] = {}
    for link in links:
        product = link.target.product
        if product is None or product.tile is None:
            continue
        identifier = product_uuid(product)
        tiles.setdefault(product.tile, {})[identifier] = _record(link, product)
        names[identifier] = [str(S1ProductName.parse(name)).removesuffix(".SAFE") for name in link.scenes]
    contents: dict[str, dict[str, Any]] = {TILES: {"tile_info": tiles}, LINKS: {"Sen2UUID_2_Sen1ProdName": names}}
    for name, content in contents.items():
        with atomic_write(folder / name) as temporary:
            temporary.write_bytes(_npy(content))
    return folder / TILES, folder / LINKS


def _record(link: SeedLink, product: S2ProductName) -> dict[str, Any]:
    grid = link.target.grid
    west, south, east, north = grid.bounds
    to_degrees = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    ring = ",".join(f"{lon!r} {lat!r}" for lon, lat in link.footprint)
    return {
        "EPSG": grid.crs.removeprefix("EPSG:").encode("ascii"),
        "GPS_EPSG": 4326,
        "projection": str(rasterio_crs(grid.crs).to_wkt()).encode("ascii"),
        "GPS_coordinate": np.array([*to_degrees.transform(west, north), *to_degrees.transform(east, south)]),
        "coordinate": np.array([west, north, east, south], dtype=np.float64),
        "acquisition_time": f"{link.target.acquired:%Y-%m-%d %H:%M:%S.%f}",
        "product_name": str(product).removesuffix(".SAFE") + ".SAFE",
        "footprint": f"POLYGON(({ring}))",
    }


def _npy(content: dict[str, Any]) -> bytes:
    """Return a ``.npy`` file of a 0-d object array, as ``numpy.save`` of numpy 1 made it."""
    array = np.empty((), dtype=object)
    array[()] = content
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    pickled = pickle.dumps(array, protocol=_PROTOCOL)
    return file.getvalue() + pickled.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
