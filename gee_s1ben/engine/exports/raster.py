"""From an image and a grid to GeoTIFF files, a tile at a time: memory does not grow with the raster."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from math import isqrt
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
from rasterio.errors import CRSError
from rasterio.transform import Affine
from rasterio.windows import Window

from gee_s1ben.domain.grid import Grid
from gee_s1ben.engine.executor import Variants, run
from gee_s1ben.engine.exports.request import GeoTiffOptions
from gee_s1ben.engine.lattice import Lattice, Region
from gee_s1ben.engine.pixels import common_type, lower
from gee_s1ben.engine.values import Image
from gee_s1ben.errors import EngineError

BLOCK_PX: Final = 256
"""Computed at a time, in the thread that exports: what is computed interactively has the other threads to itself."""
_MAX_FILE_BYTES: Final = 1 << 31
_COMPRESSION: Final = "lzw"


@dataclass(frozen=True, slots=True)
class Shard:
    """A file of a raster, at an offset."""

    col: int
    row: int
    width: int
    height: int
    path: Path


def check_pixels(grid: Grid, most: int) -> None:
    """Refuse a raster of more pixels than the request allows.

    Raises
    ------
    EngineError
        With Earth Engine's sentence.
    """
    pixels = grid.width * grid.height
    if pixels > most:
        raise EngineError(
            f"Export too large: specified {pixels} pixels (max: {most}). "
            "Specify higher maxPixels value if you intend to export a large area."
        )


def shard_name(prefix: str, shard: Shard, *, only: bool) -> str:
    """Return a file's name: with the offset of its first pixel, unless it is the whole raster."""
    return f"{prefix}.tif" if only else f"{prefix}-{shard.row:010d}-{shard.col:010d}.tif"


def file_size(grid: Grid, bytes_per_pixel: int, options: GeoTiffOptions) -> tuple[int, int]:
    """Return columns and rows of a file: as asked for, else squares of whole tiles below two gigabytes."""
    if options.file_size is not None:
        return options.file_size
    if grid.width * grid.height * bytes_per_pixel <= _MAX_FILE_BYTES:
        return grid.width, grid.height
    side = max(isqrt(_MAX_FILE_BYTES // bytes_per_pixel) // options.tile_px, 1) * options.tile_px
    return side, side


def write_rasters(
    image: Image,
    grid: Grid,
    options: GeoTiffOptions,
    new_path: Callable[[], Path],
    tell: Callable[[int, int], None],
) -> tuple[list[Shard], bool]:
    """Compute an image on a grid and write it.

    Parameters
    ----------
    image : Image
        All of its bands are written.
    grid : Grid
        Of the whole raster.
    options : GeoTiffOptions
        Size of files and tiles, and what stands where a pixel is masked.
    new_path : callable
        Gives a path for a new file.
    tell : callable
        Is told pixels done and pixels wanted before each block, and may raise to stop the work.

    Returns
    -------
    list of Shard
        The files that were written, row by row.
    bool
        Whether the raster was one file to begin with.

    Raises
    ------
    EngineError
        The bands differ in type, a file cannot be read, or the CRS cannot be written.
    OSError
        The disk is full or failing.
    """
    kind = common_type([np.dtype(band.pixel_type.dtype) for band in image.bands])
    lattice, col, row = Lattice.of_grid(grid)
    writer = _Writer(image, Variants(lower(image, lattice)), (col, row), kind, options, tell, grid.width * grid.height)
    width, height = file_size(grid, kind.itemsize * len(image.bands), options)
    written: list[Shard] = []
    try:
        # One after the other: a request may ask for more files than there is room for their names.
        for top, left in product(range(0, grid.height, height), range(0, grid.width, width)):
            shard = Shard(left, top, min(width, grid.width - left), min(height, grid.height - top), new_path())
            written.append(shard)
            if not writer.write(shard, grid) and options.skip_empty:
                _remove([written.pop()])
    except CRSError as error:
        _remove(written)
        raise EngineError(f"The raster cannot be written as GeoTIFF: {error}.") from error
    except BaseException:
        _remove(written)
        raise
    return written, width >= grid.width and height >= grid.height


class _Writer:
    """Writes shards of one image."""

    def __init__(
        self,
        image: Image,
        program: Variants,
        origin: tuple[int, int],
        kind: np.dtype[Any],
        options: GeoTiffOptions,
        tell: Callable[[int, int], None],
        pixels: int,
    ) -> None:
        self._image, self._program, self._origin, self._kind = image, program, origin, kind
        self._options, self._tell, self._wanted = options, tell, pixels
        self._done = 0
        self._fill = _fill(kind, options.no_data)

    def write(self, shard: Shard, grid: Grid) -> bool:
        """Write a shard; tell whether any of its pixels is not masked."""
        profile: dict[str, Any] = {
            "driver": "GTiff",
            "width": shard.width,
            "height": shard.height,
            "count": len(self._image.bands),
            "dtype": self._kind,
            "crs": grid.crs,
            "transform": Affine(*grid.window(shard.col, shard.row, shard.width, shard.height).transform),
            "nodata": self._options.no_data,
            "tiled": True,
            "blockxsize": BLOCK_PX,
            "blockysize": BLOCK_PX,
            "compress": _COMPRESSION,
            "interleave": "pixel",
            "bigtiff": "IF_SAFER",
        }
        found, sums = False, []
        with rasterio.Env(GDAL_NUM_THREADS=1):
            with rasterio.open(shard.path, "w", **profile) as file:
                file.descriptions = self._image.names
                for window in _windows(shard):
                    values, any_valid = self._block(shard, window)
                    found |= any_valid
                    sums.append(_sum(values))
                    file.write(values, window=window)
            if self._options.cloud_optimized:
                _make_cloud_optimized(shard.path)
            self._check(shard, sums)
        return found

    def _check(self, shard: Shard, sums: Sequence[int]) -> None:
        """Read a file back: what goes wrong when GDAL closes a file, such as a full disk, it keeps to itself."""
        blocks = groupby(zip(_windows(shard), sums, strict=True), key=lambda block: block[0].row_off)
        for _, row in blocks:
            # Opened for each row of blocks anew: GDAL keeps what it read for as long as a file is open.
            with rasterio.open(shard.path, driver="GTiff") as file:
                for window, expected in row:
                    self._tell(self._done, self._wanted)
                    if _sum(file.read(window=window)) != expected:
                        raise OSError(f"{shard.path} does not hold what was written to it")

    def _block(self, shard: Shard, window: Window) -> tuple[npt.NDArray[Any], bool]:
        self._tell(self._done, self._wanted)
        left, top = self._origin
        place = Region(left + shard.col + window.col_off, top + shard.row + window.row_off, window.width, window.height)
        kinds = [self._kind] * len(self._image.bands)
        bands = run(self._program, place, kinds, block=(BLOCK_PX, BLOCK_PX))
        self._done += place.size
        masks = [mask > 0 for _, mask in bands]
        values = np.stack([np.where(mask, band, self._fill) for (band, _), mask in zip(bands, masks, strict=True)])
        return values, any(mask.any() for mask in masks)


def _sum(values: npt.NDArray[Any]) -> int:
    return zlib.crc32(values.tobytes())


def _windows(shard: Shard) -> Iterator[Window]:
    for top in range(0, shard.height, BLOCK_PX):
        for left in range(0, shard.width, BLOCK_PX):
            yield Window(left, top, min(BLOCK_PX, shard.width - left), min(BLOCK_PX, shard.height - top))


def _fill(kind: np.dtype[Any], no_data: float | None) -> np.generic:
    """Return what stands where a pixel is masked.

    Raises
    ------
    EngineError
        The type has no such number.
    """
    if no_data is None:
        return kind.type(np.nan if kind.kind == "f" else 0)  # type: ignore[no-any-return]
    if kind.kind != "f":
        limits = np.iinfo(kind)
        if not no_data.is_integer() or not limits.min <= no_data <= limits.max:
            raise EngineError(f"The noData value {no_data:g} does not fit the type of the exported bands ({kind}).")
    return kind.type(no_data)  # type: ignore[no-any-return]


def _make_cloud_optimized(path: Path) -> None:
    """Put overviews and the order of a cloud-optimised GeoTIFF in place of a plain one."""
    plain = path.with_name(f"{path.name}-plain")
    path.replace(plain)
    try:
        rasterio.shutil.copy(plain, path, driver="COG", compress=_COMPRESSION, blocksize=BLOCK_PX, bigtiff="IF_SAFER")
    finally:
        plain.unlink(missing_ok=True)


def _remove(shards: list[Shard]) -> None:
    for shard in shards:
        shard.path.unlink(missing_ok=True)
