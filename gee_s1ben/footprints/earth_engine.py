"""A query of Earth Engine's Sentinel-2 collections as a value, and the reading of its answer.

What sends it stands elsewhere; this room knows no client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.naming import S2ProductName
from gee_s1ben.domain.old_naming import S2GranuleName, S2OldProductName
from gee_s1ben.errors import InputError, NamingError
from gee_s1ben.footprints.outline import checked_footprint
from gee_s1ben.footprints.row import Refusal, Span, TileRow

PROPERTIES = ("PRODUCT_ID", "GRANULE_ID", "MGRS_TILE", "system:footprint")
"""What an answer must have of each image; the footprint is a LinearRing or a polygon."""


@dataclass(frozen=True, slots=True)
class Sentinel2Query:
    """Which Sentinel-2 images are asked for."""

    area: BaseGeometry
    """What they touch, in longitude and latitude."""
    span: Span
    """When they were seen."""
    collection: str = "COPERNICUS/S2_HARMONIZED"
    """L1C; ``COPERNICUS/S2_SR_HARMONIZED`` for L2A."""
    max_cloud_percent: float | None = None
    """The most ``CLOUDY_PIXEL_PERCENTAGE``."""

    def __post_init__(self) -> None:
        if self.area.is_empty or not self.area.is_valid:
            raise InputError("the area of a query is empty or no valid polygon")
        if self.max_cloud_percent is not None and not 0 <= self.max_cloud_percent <= 100:
            raise InputError(f"the most cloud of a query is 0 to 100 percent, not {self.max_cloud_percent}")


def read_image(properties: Mapping[str, Any], collection: str) -> TileRow | Refusal:
    """Make the row of one image of the answer."""
    shown = str(properties.get("PRODUCT_ID"))[:120]
    try:
        return _row(properties, collection)
    except InputError as error:
        return Refusal(f"{collection} {shown!a}", str(error))


def _row(properties: Mapping[str, Any], collection: str) -> TileRow:
    name, granule, tile = (str(properties.get(key, "")) for key in PROPERTIES[:3])
    try:
        product = S2ProductName.parse(name)
    except NamingError:
        product = S2OldProductName.parse(name).with_granule(S2GranuleName.parse(granule))
    if product.tile != tile:
        raise InputError(f"its MGRS_TILE is {tile[:20]!a}: product and tile disagree")
    footprint = checked_footprint(tile, _polygon(properties.get("system:footprint")))
    return TileRow.of_product(product, collection).seen(footprint)


def _polygon(footprint: Any) -> BaseGeometry:
    try:
        rings = footprint["coordinates"]
        rings = [rings] if footprint["type"] == "LinearRing" else rings
        return shapely.Polygon(*(np.asarray(part, dtype=float) for part in rings[:1]))
    except (TypeError, KeyError, ValueError, shapely.errors.ShapelyError) as error:
        raise InputError("its system:footprint is no ring of longitudes and latitudes") from error
