"""A raster's own grid and time, without its pixels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from affine import Affine

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.catalog.rasters import grid_of
from gee_s1ben.engine.catalog.shards import expand, gather, open_raster
from gee_s1ben.errors import RasterError

_STAMP = re.compile(r"(?<![0-9])(20[0-9]{6}T[0-9]{6})(?![0-9])")
_TAGS = ("system_time_start", "ACQUISITIONDATETIME", "ACQUISITION_DATETIME", "acquired", "datetime", "TIFFTAG_DATETIME")
"""Tags that tell when an image was acquired, the most telling first: TIFF's own may tell when the file was written."""


@dataclass(frozen=True, slots=True)
class RasterGrid:
    """What a raster says of itself."""

    grid: Grid
    """Exactly as in the file."""
    acquired: datetime | None
    """The time in its name, else in its tags, UTC, whole seconds; None where there is none."""


def read_raster_grid(path: Path) -> RasterGrid:
    """Read the grid and the time of a GeoTIFF, or of an export in several files of which one is given.

    Raises
    ------
    RasterError
        It is no GeoTIFF, or has no coordinate reference system or no transform.
    """
    (raster,) = gather(expand([path])[0]) if path.is_file() else (path,)
    with open_raster(raster) as dataset:
        if dataset.transform == Affine.identity() and dataset.gcps[0]:
            raise RasterError(
                f"{path} is placed by {len(dataset.gcps[0])} ground control points and has no grid: warp it first, "
                f"with gdalwarp -t_srs EPSG:… {path.name} warped.tif"
            )
        tags = {**dataset.tags(ns="IMAGERY"), **dataset.tags()}
        return RasterGrid(grid_of(dataset, raster), _stamped(path.name) or _tagged(tags))


def _stamped(name: str) -> datetime | None:
    stamps = (_moment(stamp, "%Y%m%dT%H%M%S") for stamp in _STAMP.findall(name))
    return next(filter(None, stamps), None)


def _tagged(tags: Mapping[str, str]) -> datetime | None:
    for key in _TAGS:
        text = str(tags.get(key, ""))[:40].strip()
        if re.fullmatch(r"[0-9]{12,14}(\.[0-9]+)?", text):
            return datetime.fromtimestamp(float(text) / 1000, UTC).replace(microsecond=0)
        found = _moment(text, "%Y:%m:%d %H:%M:%S") or _moment(text)
        if found is not None:
            return found
    return None


def _moment(text: str, form: str | None = None) -> datetime | None:
    """Read a time; a date without a time of day is none."""
    try:
        moment = datetime.strptime(text, form) if form else datetime.fromisoformat(text)
        if len(text) <= len("2017-06-13"):
            return None
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.replace(microsecond=0)
    except (ValueError, OverflowError):
        return None
