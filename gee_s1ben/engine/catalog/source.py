"""The bands of rasters that are to be added to the catalog, read strip by strip as their numbers are stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.catalog.numbers import Reading
from gee_s1ben.engine.catalog.shards import ShardedRaster, open_raster
from gee_s1ben.errors import RasterError
from gee_s1ben.storage.geotiff import GDAL_ERRORS, gdal_reason

BLOCK_PX = 512
_MOST_AUX_BYTES = 2**20
_MEANINGS = ("NoDataValue", "Scale", "Offset", "GeoTransform", "SRS")


@dataclass(frozen=True, slots=True)
class SourceBand:
    """A band of a raster that is to be added."""

    name: str
    """The name that it gets."""
    path: Path | ShardedRaster
    """The raster."""
    index: int
    """Number in the raster, from 1."""
    grid: Grid
    """The raster's own grid."""
    data_type: str
    """As Earth Engine says it."""
    scale: float = 1.0
    """Of GDAL's tags: a value is the stored number × scale + offset."""
    offset: float = 0.0
    nodata: float | None = None
    """Stored number that stands for no data, as the user says, beside what the tags say."""
    reading: Reading | None = None
    """How the stored numbers become values; None where they are values as they are."""


def stored_strip(dataset: Any, source: SourceBand, row: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]:
    """Read a strip's numbers as they are stored, and where the tags and masks say that they are data, if they do."""
    window = rows_of(source.grid, row)
    flags, declared = dataset.mask_flag_enums[source.index - 1], dataset.nodatavals[source.index - 1]
    alpha = [number for number, use in enumerate(dataset.colorinterp, 1) if use == ColorInterp.alpha]
    # GDAL looks at a mask, at a no-data value or at an alpha band: at the first of them that there is.
    masked = MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags
    try:
        stored = dataset.read(source.index, window=window)
        valid = dataset.read_masks(source.index, window=window) > 0 if masked else None
        for number in alpha:
            seen = dataset.read(number, window=window) > 0
            valid = seen if valid is None else valid & seen
    except GDAL_ERRORS as error:
        raise RasterError(
            f"{source.path} cannot be decoded from row {row} on, it is truncated or damaged: {gdal_reason(error)}"
        ) from error
    if declared is not None and not np.isnan(declared):
        # In the type of the pixels: what a tag says in doubles, such as the lowest float32, is rounded there.
        data = stored != np.array(declared).astype(stored.dtype)
        valid = data if valid is None else valid & data
    return stored, valid


def all_strips(sources: Sequence[SourceBand]) -> Iterator[list[tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]]:
    """Yield strips of several bands side by side where they share a grid, else those of one band after another."""
    with ExitStack() as stack:
        opened = [(source, stack.enter_context(open_raster(source.path))) for source in sources]
        together = len({source.grid for source in sources}) == 1
        for first in range(1 if together else len(opened)):
            for row in range(0, sources[first].grid.height, BLOCK_PX):
                yield [
                    _with_mask(*stored_strip(dataset, source, row)) if together or place == first else _NOTHING
                    for place, (source, dataset) in enumerate(opened)
                ]


def _with_mask(
    stored: npt.NDArray[Any], valid: npt.NDArray[np.bool_] | None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    finite = np.isfinite(stored)
    return stored, finite if valid is None else finite & valid


_NOTHING = np.zeros((0, 0), np.float32), np.zeros((0, 0), bool)


def check_beside(path: Path | ShardedRaster) -> None:
    """Refuse a raster of which a file beside it says what its pixels mean: that is not read.

    Raises
    ------
    RasterError
        There is a mask, or an ``.aux.xml`` with more than statistics.
    """
    if isinstance(path, ShardedRaster):
        for shard in path.shards:
            check_beside(shard.path)
        return
    mask, aux = path.with_name(f"{path.name}.msk"), path.with_name(f"{path.name}.aux.xml")
    beside = mask.name if mask.is_file() else ""
    if not beside and aux.is_file():
        with aux.open("rb") as file:
            text = file.read(_MOST_AUX_BYTES)
        beside = aux.name if any(f"<{tag}>".encode() in text for tag in _MEANINGS) else ""
    if beside:
        raise RasterError(
            f"{path}: {beside} beside it says what its pixels mean, which is not read; put it into the file with "
            f"'gdal_translate --config GDAL_TIFF_INTERNAL_MASK YES {path.name} new.tif'"
        )


def rows_of(grid: Grid, row: int) -> Window:
    """Window of a strip whose first row is given."""
    return Window(0, row, grid.width, min(BLOCK_PX, grid.height - row))
