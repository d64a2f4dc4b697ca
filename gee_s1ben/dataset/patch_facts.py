"""What a patch table and a catalog say of a patch, gathered while its pixels are in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.polygon import orient

from gee_s1ben.dataset.contents import ReadPatch
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
    outline: Polygon | MultiPolygon
    """In longitude and latitude; two polygons where it crosses the antimeridian."""
    bbox: tuple[float, float, float, float]
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
        return f"sentinel-{self.patch.row.pass_key[1:3].lower()}"

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


def facts(patch: ReadPatch) -> PatchFacts:
    """Describe a patch.

    Raises
    ------
    InputError
        Its grid cannot be placed on the globe.
    """
    ring = outline_ring(patch.grid)
    outline, bbox = _polygon(ring)
    try:
        product: S1ProductName | None = S1ProductName.parse(patch.row.scene.split()[0])
    except (NamingError, IndexError):
        product = None
    return PatchFacts(
        patch,
        outline,
        bbox,
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


def _polygon(
    ring: list[tuple[float, float]],
) -> tuple[Polygon | MultiPolygon, tuple[float, float, float, float]]:
    lons = [lon for lon, _ in ring]
    if max(lons) - min(lons) <= 180:
        whole = orient(Polygon(ring))
        return whole, whole.bounds
    # Across the antimeridian, cut in two as RFC 7946, section 3.1.9, asks.
    shifted = Polygon([(lon + 360 if lon < 0 else lon, lat) for lon, lat in ring])
    west = shapely.clip_by_rect(shifted, 0, -90, 180, 90)
    east = shapely.transform(shapely.clip_by_rect(shifted, 180, -90, 360, 90), lambda place: place - (360, 0))
    parts = [orient(Polygon(shapely.get_coordinates(part))) for part in (west, east)]
    _, south, _, north = shifted.bounds
    return MultiPolygon(parts), (west.bounds[0], south, east.bounds[2], north)
