"""Rasters on disk that are to be cut into patches: checked when they are opened, read in blocks."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from rasterio.windows import Window

from gee_s1ben.dataset.crs import crs_text, same_crs
from gee_s1ben.dataset.plain_bands import PlainBands, open_plain_bands
from gee_s1ben.dataset.tiff import float_bands, read_tags
from gee_s1ben.dataset.validity import Pixels
from gee_s1ben.domain.grid import Grid
from gee_s1ben.domain.plural import plural
from gee_s1ben.errors import InputError, RasterError
from gee_s1ben.storage.geotiff import GDAL_ERRORS, open_geotiff

_ON_GRID_PX = 1e-6
_BY_SCALE = "was it asked for by scale instead of by grid?"


class RadarRaster:
    """An open raster of backscatter whose grid, bands and data type are known to be right; see :func:`open_raster`.

    Threads may share it.
    """

    def __init__(
        self, path: Path, grid: Grid, polarisations: tuple[str, ...], file: Any, plain: PlainBands | None
    ) -> None:
        self.path = path
        self.grid = grid
        self.polarisations = polarisations
        self._file = file
        self._plain = plain
        self._decoding = Lock()  # a dataset of GDAL's is for one thread at a time

    def block(self, row: int, col: int, height: int, width: int) -> dict[str, Pixels]:
        """Read a block of all bands.

        Parameters
        ----------
        row, col : int
            First row and column.
        height, width : int
            Rows and columns, all inside the raster.

        Returns
        -------
        dict of str to ndarray of float32, shape (height, width)
            By polarisation; not to be written to.

        Raises
        ------
        RasterError
            The file is truncated or broken there.
        """
        try:
            if self._plain is not None:
                bands = self._plain.rows(row, height)
            else:
                with self._decoding:  # whole rows, so that damage beside the block is seen
                    bands = self._file.read(window=Window(0, row, self.grid.width, height))
        except GDAL_ERRORS as error:
            raise _broken(self.path, error) from error
        return dict(zip(self.polarisations, bands[:, :, col : col + width], strict=True))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._plain is not None:
            self._plain.close()


@contextmanager
def open_raster(
    path: Path, grid: Grid, polarisations: Sequence[str], *, sha256: str | None = None, named: bool = True
) -> Iterator[RadarRaster]:
    """Open a GeoTIFF to be cut into patches, and hold it against what it should be.

    Parameters
    ----------
    path : Path
        The file.
    grid : Grid
        The grid it must lie on, exactly.
    polarisations : sequence of str
        Its bands in their order; the file must name them in its band descriptions.
    sha256 : str, optional
        Checksum that the file must have: the only sign of a flipped bit in uncompressed pixels.
    named : bool
        Whether it must name its bands; if not, only names that are there must be right.

    Raises
    ------
    RasterError
        The file is missing, unreadable or truncated; its checksum, CRS, size, data type or bands are others; or its
        pixels are not the grid's, be it by a fraction of one.
    """
    if sha256 is not None:
        _check_digest(path, sha256)
    file = open_geotiff(path)
    try:
        _check(path, file, grid, tuple(polarisations), named=named)
        plain = _plain_bands(path, len(polarisations), grid)
    except BaseException:
        file.close()
        raise
    raster = RadarRaster(path, grid, tuple(polarisations), file, plain)
    try:
        yield raster
    finally:
        raster.close()


def _check(path: Path, file: Any, grid: Grid, polarisations: tuple[str, ...], *, named: bool) -> None:
    if file.count != len(polarisations):
        raise RasterError(f"{path}: {plural(file.count, 'band')}, where {' and '.join(polarisations)} are wanted")
    if file.descriptions != polarisations and (named or any(file.descriptions)):
        names = ", ".join(str(name) for name in file.descriptions)
        raise RasterError(f"{path}: its bands are named {names}, not {', '.join(polarisations)} in this order")
    if set(file.dtypes) != {"float32"}:
        raise RasterError(f"{path}: data type {', '.join(sorted(set(file.dtypes)))}, where float32 is wanted")
    crs = "none" if file.crs is None else crs_text(file.crs)
    if file.crs is None or not same_crs(crs, grid.crs):
        raise RasterError(f"{path}: CRS {crs[:80]}, where {grid.crs[:80]} is wanted")
    if file.shape != grid.shape:
        raise RasterError(
            f"{path}: {file.width}×{file.height} pixels, where {grid.width}×{grid.height} are wanted; {_BY_SCALE}"
        )
    try:
        found = Grid(grid.crs, tuple(file.transform)[:6], grid.width, grid.height)
    except InputError as error:
        raise RasterError(f"{path}: {error}") from error
    places = [(col, row) for col in (0, grid.width) for row in (0, grid.height)]
    apart = [[is_ - at for is_, at in zip(grid.colrow(*found.xy(*place)), place, strict=True)] for place in places]
    col, row = (round(max(max(values), -min(values)), 6) + 0.0 for values in zip(*apart, strict=True))
    if max(col, row) >= _ON_GRID_PX:
        raise RasterError(f"{path}: {col:.3g} columns and {row:.3g} rows off the wanted grid; {_BY_SCALE}")


def _plain_bands(path: Path, bands: int, grid: Grid) -> PlainBands | None:
    """Open the pixels without a decoder, if all of them stand in the file uncompressed and band by band."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            tags = read_tags(data)
        found = None if tags is None else float_bands(tags)
        if found is None or found[1:] != (bands, *grid.shape):
            return None
        if found[0] + 4 * bands * grid.height * grid.width > size:
            raise RasterError(f"{path}: truncated; make or fetch it again")
        return open_plain_bands(path, (bands, *grid.shape), found[0])
    except (OSError, ValueError) as error:
        raise _broken(path, error) from error


def _check_digest(path: Path, expected: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _broken(path, error) from error
    if found != expected:
        raise RasterError(f"{path}: its SHA-256 is not the expected one; make or fetch it again")


def _broken(path: Path, error: Exception) -> RasterError:
    return RasterError(f"{path}: unreadable or truncated ({' '.join(str(error).split())})")
