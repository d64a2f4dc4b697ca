"""A raster that comes in several files, each at its place: checked against what it should be, read window by window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.windows
from rasterio.io import MemoryFile

from gee_s1ben.dataset.crs import crs_text, rasterio_crs, same_crs
from gee_s1ben.dataset.validity import LIMIT_DB, Pixels
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.plural import plural
from gee_s1ben.errors import IncompleteRasterError, InputError, RasterError
from gee_s1ben.storage.geotiff import GDAL_ERRORS, open_geotiff

_ON_GRID_PX = 1e-6
_CACHE_MB = 64


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A GeoTIFF that holds a rectangle of a raster."""

    path: Path
    name: str
    """What it is called in errors."""
    col: int
    """Of its first pixel in the raster."""
    row: int


class PlacedRaster:
    """An open raster of several files; see :func:`open_pieces`."""

    def __init__(self, grid: Grid, bands: Sequence[str], parts: Sequence[tuple[PlacedFile, Any]]) -> None:
        self._grid = grid
        self._bands = tuple(bands)
        self._parts = parts

    def window(self, col: int, row: int, width: int, height: int) -> dict[str, Pixels]:
        """Read a window.

        Parameters
        ----------
        col, row : int
            Of its first pixel in the raster.
        width, height : int
            Columns and rows, all inside the raster.

        Returns
        -------
        dict of str to ndarray of float32, shape (height, width)
            By band.

        Raises
        ------
        RasterError
            A file is truncated or broken there.
        """
        values = np.empty((len(self._bands), height, width), np.float32)
        for placed, file in self._parts:
            left, right = max(col, placed.col), min(col + width, placed.col + file.width)
            top, bottom = max(row, placed.row), min(row + height, placed.row + file.height)
            if left >= right or top >= bottom:
                continue
            part = rasterio.windows.Window(left - placed.col, top - placed.row, right - left, bottom - top)
            try:
                values[:, top - row : bottom - row, left - col : right - col] = file.read(window=part)
            except GDAL_ERRORS as error:
                raise _broken(placed, error) from error
        return dict(zip(self._bands, values, strict=True))


@contextmanager
def open_pieces(files: Sequence[PlacedFile], grid: Grid, bands: Sequence[str]) -> Iterator[PlacedRaster]:
    """Open the files of a raster, and hold them against what they should be.

    Parameters
    ----------
    files : sequence of PlacedFile
        All of them.
    grid : Grid
        What they have to cover: every pixel once.
    bands : sequence of str
        Of every file, in their order.

    Raises
    ------
    RasterError
        A file is missing, too many, unreadable, or has another size, place, CRS, data type or other bands.
    """
    with ExitStack() as stack:
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=_CACHE_MB))
        parts = []
        for placed in files:
            try:
                file = stack.enter_context(open_geotiff(placed.path))
            except RasterError as error:
                raise RasterError(str(error).replace(str(placed.path), placed.name)) from error
            _check(placed, file, grid, tuple(bands))
            parts.append((placed, file))
        _check_cover(parts, grid)
        yield PlacedRaster(grid, bands, parts)


def encode_window_tif(bands: Mapping[str, Pixels], grid: Grid) -> bytes:
    """Encode bands as a GeoTIFF: float32, uncompressed, band by band, named; the same pixels give the same bytes.

    Parameters
    ----------
    bands : mapping of str to ndarray of float32, shape (height, width)
        By name, in their order.
    grid : Grid
        Exact grid of them.
    """
    with rasterio.Env(GDAL_NUM_THREADS=1), MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=grid.width,
            height=grid.height,
            count=len(bands),
            dtype="float32",
            crs=rasterio_crs(grid.crs),
            transform=rasterio.Affine(*grid.transform),
            interleave="band",
        ) as file:
            for number, (name, pixels) in enumerate(bands.items(), start=1):
                file.write(pixels, number)
                file.set_band_description(number, name)
        return bytes(memory.getbuffer())


def emptiness(bands: Mapping[str, Pixels]) -> str:
    """Say why pixels are not backscatter at all; empty if some are.

    Parameters
    ----------
    bands : mapping of str to ndarray of float32, shape (height, width)
        Backscatter in dB by band.

    Returns
    -------
    str
        Such as ``all pixels of VH are zero``. Masked pixels come as a stand-in far below any backscatter.
    """
    for name, pixels in bands.items():
        if not pixels.any():  # NaN counts as true
            return f"all pixels of {name} are zero"
        finite = np.isfinite(pixels)
        if not finite.any():
            return f"all pixels of {name} are NaN"
        if not (finite & (pixels > -LIMIT_DB) & (pixels != 0)).any():
            return f"all pixels of {name} are without data"
    return ""


def _check(placed: PlacedFile, file: Any, grid: Grid, bands: tuple[str, ...]) -> None:
    name = placed.name
    if file.count != len(bands):
        raise RasterError(f"{name}: {plural(file.count, 'band')} instead of {len(bands)} ({', '.join(bands)})")
    if any(file.descriptions) and tuple(file.descriptions) != bands:
        shown = ", ".join(str(one)[:40] for one in file.descriptions)
        raise RasterError(f"{name}: bands {shown} instead of {', '.join(bands)}")
    if set(file.dtypes) != {"float32"}:
        raise RasterError(f"{name}: pixels of type {', '.join(sorted(set(file.dtypes)))} instead of float32")
    crs = "none" if file.crs is None else crs_text(file.crs)
    if file.crs is None or not same_crs(crs, grid.crs):
        raise RasterError(f"{name}: coordinate reference system {crs[:80]} instead of {grid.crs[:80]}")
    if (
        placed.col < 0
        or placed.row < 0
        or placed.col + file.width > grid.width
        or placed.row + file.height > grid.height
    ):
        raise RasterError(
            f"{name}: {file.width}×{file.height} pixels at column {placed.col}, row {placed.row}, which reaches out of "
            f"the {grid.width}×{grid.height} of the raster"
        )
    try:
        found = Grid(grid.crs, tuple(file.transform)[:6], file.width, file.height)
    except InputError as error:
        raise RasterError(f"{name}: {error}") from error
    for col, row in ((0, 0), (file.width, 0), (0, file.height), (file.width, file.height)):
        is_col, is_row = grid.colrow(*found.xy(col, row))
        off = abs(is_col - placed.col - col), abs(is_row - placed.row - row)
        if not max(off) < _ON_GRID_PX * max(1.0, grid.width / 1000, grid.height / 1000):
            raise RasterError(f"{name}: {off[0]:.3g} columns and {off[1]:.3g} rows off its place")


def _check_cover(parts: Sequence[tuple[PlacedFile, Any]], grid: Grid) -> None:
    """Refuse overlaps and gaps: rectangles inside, none over another, and as many pixels as there are."""
    for index, (one, file) in enumerate(parts):
        for other, another in parts[:index]:
            if (
                one.col < other.col + another.width
                and other.col < one.col + file.width
                and one.row < other.row + another.height
                and other.row < one.row + file.height
            ):
                raise RasterError(f"{one.name} lies over {other.name}: one of them is too many")
    covered = sum(file.width * file.height for _, file in parts)
    if covered != grid.width * grid.height:
        raise IncompleteRasterError(
            f"{plural(len(parts), 'file')} with {covered} of {grid.width * grid.height} pixels: at least one is missing"
        )


def _broken(placed: PlacedFile, error: Exception) -> RasterError:
    return RasterError(f"{placed.name}: unreadable or truncated ({' '.join(str(error).split())[:200]})")
