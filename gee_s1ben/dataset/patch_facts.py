"""What a patch table and a catalog say of a patch, gathered while its pixels are in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyproj
from shapely.geometry.base import BaseGeometry

from gee_s1ben.dataset.carried_facts import CARRIED_COLUMNS
from gee_s1ben.dataset.contents import ReadPatch
from gee_s1ben.dataset.manifest import PATCH_ROWS
from gee_s1ben.dataset.patch_columns import Column
from gee_s1ben.domain.antimeridian import Box, bounds_of, ring_polygon
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.naming import S1ProductName
from gee_s1ben.errors import InputError, NamingError, RasterError


@dataclass(frozen=True, slots=True)
class BandStatistics:
    """One polarisation of a patch, in dB."""

    minimum: float
    maximum: float
    mean: float
    stddev: float
    """Of the whole patch, not of a sample: divided by the number of pixels."""

    @classmethod
    def of(cls, pixels: npt.NDArray[np.float32]) -> BandStatistics:
        """Compute them in double precision."""
        values = pixels.astype(np.float64)
        return cls(float(values.min()), float(values.max()), float(values.mean()), float(values.std()))


@dataclass(frozen=True, slots=True)
class PatchFacts:
    """A patch, described."""

    patch: ReadPatch
    """Its row, grid, files and checksums."""
    outline: BaseGeometry
    """In longitude and latitude; two polygons where it crosses the antimeridian."""
    bbox: Box
    """West, south, east, north in degrees; west is greater than east where it crosses the antimeridian."""
    statistics: Mapping[str, BandStatistics]
    """By polarisation."""
    start: datetime | None
    """Start of the scene it is named after, UTC; None where its name does not say."""
    stop: datetime | None
    """End of that scene."""
    spacing_m: float | None
    """Side of a pixel in metres; None where the CRS is not in metres."""

    @property
    def scenes(self) -> tuple[str, ...]:
        """Full names of its source scenes, the one it is named after first."""
        return tuple(self.patch.row.scene.split())

    @property
    def platform(self) -> str:
        """``sentinel-1a`` and so on."""
        return platform(self.patch)

    @property
    def absolute_orbit(self) -> int | None:
        """Orbits since launch; None where the key of the pass does not say."""
        number = self.patch.row.pass_key.rpartition("_")[2].rstrip("AD")  # of two directions in one orbit
        return int(number) if number.isdecimal() else None

    @property
    def sensed(self) -> tuple[datetime, datetime]:
        """Earliest and latest time at which it may have been seen, UTC.

        The extent of its scene; where the scene's name has no times, as far from Sentinel-2's time as the table says,
        before and after.
        """
        if self.start is not None and self.stop is not None:
            return self.start, self.stop
        apart = timedelta(hours=self.patch.row.dt_hours)
        near = target_time(self.patch.row.target)
        return near - apart, near + apart


_PLACE_COLUMNS = (
    Column("scene", "text", "Sentinel-1 scene it is named after"),
    Column("platform", "text", "satellite"),
    Column("crs", "text", "coordinate reference system of its rasters"),
    Column("ulx", "number", "x of its upper left corner, in units of the CRS"),
    Column("uly", "number", "y of its upper left corner, in units of the CRS"),
)
COLUMNS = (*PATCH_ROWS.columns, *CARRIED_COLUMNS, *_PLACE_COLUMNS)
"""What tables, packs and catalogs say of every patch."""


def known_facts(patch: ReadPatch) -> dict[str, Any]:
    """Return what is known of a patch beside its pixels, by the name of the column, in the order of :data:`COLUMNS`."""
    ulx, uly = patch.grid.xy(0, 0)
    return {
        **{column.name: column.of(patch.row) for column in PATCH_ROWS.columns},
        **{column.name: column.of(patch.carried) for column in CARRIED_COLUMNS},
        "scene": patch.row.scene.split()[0],
        "platform": platform(patch),
        "crs": patch.grid.crs,
        "ulx": ulx,
        "uly": uly,
    }


def platform(patch: ReadPatch) -> str:
    """Return ``sentinel-1a`` and so on."""
    return f"sentinel-{patch.row.pass_key[1:3].lower()}"


def arrow_fields(columns: Sequence[Column]) -> list[pa.Field]:
    """Return columns as those of a Parquet table, with what they say as their description."""
    kinds = {
        "text": pa.string(),
        "texts": pa.list_(pa.string()),
        "whole": pa.int32(),
        "number": pa.float64(),
        "flag": pa.bool_(),
    }
    return [
        pa.field(
            column.name,
            kinds[column.kind],
            nullable=column.optional,
            metadata={"description": column.description},
        )
        for column in columns
    ]


def facts(patch: ReadPatch) -> PatchFacts:
    """Describe a patch.

    Raises
    ------
    InputError
        Its grid cannot be placed on the globe.
    """
    outline = ring_polygon(np.array(outline_ring(patch.grid)))
    try:
        product: S1ProductName | None = S1ProductName.parse(patch.row.scene.split()[0])
    except (NamingError, IndexError):
        product = None
    return PatchFacts(
        patch,
        outline,
        bounds_of(outline),
        {name: BandStatistics.of(pixels) for name, pixels in patch.bands.items()},
        None if product is None else product.start,
        None if product is None else product.stop,
        abs(patch.grid.transform[0]) if _in_metres(patch.grid.crs) else None,
    )


def target_time(key: str) -> datetime:
    """Time of a target from its key, ``33UUP_20170613T101031``.

    Raises
    ------
    InputError
        The key has no time.
    """
    try:
        return datetime.strptime(key.rpartition("_")[2], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise InputError(f"the target {key[:60]!r} has no time in its name; run 'gee-s1ben run' again") from None


def outline_ring(grid: Grid) -> list[tuple[float, float]]:
    """Closed ring of (longitude, latitude) around a grid, counter-clockwise.

    Raises
    ------
    RasterError
        The grid cannot be placed on the globe.
    """
    width, height = grid.width, grid.height
    # A side of a patch is 1.2 km, over which a straight line is right to a centimetre.
    corners = [(0, height), (width, height), (width, 0), (0, 0)]
    xs, ys = zip(*(grid.xy(col, row) for col, row in corners), strict=True)
    lons, lats = _to_lonlat(grid.crs).transform(xs, ys)
    # Nine decimals are a tenth of a millimetre; the rest differs between versions of PROJ.
    ring = [(round(lon, 9), round(lat, 9)) for lon, lat in zip(lons, lats, strict=True)]
    if not np.isfinite(ring).all():
        raise RasterError(f"a patch on {grid} cannot be placed on the globe")
    return [*ring, ring[0]]


@lru_cache(maxsize=64)
def _to_lonlat(crs: str) -> Any:
    try:
        return pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    except pyproj.exceptions.CRSError as error:
        raise InputError(f"unknown coordinate reference system {crs[:80]!r}") from error


@lru_cache(maxsize=64)
def _in_metres(crs: str) -> bool:
    return {axis.unit_name for axis in pyproj.CRS.from_user_input(crs).axis_info} == {"metre"}
