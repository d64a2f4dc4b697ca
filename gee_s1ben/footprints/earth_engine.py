"""A query of Earth Engine's Sentinel-2 collections as a value, and the reading of its answer.

What sends it stands elsewhere; this room knows no client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gee_s1ben.domain.naming import S2GranuleName, S2OldProductName, S2ProductName
from gee_s1ben.errors import InputError, NamingError
from gee_s1ben.footprints.outline import cut_at_antimeridian, tile_outline
from gee_s1ben.footprints.row import Refusal, Span, TileRow
from gee_s1ben.footprints.squares import check_area
from gee_s1ben.footprints.table import MAX_ROWS

L1C = "COPERNICUS/S2_HARMONIZED"
"""The collection that has every product since 2015; ``COPERNICUS/S2_SR_HARMONIZED`` is L2A."""
MOST_IMAGES = 5_000
"""How many images a query takes unless it says otherwise."""
PROPERTIES = ("PRODUCT_ID", "GRANULE_ID", "MGRS_TILE", "system:footprint", "system:index")
"""What an answer must have of each image; the footprint is a LinearRing or a polygon."""

_COLLECTION = re.compile(r"[A-Za-z0-9_-]{1,100}(/[A-Za-z0-9_-]{1,100}){1,9}", re.ASCII)
_POINT_DEG = 1e-5
"""What a point or a line is widened by to be an area: a metre."""


@dataclass(frozen=True, slots=True)
class Sentinel2Query:
    """Which Sentinel-2 images are asked for."""

    area: BaseGeometry
    """What they touch, in longitude and latitude, within −180 to 180."""
    span: Span
    """When they were seen."""
    collection: str = L1C
    """Images with the properties that Earth Engine gives Sentinel-2's."""
    tiles: tuple[str, ...] = ()
    """MGRS tiles that they are of; any where there is none."""
    max_cloud_percent: float | None = None
    """The most ``CLOUDY_PIXEL_PERCENTAGE``."""
    limit: int = MOST_IMAGES
    """The most images that are taken, the first in time."""

    def __post_init__(self) -> None:
        if self.area.is_empty or not self.area.is_valid:
            raise InputError("the area of a query is empty or no valid polygon")
        if not _COLLECTION.fullmatch(self.collection):
            raise InputError(f"{self.collection[:80]!a} is not the id of a collection such as {L1C}")
        if self.max_cloud_percent is not None and not 0 <= self.max_cloud_percent <= 100:
            raise InputError(f"the most cloud of a query is 0 to 100 percent, not {self.max_cloud_percent}")
        if not 1 <= self.limit <= MAX_ROWS:
            raise InputError(f"the most images of a query are 1 to {MAX_ROWS}, not {self.limit}")

    @classmethod
    def about(
        cls,
        span: Span,
        *,
        areas: Sequence[BaseGeometry] = (),
        tiles: Sequence[str] = (),
        collection: str = L1C,
        max_cloud_percent: float | None = None,
        limit: int = MOST_IMAGES,
    ) -> Self:
        """Make a query of areas, of tiles, or of tiles where they touch areas.

        Raises
        ------
        InputError
            There is neither area nor tile, or one of them cannot be used.
        """
        for area in areas:
            check_area(area)
        # Of tiles alone, their outlines: a collection is searched by place much faster than by a property.
        parts = [_flat(area) for area in areas] or [tile_outline(tile) for tile in tiles]
        if not parts:
            raise InputError("a query of Sentinel-2 images needs a place: an area or a tile")
        for tile in tiles:
            tile_outline(tile)
        named = tuple(dict.fromkeys(tiles))
        return cls(shapely.union_all(parts), span, collection, named, max_cloud_percent, limit)

    @property
    def meaning(self) -> str:
        """What it asks for, in words."""
        west, south, east, north = self.area.bounds
        listed = ", ".join(self.tiles[:5]) + (", …" if len(self.tiles) > 5 else "")
        where = f"of {listed} " if self.tiles else ""
        cloud = "" if self.max_cloud_percent is None else f" with at most {self.max_cloud_percent:g} % cloud"
        return (
            f"{where}within {west:.2f} to {east:.2f}° E, {south:.2f} to {north:.2f}° N, from {self.span.start:%F %T} "
            f"to {self.span.stop:%F %T}{cloud}"
        )


def read_image(properties: Mapping[str, Any], collection: str) -> TileRow | Refusal:
    """Make the row of one image of the answer."""
    shown = str(properties.get("PRODUCT_ID") or properties.get("system:index"))[:120]
    try:
        return _row(properties, collection)
    except InputError as error:
        return Refusal(f"{collection} {shown!a}", str(error))


def _row(properties: Mapping[str, Any], collection: str) -> TileRow:
    name, granule, tile = (str(properties.get(key, "")) for key in PROPERTIES[:3])
    try:
        product = S2ProductName.parse(name)
    except NamingError:
        if "_PRD_" not in name:
            raise
        product = S2OldProductName.parse(name).with_granule(S2GranuleName.parse(granule))
    if product.tile != tile:
        raise InputError(f"its MGRS_TILE is {tile[:20]!a}: product and tile disagree")
    return TileRow.of_product(product, collection).seen(_polygon(properties.get("system:footprint")))


def _polygon(footprint: Any) -> BaseGeometry:
    """Make the polygon of a footprint: mostly a ring, which stands for the area inside."""
    try:
        kind, coordinates = footprint["type"], footprint["coordinates"]
        if kind == "LinearRing":
            coordinates = [[coordinates]]
        elif kind == "Polygon":
            coordinates = [coordinates]
        elif kind != "MultiPolygon":
            raise InputError(f"its system:footprint is a {str(kind)[:40]}, not a ring")
        polygons = [[np.asarray(ring, dtype=float) for ring in rings] for rings in coordinates]
        made = [shapely.Polygon(rings[0], rings[1:]) for rings in polygons]
    except (TypeError, KeyError, IndexError, ValueError, shapely.errors.ShapelyError) as error:
        raise InputError("its system:footprint is no ring of longitudes and latitudes") from error
    return made[0] if len(made) == 1 else shapely.MultiPolygon(made)


def _flat(area: BaseGeometry) -> BaseGeometry:
    """Return an area within −180 to 180, points and lines widened to areas."""
    parts = shapely.get_parts(cut_at_antimeridian(shapely.force_2d(area)))
    wide = [part if part.geom_type == "Polygon" else shapely.buffer(part, _POINT_DEG) for part in parts]
    return shapely.union_all(wide)
