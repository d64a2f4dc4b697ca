"""Images as the catalog knows them, read from their STAC items."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gee_s1ben.domain.grid import Grid, Transform
from gee_s1ben.engine.catalog.documents import read_object
from gee_s1ben.engine.catalog.footprint import is_footprint
from gee_s1ben.errors import CatalogError, InputError


@dataclass(frozen=True, slots=True)
class BandRecord:
    """A band of an image: where its pixels are and what they mean."""

    name: str
    """Such as ``VV``."""
    path: Path
    """GeoTIFF in the catalog."""
    index: int
    """Number of the band in the file, from 1."""
    grid: Grid
    """Exact grid of the file."""
    data_type: str
    """As Earth Engine says it: ``float``, ``double``, ``int16``, ``uint8`` …"""
    nodata: float | None
    """Value of masked pixels: NaN in floating-point bands, whatever stands in the file in others."""
    size: int | None = None
    """Bytes of the file when it was added."""

    def check(self) -> None:
        """Check that the file is there and has kept its length.

        Raises
        ------
        CatalogError
            It was removed, truncated or replaced.
        """
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise CatalogError(
                f"{self.path}, band {self.name} of its image, cannot be read ({error.strerror}): add the image again "
                "with --overwrite"
            ) from error
        if self.size is not None and size != self.size:
            raise CatalogError(
                f"{self.path} has {size} bytes instead of {self.size}: it was truncated or replaced; add the image "
                "again with --overwrite"
            )


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image: its id, Earth Engine's properties and its bands."""

    id: str
    """Asset id, ``COPERNICUS/S1_GRD/<index>``."""
    properties: Mapping[str, Any]
    """Earth Engine's, among them ``system:index``, ``system:time_start`` and ``system:footprint``."""
    bands: tuple[BandRecord, ...]
    """In the image's order."""

    @property
    def index(self) -> str:
        """``system:index``: the last part of the id."""
        return self.id.rpartition("/")[2]

    @property
    def simulated(self) -> bool:
        """Whether the pixels were made up rather than measured."""
        return self.properties.get("simulated") is True

    def check(self) -> None:
        """Check that the files of all bands are there and have kept their length.

        Raises
        ------
        CatalogError
            One was removed, truncated or replaced.
        """
        for band in self.bands:
            band.check()


def confined(path: str | Path, root: Path) -> str:
    """Return where a path of a catalog leads to when links are followed.

    Raises
    ------
    CatalogError
        It leads out of the catalog.
    """
    real = os.path.realpath(path)
    if not real.startswith(f"{root}/"):
        raise CatalogError(f"{path} leads out of the catalog, to {real[:120]!a}: no file outside of it is read")
    return real


def read_image(item_path: Path, root: Path) -> ImageRecord:
    """Read an image from its STAC item.

    Parameters
    ----------
    item_path : Path
        The item's JSON.
    root : Path
        Folder of the catalog, which no asset may leave.

    Raises
    ------
    CatalogError
        The item is missing, broken, or points outside the catalog.
    """
    folder, within = os.path.dirname(confined(item_path, root)), str(root)  # noqa: PTH120
    item = read_object(item_path)
    try:
        properties = item["properties"]
        bands = tuple(_read_band(name, asset, folder, within) for name, asset in item["assets"].items())
        # As in Earth Engine, a property that is null is none.
        ours = {key: value for key, value in properties["ee:properties"].items() if value is not None}
        if not is_footprint(ours.get("system:footprint")):  # the item was made by other means, and is somewhere as well
            ours["system:footprint"] = {"type": "LinearRing", "coordinates": item["geometry"]["coordinates"][0]}
        return ImageRecord(str(properties["ee:id"]), MappingProxyType(ours), bands)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, InputError) as error:
        if isinstance(error, CatalogError):
            raise
        raise CatalogError(f"{item_path} is not an item of this catalog ({error!r}): add the image again") from error


def _read_band(name: str, asset: Mapping[str, Any], folder: str, root: str) -> BandRecord:
    href = str(asset["href"])
    path = os.path.normpath(os.path.join(folder, href))  # noqa: PTH118 - of tens of thousands of images
    # Links are followed where there may be any: a file beside the item has none above it.
    if not path.startswith(f"{folder}/") or "/" in path[len(folder) + 1 :] or os.path.islink(path):  # noqa: PTH114
        path = os.path.realpath(path)
    if "://" in href or not path.startswith(f"{root}/"):
        raise CatalogError(f"{folder}: band {name} points outside the catalog, to {href[:120]!a}")
    height, width = (int(side) for side in asset["proj:shape"])
    a, b, c, d, e, f = (float(term) for term in asset["proj:transform"])
    transform: Transform = (a, b, c, d, e, f)
    nodata = asset.get("nodata")
    return BandRecord(
        name=name,
        path=Path(path),
        index=1,
        grid=Grid(asset.get("proj:code") or str(asset["proj:wkt2"]), transform, width, height),
        data_type=str(asset["ee:data_type"]),
        # The one NaN object, so that equal records are equal.
        nodata=None if nodata is None else math.nan if nodata == "nan" else float(nodata),
        size=asset.get("file:size"),
    )
