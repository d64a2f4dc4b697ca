"""Reader of GeoTIFFs: a raster stands for the Sentinel-2 tiles and patches that it lies on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from shapely.geometry.base import BaseGeometry

from gee_s1ben.engine.catalog.footprint import outline
from gee_s1ben.engine.catalog.grids import read_raster_grid
from gee_s1ben.errors import InputError
from gee_s1ben.footprints.areas import usable
from gee_s1ben.footprints.row import Readings, Remark, Span, TileRow
from gee_s1ben.footprints.squares import patches_touching


def accepts(path: Path) -> bool:
    """Whether a path is a GeoTIFF, by its name."""
    return path.suffix.lower() in (".tif", ".tiff")


def read(path: Path, span: Span | None) -> Readings:
    """Yield the tiles that a raster lies on, with the patches that touch it; its tile alone where it fills that.

    Raises
    ------
    InputError
        It is no georeferenced GeoTIFF, lies in no tile, or neither it nor the span says when.
    """
    raster = read_raster_grid(path)
    when = span or raster.acquired
    if when is None:
        raise InputError(f"{path} does not say when it was acquired: give --acquired 2017-06-13T10:10:31Z")
    yield from area_rows(outline(raster.grid), when, str(path), raster.grid.bounds, raster.grid.crs)


def area_rows(
    area: BaseGeometry | None,
    when: Span | datetime,
    source: str,
    bounds: tuple[float, float, float, float] | None = None,
    crs: str | None = None,
) -> Readings:
    """Yield a row for each tile that sees an area, with the patches that touch it; and what was repaired of it.

    Parameters
    ----------
    area : geometry
        In longitude and latitude.
    when : Span or datetime
        The time of all of them.
    source : str
        The input.
    bounds, crs : optional
        Of a raster: one with those of a tile, whatever its resolution, is that tile and no other.

    Raises
    ------
    InputError
        No tile sees the area, or it cannot be used.
    """
    tiled, remark = usable(area)
    if remark:
        yield Remark(source, remark)
    rows = {tile: TileRow.of_tile(tile, when, source) for tile in tiled.tiles()}
    whole = next((row for row in rows.values() if (row.grid.bounds, row.grid.crs) == (bounds, crs)), None)
    if whole is not None:
        yield whole
        return
    for tile, cells in patches_touching([tiled]).items():
        yield replace(rows[tile], patches=cells)
